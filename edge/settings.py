"""Settings from plain tables (TOML, JSON): frozen dataclasses, checked key by key."""

from __future__ import annotations

import difflib
import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from birdedge.edge.errors import SettingsError

T = TypeVar("T")


def from_table(cls: type[T], table: dict[str, Any], where: str) -> T:
    """An instance of the dataclass `cls` from `table`; `where` names the table in errors.

    Raises: SettingsError for an unknown key (naming the nearest valid one), a missing key, or a value of the
    wrong kind.
    """
    assert is_dataclass(cls)
    if not isinstance(table, dict):
        raise SettingsError(f"{where} must be a table, not {table!r}")
    kinds = get_type_hints(cls)
    for key in table:
        if key not in kinds:
            near = difflib.get_close_matches(key, kinds, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"valid keys are {', '.join(kinds)}"
            raise SettingsError(f"{where} has the unknown key {key!r}; {hint}")
    required = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]
    missing = [key for key in required if key not in table]
    if missing:
        raise SettingsError(f"{where} lacks {', '.join(missing)}")
    return cls(**{key: _checked(value, kinds[key], f"{where}: {key}") for key, value in table.items()})


def _checked(value: Any, kind: Any, where: str) -> Any:
    """`value` as `kind`: int, float, bool, str, tuple, dict, a dataclass, or one of these or None."""
    if get_origin(kind) is types.UnionType:
        options = get_args(kind)
        if value is None and type(None) in options:
            return None
        return _checked(value, next(o for o in options if o is not type(None)), where)
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        items = get_args(kind)
        if items[-1] is Ellipsis:
            items = items[:1] * len(value)
        elif len(items) != len(value):
            raise SettingsError(f"{where} needs {len(items)} values, not {len(value)}")
        return tuple(_checked(v, item, where) for v, item in zip(value, items, strict=True))
    if get_origin(kind) is dict and isinstance(value, dict):
        return value
    if is_dataclass(kind) and isinstance(value, dict):
        return from_table(kind, value, where)  # type: ignore[arg-type]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(kind, type):
        wanted = str(kind)
    elif isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    else:
        wanted = kind.__name__
    raise SettingsError(f"{where} is {value!r}; it must be {wanted}")
