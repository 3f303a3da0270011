"""The figures as one HTML page that needs nothing beside it: table, reliability, best, median and worst clips."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from birdedge.edge.system.atomic_file import replacing
from birdedge.train.evaluation.calibration import reliability
from birdedge.train.evaluation.detectors import Detector
from birdedge.train.evaluation.plots import draw_clip, draw_reliability
from birdedge.train.evaluation.scoring import ClipScore, pooled
from birdedge.train.evaluation.table import table_rows

PICTURED_SETS = ("painted", "mixes")
STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse } td, th { padding: .15rem .8rem .15rem 0; text-align: left }
tr:nth-child(even) { background: #f4f4f4 } img { max-width: 100%; display: block; margin: .5rem 0 }
"""
LEGEND = (
    "Green: the true mask. Blue: the mask that was found, at its threshold. White: events. Darkened: not told, "
    "left out of the figures. At most the first 15 s of a clip are shown."
)


def evaluation_page(
    path: Path,
    figures: Sequence[dict[str, Any]],
    maskers: Sequence[Detector],
    scored: Sequence[dict[str, list[ClipScore]]],
) -> None:
    """Writes the page; figures, maskers and their scored sets in the same order.

    Raises: OutputError.
    """
    head = "".join(f"<th>{escape(f['name'])}</th>" for f in figures)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in table_rows(figures)
    )
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>birdedge evaluate</title>",
        f"<style>{STYLE}</style><h1>birdedge evaluate</h1>",
        f"<p>Split: {escape(figures[0]['split'])}. In brackets: 95 % bootstrap intervals over recordings.</p>",
        f"<table><tr><th></th>{head}</tr>\n{rows}</table>",
    ]
    for masker, sets in zip(maskers, scored, strict=True):
        parts += _section(masker, sets)
    with replacing(path) as file:
        file.write("\n".join(parts).encode())


def best_median_worst(clips: Sequence[ClipScore], threshold: float) -> dict[str, ClipScore]:
    """Three clips by IoU at the threshold, of those that hold birds; fewer where they are the same clip."""
    ranked = sorted(
        (c for c in clips if c.scores.bird.any()), key=lambda c: c.scores.iou(threshold), reverse=True
    )
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    chosen: dict[str, ClipScore] = {}
    for name, place in places.items():
        if ranked and ranked[place] not in chosen.values():
            chosen[name] = ranked[place]
    return chosen


def _section(masker: Detector, sets: dict[str, list[ClipScore]]) -> Iterator[str]:
    yield f"<h2>{escape(masker.name)}</h2>"
    if not sets:
        return
    yield "<h3>Is a probability what it says?</h3>"
    tables = {name: reliability(pooled(clips)) for name, clips in sets.items()}
    yield _image(draw_reliability(tables, masker.name), "reliability diagram")
    for name in PICTURED_SETS:
        chosen = best_median_worst(sets.get(name, ()), masker.threshold)
        if chosen:
            yield f"<h3>{name}</h3><p>{LEGEND}</p>"
        for rank, scored in chosen.items():
            clip = scored.clip
            mask, events = masker.run(clip.samples, clip.sample_rate_hz)
            title = f"{rank}: {clip.name}, IoU {scored.scores.iou(masker.threshold):.2f}"
            if name == "mixes":
                title += f", {clip.snr_db:.0f} dB"
            yield _image(draw_clip(clip, mask, events, masker.threshold, title), title)


def _image(png: bytes, alternative: str) -> str:
    return f'<img alt="{escape(alternative)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
