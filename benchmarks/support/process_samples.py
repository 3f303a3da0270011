"""Memory and CPU time of a process, sampled while it runs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

MAX_WARM_UP_S = 300.0  # of audio; a tenth of the run if that is less


@dataclass(frozen=True)
class ProcessSample:
    """What a process has used up to a time on the monotonic clock, and the machine's load average."""

    at_s: float
    resident_bytes: int
    cpu_s: float
    load: float


class ProcessFigures(TypedDict):
    """Memory, CPU time and load of a process; first memory, slope and CPU time exclude the warm-up."""

    resident_first_bytes: int
    resident_last_bytes: int
    max_resident_bytes: int
    resident_slope_bytes_per_h: float  # per hour of audio
    cpu_s_per_s: float  # per second of audio
    mean_load: float
    max_load: float


def process_sample(pid: int) -> ProcessSample:
    """Read a sample from /proc."""
    folder = Path(f"/proc/{pid}")
    user, system = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    pages = int((folder / "statm").read_text(encoding="ascii").split()[1])
    return ProcessSample(
        at_s=time.monotonic(),
        resident_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
        cpu_s=(int(user) + int(system)) / os.sysconf("SC_CLK_TCK"),
        load=os.getloadavg()[0],
    )


def watch_process(process: subprocess.Popen[bytes], log: Path, interval_s: float) -> Iterator[ProcessSample]:
    """Yield samples of a process until it ends.

    Args:
        process: The process.
        log: File with its standard error, for the error message.
        interval_s: Time between two samples.

    Raises:
        subprocess.CalledProcessError: The process failed.
    """
    while process.poll() is None:
        sample = process_sample(process.pid)
        if sample.resident_bytes:  # zero if the process has just ended
            yield sample
        with suppress(subprocess.TimeoutExpired):
            process.wait(interval_s)
    if process.returncode:
        raise subprocess.CalledProcessError(
            process.returncode, process.args, stderr=log.read_text(encoding="utf-8")
        )


def process_figures(samples: Sequence[ProcessSample], times_real_time: float = 1.0) -> ProcessFigures:
    """Return the figures of a process that consumes audio at a multiple of real time."""
    at_s = times_real_time * np.array([sample.at_s - samples[0].at_s for sample in samples])
    resident_bytes = np.array([sample.resident_bytes for sample in samples])
    cpu_s = np.array([sample.cpu_s for sample in samples])
    load = np.array([sample.load for sample in samples])
    warm = at_s >= min(MAX_WARM_UP_S, at_s[-1] / 10)
    return {
        "resident_first_bytes": int(resident_bytes[warm][0]),
        "resident_last_bytes": int(resident_bytes[-1]),
        "max_resident_bytes": int(resident_bytes.max()),
        "resident_slope_bytes_per_h": 3600 * float(np.polyfit(at_s[warm], resident_bytes[warm], 1)[0]),
        "cpu_s_per_s": float(np.ptp(cpu_s[warm]) / np.ptp(at_s[warm])),
        "mean_load": float(load.mean()),
        "max_load": float(load.max()),
    }
