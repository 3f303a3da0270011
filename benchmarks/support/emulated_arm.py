"""birdedge on emulated ARM processors, in the environment that `bash tests/aarch64/setup.sh` creates.

Emulation shows whether results are equal and how much memory is used, but not the speed.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.formats.mask_npz import read_mask_file

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("BIRDEDGE_AARCH64", ROOT / "build" / "aarch64")).resolve()
HERE = None  # in place of a processor's name: this machine, without the emulator
SAMPLE_INTERVAL_S = 0.1  # of memory; a few milliseconds of a recorder's time under emulation
MAPPING = re.compile(
    r"^(?P<start>[0-9a-f]+)-[0-9a-f]+ (?P<permissions>\S+) \S+ \S+ \S+ *(?P<name>.*)\n(?:.*\n)*?Rss: +(?P<kb>\d+) kB",
    re.M,
)

Event = dict[str, Any]


@dataclass(frozen=True)
class MaskDifference:
    """The difference of two masks of one recording."""

    share: float  # of bins that differ
    max_difference: int  # of 255


@dataclass(frozen=True)
class Resident:
    """Peak resident memory of a process."""

    whole_bytes: int
    program_bytes: int  # without the emulator's code, heap and translated code


@dataclass(frozen=True)
class Outputs:
    """The output of `segment` and of `listen` for one recording, and the memory of `listen`."""

    mask: NDArray[np.uint8]  # [frames, bins]
    segmented: list[Event]
    listened: list[Event]
    resident: Resident


def unavailable() -> str | None:
    """Return why nothing can be emulated, or None if it can."""
    if not (FOLDER / "made").is_file():
        return f"there is no aarch64 environment in {FOLDER}; run: bash tests/aarch64/setup.sh"
    for path in (*(ROOT / "edge").rglob("*.py"), *(ROOT / "edge").rglob("*.onnx")):
        copy = FOLDER / "packages" / "birdedge" / path.relative_to(ROOT)
        if not (copy.is_file() and filecmp.cmp(path, copy, shallow=False)):
            return f"{FOLDER} holds another version of birdedge; run: bash tests/aarch64/setup.sh"
    return None


def write_demo(path: Path, duration_s: float) -> Path:
    """Write the demo soundscape on this machine, so that all processors get the same samples."""
    run(HERE, "-m", "birdedge", "demo", str(path), "--duration", f"{duration_s:g}", stdout=subprocess.DEVNULL)
    return path


def process_recording(cpu: str | None, recording: Path, folder: Path) -> Outputs:
    """Run `birdedge segment` and `birdedge listen` on a recording, on a processor; write into `folder`."""
    birdedge = ("-m", "birdedge")
    options = ("--out", str(folder), "--format", "jsonl", "--masks", str(folder), "--force")
    run(cpu, *birdedge, "segment", str(recording), *options, stdout=subprocess.DEVNULL)
    listened = folder / "listened.jsonl"
    with listened.open("wb") as file:
        resident = run(cpu, *birdedge, "listen", str(recording), "--fast", "--json", stdout=file)
    mask = read_mask_file(folder / f"{recording.stem}.npz").mask
    return Outputs(mask, _events(folder / f"{recording.stem}.jsonl"), _events(listened), resident)


def run(cpu: str | None, *arguments: str, stdout: int | IO[bytes] | None = None) -> Resident:
    """Run Python on one thread, emulated unless `cpu` is `HERE`, and return its memory.

    Raises:
        subprocess.CalledProcessError: The process failed.
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
    samples = [Resident(0, 0)]
    while process.poll() is None:
        with suppress(ProcessLookupError):  # it has just ended
            samples.append(resident(Path(f"/proc/{process.pid}/smaps").read_text(encoding="utf-8")))
        time.sleep(SAMPLE_INTERVAL_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Resident(
        max(sample.whole_bytes for sample in samples), max(sample.program_bytes for sample in samples)
    )


def resident(smaps: str) -> Resident:
    """Add up the text of /proc/PID/smaps.

    qemu maps the emulated program's code without execute permission, so executable mappings are qemu's own.
    """
    sizes_kb = {}
    for mapping in MAPPING.finditer(smaps):
        own = "x" in mapping["permissions"] or mapping["name"] == "[heap]" or "/qemu-" in mapping["name"]
        # A mapping that grows while the file is read is listed twice; the later size counts.
        sizes_kb[mapping["start"]] = int(mapping["kb"]), own
    whole_kb = sum(kb for kb, _ in sizes_kb.values())
    return Resident(1024 * whole_kb, 1024 * sum(kb for kb, own in sizes_kb.values() if not own))


def compare_masks(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> MaskDifference:
    """Compare two masks, `[frames, bins]` each."""
    difference = np.abs(a.astype(np.int16) - b)
    return MaskDifference(float(np.mean(difference > 0)), int(difference.max()))


def install_bytes() -> int:
    """Return the size of birdedge and its dependencies as installed on a recorder."""
    return sum(path.stat().st_size for path in (FOLDER / "packages").rglob("*") if path.is_file())


def _events(path: Path) -> list[Event]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
