"""The page of a soak."""

from __future__ import annotations

import os
import platform
from datetime import date

import onnxruntime

from benchmarks.report.circumstances import processor
from benchmarks.report.markdown import markdown_table
from benchmarks.studies.soak_figures import SoakFigures
from benchmarks.support.long_recording import LongRecordingFigures
from benchmarks.support.process_samples import ProcessFigures
from birdedge import __version__

LATENCY = (
    "Latency runs from the end of an event, on the database's time base, to the arrival of its line; both are on one "
    "clock. The time base treats the shortest delay from microphone to recorder, 0.2 s at most, as zero. Latency may "
    "therefore be higher by that delay and by its variation at the anchors, one per minute."
)

Rows = list[tuple[str, str]]


def listen_page(figures: SoakFigures, minutes: float) -> str:
    """Return the page of a run of `birdedge listen`."""
    latencies_s = (
        figures["latency_p50_s"],
        figures["latency_p95_s"],
        figures["latency_p99_s"],
        figures["max_latency_s"],
    )
    rows = [
        ("heard", f"{figures['heard_s']:.2f} s"),
        ("expected: heard and gaps", f"{figures['expected_s']:.2f} s"),
        ("continuity (target: 100 %)", f"{100 * figures['continuity']:.4f} %"),
        ("gaps", "; ".join(f"{cause}, {length_s:.3f} s" for cause, length_s in figures["gaps"]) or "none"),
        (
            "clock minus audio, from the first to the last anchor",
            f"{1e3 * figures['clock_minus_audio_s']:+.1f} ms in {figures['clock_s']:.0f} s",
        ),
        ("audio overflows, lost devices", f"{figures['overflows']}, {figures['losses']}"),
        ("events in the database, lines printed", f"{figures['events']}, {figures['lines']}"),
        (
            "latency p50, p95, p99, max (target: p95 at most 0.6 s)",
            ", ".join(f"{latency_s:.3f} s" for latency_s in latencies_s),
        ),
        ("uncertainty of latency", f"at most {figures['latency_uncertainty_s']:.2f} s more"),
        ("max audio waiting for the recorder", f"{figures['max_backlog_s']:.3f} s"),
        *_process_rows(figures),
    ]
    return _page(f"--minutes {minutes:g}", minutes, [*markdown_table(("", ""), rows), "", LATENCY, ""])


def segment_page(figures: LongRecordingFigures, minutes: float) -> str:
    """Return the page of a run of `birdedge segment`."""
    rows = [
        ("audio", f"{figures['audio_s']:.0f} s"),
        ("times real time, with start-up", f"{figures['times_real_time']:.0f}"),
        ("events", f"{figures['events']}"),
        *_process_rows(figures),
    ]
    return _page(f"--minutes {minutes:g} --fast", minutes, [*markdown_table(("", ""), rows), ""])


def _process_rows(figures: ProcessFigures) -> Rows:
    resident_bytes = (
        figures["resident_first_bytes"],
        figures["resident_last_bytes"],
        figures["max_resident_bytes"],
    )
    return [
        (
            "resident memory after warm-up, at the end, max",
            ", ".join(f"{size / 1e6:.1f} MB" for size in resident_bytes),
        ),
        (
            "growth of resident memory per hour of audio (target: below 1 MB)",
            f"{figures['resident_slope_bytes_per_h'] / 1e6:+.2f} MB",
        ),
        ("CPU time per second of audio", f"{1e3 * figures['cpu_s_per_s']:.1f} ms"),
        (
            "load average of the machine, mean and max",
            f"{figures['mean_load']:.1f}, {figures['max_load']:.1f}",
        ),
    ]


def _page(options: str, minutes: float, lines: list[str]) -> str:
    return "\n".join(
        [
            f"# Soak of {minutes:g} minutes",
            "",
            f"`python -m benchmarks.studies.soak {options}`, {date.today()}: "
            f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}, birdedge {__version__}.",
            "",
            *lines,
        ]
    )
