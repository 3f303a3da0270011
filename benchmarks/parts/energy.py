"""Speed and energy on a recorder, estimated from CPU time here; with what the board tells of its heat.

Of the int8 multiply-accumulates that a board can do at best, the network is taken to get the share that it gets on x86.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.parts.aarch64 import BOARDS, INT8_MACS_PER_FP32_MAC, network_s_per_s
from benchmarks.parts.stage_costs import stage_costs
from benchmarks.report.markdown import markdown_table
from birdedge.edge.diagnostics.speed import matrix_peak_macs_per_s
from birdedge.edge.diagnostics.speed import measure as measure_networks
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.system import board_health as board

TITLE = "A Raspberry Pi: speed and energy, estimated"
DEVICE_TREE = Path("/proc/device-tree/model")
X86 = ("x86_64", "AMD64")
SCENE_S = 20.0
# Assumed, from what owners measured at the plug: of the board at rest, and of one busy core in addition.
POWER_W = {"Pi Zero 2 W": (0.6, 0.5), "Pi 4": (2.7, 1.0), "Pi 5": (2.8, 1.5)}

Figures = dict[str, Any]


def measure(quick: bool, data: Path | None) -> Figures:  # noqa: ARG001 - every part is asked alike
    """CPU time here, how near the network comes to the fp32 matrix peak, and this board's heat after a busy while."""
    model = Model()
    sound = soundscape(SCENE_S, sample_rate_hz=model.card.grid.sample_rate_hz)
    stages = stage_costs(model, sound.samples, sound.sample_rate_hz)
    (network,) = measure_networks([model], 2.0 if quick else 5.0)
    share = model.card.macs_per_s / network.median_s / matrix_peak_macs_per_s()
    rest = stages["pipeline"] / stages["network"] - 1
    return {
        "macs_per_s": model.card.macs_per_s,
        "share_of_fp32_peak": share,
        "rest_of_network": rest,
        "boards": [
            {
                "board": pi.name,
                "clock_hz": pi.clock_hz,
                "int8_macs_per_cycle": pi.int8_macs_per_cycle,
                "network_s_per_s": network_s_per_s(model.card.macs_per_s, pi, share),
                "rest_w": POWER_W[pi.name][0],
                "core_w": POWER_W[pi.name][1],
            }
            for pi in BOARDS
            if platform.machine() in X86  # what the share of the fp32 peak means is known there alone
        ],
        "here": {
            "board": DEVICE_TREE.read_text("utf-8").strip("\0 \n") if DEVICE_TREE.exists() else None,
            "cpu_s_per_s": stages["pipeline"],
            **heat(model, 10.0 if quick else 60.0),
        },
    }


def heat(model: Model, busy_s: float) -> Figures:
    """Temperature and throttling before and after so long of one busy core; None where the board does not tell."""
    before_c = board.temperature_c()
    if before_c is not None:
        sound = soundscape(SCENE_S).samples[:, np.newaxis]
        pipeline, end_s = Pipeline(model, 32_000, 1), time.monotonic() + busy_s
        while time.monotonic() < end_s:
            pipeline.push(sound)
    return {
        "temperature_before_c": before_c,
        "temperature_after_c": board.temperature_c(),
        "throttled": board.throttled(),
        "busy_s": busy_s,
    }


def section(figures: Figures) -> str:
    """The estimate, its assumptions, and what this board tells."""
    share, rest = figures["share_of_fp32_peak"], figures["rest_of_network"]
    low, high = sorted(share / ratio for ratio in INT8_MACS_PER_FP32_MAC)
    rows = []
    for pi in figures["boards"]:
        (low_hz, high_hz), (few, many) = pi["clock_hz"], pi["int8_macs_per_cycle"]
        network_s = pi["network_s_per_s"]
        watts = [pi["core_w"] * (1 + rest) * seconds for seconds in network_s]
        clock = f"{low_hz / 1e9:g}" if low_hz == high_hz else f"{low_hz / 1e9:g} to {high_hz / 1e9:g}"
        rows.append(
            (
                pi["board"],
                f"{clock} GHz",
                f"{few:g} to {many:.2g}",
                f"{1e3 * network_s[0]:.0f} to {1e3 * network_s[1]:.0f} ms",
                f"{pi['rest_w']:g} W, {pi['core_w']:g} W",
                f"{1e3 * watts[0]:.0f} to {1e3 * watts[1]:.0f} mW",
                f"{24 * watts[0]:.1f} to {24 * watts[1]:.1f} Wh",
                f"{24 * pi['rest_w']:.0f} Wh",
            )
        )
    head = (
        "estimate, nothing measured",
        "clock",
        "int8 MACs a cycle at best",
        "network, a second of sound, one core",
        "assumed: board at rest, a busy core more",
        "listening takes",
        "a day of it",
        "the board's rest, a day",
    )
    lines = [
        f"The network takes {figures['macs_per_s'] / 1e6:.0f} million multiply-accumulates (MACs) a second "
        f"of sound, and all else from samples to events {rest:.0%} of the network's time in addition, here. "
        f"{_here(figures['here'])}"
    ]
    if rows:
        lines += [
            "",
            f"Here the network gets {share:.0%} of the fp32 matrix peak (as `birdedge bench` prints), which "
            f"is {low:.0%} to {high:.0%} of the int8 peak of an x86 core with or without VNNI; a Pi is taken "
            "to get the same share of its own int8 peak. Power is CPU time by an assumed power of one busy "
            "core; microphone, storage and radio come on top.",
            "",
            *markdown_table(head, rows),
        ]
    return "\n".join(lines)


def _here(here: Figures) -> str:
    said = f"That is {1e3 * here['cpu_s_per_s']:.1f} ms of CPU a second of sound, measured"
    for name, (rest_w, core_w) in POWER_W.items():
        if name in (here["board"] or ""):
            said += (
                f"; at an assumed {core_w:g} W of one busy core {1e3 * core_w * here['cpu_s_per_s']:.0f} mW, "
                f"beside the {rest_w:g} W of a {name} at rest"
            )
    if here["temperature_before_c"] is None:
        return f"{said}. This board tells no temperature and no throttling."
    throttled = {True: "throttled", False: "not throttled", None: "whether throttled it does not tell"}
    return (
        f"{said}. In {here['busy_s']:g} s of one busy core it went from {here['temperature_before_c']:.0f} to "
        f"{here['temperature_after_c']:.0f} degrees Celsius, {throttled[here['throttled']]}."
    )
