"""Frozen dataclasses from plain tables (TOML, JSON), checked key by key."""

from __future__ import annotations

import difflib
import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from birdedge.edge.errors import SettingsError

T = TypeVar("T")


def from_table(cls: type[T], table: dict[str, Any], where: str) -> T:
    """Return an instance of the dataclass `cls` with the values of `table`.

    A field may be an int, float, bool, str or dict, a `Literal`, a tuple or another dataclass, each optionally with
    None. An int is accepted for a float.

    Args:
        cls: The dataclass.
        table: Its values by field name; a nested dataclass is a nested table, a tuple of them an array of tables.
        where: The name of the table in error messages.

    Raises:
        SettingsError: A key is unknown (the message names the nearest valid key) or missing, or a value has the
            wrong type or is not allowed.
    """
    assert is_dataclass(cls)
    if not isinstance(table, dict):
        raise SettingsError(f"{where} must be a table, not {table!r}")
    hints = get_type_hints(cls)
    for key in table:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"valid keys are {', '.join(hints)}"
            raise SettingsError(f"{where} has the unknown key {key!r}; {hint}")
    required = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
    missing = [key for key in required if key not in table]
    if missing:
        raise SettingsError(f"{where} lacks {', '.join(missing)}")
    values = {key: _converted(value, hints[key], f"{where}: {key}") for key, value in table.items()}
    try:
        return cls(**values)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None


def _converted(value: Any, hint: Any, where: str) -> Any:
    """Return `value` as the type `hint`, or raise SettingsError."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        if value is None and type(None) in arguments:
            return None
        return _converted(value, next(a for a in arguments if a is not type(None)), where)
    if origin is tuple and (isinstance(value, list | tuple) or is_dataclass(arguments[0])):
        return _converted_items(value, arguments, where)
    if is_dataclass(hint) and isinstance(value, dict):
        return from_table(hint, value, where)  # type: ignore[arg-type]
    if hint is float and type(value) is int:
        return float(value)
    if origin is Literal:
        # The types are compared too, because True == 1.
        valid = (type(value), value) in [(type(a), a) for a in arguments]
        allowed = f"one of {', '.join(map(str, arguments))}"
    else:
        wanted = origin or hint
        valid = isinstance(value, wanted) and not (isinstance(value, bool) and wanted is not bool)
        name = hint.__name__ if isinstance(hint, type) else str(hint)
        allowed = "a table" if is_dataclass(hint) else name
    if not valid:
        raise SettingsError(f"{where} is {value!r}; it must be {allowed}")
    return value


def _converted_items(values: Any, hints: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    """Return `values` as a tuple whose items have the types `hints`."""
    if is_dataclass(hints[0]):
        return _array_of_tables(values, hints[0], where)
    if hints[-1] is Ellipsis:
        hints = hints[:1] * len(values)
    elif len(hints) != len(values):
        raise SettingsError(f"{where} needs {len(hints)} values, not {len(values)}")
    return tuple(_converted(value, hint, where) for value, hint in zip(values, hints, strict=True))


def _array_of_tables(tables: Any, cls: Any, where: str) -> tuple[Any, ...]:
    """Return the tables of an array as instances of `cls`; `where` ends with its name."""
    name = where.rpartition(": ")[2]
    if not isinstance(tables, list | tuple) or not all(isinstance(table, dict) for table in tables):
        raise SettingsError(f"{where} must be an array of tables: write [[{name}]] above the keys of each")
    return tuple(from_table(cls, table, f"{where} {number}") for number, table in enumerate(tables, 1))
