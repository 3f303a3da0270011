"""The figures of detectors as a table of text: a row per figure, a column per detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from birdedge.train.evaluation.figures import Figures


def evaluation_table(figures: Sequence[Figures]) -> str:
    """Return the table as lines of text; an interval follows its figure."""
    rows = [["", *(f.name for f in figures)], *table_rows(figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def table_rows(figures: Sequence[Figures]) -> list[list[str]]:
    """Return `[name, value of each detector]` for each figure of any detector, in order of appearance."""
    cells = [dict(_cells(f.to_dict(), "")) for f in figures]
    names = dict.fromkeys(name for found in cells for name in found)
    return [[name, *(found.get(name, "") for found in cells)] for name in names]


def _cells(figures: dict[str, Any], section: str) -> Iterator[tuple[str, str]]:
    for key, value in figures.items():
        name = f"{section} {key}".strip().replace("_", " ")
        if isinstance(value, dict):
            yield from _cells(value, name)
        elif not isinstance(value, list) and name not in ("name", "split"):
            bounds = figures.get(f"{key}_interval")
            interval = f" [{_text(bounds[0])}..{_text(bounds[1])}]" if bounds else ""
            yield name, _text(value) + interval


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) <= 1 else f"{value:.1f}"
    return "-" if value is None else str(value)
