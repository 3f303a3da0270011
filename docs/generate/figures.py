"""Tables of figures: from the cards inside the bundled models, and from benchmarks/results.json.

Figures that take minutes to measure are read from results.json, which `python -m benchmarks` writes.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.report import results
from benchmarks.report.markdown import markdown_table
from benchmarks.report.model_card import models_in_order, percent
from benchmarks.report.statistics import percentiles
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL


def summary_table() -> str:
    """Return the five figures of README.md, each with the command that measures it."""
    card = Model(DEFAULT_MODEL).card
    measured = results.read()
    live, cost = measured["live"]["figures"], measured["cost"]["figures"]["models"][DEFAULT_MODEL]
    score = "`birdedge evaluate --data recordings/`"
    rows = [
        (
            "IoU of the masks, unseen birds mixed into unseen noise",
            percent(card.figures["mixes"], "iou"),
            score,
        ),
        ("Events per hour in recordings without birds", _false_events(card), score),
        (
            "CPU time per second of audio, one thread",
            f"{1e3 * cost['cpu_s_per_s']['median']:.0f} ms",
            "`python -m benchmarks cost`",
        ),
        (
            "From the start of a call to its mask, live, 95th percentile",
            f"{1e3 * percentiles(live['to_mask_s'])['p95']:.0f} ms",
            "`python -m benchmarks live`",
        ),
        (
            "Resident memory of `birdedge listen --out`, live",
            f"{live['max_resident_bytes'] / 1e6:.0f} MB",
            "`python -m benchmarks live`",
        ),
    ]
    return "\n".join([*markdown_table(("", f"`{DEFAULT_MODEL}`", "measured by"), rows), ""])


def card_table() -> str:
    """Return the figures of the bundled models' cards as one table."""
    models = models_in_order()
    rows = [[label, *(value(model.card) for model in models)] for label, value in ROWS.items()]
    rows.append(["File size", *(f"{model.path.stat().st_size / 1000:.0f} kB" for model in models)])
    return "\n".join([*markdown_table(["", *(f"`{model.card.name}`" for model in models)], rows), ""])


def targets_table() -> str:
    """Return the targets with their measured values, and whether each is reached."""
    return "\n".join([*results.targets_table(results.read()), ""])


def measured_block(name: str) -> str:
    """Return the section of one part of the benchmarks, followed by the circumstances of its measurement."""
    result = results.read()[name]
    return f"{results.section(name, result)}\n\n({results.where_and_when(result).rstrip('.')})\n"


def _figure(section: str, key: str = "iou") -> Callable[[ModelCard], str]:
    return lambda card: percent(card.figures.get(section, {}), key) or "not measured"


def _false_events(card: ModelCard) -> str:
    noise = card.figures.get("noise")
    return f"{noise['per_hour']:g} (in {noise['hours']:.2f} h)" if noise else "not measured"


def _level_change(card: ModelCard) -> str:
    change = card.figures.get("level_change")
    return f"{100 * max(change.values()):.1f} points" if change else "not measured"


ROWS: dict[str, Callable[[ModelCard], str]] = {
    "IoU, forest recordings with hand-painted masks, pooled": _figure("painted"),
    "The same, mean over the three recordings": _figure("painted", "per_recording"),
    "IoU, unseen birds mixed into unseen noise, pooled": _figure("mixes"),
    "Mixes at -10 to 0 dB": _figure("mixes_-10_to_0_db"),
    "Mixes at 0 to 10 dB": _figure("mixes_0_to_10_db"),
    "Mixes at 10 to 25 dB": _figure("mixes_10_to_25_db"),
    "IoU, unseen birds as recorded": _figure("focal"),
    "Event F1 in mixes at box IoU 0.5": _figure("mixes", "event_f1_at_0.5"),
    "Phrases of birds in half-minute scenes found by events": _figure("scenes", "phrases_found"),
    "Field clips with birds in which there is an event": _figure("presence", "recall"),
    "Boxed bellbird calls covered by events": _figure("boxes", "covered"),
    "Events per hour in unseen recordings without birds": _false_events,
    "Largest change in IoU between levels of -30 and +20 dB": _level_change,
    "Parameters": lambda card: f"{card.parameters:,}",
    "Multiply-accumulates per second of audio": lambda card: f"{card.macs_per_s / 1e6:.0f} million",
    "Lookahead plus one call": lambda card: (
        f"{1000 * (card.lookahead_frames + card.chunk_frames) * card.grid.hop_s:.0f} ms"
    ),
}
