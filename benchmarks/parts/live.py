"""Listening live, end to end: from a chirp that is played to its mask and to its event.

A player and two listeners, each a process of its own, meet in a real PortAudio microphone: PulseAudio with a silent
loudspeaker. One listener is `birdedge listen --json --out`, whose lines are timed; the other runs the same objects and
says when masks come.
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
from typing import Any

from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import percentiles
from benchmarks.studies.soak import read_lines
from benchmarks.studies.soak_figures import process_sample
from benchmarks.support.virtual_microphone import missing_packages, running_virtual_microphone

TITLE = "Listening live: from sound to mask and event"
MAX_P95_S, MAX_RESIDENT_BYTES = 0.3, 110e6
LATEST_S = 1.5  # shorter than the shortest pause between chirps
START_S = 30.0
ROOT = Path(__file__).parents[2]

Figures = dict[str, Any]
Lines = list[tuple[float, bytes]]  # when each came, on the boot's clock


def measure(quick: bool, data: Path | None) -> Figures:  # noqa: ARG001 - every part is asked alike
    """80 chirps; when quick, 10. Raises: RuntimeError where a process does not do its part."""
    if missing := missing_packages():
        return {"left_out": f"there is no virtual microphone; run apt install {' '.join(missing)}"}
    return heard(10 if quick else 80)


def heard(chirps: int) -> Figures:
    """Plays so many chirps and waits for what the listeners say of them; delays in seconds, one a chirp.

    Raises:
        RuntimeError: a process did not do its part.
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
                    raise RuntimeError(f"nobody listens after {START_S:g} s: {log.read_text('utf-8')[-500:]}")
                time.sleep(0.1)
            samples = [process_sample(recorder.pid)]
            with _running(("benchmarks.support.chirps", str(chirps)), environment, log) as (
                player,
                played,
            ):
                while player.poll() is None:
                    time.sleep(0.5)
                    if recorder.poll() is not None:
                        raise RuntimeError(f"birdedge listen ended: {log.read_text('utf-8')[-500:]}")
                    samples.append(process_sample(recorder.pid))
    if not played:
        raise RuntimeError(f"the chirps were not played: {log.read_text('utf-8')[-500:]}")
    spans_s = json.loads(played[0][1])
    first, last = samples[0], samples[-1]
    return {
        "chirps": len(spans_s),
        "to_mask_s": delays_s([began_s for began_s, _ in spans_s], [float(line) for _, line in masks[1:]]),
        "to_event_s": delays_s([ended_s for _, ended_s in spans_s], [came_s for came_s, _ in events]),
        "cpu_s_per_s": (last["cpu_s"] - first["cpu_s"]) / (last["at_s"] - first["at_s"]),
        "resident_bytes": max(sample["resident_bytes"] for sample in samples),
        "sound_s": last["at_s"] - first["at_s"],
    }


def delays_s(sounds_s: Sequence[float], arrivals_s: Sequence[float]) -> list[float]:
    """From each sound to the first arrival after it; a sound that has none within `LATEST_S` is left out."""
    found = []
    for sound_s in sounds_s:
        at = bisect.bisect(arrivals_s, sound_s)
        if at < len(arrivals_s) and arrivals_s[at] - sound_s <= LATEST_S:
            found.append(round(arrivals_s[at] - sound_s, 4))
    return found


@contextmanager
def _running(
    module: Sequence[str], environment: dict[str, str], log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Lines]]:
    """A process of `python -m`, and the lines it says, which are all there when the block has ended."""
    lines: Lines = []
    command = [sys.executable, "-m", *module]
    with (
        log.open("ab") as said,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        reader = threading.Thread(target=read_lines, args=(process, lines), daemon=True)
        reader.start()
        try:
            yield process, lines
        finally:
            process.send_signal(signal.SIGTERM)
            reader.join()


def section(figures: Figures) -> str:
    """Both delays, and what the daemon takes."""
    delays = {
        "from the first sample of a chirp to the mask that marks it": figures["to_mask_s"],
        "from the last sample of a chirp to the line of its event": figures["to_event_s"],
    }
    rows = []
    for label, values in delays.items():
        p = percentiles(values)
        shown = (f"{1e3 * p[key]:.0f} ms" for key in ("p50", "p95", "p99", "most"))
        rows.append((label, *shown, f"{len(values)} of {figures['chirps']}"))
    head = ("delay", "p50", "p95", "p99", "most", f"heard within {LATEST_S:g} s")
    return "\n".join(
        [
            "Chirps of 0.3 s over hiss, played at random pauses into a real PortAudio microphone (PulseAudio with a "
            "silent loudspeaker). The moment of a sound is when, by PortAudio's word, the loudspeaker plays "
            "it; so the sound system's way from loudspeaker to microphone counts. A real microphone's "
            "driver would be in its place.",
            "",
            *markdown_table(head, rows),
            "",
            f"`birdedge listen --out` took {1e3 * figures['cpu_s_per_s']:.1f} ms of CPU a second of sound "
            f"and at most {figures['resident_bytes'] / 1e6:.0f} MB of resident memory, in "
            f"{figures['sound_s']:.0f} s. Hours of it: benchmarks/studies/SOAK.md.",
        ]
    )


def aims(figures: Figures) -> list[tuple[str, str, bool]]:
    """See results.py."""
    p95_s = percentiles(figures["to_mask_s"])["p95"]
    heard = len(figures["to_mask_s"]) == figures["chirps"]
    return [
        (
            "sound to mask, live, p95 300 ms at most",
            f"{1e3 * p95_s:.0f} ms",
            heard and p95_s <= MAX_P95_S,
        ),
        (
            "resident memory of `listen --out`, live, 110 MB at most",
            f"{figures['resident_bytes'] / 1e6:.0f} MB",
            figures["resident_bytes"] <= MAX_RESIDENT_BYTES,
        ),
    ]


def plot(figures: Figures, path: Path) -> None:
    """How often each delay was found."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for label, key in (("to the mask", "to_mask_s"), ("to the event's line", "to_event_s")):
        axes.hist([1e3 * delay_s for delay_s in figures[key]], bins=range(0, 801, 20), alpha=0.7, label=label)
    axes.set_xlabel("ms after the sound")
    axes.set_ylabel("chirps")
    axes.legend()
    figure.savefig(path, dpi=100)
