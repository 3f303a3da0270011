"""Latency of the daemon, from the playback of a chirp to its mask and to its event.

A player and two listeners are separate processes that share a PortAudio microphone: PulseAudio with a null sink. One
listener is `birdedge listen --json --out`, whose lines are timed. The other runs the same objects and prints the times
of masks.
"""

from __future__ import annotations

import bisect
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from benchmarks.report.markdown import markdown_table
from benchmarks.report.results import Skipped
from benchmarks.report.statistics import percentiles
from benchmarks.report.targets import Target
from benchmarks.support.process_output import TimedLine, read_lines
from benchmarks.support.process_samples import process_sample
from benchmarks.support.virtual_microphone import missing_packages, running_virtual_microphone

TITLE = "Live latency: from audio to mask and event"
MAX_P95_S, MAX_RESIDENT_BYTES = 0.3, 100e6
MAX_DELAY_S = 1.5  # shorter than the shortest pause between chirps
START_S = 30.0
ROOT = Path(__file__).parents[2]


class LiveFigures(TypedDict):
    """Delays of the chirps that were detected, and the cost of `birdedge listen`."""

    chirps: int
    to_mask_s: list[float]
    to_event_s: list[float]
    cpu_s_per_s: float
    max_resident_bytes: int
    audio_s: float


def measure(quick: bool, data: Path | None) -> LiveFigures | Skipped:  # noqa: ARG001 - all parts have this signature
    """Measure 80 chirps, or 10 if `quick`.

    Raises:
        RuntimeError: A process ended early or did not start.
    """
    if missing := missing_packages():
        return {"skipped": f"no virtual microphone; run: sudo apt install {' '.join(missing)}"}
    return measure_chirps(10 if quick else 80)


def measure_chirps(chirps: int) -> LiveFigures:
    """Play a number of chirps and time the reactions of both listeners.

    Raises:
        RuntimeError: A process ended early or did not start.
    """
    with tempfile.TemporaryDirectory() as name, running_virtual_microphone() as microphone:
        log = Path(name) / "log"
        environment = {**microphone.environment, "PYTHONPATH": str(ROOT)}
        daemon = ("birdedge", "listen", "--json", "--config", os.devnull, "--out", str(Path(name) / "out"))
        with (
            _running(daemon, environment, log) as (recorder, events),
            _running(("benchmarks.support.mask_watch",), environment, log) as (_, masks),
        ):
            deadline_s = time.monotonic() + START_S
            while not (masks and b"listening to" in log.read_bytes()):
                if time.monotonic() > deadline_s:
                    raise RuntimeError(f"no listener after {START_S:g} s: {_tail(log)}")
                time.sleep(0.1)
            samples = [process_sample(recorder.pid)]
            with _running(("benchmarks.support.chirps", str(chirps)), environment, log) as (player, played):
                while player.poll() is None:
                    time.sleep(0.5)
                    if recorder.poll() is not None:
                        raise RuntimeError(f"birdedge listen ended early: {_tail(log)}")
                    samples.append(process_sample(recorder.pid))
    if not played:
        raise RuntimeError(f"the chirps were not played: {_tail(log)}")
    times_s = json.loads(played[0][1])
    first, last = samples[0], samples[-1]
    return {
        "chirps": len(times_s),
        "to_mask_s": delays_s([start_s for start_s, _ in times_s], [float(line) for _, line in masks[1:]]),
        "to_event_s": delays_s([end_s for _, end_s in times_s], [arrival_s for arrival_s, _ in events]),
        "cpu_s_per_s": (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s),
        "max_resident_bytes": max(sample.resident_bytes for sample in samples),
        "audio_s": last.at_s - first.at_s,
    }


def delays_s(chirps_s: Sequence[float], arrivals_s: Sequence[float]) -> list[float]:
    """Return the delay from each chirp to the next arrival; chirps without one within `MAX_DELAY_S` are skipped."""
    delays = []
    for chirp_s in chirps_s:
        at = bisect.bisect(arrivals_s, chirp_s)
        if at < len(arrivals_s) and arrivals_s[at] - chirp_s <= MAX_DELAY_S:
            delays.append(round(arrivals_s[at] - chirp_s, 4))
    return delays


@contextmanager
def _running(
    module: Sequence[str], environment: dict[str, str], log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], list[TimedLine]]]:
    """Run `python -m` for the duration of the block; the list of its lines is complete after the block."""
    lines: list[TimedLine] = []
    command = [sys.executable, "-m", *module]
    with (
        log.open("ab") as errors,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        reader = threading.Thread(target=read_lines, args=(process, lines), daemon=True)
        reader.start()
        try:
            yield process, lines
        finally:
            process.send_signal(signal.SIGTERM)
            reader.join()


def _tail(log: Path) -> str:
    return log.read_text("utf-8")[-500:]


def section(figures: LiveFigures) -> str:
    """Return a table of both delays, and the cost of the daemon."""
    delays = {
        "first sample of a chirp to the mask that marks it": figures["to_mask_s"],
        "last sample of a chirp to the line of its event": figures["to_event_s"],
    }
    rows = []
    for label, values_s in delays.items():
        p = percentiles(values_s)
        cells = (f"{1e3 * value:.0f} ms" for value in (p["p50"], p["p95"], p["p99"], p["max"]))
        rows.append((label, *cells, f"{len(values_s)} of {figures['chirps']}"))
    head = ("delay", "p50", "p95", "p99", "max", f"detected within {MAX_DELAY_S:g} s")
    return "\n".join(
        [
            "Chirps of 0.3 s over noise, played after random pauses into a PortAudio microphone (PulseAudio with a "
            "null sink). A delay starts when PortAudio reports that the loudspeaker plays the sample, so it includes "
            "the path through the sound server. With a real microphone, its driver takes the place of the sound "
            "server. ALSA is configured with no other device, because PortAudio opens every configured device, and "
            "those of Debian's libasound2-plugins load FFmpeg and JACK, another 14 MB.",
            "",
            *markdown_table(head, rows),
            "",
            f"`birdedge listen --out` used {1e3 * figures['cpu_s_per_s']:.1f} ms of CPU per second of audio and "
            f"at most {figures['max_resident_bytes'] / 1e6:.0f} MB of resident memory in {figures['audio_s']:.0f} s. "
            "For a run of one hour, see benchmarks/studies/SOAK.md.",
        ]
    )


def targets(figures: LiveFigures) -> list[Target]:
    """Return the targets for latency and memory."""
    p95_s = percentiles(figures["to_mask_s"])["p95"]
    all_detected = len(figures["to_mask_s"]) == figures["chirps"]
    max_bytes = figures["max_resident_bytes"]
    return [
        Target(
            "p95 latency from audio to mask, live",
            f"at most {1e3 * MAX_P95_S:g} ms",
            f"{1e3 * p95_s:.0f} ms",
            all_detected and p95_s <= MAX_P95_S,
        ),
        Target(
            "resident memory of `listen --out`, live",
            f"at most {MAX_RESIDENT_BYTES / 1e6:g} MB",
            f"{max_bytes / 1e6:.0f} MB",
            max_bytes <= MAX_RESIDENT_BYTES,
        ),
    ]


def plot(figures: LiveFigures, path: Path) -> None:
    """Plot histograms of both delays."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for label, values_s in (("to the mask", figures["to_mask_s"]), ("to the event", figures["to_event_s"])):
        axes.hist([1e3 * delay_s for delay_s in values_s], bins=range(0, 801, 20), alpha=0.7, label=label)
    axes.set_xlabel("delay, ms")
    axes.set_ylabel("chirps")
    axes.legend()
    figure.savefig(path, dpi=100)
