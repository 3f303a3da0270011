"""Instructions on the processors of three Raspberry Pi boards, counted under emulation, and their estimated time.

No board is measured here: `bash benchmarks/on_a_pi.sh` measures on one.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np

from benchmarks.report.markdown import markdown_table
from benchmarks.report.results import Skipped
from benchmarks.support.arm_boards import BOARDS, MOBILENET_MACS, Board
from benchmarks.support.arm_instructions import KINDS, Kind, counts
from benchmarks.support.instruction_counter import count_blocks, unavailable
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, LIGHT_MODEL, SMALL_MODEL
from birdedge.edge.synthesis.soundscape import soundscape

TITLE = "Raspberry Pi: instructions, and estimated speed and energy"
STAGES = ("network", "pipeline")
GROUPS: dict[str, tuple[Kind, ...]] = {
    "dot products": ("dot product",),
    "integer multiplications": ("vector multiply",),
    "pairwise additions": ("pairwise add",),
    "float multiplications": ("float multiply",),
    "other vector": ("divide", "other vector"),
    "loads and stores": ("access of 64 bits", "access of 128 bits", "access of 256 bits"),
    "integer": ("integer",),
    "branch": ("branch",),
}
FLOAT_MODEL = "birdedge-fp32"
MODELS = (DEFAULT_MODEL, LIGHT_MODEL, SMALL_MODEL, FLOAT_MODEL)
SAMPLE_RATE_HZ = 48_000
FIRST_S, AUDIO_S = 2.048, 4.096  # both are whole calls of each model; FIRST_S is not counted
PROCESSORS = {  # on which the network is counted with and without KleidiAI
    BOARDS[-1].cpu: f"{BOARDS[-1].cpu} ({BOARDS[-1].name})",
    "max": "an emulated processor with SME, which no Pi has",
}
NO_KLEIDIAI = "mlas.disable_kleidiai=1"
SAME_SHARE = 0.005  # counts that differ by less are equal: memory addresses differ from run to run
PROGRAM = """
import json, os, sys
from collections import Counter
from pathlib import Path
import numpy as np
import onnxruntime
import birdedge.edge.models.model as models
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.segmenter import Segmenter

name, audio, rate, first, calls, option = sys.argv[1:]
options = models.session_options()
if "=" in option:
    options.add_session_config_entry(*option.split("="))
models.session_options = lambda: options
model = models.Model(name, Path(audio).with_name("profile") if option == "profile" else None)
samples, first, block = np.load(audio), int(first), int(rate) // 20
pipeline, segmenter = Pipeline(model, int(rate), 1), Segmenter(model)
pipeline.push(samples[:first])
os.getpgid(0)
for begin in range(first, len(samples), block):
    pipeline.push(samples[begin : begin + block])
os.getpgid(0)
for _ in range(int(calls)):
    segmenter.call()
os.getpgid(0)
if option == "profile":
    events = json.loads(Path(model.session.end_profiling()).read_text())
    nodes = [event["args"] for event in events if event["name"].endswith("_kernel_time")]
    ran = {kind: Counter(node[kind] for node in nodes) for kind in ("provider", "op_name")}
    print(json.dumps({**ran, "available": onnxruntime.get_available_providers()}))
"""


class Cost(TypedDict):
    """Instructions per second of audio, by kind, and their estimated time."""

    instructions: Mapping[Kind, float]
    seconds: tuple[float, float]


class Nodes(TypedDict):
    """The nodes in the profile of a few calls, by provider and by operator, and the providers of the wheel."""

    provider: dict[str, int]
    op_name: dict[str, int]
    available: list[str]


class PiFigures(TypedDict):
    """Counts and estimates."""

    boards: dict[str, dict[str, dict[str, Cost]]]  # by board, model, and "network" or "pipeline"
    nodes: dict[str, Nodes]  # by model
    kleidiai: dict[str, dict[str, list[Mapping[Kind, float]]]]  # by processor and model: with it, and without
    macs_per_s: float


def measure(quick: bool, data: Path | None) -> PiFigures | Skipped:  # noqa: ARG001 - all parts have this signature
    """Count instructions of the networks and of the whole pipeline on each board's processor.

    Raises:
        subprocess.CalledProcessError: The pipeline failed under emulation.
    """
    if reason := unavailable():
        return {"skipped": reason}
    with tempfile.TemporaryDirectory() as folder:
        audio = Path(folder) / "audio.npy"
        samples = soundscape(FIRST_S + AUDIO_S, sample_rate_hz=SAMPLE_RATE_HZ).samples
        np.save(audio, samples[:, np.newaxis])
        return {
            "boards": {pi.name: {name: _costs(pi, name, audio) for name in MODELS} for pi in BOARDS},
            "nodes": {
                name: json.loads(_run(BOARDS[-1].cpu, name, audio, "profile")[2])
                for name in (DEFAULT_MODEL, FLOAT_MODEL)
            },
            "kleidiai": {
                cpu: {name: _kleidiai(cpu, name, audio) for name in (DEFAULT_MODEL, FLOAT_MODEL)}
                for cpu in PROCESSORS
            },
            "macs_per_s": Model(DEFAULT_MODEL).card.macs_per_s,
        }


def _costs(board: Board, name: str, audio: Path) -> dict[str, Cost]:
    pipeline, network, _ = _run(board.cpu, name, audio)
    return {"network": _cost(board, network), "pipeline": _cost(board, pipeline)}


def _cost(board: Board, blocks: Counter[bytes]) -> Cost:
    fast_s, slow_s = board.seconds(blocks)
    return {"instructions": _per_s(blocks), "seconds": (fast_s / AUDIO_S, slow_s / AUDIO_S)}


def _kleidiai(cpu: str, name: str, audio: Path) -> list[Mapping[Kind, float]]:
    return [_per_s(_run(cpu, name, audio, option)[1]) for option in ("", NO_KLEIDIAI)]


def _run(cpu: str, name: str, audio: Path, option: str = "") -> tuple[Counter[bytes], Counter[bytes], str]:
    """Return the executed blocks of the pipeline and of the network for `AUDIO_S`, and what the program printed."""
    card = Model(name).card
    first, calls = round(FIRST_S * SAMPLE_RATE_HZ), round(AUDIO_S / (card.chunk_frames * card.grid.hop_s))
    phases, printed = count_blocks(
        cpu, PROGRAM, name, str(audio), str(SAMPLE_RATE_HZ), str(first), str(calls), option
    )
    _, pipeline, network = phases
    return pipeline, network, printed


def _per_s(blocks: Counter[bytes]) -> Mapping[Kind, float]:
    counted = counts(blocks)
    return {kind: counted[kind] / AUDIO_S for kind in KINDS if counted[kind]}


def section(figures: PiFigures) -> str:
    """Return the estimated times, the instructions, the power, and which kernels ran."""
    costs = [
        (board, model, stages)
        for board, models in figures["boards"].items()
        for model, stages in models.items()
    ]
    times = [
        (
            board,
            f"`{model}`",
            *(f"{sum(stages[stage]['instructions'].values()) / 1e6:.0f}" for stage in STAGES),
            *(_range(stages[stage]["seconds"], 1e3, " ms") for stage in STAGES),
        )
        for board, model, stages in costs
    ]
    kinds = [
        (
            board,
            f"`{model}`",
            *(
                f"{sum(stages['network']['instructions'].get(kind, 0) for kind in kinds) / 1e6:.1f}"
                for kinds in GROUPS.values()
            ),
        )
        for board, model, stages in costs
    ]
    return "\n".join(
        [
            f"No Raspberry Pi was measured for these tables. All instructions for {AUDIO_S:g} s of the demo are "
            "counted under emulation of each board's processor. The lower end of a range assumes that a block of "
            "instructions takes as long as its busiest unit; the upper end assumes that instructions run one after "
            "the other, and that those on general registers take as long as in typical programs. "
            "`benchmarks/support/arm_boards.py` has the costs and their sources.",
            "",
            *markdown_table(
                (
                    "estimated, not measured",
                    "model",
                    "million instructions per second of audio: network",
                    "whole pipeline",
                    "CPU time per second of audio, one core: network",
                    "whole pipeline",
                ),
                times,
            ),
            "",
            _comparison(figures["macs_per_s"]),
            "",
            "Power is the CPU time of the whole pipeline multiplied by the assumed power of one busy core. The "
            "microphone, storage and radio are not included.",
            "",
            *markdown_table(
                (
                    "estimated, not measured",
                    "model",
                    "assumed: idle board, plus one busy core",
                    "power for listening",
                    "energy for listening per day",
                    "energy of the idle board per day",
                ),
                [
                    _power(pi, model, figures["boards"][pi.name][model]["pipeline"]["seconds"])
                    for pi in BOARDS
                    for model in (DEFAULT_MODEL, LIGHT_MODEL)
                ],
            ),
            "",
            "Million instructions of the network per second of audio, by kind:",
            "",
            *markdown_table(("board", "model", *GROUPS), kinds),
            "",
            *_kernels(figures),
        ]
    )


def _range(low_high: tuple[float, float], factor: float, unit: str, digits: int = 0) -> str:
    low, high = (f"{factor * value:.{digits}f}" for value in low_high)
    return f"{low} to {high}{unit}"


def _comparison(macs_per_s: float) -> str:
    times = ", ".join(
        f"{1e3 * macs_per_s * pi.mobilenet_s / MOBILENET_MACS:.0f} ms on {pi.name}" for pi in BOARDS
    )
    return (
        f"For comparison: `{DEFAULT_MODEL}` takes {macs_per_s / 1e6:.0f} million multiply-accumulates per second of "
        f"audio. At the rate that ncnn publishes for its int8 MobileNet, they would take {times}."
    )


def _power(board: Board, model: str, pipeline_s_per_s: tuple[float, float]) -> tuple[str, ...]:
    return (
        board.name,
        f"`{model}`",
        f"{board.idle_w:g} W, {board.busy_core_w:g} W",
        _range(pipeline_s_per_s, 1e3 * board.busy_core_w, " mW"),
        _range(pipeline_s_per_s, 24 * board.busy_core_w, " Wh", 1),
        f"{24 * board.idle_w:.0f} Wh",
    )


def _kernels(figures: PiFigures) -> list[str]:
    """Return a Markdown list of the kernels that ran, read from profiles and counts."""
    nodes, *_ = figures["nodes"].values()
    profiled = " and ".join(f"`{name}`" for name in figures["nodes"])
    ran = sorted({provider for profile in figures["nodes"].values() for provider in profile["provider"]})
    xnnpack = "used" if "XnnpackExecutionProvider" in ran else "not used"
    lines = [
        f"- XNNPACK: the wheel offers {' and '.join(nodes['available'])}. In onnxruntime's profile, all nodes of "
        f"{profiled} ran in {' and '.join(ran)}. XNNPACK is {xnnpack}."
    ]
    for cpu, models in figures["kleidiai"].items():
        for model, (with_it, without) in models.items():
            used, unused = sum(with_it.values()), sum(without.values())
            same = abs(used - unused) < SAME_SHARE * unused
            lines.append(
                f"- KleidiAI, `{model}` on {PROCESSORS.get(cpu, cpu)}: {used / 1e6:.1f} million instructions per "
                f"second of audio, {with_it.get('SVE or SME', 0) / 1e6:.1f} million of them SVE or SME, and "
                f"{unused / 1e6:.1f} million with `{NO_KLEIDIAI}`. KleidiAI is {'not used' if same else 'used'}."
            )
    return lines
