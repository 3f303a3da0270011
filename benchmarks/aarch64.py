"""birdedge on ARM: what an emulator can show, and an estimate of the rest: `python -m benchmarks.aarch64`.

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

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.markdown import markdown_table
from benchmarks.stages import stage_costs
from birdedge.edge.mask_file import read_mask_file
from birdedge.edge.model import Model
from birdedge.edge.soundscape import soundscape

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("BIRDEDGE_AARCH64", ROOT / "build" / "aarch64")).resolve()
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


def section(duration_s: float = 20.0) -> str:
    """Markdown: what emulation shows, and the estimate of speed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = write_demo(folder / "demo.wav", duration_s)
        here = hear(HERE, sound, folder / "here")
        rows = [_row(board, here, hear(board.cpu, sound, folder / board.cpu)) for board in BOARDS]
    head = ("emulated processor", "mask bins that differ from x86's", "events", "resident memory of `listen`")
    return "\n".join(
        [
            f"`birdedge segment` and `listen --fast` on {duration_s:g} s of the demo, {here.mask.size:,} mask bins. "
            "Emulation shows that the results are right and what memory they take, not speed.",
            "",
            *markdown_table(head, rows),
            "",
            f"Memory is without the emulator's own; on x86 it is {here.resident.whole_bytes / 1e6:.0f} MB. "
            f"Packages installed: {install_bytes() / 1e6:.0f} MB.",
            "",
            *_estimate(),
            "",
        ]
    )


def _row(board: Board, here: Heard, there: Heard) -> tuple[str, ...]:
    found = compare_masks(here.mask, there.mask)
    differ = round(found.share * here.mask.size)
    equal = there.segmented == here.segmented and there.listened == here.listened
    return (
        f"{board.cpu} ({board.name})",
        f"{differ}, by {found.steps} of 255" if differ else "none",
        f"{len(there.listened)}, {'equal' if equal else 'not equal'}",
        f"{there.resident.program_bytes / 1e6:.0f} MB",
    )


def _estimate() -> list[str]:
    model = Model()
    macs_per_s = model.card.macs_per_s
    share = _share_of_fp32_peak(model.card.name)
    sound = soundscape(20.0, sample_rate_hz=model.card.grid.sample_rate_hz)
    stages = stage_costs(model, sound.samples, sound.sample_rate_hz)
    rows = []
    for board in BOARDS:
        fast_s, slow_s = network_s_per_s(macs_per_s, board, share)
        (low_hz, high_hz), (few, many) = board.clock_hz, board.int8_macs_per_cycle
        clock = f"{low_hz / 1e9:g}" if low_hz == high_hz else f"{low_hz / 1e9:g} to {high_hz / 1e9:g}"
        rows.append(
            (
                board.name,
                f"{clock} GHz",
                f"{few:g} to {many:.2g}",
                f"{1e3 * fast_s:.0f} to {1e3 * slow_s:.0f} ms",
            )
        )
    head = (
        "estimate, nothing measured",
        "clock",
        "int8 MACs a cycle at best",
        "network, a second of sound, one core",
    )
    low, high = sorted(share / ratio for ratio in INT8_MACS_PER_FP32_MAC)
    return [
        f"Speed on a Raspberry Pi is an estimate. The network takes {macs_per_s / 1e6:.0f} million "
        f"multiply-accumulates (MACs) a second of sound. Here it gets {share:.0%} of the fp32 matrix peak "
        f"(as `birdedge bench` prints), which is {low:.0%} to {high:.0%} of the int8 peak of an x86 core with or "
        "without VNNI; a Pi is taken to get the same share of its own int8 peak. All else from samples to events "
        f"takes {stages['pipeline'] / stages['network'] - 1:.0%} of the network's time in addition, here.",
        "",
        *markdown_table(head, rows),
    ]


def _share_of_fp32_peak(model: str) -> float:
    """From a process of its own, since a matrix product on several threads would be no measure of one."""
    with tempfile.TemporaryFile() as file:
        run(HERE, "-m", "birdedge", "bench", model, "--dry-run", stdout=file)
        file.seek(0)
        (percent,) = re.findall(rb"(\d+)%", file.read())
    return int(percent) / 100


def _events(path: Path) -> list[Event]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@click.command()
@click.option("--seconds", "duration_s", default=20.0, show_default=True, help="Length of the demo.")
def main(duration_s: float) -> None:
    """Print what `birdedge` does on emulated ARM processors, and an estimate of its speed on real ones."""
    if reason := unusable():
        raise click.ClickException(reason)
    click.echo(section(duration_s))


if __name__ == "__main__":
    main()
