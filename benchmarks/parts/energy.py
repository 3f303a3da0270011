"""Speed and energy on a Raspberry Pi, estimated from CPU time on this machine, and this board's temperature."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import TypedDict

import numpy as np

from benchmarks.parts.stage_costs import stage_costs
from benchmarks.report.markdown import markdown_table
from benchmarks.support.arm_boards import BOARDS, INT8_MACS_PER_FP32_MAC, network_s_per_s
from birdedge.edge.diagnostics.speed import matrix_peak_macs_per_s
from birdedge.edge.diagnostics.speed import measure as measure_networks
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.system import board_health as board

TITLE = "Raspberry Pi: estimated speed and energy"
DEVICE_TREE = Path("/proc/device-tree/model")
X86 = ("x86_64", "AMD64")
SCENE_S = 20.0
# Assumed, from measurements of owners at the plug: the idle board, and one busy core in addition.
POWER_W = {"Pi Zero 2 W": (0.6, 0.5), "Pi 4": (2.7, 1.0), "Pi 5": (2.8, 1.5)}


class BoardEstimate(TypedDict):
    """The estimate for one board; pairs are the limits of a range."""

    board: str
    clock_hz: tuple[float, float]
    int8_macs_per_cycle: tuple[float, float]
    network_s_per_s: tuple[float, float]
    idle_w: float
    busy_core_w: float


class Heat(TypedDict):
    """Temperature and throttling around a time with one busy core; None if the board does not report it."""

    temperature_before_c: float | None
    temperature_after_c: float | None
    throttled: bool | None
    busy_s: float


class ThisMachine(Heat):
    """Measurements on this machine."""

    board: str | None
    cpu_s_per_s: float  # of the pipeline, per second of audio


class EnergyFigures(TypedDict):
    """The measurements and the estimates."""

    macs_per_s: float
    share_of_fp32_peak: float
    other_stages_to_network: float  # ratio of CPU times
    boards: list[BoardEstimate]
    this_machine: ThisMachine


def measure(quick: bool, data: Path | None) -> EnergyFigures:  # noqa: ARG001 - all parts have this signature
    """Measure CPU time, the share of the fp32 matrix peak, and the board's temperature after a busy time."""
    model = Model()
    scene = soundscape(SCENE_S, sample_rate_hz=model.card.grid.sample_rate_hz)
    stages = stage_costs(model, scene.samples, scene.sample_rate_hz)
    (network,) = measure_networks([model], 2.0 if quick else 5.0)
    share = model.card.macs_per_s / network.median_s / matrix_peak_macs_per_s()
    return {
        "macs_per_s": model.card.macs_per_s,
        "share_of_fp32_peak": share,
        "other_stages_to_network": stages["pipeline"] / stages["network"] - 1,
        "boards": [
            {
                "board": pi.name,
                "clock_hz": pi.clock_hz,
                "int8_macs_per_cycle": pi.int8_macs_per_cycle,
                "network_s_per_s": network_s_per_s(model.card.macs_per_s, pi, share),
                "idle_w": POWER_W[pi.name][0],
                "busy_core_w": POWER_W[pi.name][1],
            }
            for pi in BOARDS
            if platform.machine() in X86  # only there the share of the fp32 peak says something about int8
        ],
        "this_machine": {
            "board": DEVICE_TREE.read_text("utf-8").strip("\0 \n") if DEVICE_TREE.exists() else None,
            "cpu_s_per_s": stages["pipeline"],
            **heat(model, 10.0 if quick else 60.0),
        },
    }


def heat(model: Model, busy_s: float) -> Heat:
    """Keep one core busy, if the board reports its temperature, and return temperatures and throttling."""
    before_c = board.temperature_c()
    if before_c is not None:
        samples = soundscape(SCENE_S).samples[:, np.newaxis]
        pipeline, end_s = Pipeline(model, 32_000, 1), time.monotonic() + busy_s
        while time.monotonic() < end_s:
            pipeline.push(samples)
    return {
        "temperature_before_c": before_c,
        "temperature_after_c": board.temperature_c(),
        "throttled": board.throttled(),
        "busy_s": busy_s,
    }


def section(figures: EnergyFigures) -> str:
    """Return the estimates with their assumptions, and the measurements on this machine."""
    share, others = figures["share_of_fp32_peak"], figures["other_stages_to_network"]
    low, high = sorted(share / ratio for ratio in INT8_MACS_PER_FP32_MAC)
    lines = [
        f"The network takes {figures['macs_per_s'] / 1e6:.0f} million multiply-accumulates (MACs) per second of audio. "
        f"On this machine the other stages, from samples to events, add {others:.0%} to the network's CPU time. "
        f"{_this_machine(figures['this_machine'])}"
    ]
    if figures["boards"]:
        head = (
            "estimated, not measured",
            "clock",
            "peak int8 MACs per cycle",
            "network per second of audio, one core",
            "assumed: idle board, one busy core in addition",
            "power for listening",
            "energy for listening per day",
            "energy of the idle board per day",
        )
        lines += [
            "",
            f"On this machine the network reaches {share:.0%} of the fp32 matrix peak (see `birdedge bench`), that is, "
            f"{low:.0%} to {high:.0%} of the int8 peak of an x86 core with or without VNNI. The estimate assumes that "
            "it reaches the same share of a Pi's int8 peak. Power is CPU time multiplied by an assumed power of one "
            "busy core; microphone, storage and radio are extra.",
            "",
            *markdown_table(head, [_cells(estimate, others) for estimate in figures["boards"]]),
        ]
    return "\n".join(lines)


def _cells(estimate: BoardEstimate, others: float) -> tuple[str, ...]:
    (low_hz, high_hz), (few, many) = estimate["clock_hz"], estimate["int8_macs_per_cycle"]
    network_s = estimate["network_s_per_s"]
    watts = [estimate["busy_core_w"] * (1 + others) * seconds for seconds in network_s]
    clock = f"{low_hz / 1e9:g}" if low_hz == high_hz else f"{low_hz / 1e9:g} to {high_hz / 1e9:g}"
    return (
        estimate["board"],
        f"{clock} GHz",
        f"{few:g} to {many:.2g}",
        f"{1e3 * network_s[0]:.0f} to {1e3 * network_s[1]:.0f} ms",
        f"{estimate['idle_w']:g} W, {estimate['busy_core_w']:g} W",
        f"{1e3 * watts[0]:.0f} to {1e3 * watts[1]:.0f} mW",
        f"{24 * watts[0]:.1f} to {24 * watts[1]:.1f} Wh",
        f"{24 * estimate['idle_w']:.0f} Wh",
    )


def _this_machine(figures: ThisMachine) -> str:
    text = (
        f"The whole pipeline takes {1e3 * figures['cpu_s_per_s']:.1f} ms of CPU per second of audio, measured"
    )
    for name, (idle_w, core_w) in POWER_W.items():
        if name in (figures["board"] or ""):
            text += (
                f"; at an assumed {core_w:g} W per busy core that is {1e3 * core_w * figures['cpu_s_per_s']:.0f} mW, "
                f"compared with {idle_w:g} W of an idle {name}"
            )
    before_c, after_c = figures["temperature_before_c"], figures["temperature_after_c"]
    if before_c is None or after_c is None:
        return f"{text}. This machine reports neither temperature nor throttling."
    throttled = {True: "throttled", False: "not throttled", None: "throttling not reported"}
    return (
        f"{text}. In {figures['busy_s']:g} s with one busy core its temperature went from {before_c:.0f} to "
        f"{after_c:.0f} degrees Celsius, {throttled[figures['throttled']]}."
    )
