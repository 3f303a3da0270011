"""The figures as one self-contained HTML page: table, reliability, and the best and worst clips and events."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from birdedge.edge.system.atomic_file import Existing, replacing
from birdedge.train.evaluation.calibration import reliability
from birdedge.train.evaluation.detectors import Detector
from birdedge.train.evaluation.event_ranking import MIN_IOU, RankedEvent, best_and_worst
from birdedge.train.evaluation.figures import EvaluationFigures
from birdedge.train.evaluation.labelled_audio import MaskedClip, bird_free_clip
from birdedge.train.evaluation.plots import draw_clip, draw_reliability
from birdedge.train.evaluation.scoring import ClipScore, SetScores, pooled
from birdedge.train.evaluation.table import table_rows

PICTURED_SETS = ("painted", "mixes")
STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse } td, th { padding: .15rem .8rem .15rem 0; text-align: left }
tr:nth-child(even) { background: #f4f4f4 } img { max-width: 100%; display: block; margin: .5rem 0 }
.events { display: grid; grid-template-columns: 1fr 1fr; gap: 0 .5rem }
"""
EVENT_CONTEXT_S = 1.5  # shown before and after an event
EVENT_SIZE_IN = (5.5, 2.4)
LEGEND = (
    "Green: the true mask. Blue: the detected mask, at the threshold. White: events. Darkened: unlabelled, excluded "
    "from the figures. At most the first 15 s of a clip are shown."
)


def evaluation_page(
    path: Path,
    figures: Sequence[EvaluationFigures],
    detectors: Sequence[Detector],
    scored: Sequence[SetScores],
    existing: Existing,
) -> None:
    """Write the page; figures, detectors and their scores are in the same order.

    Raises:
        OutputError: The file cannot be written, or exists and `existing` is "refuse".
    """
    head = "".join(f"<th>{escape(f.name)}</th>" for f in figures)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in table_rows(figures)
    )
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>birdedge evaluate</title>",
        f"<style>{STYLE}</style><h1>birdedge evaluate</h1>",
        f"<p>Split: {escape(figures[0].split)}. Brackets hold 95 % bootstrap intervals over recordings.</p>",
        f"<table><tr><th></th>{head}</tr>\n{rows}</table>",
    ]
    for detector, scores in zip(detectors, scored, strict=True):
        parts += [f"<h2>{escape(detector.name)}</h2>"]
        parts += _clips(detector, scores.masked)
        parts += _events(detector, scores)
    with replacing(path, existing) as file:
        file.write("\n".join(parts).encode())


def best_median_worst(clips: Sequence[ClipScore], threshold: float) -> dict[str, ClipScore]:
    """Return the best, median and worst clip by IoU among those with birds; each clip once."""
    ranked = sorted(
        (c for c in clips if c.scores.bird.any()), key=lambda c: c.scores.iou(threshold), reverse=True
    )
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    chosen: dict[str, ClipScore] = {}
    for name, place in places.items():
        if ranked and ranked[place] not in chosen.values():
            chosen[name] = ranked[place]
    return chosen


def _clips(detector: Detector, sets: Mapping[str, Sequence[ClipScore]]) -> Iterator[str]:
    if not sets:
        return
    yield "<h3>Reliability</h3>"
    tables = {name: reliability(pooled(clips)) for name, clips in sets.items()}
    yield _image(draw_reliability(tables, detector.name), "reliability diagram")
    for name in PICTURED_SETS:
        chosen = best_median_worst(sets.get(name, ()), detector.threshold)
        if chosen:
            yield f"<h3>{name}</h3><p>{LEGEND}</p>"
        for rank, scored in chosen.items():
            clip = scored.clip
            mask, events = detector.run(clip.samples, clip.sample_rate_hz)
            title = f"{rank}: {clip.name}, IoU {scored.scores.iou(detector.threshold):.2f}"
            if name == "mixes":
                title += f", {clip.snr_db:.0f} dB"
            yield _image(draw_clip(clip, mask, events, detector.threshold, title), title)


def _events(detector: Detector, scores: SetScores) -> Iterator[str]:
    best, worst = best_and_worst(scores.masked.get("mixes", ()), scores.noise)
    for ranked, title, text in (
        (best, "Best events", f"events in mixes that match a label with a box IoU of at least {MIN_IOU}"),
        (worst, "Worst events", "events without such a match, in mixes and in recordings without birds"),
    ):
        if ranked:
            yield f"<h3>{title}</h3><p>The highest-scoring {text}.</p><div class=events>"
            yield from (_event(detector, one) for one in ranked)
            yield "</div>"


def _event(detector: Detector, ranked: RankedEvent) -> str:
    event, origin = ranked.event, ranked.origin
    title = f"score {event.score:.2f}"
    if isinstance(origin, MaskedClip):
        clip, title = origin, f"mix {origin.name}, {origin.snr_db:.0f} dB: {title}, IoU {ranked.iou:.2f}"
    else:
        clip, title = bird_free_clip(origin), f"{origin.path.name}, {origin.noise}: {title}"
    mask, _ = detector.run(clip.samples, clip.sample_rate_hz)
    shown_s = (event.onset_s - EVENT_CONTEXT_S, event.offset_s + EVENT_CONTEXT_S)
    return _image(draw_clip(clip, mask, [event], detector.threshold, title, shown_s, EVENT_SIZE_IN), title)


def _image(png: bytes, alternative: str) -> str:
    return f'<img alt="{escape(alternative)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
