"""The status of a recorder, from its database alone."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from birdedge.edge.database import coverage_queries, event_queries, run_queries
from birdedge.edge.database.connection import has_log, is_empty, reading
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.errors import DiskError, OutputError, StoreError
from birdedge.edge.gap import PAUSED, Gap
from birdedge.edge.health import Health
from birdedge.edge.monitoring.coverage import WHOLE_S, coverage_of
from birdedge.edge.system.clock import boot_id, monotonic_s
from birdedge.edge.times import ClockState

SCHEMA = (
    1  # of `status_table`; keys may be added, but no key changes its meaning while this number stays the same
)
State = Literal["listening", "paused", "no_device", "stalled", "stopped"]
STALE_S = 15.0
DAY_S = 86_400.0
FULL_BYTES = 1_000_000  # a disk with less room is full: SQLite needs some to commit
SHOWN_GAPS = 10
_COPY = (
    "{0} is without the newest part of its data, because its recorder was not stopped: copy {0}-wal with it, or stop "
    "the recorder before you copy"
)


@dataclass(frozen=True)
class Status:
    """The status of a recorder; one that is `stalled` should be listening but has not reported audio for some time."""

    state: State
    generated_utc_s: float
    site: str
    version: str  # of the birdedge that records
    model: str
    last_audio_s: float | None  # seconds since the last audio that was analysed
    coverage_today: float
    coverage_since_start: float
    heard_s: float
    gaps_today: tuple[Gap, ...]
    unknown_gaps: int  # of unknown length, since the start; not in the coverage
    events_today: int
    events: int
    clock_synchronized: bool
    clock: ClockState  # where UTC comes from
    clock_uncertainty_s: float | None  # of UTC at present; None if it is unknown
    disk_problem: str | None  # at present: a recorder that cannot write cannot report it in its database
    copy_problem: str | None  # why the database is not complete
    health: Health  # of the latest report

    @property
    def healthy(self) -> bool:
        """Whether the recorder needs no attention."""
        return (
            self.state in ("listening", "paused")
            and self.disk_problem is None
            and self.copy_problem is None
            and not self.health.problems
        )


def read_status(folder: Path, now_utc_s: float) -> Status:
    """Return the status of the latest run in a folder.

    Raises:
        StoreError: no recorder has written there.
        DiskError: the database cannot be read.
    """
    disk_problem = _disk_problem(folder) if folder.is_dir() else None
    try:
        with reading(folder) as db:
            return _status(db, folder, now_utc_s, disk_problem)
    except OutputError as error:
        if disk_problem is None:
            if is_empty(error) and not has_log(folder):
                raise StoreError(_COPY.format(folder / FILE_NAME)) from error
            raise
        raise DiskError(f"{disk_problem}; until then the status of the recorder cannot be read") from error


def _disk_problem(folder: Path) -> str | None:
    disk = os.statvfs(folder)
    if disk.f_flag & os.ST_RDONLY:
        return f"the disk of {folder} is read-only: check it, and mount it so that it can be written to"
    if disk.f_bavail * disk.f_frsize < FULL_BYTES:
        return f"the disk of {folder} is full: make room"
    return None


def _status(db: sqlite3.Connection, folder: Path, now_utc_s: float, disk_problem: str | None) -> Status:
    run = run_queries.latest_run(db)
    if run is None:
        raise StoreError(f"the database in {folder} holds no run yet: start `birdedge listen --out {folder}`")
    now_s = monotonic_s() if run.boot_id == boot_id() else run.utc.boot_s_at(now_utc_s)
    until_utc_s = now_s + run.utc.offset_at(now_s)
    error_s = run.utc.error_at(now_s)
    last_s = coverage_queries.last_heard_s(db, run.run)
    gap_cause = coverage_queries.open_gap_cause(db)
    health = Health.from_json(run_queries.latest_health(db))
    state: State = "listening"
    if run.ended_s is not None:
        state = "stopped"
    elif gap_cause is not None:
        state = "paused" if gap_cause == PAUSED else "no_device"
    elif now_s - (run.began_s if last_s is None else last_s) > STALE_S + health.left_out_s:
        state = "stalled"
    today_s = until_utc_s // DAY_S * DAY_S
    spans, gaps = coverage_queries.spans(db), coverage_queries.gaps(db)
    today, always = (coverage_of(spans, gaps, since_s, until_utc_s, WHOLE_S) for since_s in (today_s, 0.0))
    return Status(
        state,
        now_utc_s,
        run.site,
        run.version,
        run.model,
        None if last_s is None else round(now_s - last_s, 1),
        today.share,
        always.share,
        always.heard_s,
        today.gaps,
        sum(gap.length_s is None for gap in always.gaps),
        event_queries.count_events(db, today_s),
        event_queries.count_events(db),
        run.clock == "synchronized",
        run.clock,
        None if error_s is None else round(error_s, 3),
        disk_problem,
        None if run.ended_s is not None or has_log(folder) else _COPY.format(folder / FILE_NAME),
        health,
    )


def status_table(status: Status) -> dict[str, Any]:
    """Return the status for other programs, ready for JSON; docs/formats.md describes it."""
    table = asdict(status)
    generated, health = datetime.fromtimestamp(table.pop("generated_utc_s"), UTC), table["health"]
    return {
        "schema": SCHEMA,
        "site": table.pop("site"),
        "version": table.pop("version"),
        "latitude_deg": health.pop("latitude_deg"),
        "longitude_deg": health.pop("longitude_deg"),
        "generated": generated.isoformat(timespec="seconds").replace("+00:00", "Z"),
        **table,
        "healthy": status.healthy,
    }


def status_page(status: Status) -> str:
    """Return the status as lines for a person."""
    health = status.health
    age = "never" if status.last_audio_s is None else f"{status.last_audio_s:.1f} s ago"
    unknown = f", and {status.unknown_gaps} gap(s) of unknown length" if status.unknown_gaps else ""
    lines = [
        f"{status.state.replace('_', ' ')}{f' at {status.site}' if status.site else ''}, "
        f"{health.device or 'no microphone yet'}, with {status.model}",
        f"last audio {age}, backlog {health.backlog_s:.1f} s, analysing {health.load_level or 'all audio'}",
        f"heard {status.coverage_today:.3%} of today, {status.coverage_since_start:.3%} since the start "
        f"({status.heard_s / 3600:.1f} h){unknown}",
        f"{status.events_today} event(s) today, {status.events} in total",
        _clock_line(status),
        _clips_line(health),
    ]
    if health.files_deleted or health.rows_deleted:
        lines.append(
            f"deleted in this run to make room: {health.files_deleted} file(s) of masks and tables, "
            f"{health.rows_deleted} old row(s) of the database"
        )
    if health.silent_s:
        lines.append(
            f"{health.silent_s:.1f} s of digital silence in this run: check the microphone and its cable"
        )
    if health.free_mb is not None:
        lines.append(f"disk: {health.free_mb / 1000:.1f} GB free")
    if health.temperature_c is not None:
        lines.append(f"{health.temperature_c:.0f} degrees C")
    problems = [status.disk_problem, status.copy_problem, *health.problems.values()]
    lines += [f"! {problem}" for problem in problems if problem]
    if status.disk_problem:
        lines.append(
            "! a recorder that listens buffers new results in memory until then, and this page is old"
        )
    for gap in status.gaps_today[-SHOWN_GAPS:]:
        began = datetime.fromtimestamp(gap.utc_s, UTC).strftime("%H:%M:%S")
        length = "unknown length" if gap.length_s is None else f"{gap.length_s:.1f} s"
        lines.append(f"gap {began} UTC, {length}{' so far' if gap.lasts else ''}: {gap.cause}")
    return "\n".join(lines)


def _clock_line(status: Status) -> str:
    if status.clock_uncertainty_s is not None:
        return f"clock synchronized, within {status.clock_uncertainty_s:.1f} s now"
    if status.clock == "set":
        return "clock set by hand or by a clock chip; its error is unknown"
    return "clock not synchronized; timestamps will be corrected"


def _clips_line(health: Health) -> str:
    counts = [f"{health.clips_written} written"]
    for count, what in (
        (health.clips_capped, "left out by max_per_hour"),
        (health.clips_with_speech, "left out because of speech"),
        (health.clips_failed, "failed"),
        (health.clips_dropped, "dropped"),
        (health.clips_deleted, "deleted"),
    ):
        if count:
            counts.append(f"{count} {what}")
    return f"clips in this run: {', '.join(counts)}"
