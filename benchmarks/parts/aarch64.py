"""birdedge on emulated ARM processors.

Needs what `bash tests/aarch64/setup.sh` makes. Emulation shows that the results are right and what memory they take;
it says nothing of speed.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report.markdown import markdown_table
from birdedge.edge.formats.mask_npz import read_mask_file

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("BIRDEDGE_AARCH64", ROOT / "build" / "aarch64")).resolve()
TITLE = "64-bit ARM, emulated"
DEMO_S = 20.0
HERE = None  # in place of a processor's name: this machine, without the emulator
LOOK_S = 0.1  # between looks at a process's memory; emulated, that is a few milliseconds of a recorder's time
MAPPING = re.compile(
    r"^(?P<start>[0-9a-f]+)-[0-9a-f]+ (?P<permissions>\S+) \S+ \S+ \S+ *(?P<name>.*)\n(?:.*\n)*?Rss: +(?P<kb>\d+) kB",
    re.M,
)

Event = dict[str, Any]


@dataclass(frozen=True)
class Board:
    """A computer, its processor as qemu names it, and between which bounds its speed is assumed to lie."""

    cpu: str
    name: str
    clock_hz: tuple[float, float]
    # One core at best. Without dot product: 4 by one UMLAL a cycle, or 16 by SMULL, SMLAL and SADALP, which take the
    # A53 three cycles and the A72, with two pipes, two. With it, 16 by a UDOT, of which the A76 does one or two.
    int8_macs_per_cycle: tuple[float, float]


BOARDS = (
    Board("cortex-a53", "Pi Zero 2 W", (1.0e9, 1.0e9), (4, 16 / 3)),
    Board("cortex-a72", "Pi 4", (1.5e9, 1.8e9), (4, 8)),
    Board("cortex-a76", "Pi 5", (2.4e9, 2.4e9), (16, 32)),
)
# An x86 core has two int8 multiply-accumulates for each of fp32 (AVX2), or four (VNNI).
INT8_MACS_PER_FP32_MAC = (2, 4)


@dataclass(frozen=True)
class MaskDifference:
    """How far two masks of a recording are apart."""

    share: float  # of the bins that differ
    steps: int  # the greatest difference, of 255


@dataclass(frozen=True)
class Resident:
    """Bytes of a process in memory, at most."""

    whole_bytes: int
    program_bytes: int  # without the emulator's own: its code, its heap, and the code it translates into


@dataclass(frozen=True)
class Heard:
    """What one recording came to: in `segment`, and in `listen` with its memory."""

    mask: NDArray[np.uint8]  # [frames, bins]
    segmented: list[Event]
    listened: list[Event]
    resident: Resident


def unusable() -> str | None:
    """Why there is nothing to emulate, as a sentence; None where there is."""
    if not (FOLDER / "made").is_file():
        return f"there is no aarch64 environment in {FOLDER}; do: bash tests/aarch64/setup.sh"
    for path in (*(ROOT / "edge").rglob("*.py"), *(ROOT / "edge").rglob("*.onnx")):
        copy = FOLDER / "packages" / "birdedge" / path.relative_to(ROOT)
        if not (copy.is_file() and filecmp.cmp(path, copy, shallow=False)):
            return f"{FOLDER} holds another birdedge than the checkout; do: bash tests/aarch64/setup.sh"
    return None


def write_demo(path: Path, duration_s: float) -> Path:
    """The demo soundscape, made here, so that all hear the same samples."""
    run(HERE, "-m", "birdedge", "demo", str(path), "--duration", f"{duration_s:g}", stdout=subprocess.DEVNULL)
    return path


def hear(cpu: str | None, sound: Path, folder: Path) -> Heard:
    """Segments a recording, and listens to it, on a processor; writes into `folder`."""
    birdedge = ("-m", "birdedge")
    wanted = ("--out", str(folder), "--format", "jsonl", "--masks", str(folder))
    run(cpu, *birdedge, "segment", str(sound), *wanted, stdout=subprocess.DEVNULL)
    listened = folder / "listened.jsonl"
    with listened.open("wb") as file:
        resident = run(cpu, *birdedge, "listen", str(sound), "--fast", "--json", stdout=file)
    mask = read_mask_file(folder / f"{sound.stem}.npz").mask
    return Heard(mask, _events(folder / f"{sound.stem}.jsonl"), _events(listened), resident)


def run(cpu: str | None, *arguments: str, stdout: int | IO[bytes] | None = None) -> Resident:
    """Runs Python to its end, one thread, emulated unless `cpu` is HERE, and watches its memory.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["OMP_NUM_THREADS"] = "1"
    if cpu is HERE:
        command = [sys.executable, *arguments]
        environment["PYTHONPATH"] = str(ROOT)
    else:
        command = [str(FOLDER / "python"), *arguments]
        environment["QEMU_CPU"] = cpu
    process = subprocess.Popen(command, env=environment, stdout=stdout)
    looks = [Resident(0, 0)]
    while process.poll() is None:
        with suppress(ProcessLookupError):  # it has just ended
            looks.append(resident(Path(f"/proc/{process.pid}/smaps").read_text(encoding="utf-8")))
        time.sleep(LOOK_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Resident(max(look.whole_bytes for look in looks), max(look.program_bytes for look in looks))


def resident(smaps: str) -> Resident:
    """Adds up /proc/PID/smaps.

    qemu maps the code of what it emulates without leave to execute it: what may be executed is its own.
    """
    sizes_kb = {}
    for mapping in MAPPING.finditer(smaps):
        own = "x" in mapping["permissions"] or mapping["name"] == "[heap]" or "/qemu-" in mapping["name"]
        # A mapping that grows while the file is read stands there twice: its later size counts.
        sizes_kb[mapping["start"]] = int(mapping["kb"]), own
    whole_kb = sum(kb for kb, _ in sizes_kb.values())
    return Resident(1024 * whole_kb, 1024 * sum(kb for kb, own in sizes_kb.values() if not own))


def compare_masks(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> MaskDifference:
    """Shape: `[frames, bins]` both."""
    steps = np.abs(a.astype(np.int16) - b)
    return MaskDifference(float(np.mean(steps > 0)), int(steps.max()))


def install_bytes() -> int:
    """What birdedge and the packages that it needs take on the recorder."""
    return sum(path.stat().st_size for path in (FOLDER / "packages").rglob("*") if path.is_file())


def network_s_per_s(macs_per_s: float, board: Board, share_of_fp32_peak: float) -> tuple[float, float]:
    """Estimate of a core's seconds for a second of sound, the network alone: fast end, slow end.

    Of the int8 multiply-accumulates that the board can do at best, the network is taken to get the share that it
    gets on x86, where only its share of the fp32 peak is measured.
    """
    high, low = (share_of_fp32_peak / ratio for ratio in INT8_MACS_PER_FP32_MAC)
    (low_hz, high_hz), (few, many) = board.clock_hz, board.int8_macs_per_cycle
    return macs_per_s / (high_hz * many * high), macs_per_s / (low_hz * few * low)


def measure(quick: bool, data: Path | None) -> dict[str, Any]:  # noqa: ARG001 - every part is asked alike
    """20 s of the demo on each board's processor, beside this machine.

    Raises:
        subprocess.CalledProcessError: birdedge failed on one.
    """
    if reason := unusable():
        return {"left_out": reason}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = write_demo(folder / "demo.wav", DEMO_S)
        here = hear(HERE, sound, folder / "here")
        rows = [_row(board, here, hear(board.cpu, sound, folder / board.cpu)) for board in BOARDS]
    return {
        "sound_s": DEMO_S,
        "mask_bins": here.mask.size,
        "resident_bytes": here.resident.whole_bytes,
        "install_bytes": install_bytes(),
        "boards": rows,
    }


def _row(board: Board, here: Heard, there: Heard) -> dict[str, Any]:
    found = compare_masks(here.mask, there.mask)
    return {
        "processor": f"{board.cpu} ({board.name})",
        "bins_that_differ": round(found.share * here.mask.size),
        "steps": found.steps,
        "events": len(there.listened),
        "events_equal": there.segmented == here.segmented and there.listened == here.listened,
        "resident_bytes": there.resident.program_bytes,
    }


def section(figures: dict[str, Any]) -> str:
    """What emulation shows."""
    rows = [
        (
            row["processor"],
            f"{row['bins_that_differ']}, by {row['steps']} of 255" if row["bins_that_differ"] else "none",
            f"{row['events']}, {'equal' if row['events_equal'] else 'not equal'}",
            f"{row['resident_bytes'] / 1e6:.0f} MB",
        )
        for row in figures["boards"]
    ]
    head = ("emulated processor", "mask bins that differ from x86's", "events", "resident memory of `listen`")
    return "\n".join(
        [
            f"`birdedge segment` and `listen --fast` on {figures['sound_s']:g} s of the demo, "
            f"{figures['mask_bins']:,} mask bins. Emulation shows that the results are right and what memory "
            "they take, not speed.",
            "",
            *markdown_table(head, rows),
            "",
            f"Memory is without the emulator's own; on x86 it is {figures['resident_bytes'] / 1e6:.0f} MB. "
            f"Packages installed: {figures['install_bytes'] / 1e6:.0f} MB.",
        ]
    )


def _events(path: Path) -> list[Event]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
