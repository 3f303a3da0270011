"""Figures of one or more maskers as one table of text: a row a figure, a column a masker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def evaluation_table(figures: Sequence[dict[str, Any]]) -> str:
    """Lines of text; an interval stands after its figure."""
    names = [f["name"] for f in figures]
    rows = [["", *names], *table_rows(figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def table_rows(figures: Sequence[dict[str, Any]]) -> list[list[str]]:
    """`[name, value for each masker]` of every figure that any of them has, in the order in which they came."""
    cells = [dict(_cells(f, "")) for f in figures]
    names = dict.fromkeys(name for found in cells for name in found)
    return [[name, *(found.get(name, "") for found in cells)] for name in names]


def _cells(figures: dict[str, Any], section: str) -> Iterator[tuple[str, str]]:
    for key, value in figures.items():
        name = f"{section} {key}".strip().replace("_", " ")
        if isinstance(value, dict):
            yield from _cells(value, name)
        elif not isinstance(value, list) and name not in ("name", "split"):
            bounds = figures.get(f"{key}_interval")
            yield (
                name,
                f"{_shown(value)} [{_shown(bounds[0])}..{_shown(bounds[1])}]" if bounds else _shown(value),
            )


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) <= 1 else f"{value:.1f}"
    return "-" if value is None else str(value)
