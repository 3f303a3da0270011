"""The costs of all tools as a table, sentences, targets and a plot; every sentence follows from the figures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.costs import (
    BIRDNET,
    COMMANDS,
    FILE,
    LIGHT,
    LIVE,
    NETWORK,
    SHORT_S,
    SILERO,
    SMALL,
    CostFigures,
)
from benchmarks.peers.environments import PEERS
from benchmarks.peers.instructions import InstructionFigures
from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import format_summary, summarize
from benchmarks.report.targets import Target

MAX_RATIO = 0.25  # of the CPU time of BirdNET's inference
OURS = (NETWORK, FILE, LIGHT, SMALL, LIVE, *COMMANDS)
OUTPUTS = {
    NETWORK: "mask, from precomputed frames",
    FILE: "mask and events, from samples at 48 kHz",
    LIGHT: "the same, with the light network",
    SMALL: "the same, with the small network",
    LIVE: "the same, from blocks of 50 ms",
    "`birdedge listen --fast`": "the same as JSON Lines, from a file: the whole command",
    "`birdedge segment`": "the same as a table, from a file: the whole command",
    BIRDNET: "species per 3 s, from samples at 48 kHz: inference alone, no overlap",
    SILERO: "speech or no speech per 32 ms, from samples at 16 kHz, as a stream",
    "noisereduce": "mask, from a whole recording at 32 kHz: its spectral gate, and magnitudes before and after",
    "scikit-maad": "mask, from a whole recording at 32 kHz: background removed, smoothed, double threshold",
    "librosa": "mask, from a whole recording at 32 kHz: level relative to the loudest bin",
}


def targets(figures: CostFigures) -> list[Target]:
    """Return the target for the cost relative to BirdNET, if BirdNET was measured."""
    costs = figures["cpu_s_per_s"]
    if BIRDNET not in costs:
        return []
    ratio = summarize(_ratios(costs, FILE, BIRDNET))
    return [
        Target(
            "CPU time of the whole pipeline relative to BirdNET's inference",
            f"at most {MAX_RATIO:g}",
            format_summary(ratio),
            ratio["median"] <= MAX_RATIO,
        )
    ]


def section(figures: CostFigures) -> list[str]:
    """Return the table of the costs and the sentences that follow from it, as lines of Markdown."""
    costs = figures["cpu_s_per_s"]
    rows = [
        [title, _output(title, figures), format_summary(summarize(values), 1e3), _ratio(costs, title, FILE)]
        for title, values in costs.items()
    ]
    used = "; ".join(
        f"{name} {', '.join(f'{key}={value}' for key, value in setting.items())}"
        for name, setting in figures["settings"].items()
        if setting and name in costs
    )
    versions = ", ".join(
        package
        for wanted in PEERS.values()
        for package in (*wanted.packages, wanted.wheel)
        if "==" in package
    )
    return [
        f"CPU time (user and system) per second of audio on {figures['audio_s']:g} s of a demo scene, one thread each, "
        f"without start-up and loading: median (min to max) of {figures['rounds']} rounds in which all tools "
        "alternate. Each tool receives the scene at its own sample rate; birdedge does its own resampling. For the "
        f"commands, the cost of a run on the first {SHORT_S:g} s is subtracted. Settings: {used or 'defaults'}. "
        f"{versions}.",
        "",
        *markdown_table(("", "output", "CPU ms per second of audio", "relative to our pipeline"), rows),
        "",
        *(f"- {sentence}" for sentence in _sentences(figures)),
    ]


def _sentences(figures: CostFigures) -> list[str]:
    costs, models = figures["cpu_s_per_s"], figures["models"]
    sentences = [
        f"Our whole pipeline takes {target.measured} of the CPU time of BirdNET's inference alone; the target, "
        f"{target.limit}, is {'reached' if target.reached else 'missed'}."
        for target in targets(figures)
    ]
    if BIRDNET in costs:
        others = {
            "with microphone blocks": LIVE,
            "with the light network": LIGHT,
            "with the small network": SMALL,
        }
        ratios = [f"{_ratio(costs, row, BIRDNET)} {how}" for how, row in others.items() if row in costs]
        sentences.append(
            f"Of that time, it takes {', '.join(ratios)}; our network alone takes {_ratio(costs, NETWORK, BIRDNET)}."
        )
    if SILERO in costs:
        sentences.append(
            f"As a stream, our pipeline with microphone blocks takes {_ratio(costs, LIVE, SILERO)} times the CPU time "
            "of Silero VAD, which analyses half the band and outputs one number per 32 ms."
        )
    sentences += [
        f"{title} takes less CPU time than our pipeline: {_ratio(costs, title, FILE)} times as much."
        for title in costs
        if title not in OURS and statistics.median(_ratios(costs, title, FILE)) < 1
    ]
    return [
        *sentences,
        f"Files are measured with `{models[FILE]}`, which `birdedge segment` and `archive` use, and microphone blocks "
        f"with `{models[LIVE]}`, which `listen` uses. Both models give the same masks, in longer and shorter calls.",
    ]


def _output(title: str, figures: CostFigures) -> str:
    model = figures["models"].get(title)
    return OUTPUTS[title] + (f": `{model}`" if model else "")


def instructions(figures: InstructionFigures) -> list[str]:
    """Return a table of the instructions, as lines of Markdown."""
    counts = figures["instructions_per_s"]
    rows = [
        [title, f"{count / 1e6:.1f}", f"{count / counts[BIRDNET]:.2f}" if BIRDNET in counts else ""]
        for title, count in counts.items()
    ]
    return [
        f"Million instructions per second of audio, on {figures['audio_s']:g} s of the scene, counted by valgrind, "
        "which presents to all programs a processor with AVX2 but without VNNI and AVX-512. The counts are not times.",
        "",
        *markdown_table(("", "million instructions", "relative to BirdNET"), rows),
    ]


def plot(figures: CostFigures, path: Path) -> None:
    """Plot the costs as bars, the cheapest at the top.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    costs = figures["cpu_s_per_s"]
    titles = sorted(costs, key=lambda title: statistics.median(costs[title]), reverse=True)
    medians_ms = [1e3 * statistics.median(costs[title]) for title in titles]
    below_ms = [m - 1e3 * min(costs[t]) for m, t in zip(medians_ms, titles, strict=True)]
    above_ms = [1e3 * max(costs[t]) - m for m, t in zip(medians_ms, titles, strict=True)]
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colours = ["tab:green" if title in OURS else "tab:gray" for title in titles]
    labels = [title.replace("`", "") for title in titles]
    axes.barh(labels, medians_ms, xerr=[below_ms, above_ms], color=colours, capsize=3)
    axes.set(xlabel="CPU ms per second of audio, one thread (median, min and max)")
    figure.savefig(path, dpi=100)


def _ratios(costs: Mapping[str, Sequence[float]], over: str, under: str) -> list[float]:
    """Return one cost divided by another, by round."""
    return [a / b for a, b in zip(costs[over], costs[under], strict=True)]


def _ratio(costs: Mapping[str, Sequence[float]], over: str, under: str) -> str:
    return format_summary(summarize(_ratios(costs, over, under)))
