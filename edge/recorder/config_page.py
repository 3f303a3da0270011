"""The configuration in effect, and its schema."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from birdedge.edge.audio.stream_url import without_secrets
from birdedge.edge.recorder.config import Config, default_config_path, read_config, read_table, template

TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def config_lines(path: Path | None = None) -> Iterator[str]:
    """Yield each value as a line of TOML with its origin as a comment: a file, or the default.

    Raises:
        SettingsError: As in `read_config`.
    """
    config, table, origin = read_config(path), read_table(path), str(path or default_config_path())
    hints = get_type_hints(Config)
    tops = [name for name, hint in hints.items() if _table_class(hint) is None]
    yield from _lines(config, tops, table, origin)
    for name in (name for name in hints if name not in tops):
        sections, tables, header = getattr(config, name), table.get(name, {}), f"[[{name}]]"
        if is_dataclass(sections):
            sections, tables, header = [sections], [tables], f"[{name}]"
        for section, given in zip(sections, tables, strict=True):
            yield from ("", header)
            yield from _lines(section, [inner.name for inner in fields(section)], given, origin)


def _table_class(hint: Any) -> type | None:
    """Return the dataclass of a table, or of the tables in an array; None for any other type."""
    item = get_args(hint)[0] if get_origin(hint) is tuple else hint
    return item if isinstance(item, type) and is_dataclass(item) else None


def _lines(settings: object, names: list[str], table: dict[str, Any], origin: str) -> Iterator[str]:
    for name in names:
        value = getattr(settings, name)
        if name == "url" and value is not None:
            value = without_secrets(value, value)
        # JSON's strings, numbers, lists and booleans are TOML too.
        line = (
            f"# {name} is not set" if value is None else f"{name} = {json.dumps(value, ensure_ascii=False)}"
        )
        yield f"{line}  # {origin if name in table else 'default'}"


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration, for editors: types, allowed values, defaults and meanings."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of birdedge",
        **_object(Config, "", _meanings()),
    }


def _object(cls: type, section: str, meanings: dict[tuple[str, str], str]) -> dict[str, Any]:
    assert is_dataclass(cls)
    hints, properties = get_type_hints(cls), {}
    required = [
        field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING
    ]
    for field in fields(cls):
        hint = hints[field.name]
        if table := _table_class(hint):
            schema = _object(table, field.name, meanings)
            properties[field.name] = schema if hint is table else {"type": "array", "items": schema}
            continue
        schema = _schema(hint)
        if field.default not in (MISSING, None):
            schema["default"] = field.default
        if meaning := meanings.get((section, field.name)):
            schema["description"] = meaning
        properties[field.name] = schema
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _schema(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):  # TOML has no null: a key is left out
        return _schema(next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0])}
    return {"type": TYPES[hint]}


def _meanings() -> dict[tuple[str, str], str]:
    """Return the comments of the template by section and key."""
    meanings, section = {}, ""
    for line in template().splitlines():
        if found := re.fullmatch(r"\[(\w+)\]|# \[\[(\w+)\]\]", line):
            section = found[1] or found[2]
        elif found := re.fullmatch(r"# (\w+) = .*?  +# (.*)|# (\w+) = .*# (.*)", line):
            meanings[section, found[1] or found[3]] = found[2] or found[4]
    return meanings
