"""Metrics of recorders for Prometheus, as text (exposition format 0.0.4).

Counters come from durable rows, so that neither a restart of the recorder nor one of the reader resets them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, get_args

from birdedge.edge.database import clip_queries, coverage_queries, event_queries, run_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.gap import CAUSES
from birdedge.edge.health import Health
from birdedge.edge.monitoring.status import State, Status, read_status
from birdedge.edge.system import board_health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FAMILIES = {  # name: type and help
    "birdedge_up": ("gauge", "Whether the database of the recorder can be read."),
    "birdedge_build_info": ("gauge", "Version, model and site of the recorder; always 1."),
    "birdedge_healthy": ("gauge", "Whether the recorder needs no attention, as in `birdedge status`."),
    "birdedge_state": ("gauge", "1 for the present state of the recorder, 0 for the others."),
    "birdedge_problem": ("gauge", "1 for each problem that needs attention, 0 for the others."),
    "birdedge_heard_seconds_total": ("counter", "Audio that was heard and analysed."),
    "birdedge_gap_seconds_total": ("counter", "Time in which nothing was heard, by cause."),
    "birdedge_gaps_total": ("counter", "Gaps that have ended, by cause."),
    "birdedge_gaps_of_unknown_length": ("gauge", "Gaps of unknown length."),
    "birdedge_events_total": ("counter", "Events that were detected."),
    "birdedge_runs_total": ("counter", "Starts of the recorder."),
    "birdedge_coverage_today_ratio": (
        "gauge",
        "Share of the expected audio that was heard since midnight UTC.",
    ),
    "birdedge_last_audio_timestamp_seconds": ("gauge", "UTC of the last audio that was analysed."),
    "birdedge_last_event_timestamp_seconds": ("gauge", "UTC of the onset of the last event."),
    "birdedge_backlog_seconds": ("gauge", "Audio that is captured and not yet analysed."),
    "birdedge_load_level_info": ("gauge", "What is analysed at the present load; always 1."),
    "birdedge_clips": ("gauge", "Clips on the disk."),
    "birdedge_clip_bytes": ("gauge", "Size of all clips on the disk."),
    "birdedge_disk_free_bytes": ("gauge", "Free space on the disk of the recorder."),
    "birdedge_clock_synchronized": ("gauge", "Whether the clock is synchronized."),
    "birdedge_clock_uncertainty_seconds": ("gauge", "Maximum error of UTC at present."),
    "birdedge_temperature_celsius": ("gauge", "Temperature of the processor."),
    "birdedge_throttled": ("gauge", "Whether heat or low voltage slows the processor."),
}
PROBLEMS = (
    *("disk_problem", "copy_problem", "input_problem", "clip_problem", "retention_problem", "output_problem"),
    *("clips_dropped", "dropped_messages", "throttled"),
)
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class _Sample(NamedTuple):
    family: str
    value: float
    labels: dict[str, str] = {}  # noqa: RUF012  never changed


class _Rows(NamedTuple):
    """What the metrics need from the database in addition to the status."""

    heard_s: float
    gaps: list[coverage_queries.GapTotal]
    runs: int
    last_event_utc_s: float | None
    clips: int
    clip_bytes: int


def metrics_text(folders: Mapping[str, Path], now_utc_s: float, earlier: str = "") -> str:
    """Return the metrics of recorders.

    Args:
        folders: Folders of the databases, by the name of the recorder.
        now_utc_s: Time of these metrics.
        earlier: Text of the last call. The length of a gap may be corrected downwards when its clock is known better;
            its counter then stays, because Prometheus takes every decrease for a restart from 0.

    Returns:
        The text. A recorder whose database cannot be read has `birdedge_up` 0, and no other sample.
    """
    lines: dict[str, list[str]] = {family: [] for family in FAMILIES}
    before = _values(earlier)
    for recorder, folder in folders.items():
        for sample in _samples(folder, now_utc_s):
            series = _series(sample.family, {"recorder": recorder, **sample.labels})
            value = sample.value
            # A database that was replaced by a new one counts from 0.
            if (
                FAMILIES[sample.family][0] == "counter"
                and value < (held := before.get(series, 0.0)) < 2 * value
            ):
                value = held
            lines[sample.family].append(f"{series} {_number(value)}\n")
    return "".join(
        f"# HELP {family} {FAMILIES[family][1]}\n# TYPE {family} {FAMILIES[family][0]}\n{''.join(found)}"
        for family, found in lines.items()
        if found
    )


def _samples(folder: Path, now_utc_s: float) -> Iterator[_Sample]:
    try:
        status, rows = read_status(folder, now_utc_s), _rows(folder)
    except (BirdedgeError, OSError):
        yield _Sample("birdedge_up", 0)
        return
    yield _Sample("birdedge_up", 1)
    yield from _counters(status, rows)
    yield from _gauges(status, rows)
    yield from _board(status.health, folder)


def _rows(folder: Path) -> _Rows:
    with reading(folder) as db:
        run = run_queries.latest_run(db)
        return _Rows(
            coverage_queries.heard_s(db),
            coverage_queries.gap_totals(db),
            run.run if run else 0,
            event_queries.latest_event_utc_s(db),
            clip_queries.count_clips(db),
            clip_queries.clip_bytes(db),
        )


def _counters(status: Status, rows: _Rows) -> Iterator[_Sample]:
    yield _Sample("birdedge_heard_seconds_total", rows.heard_s)
    yield _Sample("birdedge_events_total", status.events)
    yield _Sample("birdedge_runs_total", rows.runs)
    totals = {gap.cause: gap for gap in rows.gaps}
    lasting_s = {gap.cause: gap.known_s for gap in status.gaps_today if gap.lasts}
    for cause in (*CAUSES, *(totals.keys() - set(CAUSES))):  # and the causes of another version
        total = totals.get(cause, coverage_queries.GapTotal(cause, 0, 0.0))
        length_s = total.length_s + lasting_s.get(cause, 0.0)
        yield _Sample("birdedge_gap_seconds_total", length_s, {"cause": cause})
        yield _Sample("birdedge_gaps_total", total.gaps, {"cause": cause})


def _gauges(status: Status, rows: _Rows) -> Iterator[_Sample]:
    labels = {"version": status.version, "model": status.model, "site": status.site}
    yield _Sample("birdedge_build_info", 1, labels)
    yield _Sample("birdedge_healthy", status.healthy)
    for state in get_args(State):
        yield _Sample("birdedge_state", state == status.state, {"state": state})
    found = {
        "disk_problem": status.disk_problem,
        "copy_problem": status.copy_problem,
        **status.health.problems,
    }
    for problem in PROBLEMS:
        yield _Sample("birdedge_problem", bool(found.get(problem)), {"problem": problem})
    yield _Sample("birdedge_gaps_of_unknown_length", status.unknown_gaps)
    yield _Sample("birdedge_coverage_today_ratio", status.coverage_today)
    if status.last_audio_s is not None:
        yield _Sample("birdedge_last_audio_timestamp_seconds", status.generated_utc_s - status.last_audio_s)
    if rows.last_event_utc_s is not None:
        yield _Sample("birdedge_last_event_timestamp_seconds", rows.last_event_utc_s)
    yield _Sample("birdedge_clips", rows.clips)
    yield _Sample("birdedge_clip_bytes", rows.clip_bytes)
    yield _Sample("birdedge_clock_synchronized", status.clock_synchronized)
    if status.clock_uncertainty_s is not None:
        yield _Sample("birdedge_clock_uncertainty_seconds", status.clock_uncertainty_s)


def _board(health: Health, folder: Path) -> Iterator[_Sample]:
    yield _Sample("birdedge_backlog_seconds", health.backlog_s)
    if health.load_level:
        yield _Sample("birdedge_load_level_info", 1, {"load_level": health.load_level})
    free_mb = board_health.free_mb(folder)  # read now: a full disk may prevent a report
    if free_mb is not None:
        yield _Sample("birdedge_disk_free_bytes", free_mb * 1e6)
    if health.temperature_c is not None:
        yield _Sample("birdedge_temperature_celsius", health.temperature_c)
    if health.throttled is not None:
        yield _Sample("birdedge_throttled", health.throttled)


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{label}="{value.translate(_ESCAPES)}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}".encode("utf-8", "replace").decode()  # a folder's name may not be UTF-8


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _values(text: str) -> dict[str, float]:
    """Return the value of each series of an earlier text; lines without a value are skipped."""
    values = {}
    for line in text.splitlines():
        series, _, value = line.rpartition(" ")
        if series and not line.startswith("#"):
            with suppress(ValueError):
                values[series] = float(value)
    return values
