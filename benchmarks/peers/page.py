"""The section of the comparison with other tools; every sentence follows from the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import cost_section
from benchmarks.peers.agreement import KINDS, MIN_SCORE, WINDOW_S
from benchmarks.report.markdown import markdown_table
from benchmarks.report.targets import Target
from birdedge.edge.models.names import DEFAULT_MODEL

TITLE = "Comparison with other tools"
SETS = {"painted": "hand-painted", "mixes": "mixes", "focal": "focal recordings"}


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the target for the costs."""
    return cost_section.targets(figures["costs"])


def plot(figures: Mapping[str, Any], path: Path) -> None:
    """Plot the costs.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    cost_section.plot(figures["costs"], path)


def section(figures: Mapping[str, Any]) -> str:
    """Return costs, masks and agreement with BirdNET as Markdown."""
    lines = [*cost_section.section(figures["costs"]), ""]
    for name, reason in {**figures["not_installed"], **figures["costs"]["failed"]}.items():
        lines += [f"Skipped: {name} ({reason}).", ""]
    for title, part, text in (
        ("Instructions without VNNI", "instructions", cost_section.instructions),
        ("Masks", "masks", _masks),
        ("Agreement with BirdNET", "agreement", _agreement),
    ):
        found = figures[part]
        lines += [f"### {title}", ""]
        lines += [f"Skipped: {found['skipped']}."] if "skipped" in found else text(found)
        lines += [""]
    return "\n".join(lines)


def _masks(figures: Mapping[str, Any]) -> list[str]:
    scored = {name: row["sets"] for name, row in figures.items() if "sets" in row}
    rows = [
        [
            name,
            *(_share(sets[key]["iou"], sets[key].get("iou_interval")) for key in SETS),
            _setting(figures[name]),
        ]
        for name, sets in scored.items()
    ]
    sentences = []
    for key, title in SETS.items():
        ours = scored[DEFAULT_MODEL][key]["iou"]
        name, best = max(
            ((name, sets[key]["iou"]) for name, sets in scored.items() if name != DEFAULT_MODEL),
            key=lambda one: one[1],
        )
        sentences.append(
            f"- {title}: the best of the others is {name}, {100 * abs(ours - best):.1f} points "
            f"{'below' if best < ours else 'ABOVE'} ours."
        )
    skipped = [f"- {name} is skipped: {row['skipped']}." for name, row in figures.items() if "skipped" in row]
    return [
        "Pooled foreground IoU on the sets of `birdedge evaluate`. Brackets hold 95 % intervals over recordings. The "
        "classical masks use the whole recording, with the setting and threshold that perform best on validation "
        "mixes. energy-threshold is librosa's `amplitude_to_db` relative to the loudest bin, in numpy.",
        "",
        *markdown_table(("", *SETS.values(), "setting"), rows),
        "",
        *sentences,
        *skipped,
    ]


def _setting(row: Mapping[str, Any]) -> str:
    return ", ".join(
        [*(f"{key} {value}" for key, value in row["setting"].items()), f"threshold {row['threshold']}"]
    )


def _agreement(figures: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            f"{title} ({row['recordings']})",
            f"{row['windows']}",
            f"{row['birdnet']}",
            f"{row['both']}: {_with_interval(row, 'birdnet_matched_share')}",
            f"{row['birdedge']}: {_with_interval(row, 'birdedge_share')}",
            f"{row['events']}",
            f"{row['events_confirmed']}: {_with_interval(row, 'events_confirmed_share')}",
        ]
        for kind, title in KINDS.items()
        if (row := figures[kind])
    ]
    noise = figures["noise"]
    theirs, ours = noise["birdnet_per_hour"], noise["birdedge_per_hour"]
    fewer = (
        "Both have equally many."
        if theirs == ours
        else f"{'BirdNET' if theirs < ours else 'birdedge'} has fewer."
    )
    return [
        f"Recordings of the test split, in windows of {WINDOW_S:g} s. BirdNET detects a bird in a window if any bird "
        f"species, of any place and season, has a score of at least {MIN_SCORE}; frogs, insects, mammals and machines "
        "are excluded. An event of birdedge counts in each window that it touches. BirdNET may have been trained on "
        "some of the recordings. Brackets hold 95 % intervals over recordings.",
        "",
        *markdown_table(
            (
                "recordings",
                "windows",
                "windows with a BirdNET detection",
                "of those, with an event",
                "windows with an event",
                "events",
                "events in windows with a BirdNET detection",
            ),
            rows,
        ),
        "",
        f"- False detections per hour in recordings without birds: BirdNET in {_hourly(noise, 'birdnet_per_hour')} "
        f"windows; birdedge in {_hourly(noise, 'birdedge_per_hour')} windows, with "
        f"{_hourly(noise, 'events_per_hour')} events. {fewer}",
        *(_presence(field) if (field := figures.get("field")) else ()),
    ]


def _presence(field: Sequence[Mapping[str, Any]]) -> list[str]:
    ours, theirs = field[0], field[-1]
    rows = [
        [
            "birdedge" if row is ours else f"BirdNET, score above {row['min_score']:.3g}",
            *(_with_interval(row, key) for key in ("recall", "false_alarms")),
            *(_number(row, key) for key in ("roc_auc", "per_minute_with_birds", "per_minute_without_birds")),
        ]
        for row in field
    ]
    return [
        "",
        f"Field clips of the test split that people listened to: {ours['clips_with_birds']} with a bird, "
        f"{ours['clips_without_birds']} without. The last row of BirdNET uses the score at which it has as many false "
        "alarms as birdedge. The clips last 5 s, so the second window of each is padded with zeros. The labels of the "
        "clips with a bird also name a BirdNET detection, so BirdNET may have helped to choose them. Brackets hold "
        "95 % intervals over clips.",
        "",
        *markdown_table(
            (
                "field clips",
                "clips with a bird: detected",
                "clips without: false alarm",
                "ROC AUC of the clip's highest score",
                "events per minute, with a bird",
                "events per minute, without",
            ),
            rows,
        ),
        "",
        f"- At the same number of false alarms, BirdNET detects {_share(theirs['recall'], None)} of the clips with a "
        f"bird, and birdedge {_share(ours['recall'], None)}.",
    ]


def _number(row: Mapping[str, Any], name: str) -> str:
    value, bounds = row[name], row.get(f"{name}_interval")
    if value is None:
        return "-"
    return f"{value:.3g} [{bounds[0]:.3g}..{bounds[1]:.3g}]" if bounds else f"{value:.3g}"


def _hourly(row: Mapping[str, Any], name: str) -> str:
    text, bounds = f"{row[name]:.0f}", row[f"{name}_interval"]
    return f"{text} [{bounds[0]:.0f}..{bounds[1]:.0f}]" if bounds else text


def _with_interval(row: Mapping[str, Any], name: str) -> str:
    return _share(row[name], row.get(f"{name}_interval"))


def _share(value: float | None, bounds: Sequence[float] | None) -> str:
    if value is None:
        return "-"
    text = f"{100 * value:.1f} %"
    return f"{text} [{100 * bounds[0]:.1f}..{100 * bounds[1]:.1f}]" if bounds else text
