"""The event table formats by name; needs no numpy."""

from __future__ import annotations

from typing import Literal, get_args

TableName = Literal["raven", "audacity", "csv", "jsonl"]
TABLE_NAMES: tuple[TableName, ...] = get_args(TableName)
