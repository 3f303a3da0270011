"""What a soak measured: of the process, of its book, and as a page."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime

from benchmarks.report.markdown import markdown_table
from benchmarks.report.results import processor
from birdedge import __version__
from birdedge.edge.database.store import Store
from birdedge.edge.errors import OutputError
from birdedge.edge.monitoring.coverage import coverage
from birdedge.edge.pipeline.timekeeper import ARRIVAL_S

WARM_UP_S = 300.0  # at most a tenth of the run
PERCENTS = (50, 95, 99)

Figures = dict[str, Any]


def process_sample(pid: int) -> Figures:
    """What a process has taken by now, and how busy the machine is."""
    folder = Path(f"/proc/{pid}")
    user, system = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return {
        "at_s": time.monotonic(),
        "resident_bytes": int((folder / "statm").read_text(encoding="ascii").split()[1])
        * os.sysconf("SC_PAGE_SIZE"),
        "cpu_s": (int(user) + int(system)) / os.sysconf("SC_CLK_TCK"),
        "load": os.getloadavg()[0],
    }


def last_state(out: Path) -> Figures:
    """What the recorder last said of itself; empty before it did."""
    with suppress(OutputError):
        store = Store(out, read_only=True)
        try:
            for (state,) in store.rows("SELECT json FROM state"):
                return dict(json.loads(str(state)))
        finally:
            store.close()
    return {}


def process_figures(samples: list[Figures], speed: float = 1.0) -> Figures:
    """Memory, CPU time and load, by the hour and the second of sound, of a process that hears it at `speed`."""
    at_s, resident_bytes, cpu_s, load = (
        np.array([sample[name] for sample in samples]) for name in ("at_s", "resident_bytes", "cpu_s", "load")
    )
    at_s = speed * (at_s - at_s[0])
    warm = at_s >= min(WARM_UP_S, at_s[-1] / 10)
    return {
        "resident_first_bytes": int(resident_bytes[warm][0]),
        "resident_last_bytes": int(resident_bytes[-1]),
        "max_resident_bytes": int(resident_bytes.max()),
        "resident_slope_bytes_per_h": 3600 * float(np.polyfit(at_s[warm], resident_bytes[warm], 1)[0]),
        "cpu_s_per_s": float(np.ptp(cpu_s[warm]) / np.ptp(at_s[warm])),
        "load_mean": float(load.mean()),
        "max_load": float(load.max()),
        "max_backlog_s": max(sample.get("backlog_s", 0.0) for sample in samples),
    }


def book_figures(out: Path, lines: list[tuple[float, bytes]]) -> Figures:
    """What the database says, and how long after each event's end its line came.

    Args:
        lines: when each line of standard output came, on the boot's clock, and what it says.
    """
    store = Store(out, read_only=True)
    spans = store.rows(
        """SELECT heard.began_s + boots.offset_s, heard.samples * 1.0 / streams.sample_rate_hz FROM heard
        JOIN streams ON streams.id = heard.stream JOIN runs ON runs.id = streams.run
        JOIN boots ON boots.id = runs.boot"""
    )
    first_s = min(began_s for began_s, _ in spans)
    heard = coverage(store, first_s, max(began_s + length_s for began_s, length_s in spans))
    anchors = store.rows(
        """SELECT boot_s, sample * 1.0 / sample_rate_hz FROM anchors JOIN streams ON streams.id = stream
        ORDER BY boot_s"""
    )
    events = store.rows(
        """SELECT onset_s + (offset_sample - onset_sample) * 1.0 / sample_rate_hz, onset_sample * 1.0 / sample_rate_hz,
        low_hz FROM events JOIN streams ON streams.id = stream ORDER BY events.id"""
    )
    store.close()
    # Onsets are multiples of 4 ms.
    ends_s = {(f"{onset_s:.3f}", f"{low_hz:.1f}"): ended_s for ended_s, onset_s, low_hz in events}
    latencies_s = []
    for arrived_s, line in lines:
        event = json.loads(line)
        key = f"{event['onset_s']:.3f}", f"{event['low_hz']:.1f}"
        if key in ends_s:  # a line without its row shows in the counts of both
            latencies_s.append(arrived_s - ends_s[key])
    if not latencies_s:
        raise click.ClickException("no event was heard: give more minutes")
    late_s = [boot_s - sound_s for boot_s, sound_s in anchors]
    state = last_state(out)
    return {
        "heard_s": heard.heard_s,
        "expected_s": heard.expected_s,
        "continuity": heard.share,
        # Not the time before the first sound, which ends where that begins.
        "gaps": [[gap.cause, gap.length_s] for gap in heard.gaps if gap.utc_s >= first_s],
        "clock_s": anchors[-1][0] - anchors[0][0],
        "clock_less_sound_s": late_s[-1] - late_s[0],
        "overflows": state["overflows"],
        "losses": state["losses"],
        "events": len(events),
        "lines": len(lines),
        **{f"latency_p{percent}_s": float(np.percentile(latencies_s, percent)) for percent in PERCENTS},
        "max_latency_s": max(latencies_s),
        "latency_uncertainty_s": ARRIVAL_S + max(late_s) - min(late_s),
    }


def markdown(figures: Figures, minutes: float, fast: bool) -> str:
    """The page."""
    rows = [(label, value(figures)) for label, value in (SEGMENTED if fast else LISTENED).items()]
    return "\n".join(
        [
            f"# A soak of {minutes:g} minutes",
            "",
            f"`python -m benchmarks.studies.soak --minutes {minutes:g}{' --fast' if fast else ''}`, {date.today()}: "
            f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}, birdedge {__version__}.",
            "",
            *markdown_table(["", ""], rows),
            "",
            *([] if fast else [LATENCY, ""]),
        ]
    )


def _gaps(figures: Figures) -> str:
    return "; ".join(f"{cause}, {length_s:.3f} s" for cause, length_s in figures["gaps"]) or "none"


LATENCY = (
    "Latency: from the end of an event, by the database's own time base, to the arrival of its line, on one clock. "
    "The time base takes the fastest way of sound to the recorder, 0.2 s at most, as no time at all; so latency may be "
    "more by that, and by how much the ways differed at the anchors, one a minute."
)
MEMORY_AND_LOAD: dict[str, Callable[[Figures], str]] = {
    "resident memory warmed up, at the end, at most": lambda f: ", ".join(
        f"{f[f'resident_{when}_bytes'] / 1e6:.1f} MB" for when in ("first", "last", "most")
    ),
    "its slope, an hour of sound (aim: below 1 MB)": lambda f: (
        f"{f['resident_slope_bytes_per_h'] / 1e6:+.2f} MB"
    ),
    "CPU time a second of sound": lambda f: f"{1e3 * f['cpu_s_per_s']:.1f} ms",
    "load of the machine, mean and most": lambda f: f"{f['load_mean']:.1f}, {f['max_load']:.1f}",
}
LISTENED: dict[str, Callable[[Figures], str]] = {
    "heard": lambda f: f"{f['heard_s']:.2f} s",
    "expected: heard and gaps": lambda f: f"{f['expected_s']:.2f} s",
    "continuity (aim: 100 %)": lambda f: f"{100 * f['continuity']:.4f} %",
    "gaps": _gaps,
    "time less sound, between the first and the last anchor": lambda f: (
        f"{1e3 * f['clock_less_sound_s']:+.1f} ms in {f['clock_s']:.0f} s"
    ),
    "overflows in the sound system, losses of the microphone": lambda f: f"{f['overflows']}, {f['losses']}",
    "events in the database, lines printed": lambda f: f"{f['events']}, {f['lines']}",
    "latency p50, p95, p99, most (aim: p95 0.6 s at most)": lambda f: ", ".join(
        f"{f[f'latency_{which}_s']:.3f} s" for which in (*(f"p{percent}" for percent in PERCENTS), "most")
    ),
    "which may be more by": lambda f: f"{f['latency_uncertainty_s']:.2f} s at most",
    "sound that waited for the recorder, at most": lambda f: f"{f['max_backlog_s']:.3f} s",
    **MEMORY_AND_LOAD,
}
SEGMENTED: dict[str, Callable[[Figures], str]] = {
    "sound": lambda f: f"{f['heard_s']:.0f} s",
    "times real time, start included": lambda f: f"{f['speed']:.0f}",
    "events": lambda f: f"{f['events']}",
    **MEMORY_AND_LOAD,
}
