"""Accuracy of the bundled models by `birdedge evaluate`, and IoU against compute cost compared with other networks.

The other networks are those of studies/systems.py. Their figures come from systems.json, because training them takes
hours.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.report.markdown import markdown_table
from benchmarks.report.model_card import models_in_order, percent
from birdedge.edge.models.names import DEFAULT_MODEL

TITLE = "Accuracy and compute cost"
SYSTEMS = Path(__file__).parents[1] / "studies" / "systems.json"
SETS = {"painted": "hand-painted", "mixes": "mixes", "focal": "focal recordings"}

LABEL_MACS = 90e6  # the room that a label takes in the plot

# `detectors`, a list of figures by `birdedge evaluate`, and `systems`, as in systems.json.
Figures = dict[str, Any]


class NetworkCost(NamedTuple):
    """A network's compute cost per second of audio, its size, and its IoU on mixes."""

    name: str
    macs_per_s: float
    parameters: int
    iou: float


def measure(quick: bool, data: Path | None) -> Figures:
    """Evaluate every bundled network and the classical baselines, or only the default on a few mixes if `quick`.

    Raises:
        subprocess.CalledProcessError: `birdedge evaluate` failed.
    """
    if data is None:
        return {"skipped": "this part scores recordings; give --data"}
    if importlib.util.find_spec("torch") is None:
        return {"skipped": "torch is not installed; run: pip install 'birdedge[evaluate]'"}
    cards = {model.card.name: model.card for model in models_in_order()}
    names = [DEFAULT_MODEL] if quick else list(cards)
    options = ["--mixes", "40"] if quick else ["--baselines"]
    command = [sys.executable, "-m", "birdedge", "evaluate", *names, *options, "--data", str(data), "--json"]
    process = subprocess.run(command, check=True, capture_output=True, text=True)
    detectors = [
        {
            "name": figures["name"],
            "sets": {key: figures[key] for key in SETS if key in figures},
            "false_events_per_hour": figures.get("noise", {}).get("per_hour"),
        }
        for figures in json.loads(process.stdout)
    ]
    for row in detectors:
        if row["name"] in cards:
            row["macs_per_s"] = cards[row["name"]].macs_per_s
            row["parameters"] = cards[row["name"]].parameters
    return {"detectors": detectors, "systems": json.loads(SYSTEMS.read_text(encoding="utf-8"))}


def section(figures: Figures) -> str:
    """Return a table of all detectors by test set, and a table of all networks by cost."""
    rows = [
        (
            row["name"],
            *(percent(row["sets"].get(key, {}), "iou") for key in SETS),
            percent(row["sets"].get("mixes", {}), "event_f1_at_0.5"),
            "" if row["false_events_per_hour"] is None else f"{row['false_events_per_hour']:.0f}",
        )
        for row in figures["detectors"]
    ]
    head = ("IoU, pooled [95 %]", *SETS.values(), "event F1 in mixes, box IoU 0.5", "false events per hour")
    return "\n".join(
        [
            "`birdedge evaluate` on the fixed test sets, which share no original recording, xeno-canto number or "
            "species with the training data. The thresholds of the classical methods are tuned on validation mixes.",
            "",
            *markdown_table(head, rows),
            "",
            "Compared with networks from the literature, each trained on the same recordings with the same small "
            f"budget (benchmarks/studies/SYSTEMS.md, {figures['systems']['date']}); the bundled networks were trained "
            "for longer. A network is Pareto-optimal if no network of equal or lower cost has a higher IoU in mixes.",
            "",
            *markdown_table(
                ("network", "MMAC per second of audio", "parameters", "IoU in mixes", "Pareto-optimal"),
                [
                    (
                        network.name,
                        f"{network.macs_per_s / 1e6:.0f}",
                        f"{network.parameters:,}",
                        f"{100 * network.iou:.1f} %",
                        "yes" if optimal else "",
                    )
                    for network, optimal in pareto(networks(figures))
                ],
            ),
        ]
    )


def networks(figures: Figures) -> list[NetworkCost]:
    """Return the bundled and the other networks, cheapest first."""
    bundled = [
        NetworkCost(row["name"], row["macs_per_s"], row["parameters"], row["sets"]["mixes"]["iou"])
        for row in figures["detectors"]
        if "macs_per_s" in row
    ]
    others = [
        NetworkCost(row["title"], row["macs_per_s"], row["parameters"], row["figures"]["mixes"]["iou"])
        for row in figures["systems"]["rows"]
        if row["budget"]  # rows without a budget are model files, which the bundled networks include
    ]
    return sorted(bundled + others, key=lambda network: (network.macs_per_s, -network.iou))


def pareto(cheapest_first: list[NetworkCost]) -> list[tuple[NetworkCost, bool]]:
    """Return each network and whether it is Pareto-optimal, that is, better than all before it."""
    best_iou, marked = -1.0, []
    for network in cheapest_first:
        marked.append((network, network.iou > best_iou))
        best_iou = max(best_iou, network.iou)
    return marked


def plot(figures: Figures, path: Path) -> None:
    """Plot IoU against cost, with a line through the Pareto-optimal networks."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    found = networks(figures)
    bundled = {row["name"] for row in figures["detectors"]}
    for network in found:
        point, ours = (network.macs_per_s / 1e6, 100 * network.iou), network.name in bundled
        axes.plot(*point, "o" if ours else "s", color="C0" if ours else "C7")
        # The label goes to the right, or to the left, or below, where no equally good network is in its way.
        ahead = [
            other.macs_per_s - network.macs_per_s for other in found if abs(other.iou - network.iou) < 0.012
        ]
        if not any(0 < macs < LABEL_MACS for macs in ahead):
            offset, side = (6, 2), "left"
        elif not any(0 < -macs < LABEL_MACS for macs in ahead):
            offset, side = (-6, 2), "right"
        else:
            offset, side = (0, -12), "center"
        axes.annotate(
            network.name, point, xytext=offset, textcoords="offset points", ha=side, fontsize="x-small"
        )
    axes.margins(x=0.3)
    front = [(network.macs_per_s / 1e6, 100 * network.iou) for network, optimal in pareto(found) if optimal]
    axes.step(*zip(*front, strict=True), where="post", color="C0", linewidth=0.8)
    axes.set_xlabel("million multiply-accumulates per second of audio")
    axes.set_ylabel("IoU in mixes, %")
    figure.savefig(path, dpi=100)
