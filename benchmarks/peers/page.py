"""The section on peers, and its plot: what is said follows from the figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.agreement import KINDS, SURE, WINDOW_S
from benchmarks.peers.costs import BIRDNET, COMMANDS, FILE, LIVE, NETWORK, SHORT_S, SILERO
from benchmarks.peers.environments import PEERS
from benchmarks.report.markdown import markdown_table
from birdedge.edge.models.names import DEFAULT_MODEL

TITLE = "Beside what people would use instead"
AIM = 0.25  # of BirdNET's inference
OURS = (NETWORK, FILE, LIVE, *COMMANDS)
GIVES = {
    NETWORK: "the mask, of frames that are ready",
    FILE: "masks and events, of samples at 48 kHz",
    LIVE: "the same, of blocks of 50 ms",
    "`birdedge listen --fast`": "the same as JSON Lines, of a file: the whole command",
    "`birdedge segment`": "the same as a table, of a file: the whole command",
    BIRDNET: "species of each 3 s, of samples at 48 kHz: inference alone, no overlap",
    SILERO: "speech or none each 32 ms, of samples at 16 kHz, as a stream",
    "noisereduce": "a mask, of a whole recording at 32 kHz: its gate, and magnitudes before and after",
    "scikit-maad": "a mask, of a whole recording at 32 kHz: background away, smoothed, double threshold",
    "librosa": "a mask, of a whole recording at 32 kHz: level under the loudest bin",
}
SETS = {"painted": "painted by hand", "mixes": "mixes", "focal": "as recorded"}


def aims(figures: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """What was aimed at, what was measured, and whether that is reached."""
    costs = figures["costs"]["cpu_s_per_s"]
    if BIRDNET not in costs:
        return []
    ratio = ratios(costs, FILE, BIRDNET)
    return [
        (
            "CPU of the whole pipeline at most 1/4 of BirdNET's inference",
            spread(ratio),
            statistics.median(ratio) <= AIM,
        )
    ]


def section(figures: dict[str, Any]) -> str:
    """Markdown: costs, masks, agreement with BirdNET."""
    lines = [*_costs(figures["costs"]), ""]
    for name, why in {**figures["not_installed"], **figures["costs"]["left_out"]}.items():
        lines += [f"Left out: {name} ({why}).", ""]
    for title, part, say in (
        ("Masks", "masks", _masks),
        ("The same birds as BirdNET?", "agreement", _agreement),
    ):
        found = figures[part]
        lines += [f"### {title}", ""]
        lines += [f"Left out: {found['left_out']}."] if "left_out" in found else say(found)
        lines += [""]
    return "\n".join(lines)


def ratios(costs: dict[str, list[float]], over: str, under: str) -> list[float]:
    """Of one cost to another, round by round."""
    return [a / b for a, b in zip(costs[over], costs[under], strict=True)]


def spread(values: Sequence[float], scale: float = 1.0) -> str:
    """Median, least and most."""
    middle, least, most = (scale * f(values) for f in (statistics.median, min, max))
    return f"{middle:.2f} ({least:.2f} to {most:.2f})"


def plot(figures: dict[str, Any], path: Path) -> None:
    """Bars of the costs, from least to most. Raises: ModuleNotFoundError without matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    costs = figures["costs"]["cpu_s_per_s"]
    titles = sorted(costs, key=lambda title: statistics.median(costs[title]), reverse=True)
    middles = [1e3 * statistics.median(costs[title]) for title in titles]
    below = [m - 1e3 * min(costs[t]) for m, t in zip(middles, titles, strict=True)]
    above = [1e3 * max(costs[t]) - m for m, t in zip(middles, titles, strict=True)]
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colours = ["tab:green" if title in OURS else "tab:gray" for title in titles]
    axes.barh(
        [title.replace("`", "") for title in titles], middles, xerr=[below, above], color=colours, capsize=3
    )
    axes.set(xlabel="CPU ms a second of sound, one thread (median, least and most)")
    figure.savefig(path, dpi=100)


def _costs(figures: dict[str, Any]) -> list[str]:
    costs = figures["cpu_s_per_s"]
    rows = [
        [title, GIVES[title], spread(values, 1e3), spread(ratios(costs, title, FILE))]
        for title, values in costs.items()
    ]
    cheaper = [
        f"{title} takes less CPU than our pipeline: {spread(ratios(costs, title, FILE))} of it."
        for title in costs
        if title not in OURS and statistics.median(ratios(costs, title, FILE)) < 1
    ]
    said = [
        f"Our whole pipeline takes {measured} of the CPU of BirdNET's inference alone, where at most {AIM} was "
        f"aimed at: {'reached' if reached else 'missed'}."
        for _, measured, reached in aims({"costs": figures})
    ]
    if BIRDNET in costs:
        said.append(
            f"In blocks of a microphone it takes {spread(ratios(costs, LIVE, BIRDNET))} of it, our network alone "
            f"{spread(ratios(costs, NETWORK, BIRDNET))}."
        )
    if SILERO in costs:
        said.append(
            f"As a stream, ours in blocks of a microphone takes {spread(ratios(costs, LIVE, SILERO))} times what "
            "Silero VAD takes, which hears half the band and gives one number each 32 ms."
        )
    used = "; ".join(
        f"{name} {', '.join(f'{key}={value}' for key, value in setting.items())}"
        for name, setting in figures["settings"].items()
        if setting and name in costs
    )
    versions = ", ".join(
        p for wanted in PEERS.values() for p in (*wanted.packages, wanted.wheel) if "==" in p
    )
    return [
        f"CPU time (user and system) a second of sound on {figures['duration_s']:g} s of a demo scene, one thread "
        f"each, nothing else of the peer's process counted: median (least to most) of {figures['rounds']} rounds in "
        "which all take turns. Each is given the scene at the rate it takes; ours resamples itself. Of the commands "
        f"the first {SHORT_S:g} s are subtracted, with start and loading. Settings: {used or 'as they come'}. "
        f"{versions}.",
        "",
        *markdown_table(("", "gives", "CPU ms per s of sound", "times our pipeline"), rows),
        "",
        *(f"- {sentence}" for sentence in (*said, *cheaper)),
    ]


def _masks(figures: dict[str, Any]) -> list[str]:
    scored = {name: row["sets"] for name, row in figures.items() if "sets" in row}
    rows = [
        [name, *(_iou(sets[key]) for key in SETS), _setting(figures[name])] for name, sets in scored.items()
    ]
    said = []
    for key, title in SETS.items():
        ours = scored[DEFAULT_MODEL][key]["iou"]
        name, best = max(
            ((name, sets[key]["iou"]) for name, sets in scored.items() if name != DEFAULT_MODEL),
            key=lambda one: one[1],
        )
        said.append(
            f"- {title}: the best of the others is {name}, {100 * abs(ours - best):.1f} points "
            f"{'below' if best < ours else 'ABOVE'} ours."
        )
    left_out = [
        f"- {name} is left out: {row['left_out']}." for name, row in figures.items() if "left_out" in row
    ]
    return [
        "Pooled foreground IoU in % [95 % over recordings] on the sets of `birdedge evaluate`. The classical masks see "
        "the whole recording; setting and threshold are those that do best on validation mixes. energy-threshold is "
        "librosa's `amplitude_to_db` under the loudest bin, in numpy.",
        "",
        *markdown_table(("", *SETS.values(), "setting"), rows),
        "",
        *said,
        *left_out,
    ]


def _iou(row: dict[str, Any]) -> str:
    return _share(row["iou"], row.get("iou_interval"))


def _setting(row: dict[str, Any]) -> str:
    return ", ".join(
        [*(f"{key} {value}" for key, value in row["setting"].items()), f"threshold {row['threshold']}"]
    )


def _agreement(figures: dict[str, Any]) -> list[str]:
    rows = [
        [
            f"{title} ({row['recordings']})",
            f"{row['windows']}",
            f"{row['sure']}",
            f"{row['sure_with_event']}: {_share(row['sure_found'], row['sure_found_interval'])}",
            f"{row['with_event']}: {_share(row['windows_with_event'], row['windows_with_event_interval'])}",
            f"{row['events']}",
            f"{row['events_where_sure']}: {_share(row['events_confirmed'], row['events_confirmed_interval'])}",
        ]
        for kind, title in KINDS.items()
        if (row := figures[kind])
    ]
    noise = figures["noise"]
    theirs, ours = noise["sure_per_hour"], noise["with_event_per_hour"]
    return [
        f"Recordings of the test split, in windows of {WINDOW_S:g} s. BirdNET is sure where a bird of any place and "
        f"season has a score of {SURE} or more (frogs, insects, mammals and machines left out); ours has an event "
        "where one touches the window. BirdNET may have learned from some of these recordings. [95 % over recordings]",
        "",
        *markdown_table(
            (
                "recordings",
                "windows",
                "BirdNET is sure",
                "of these with our event",
                "of all with our event",
                "our events",
                "of these where BirdNET is sure",
            ),
            rows,
        ),
        "",
        f"- Where there is no bird, an hour: BirdNET is sure in {_hourly(noise, 'sure_per_hour')} windows, ours has "
        f"{_hourly(noise, 'events_per_hour')} events in {_hourly(noise, 'with_event_per_hour')} windows. "
        + (
            "Both err as often." if theirs == ours else f"{'BirdNET' if theirs < ours else 'Ours'} errs less."
        ),
    ]


def _hourly(row: dict[str, Any], name: str) -> str:
    shown, bounds = f"{row[name]:.0f}", row[f"{name}_interval"]
    return f"{shown} [{bounds[0]:.0f}..{bounds[1]:.0f}]" if bounds else shown


def _share(value: float | None, bounds: Sequence[float] | None) -> str:
    if value is None:
        return "-"
    shown = f"{100 * value:.1f} %"
    return f"{shown} [{100 * bounds[0]:.1f}..{100 * bounds[1]:.1f}]" if bounds else shown
