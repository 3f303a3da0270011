"""SYSTEMS.md: the table of the comparison with networks from the literature, and what it shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.report.markdown import markdown_table

PAGE = Path(__file__).with_name("SYSTEMS.md")
FIGURES = Path(__file__).with_name("systems.json")
COMPACT = "compact-budget"
OFFLINE = {
    "paper": "U-Net (paper)",
    "attention-unet": "attention U-Net",
    "fcn": "FCN-8s",
    "segnet": "SegNet",
    "deeplab": "DeepLabV3+",
    "vit": "UNETR (ViT)",
    "swin": "Swin UNETR",
}
TITLES = {**OFFLINE, COMPACT: "compact, same budget"}
SETS = ("painted", "mixes")


@dataclass(frozen=True)
class Row:
    """One network, with its figures by test set from `mask_figures`."""

    title: str
    parameters: int
    macs_per_s: float
    streams: bool
    figures: dict[str, dict[str, Any]]
    budget: str | None = None  # training examples and seed; None for a model file
    epochs: int | None = None  # that were trained

    def iou(self, name: str) -> float:
        """Return the pooled foreground IoU on a set, 0..1."""
        return float(self.figures[name]["iou"])


def stored_page() -> str:
    """Return the page of the figures in systems.json."""
    stored = json.loads(FIGURES.read_text(encoding="utf-8"))
    text = page(_rows(stored), date.fromisoformat(stored["date"]))
    if earlier := stored.get("earlier"):
        text += "\n".join(
            [
                "",
                "## A smaller budget",
                "",
                f"All networks, trained for fewer epochs, scored {earlier['date']} on the test set of that day.",
                "",
                *table(_rows(earlier)),
                "",
            ]
        )
    return text


def _rows(stored: dict[str, Any]) -> list[Row]:
    """Return the stored rows in the order of `TITLES`, model files last."""
    order = list(TITLES.values())
    rows = [Row(**row) for row in stored["rows"]]
    return sorted(rows, key=lambda row: order.index(row.title) if row.title in order else len(order))


def page(rows: list[Row], day: date) -> str:
    """Return the table and its summary as Markdown."""
    budget = next(row.budget for row in rows if row.budget)
    missing = [title for title in TITLES.values() if title not in {row.title for row in rows}]
    not_trained = f"- Not trained on this budget yet: {', '.join(missing)}."
    return "\n".join(
        [
            "# The compact network compared with networks from the literature",
            "",
            f"Printed by `python -m benchmarks.studies.systems`, {day}. Trained on the same recordings and splits: "
            f"{budget}. The bundled model was trained for longer and is not part of the comparison. Pooled "
            "foreground IoU in %, at thresholds chosen on validation mixes.",
            "",
            *table(rows),
            "",
            *(verdict(name, rows) for name in SETS),
            *([not_trained] if missing else []),
            "",
        ]
    )


def table(rows: list[Row]) -> list[str]:
    """Return the lines of a table with a row per network."""
    head = [
        "",
        "parameters",
        "MMAC per second of audio",
        "epochs",
        *(f"IoU {name} [95 %]" for name in SETS),
        "streams",
    ]
    body = [
        [
            row.title,
            f"{row.parameters:,}",
            f"{row.macs_per_s / 1e6:.0f}",
            str(row.epochs or ""),
            *(_iou(row.figures[name]) for name in SETS),
            "yes" if row.streams else "no",
        ]
        for row in rows
    ]
    return markdown_table(head, body)


def verdict(name: str, rows: list[Row]) -> str:
    """Return a sentence with the best other network on a set and its distance to the compact network."""
    compact = next(row for row in rows if row.title == TITLES[COMPACT])
    best = max((row for row in rows if row.title in OFFLINE.values()), key=lambda row: row.iou(name))
    points = 100 * (compact.iou(name) - best.iou(name))
    return (
        f"- {name}: the best of the others is {best.title} with {100 * best.iou(name):.1f} %; the compact network has "
        f"{100 * compact.iou(name):.1f} %, {abs(points):.1f} points {'more' if points >= 0 else 'less'}, with "
        f"{compact.macs_per_s / best.macs_per_s:.2f} times the multiply-accumulates and "
        f"{compact.parameters / best.parameters:.2f} times the parameters."
    )


def _iou(figures: dict[str, Any]) -> str:
    text = f"{100 * figures['iou']:.1f}"
    if "iou_interval" not in figures:  # a single recording has no interval
        return text
    low, high = figures["iou_interval"]
    return f"{text} [{100 * low:.1f}..{100 * high:.1f}]"
