"""MODEL_CARD.md: the cards of the bundled models as one page, which `python -m docs.generate` writes.

The sections follow Mitchell et al. 2019, "Model cards for model reporting" (arXiv 1810.03993).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report.markdown import markdown_table
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models

PAGE = Path(__file__).parents[2] / "MODEL_CARD.md"
HEAD = """# Model cards

Printed by `python -m docs.generate` from the cards inside the bundled model files; a test compares the two.
`birdedge inspect MODEL` prints the same for any model file. Brackets hold 95 % bootstrap intervals over recordings.

**Intended use**: to find when birds call, and at which frequencies, in field recordings, live or from an archive.

**Not intended**: to name species, to count individuals, or to show that there are no birds. The models miss faint and
distant song, and sometimes mistake similar sounds (toads, squirrels, voices, alarms) for birds.
"""
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
SETS = {  # sets of the card's figures, and their names on the page
    "painted": "forest recordings with hand-painted masks",
    "mixes": "unseen birds mixed into unseen noise, -10 to 25 dB",
    "mixes_-10_to_0_db": "mixes at -10 to 0 dB",
    "mixes_0_to_10_db": "mixes at 0 to 10 dB",
    "mixes_10_to_25_db": "mixes at 10 to 25 dB",
    "focal": "unseen birds as recorded, labelled by their energy",
    "scenes": "half a minute of unseen birds mixed into unseen noise",
}


def page() -> str:
    """Return the page: one section for each bundled network."""
    sections = (_section(m.card, m.path.stat().st_size, same_bits(m)) for m in models_in_order())
    return "\n".join([HEAD, *sections])


def models_in_order() -> list[Model]:
    """Return the bundled models, the default first, without variants that give the same results bit for bit."""
    models = [Model(path) for path in bundled_models().values()]
    models.sort(key=lambda m: (m.card.name != DEFAULT_MODEL, m.card.precision != "int8", m.card.name))
    return list({model.card.answer: model for model in reversed(models)}.values())[::-1]


def same_bits(model: Model) -> list[str]:
    """Return the names of the other bundled models that give the same results bit for bit."""
    others = (Model(name) for name in sorted(bundled_models()) if name != model.card.name)
    return [other.card.name for other in others if other.card.answer == model.card.answer]


def _section(card: ModelCard, size_bytes: int, forms: list[str]) -> str:
    figures = card.figures
    lookahead_ms = 1000 * card.lookahead_frames * card.grid.hop_s
    lines = [
        f"## {card.name}",
        "",
        f"- **Licence**: {card.licence}.",
        f"- **Network**: causal compact U-Net, {card.parameters:,} parameters, {card.macs_per_s / 1e6:.0f} million "
        f"multiply-accumulates per second of audio, {card.precision}, {size_bytes / 1000:.0f} kB; {lookahead_ms:g} ms "
        f"of lookahead, {card.past_s:.2f} s of past context.",
        f"- **Input**: {card.grid.sample_rate_hz} Hz mono, {card.grid.bins} bins of {card.grid.bin_hz:g} Hz every "
        f"{1000 * card.grid.hop_s:g} ms, in decibels above a noise floor that is tracked for each bin.",
        f"- **Thresholds**: a bin counts as bird sound from probability {card.threshold:.2f}; an event is a "
        f"{card.classes[0]} with a probability of at least {card.events.min_score:g}, or of at least "
        f"{card.events.follow_score:g} within {card.events.follow_s:g} s of such an event in its band.",
    ]
    if forms:
        lines.append(f"- **Variants with the same results, bit for bit**: {', '.join(forms)}.")
    lines.append("")
    if figures:
        lines += _measured(figures)
    return "\n".join([*lines, *_training(card.training_data)])


def _measured(figures: Mapping[str, Any]) -> list[str]:
    columns = {
        "iou": "IoU, pooled",
        "per_recording": "IoU, mean of recordings",
        "event_f1_at_0.5": "event F1 at box IoU 0.5",
    }
    scored = [
        (what, *(percent(figures[name], key) for key in columns))
        for name, what in SETS.items()
        if name in figures
    ]
    lines = [*markdown_table(("set", *columns.values()), scored), ""]
    for name, what in (("boxes", "boxed bellbird calls"), ("notes", "notes of captive finches")):
        if name in figures:
            lines.append(
                f"- Share of {what} that events cover for at least half their time: "
                f"{percent(figures[name], 'covered')}."
            )
    if "phrases_found" in figures.get("scenes", {}):
        lines.append(
            f"- Share of the phrases in scenes of half a minute that events find: "
            f"{percent(figures['scenes'], 'phrases_found')}."
        )
    if "noise" in figures:
        noise = figures["noise"]
        kinds = ", ".join(f"{kind} {count:g}" for kind, count in figures["noise_per_hour"].items())
        low, high = noise["per_hour_interval"]
        lines.append(
            f"- Events per hour in recordings without birds: {noise['per_hour']:g} [{low:g}, {high:g}] "
            f"(in {noise['hours']} h); by kind: {kinds}."
        )
    if "level_change" in figures:
        changes = ", ".join(f"{name} {100 * change:.1f}" for name, change in figures["level_change"].items())
        lines.append(f"- Largest change in IoU between levels of -30 and +20 dB, in points: {changes}.")
    return [*lines, ""]


def percent(row: Mapping[str, Any], key: str) -> str:
    """Return a share in percent, with its interval if it has one; an empty string if the row has no such figure."""
    if key not in row:
        return ""
    text = f"{100 * row[key]:.1f} %"
    if row.get(f"{key}_interval"):
        low, high = row[f"{key}_interval"]
        text += f" [{100 * low:.1f}, {100 * high:.1f}]"
    return text


def _training(data: tuple[dict[str, Any], ...]) -> list[str]:
    by_source: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for row in data:
        licence = LINK.sub(r"\1", row["licence"])  # a link from the source's own page would be broken here
        kinds = by_source[row["tier"], row["source"], licence]
        kinds[row["kind"]] = kinds.get(row["kind"], 0) + row["files"]
    rows = [
        (*origin, ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
        for origin, kinds in sorted(by_source.items())
    ]
    return ["Trained on:", "", *markdown_table(("tier", "source", "licence", "files"), rows), ""]
