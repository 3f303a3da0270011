"""How a recorder does, from its database alone: `birdedge status`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from birdedge.edge.database.store import Store
from birdedge.edge.errors import DiskError, OutputError, StoreError
from birdedge.edge.monitoring.coverage import PAUSED, coverage
from birdedge.edge.system.clock import boot_id, monotonic_s

STALE_S = 15.0
DAY_S = 86_400.0
FULL_BYTES = 1_000_000  # a disk with less room is full: SQLite needs some to commit


@dataclass(frozen=True)
class Status:
    """`state` is listening, paused, deaf (the device is away), stalled (it says nothing any more) or stopped."""

    state: str
    site: str
    model: str
    last_sound_s: float | None  # seconds since the last sound that was looked at
    coverage_today: float
    coverage_since_start: float
    heard_s: float
    gaps_today: list[dict[str, Any]]
    events_today: int
    events: int
    clock_synchronized: bool
    disk_problem: str | None  # as it is now: a recorder that cannot write cannot say so in its database
    details: dict[str, Any]  # as the recorder told them last: backlog, disk, temperature and more

    @property
    def healthy(self) -> bool:
        """Whether nothing needs a person."""
        problems = ("clips_paused", "throttled")
        return (
            self.state in ("listening", "paused")
            and self.disk_problem is None
            and not any(self.details.get(name) for name in problems)
        )


def read_status(folder: Path, now_utc_s: float) -> Status:
    """Of the last run in that folder. Raises: StoreError, DiskError."""
    disk_problem = _disk_problem(folder) if folder.is_dir() else None
    try:
        store = Store(folder, read_only=True)
        try:
            return _status(store, now_utc_s, disk_problem)
        finally:
            store.close()
    except OutputError as error:
        if disk_problem is None:
            raise
        raise DiskError(f"{disk_problem}; until then it tells nothing of a recorder") from error


def _disk_problem(folder: Path) -> str | None:
    disk = os.statvfs(folder)
    if disk.f_flag & os.ST_RDONLY:
        return f"the disk of {folder} is read-only: check it, and mount it so that it can be written to"
    if disk.f_bavail * disk.f_frsize < FULL_BYTES:
        return f"the disk of {folder} is full: make room"
    return None


def _status(store: Store, now_utc_s: float, disk_problem: str | None) -> Status:
    runs = store.rows(
        """SELECT runs.began_s, runs.ended_s, runs.site, runs.model, boots.boot_id, boots.offset_s, boots.synchronized
        FROM runs JOIN boots ON boots.id = runs.boot ORDER BY runs.id DESC LIMIT 1"""
    )
    if not runs:
        raise StoreError(
            f"{store.path} tells of no run yet: start `birdedge listen --out {store.path.parent}`"
        )
    began_s, ended_s, site, model, boot, offset_s, synchronized = runs[0]
    same_boot = str(boot) == boot_id()
    now_s = monotonic_s() if same_boot else now_utc_s - offset_s
    until_utc_s = now_s + offset_s
    told = store.rows("SELECT boot_s, json FROM state")
    details: dict[str, Any] = json.loads(str(told[0][1])) if told else {}
    last = store.rows(
        """SELECT max(began_s + samples * 1.0 / sample_rate_hz) FROM heard JOIN boot_of_stream USING (stream)
        WHERE run = (SELECT max(id) FROM runs)"""
    )[0][0]
    open_gap = store.rows("SELECT cause FROM gaps WHERE length_s IS NULL ORDER BY id DESC LIMIT 1")
    state = "listening"
    if ended_s is not None:
        state = "stopped"
    elif open_gap:
        state = "paused" if str(open_gap[0][0]) == PAUSED else "no_device"
    elif now_s - (began_s if last is None else last) > STALE_S:
        state = "stalled"
    today_s = until_utc_s // DAY_S * DAY_S
    today, always = coverage(store, today_s, until_utc_s), coverage(store, 0.0, until_utc_s)
    count = "SELECT count(*) FROM events WHERE utc_s >= ?"
    return Status(
        state,
        str(site),
        str(model),
        None if last is None else round(now_s - last, 1),
        today.share,
        always.share,
        always.heard_s,
        [asdict(gap) for gap in today.gaps],
        int(store.rows(count, (today_s,))[0][0]),
        int(store.rows(count, (0.0,))[0][0]),
        bool(synchronized),
        disk_problem,
        details,
    )


def status_page(status: Status) -> str:
    """Lines for a person."""
    d = status.details
    age = "never" if status.last_sound_s is None else f"{status.last_sound_s:.1f} s ago"
    lines = [
        f"{status.state}{f' at {status.site}' if status.site else ''}, {d.get('device', 'no microphone yet')}, "
        f"with {status.model}",
        f"last sound {age}, backlog {d.get('backlog_s', 0):.1f} s, {d.get('mode', 'all sound')} looked at",
        f"heard {status.coverage_today:.3%} of today, {status.coverage_since_start:.3%} since the start "
        f"({status.heard_s / 3600:.1f} h)",
        f"{status.events_today} event(s) today, {status.events} in all",
        "clock "
        + ("synchronized" if status.clock_synchronized else "NOT synchronized: times are mended when it is"),
    ]
    if d.get("free_mb") is not None:
        lines.append(
            f"disk: {d['free_mb'] / 1000:.1f} GB free, {d.get('clips_written', 0)} clip(s) written in this run"
        )
    if d.get("temperature_c") is not None:
        lines.append(f"{d['temperature_c']:.0f} degrees C{', THROTTLED' if d.get('throttled') else ''}")
    problems = (status.disk_problem, d.get("clips_paused"))
    lines += [f"! {problem}" for problem in problems if problem]
    if status.disk_problem:
        lines.append("! until then a recorder that listens keeps in memory what is new, and this page is old")
    for gap in status.gaps_today[-10:]:
        began = datetime.fromtimestamp(gap["utc_s"], UTC).strftime("%H:%M:%S")
        lines.append(
            f"gap {began} UTC, {gap['length_s']:.1f} s{' and lasting' if gap['lasts'] else ''}: {gap['cause']}"
        )
    return "\n".join(lines)
