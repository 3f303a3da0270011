"""How well the bundled models hear, by `birdedge evaluate`, and IoU against cost beside other networks.

The other networks are those of systems.py, whose figures lie in systems.json: to train them takes hours.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.report.markdown import markdown_table
from benchmarks.report.model_card import models_in_order, percent
from birdedge.edge.models.names import DEFAULT_MODEL

TITLE = "Accuracy, and what it costs"
SYSTEMS = Path(__file__).parents[1] / "studies" / "systems.json"
SETS = {"painted": "painted by hand", "mixes": "mixes", "focal": "as recorded"}

Figures = dict[str, Any]


def measure(quick: bool, data: Path | None) -> Figures:
    """Every bundled network and the classical baselines; when quick, the default on few mixes.

    Raises:
        subprocess.CalledProcessError: `birdedge evaluate` failed.
    """
    if data is None:
        return {"left_out": "it is scored on recordings; give --data"}
    if importlib.util.find_spec("torch") is None:
        return {"left_out": "it needs torch; do pip install 'birdedge[evaluate]'"}
    cards = {model.card.name: model.card for model in models_in_order()}
    names = [DEFAULT_MODEL] if quick else list(cards)
    options = ["--mixes", "40"] if quick else ["--baselines"]
    command = [sys.executable, "-m", "birdedge", "evaluate", *names, *options, "--data", str(data), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    scored = [
        {
            "name": figures["name"],
            "sets": {key: figures[key] for key in SETS if key in figures},
            "false_events_per_hour": figures.get("noise", {}).get("per_hour"),
        }
        for figures in json.loads(done.stdout)
    ]
    for row in scored:
        if row["name"] in cards:
            row["macs_per_s"] = cards[row["name"]].macs_per_s
            row["parameters"] = cards[row["name"]].parameters
    return {"scored": scored, "systems": json.loads(SYSTEMS.read_text(encoding="utf-8"))}


def section(figures: Figures) -> str:
    """The sets, then every network by its cost."""
    rows = [
        (
            row["name"],
            *(percent(row["sets"].get(key, {}), "iou") for key in SETS),
            percent(row["sets"].get("mixes", {}), "event_f1_at_0.5"),
            "" if row["false_events_per_hour"] is None else f"{row['false_events_per_hour']:.0f}",
        )
        for row in figures["scored"]
    ]
    head = ("IoU, pooled [95 %]", *SETS.values(), "event F1 in mixes, box IoU 0.5", "false events an hour")
    return "\n".join(
        [
            "`birdedge evaluate` on the fixed test sets, which share no original recording, xeno-canto number or "
            "species with what was learned from; the classical ways have their thresholds tuned on validation mixes.",
            "",
            *markdown_table(head, rows),
            "",
            "Beside networks of the field, each trained on the same sound in one small budget "
            f"(benchmarks/studies/SYSTEMS.md, {figures['systems']['date']}); the bundled ones were trained for "
            "longer. The best at its cost: no network that costs as little or less has a higher IoU in mixes.",
            "",
            *markdown_table(
                ("network", "MMAC a second of sound", "parameters", "IoU mixes", "best at its cost"),
                [
                    (
                        name,
                        f"{macs / 1e6:.0f}",
                        f"{parameters:,}",
                        f"{100 * iou:.1f} %",
                        "yes" if best else "",
                    )
                    for (name, macs, parameters, iou), best in pareto(networks(figures))
                ],
            ),
        ]
    )


def networks(figures: Figures) -> list[tuple[str, float, int, float]]:
    """Name, multiply-accumulates a second of sound, parameters and IoU in mixes; cheapest first."""
    bundled = [
        (row["name"], row["macs_per_s"], row["parameters"], row["sets"]["mixes"]["iou"])
        for row in figures["scored"]
        if "macs_per_s" in row
    ]
    trained = [
        (row["title"], row["macs_per_s"], row["parameters"], row["figures"]["mixes"]["iou"])
        for row in figures["systems"]["rows"]
        if row["budget"]  # the others are bundled
    ]
    return sorted(bundled + trained, key=lambda network: (network[1], -network[3]))


def pareto(
    found: list[tuple[str, float, int, float]],
) -> list[tuple[tuple[str, float, int, float], bool]]:
    """Each network, cheapest first, and whether none before it is as good."""
    best, marked = -1.0, []
    for network in found:
        marked.append((network, network[3] > best))
        best = max(best, network[3])
    return marked


def plot(figures: Figures, path: Path) -> None:
    """IoU against cost; the best at their cost are joined."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    marked = pareto(networks(figures))
    bundled = {row["name"] for row in figures["scored"]}
    for rank, ((name, macs, _, iou), _) in enumerate(sorted(marked, key=lambda row: row[0][3])):
        at, ours = (macs / 1e6, 100 * iou), name in bundled
        axes.plot(*at, "o" if ours else "s", color="C0" if ours else "C7")
        # Now to the right, now to the left: neighbours are nearly as good.
        offset, side = ((-6, -3), "right") if rank % 2 else ((6, -3), "left")
        axes.annotate(name, at, xytext=offset, textcoords="offset points", ha=side, fontsize="x-small")
    axes.margins(x=0.3)
    front = [(macs / 1e6, 100 * iou) for (_, macs, _, iou), best in marked if best]
    axes.step(*zip(*front, strict=True), where="post", color="C0", linewidth=0.8)
    axes.set_xlabel("million multiply-accumulates a second of sound")
    axes.set_ylabel("IoU in mixes, %")
    figure.savefig(path, dpi=100)
