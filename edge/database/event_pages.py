"""Filtered pages of events, as the dashboard lists, exports and shows them. Needs no numpy.

Pages are addressed by key, not by number: a page begins after an event, so that new events move no event from one page
to another. Events are in the order in which they were heard, which no correction of the clock changes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from birdedge.edge.clips.settings import MAX_CLIP_S
from birdedge.edge.database.clock_lines import boot_s_at
from birdedge.edge.database.event_queries import EVENT_ROW_COLUMNS, EventRow, event_row

Kind = Literal["events", "rejected"]
# The first clip that holds the onset: it starts at most one clip length earlier, so that the time index finds it.
_CLIP = f"""LEFT JOIN clips ON clips.id = (
    SELECT id FROM clips WHERE clips.boot = boot_of_stream.boot AND clips.stream = {{kind}}.stream
    AND clips.began_s BETWEEN {{kind}}.onset_s - {MAX_CLIP_S + 5} AND {{kind}}.onset_s + 5
    AND first_sample <= onset_sample AND first_sample + samples > onset_sample ORDER BY first_sample LIMIT 1)"""
# The boot clock of each boot at the UTC :since_s and :until_s, as in `count_events`.
_BOOTS = f"""WITH times (name, utc_s) AS (VALUES ('since', :since_s), ('until', :until_s)),
bounds AS MATERIALIZED (
    SELECT boots.id AS boot, name, CASE WHEN times.utc_s IS NOT NULL THEN {boot_s_at("times.utc_s")}
        WHEN name = 'since' THEN -1e300 ELSE 1e300 END AS boot_s FROM boots, times
),
stream_bounds AS MATERIALIZED (
    SELECT stream, boot_of_stream.sample_rate_hz, since.boot_s AS since_s, until.boot_s AS until_s
    FROM boot_of_stream JOIN bounds AS since ON since.boot = boot_of_stream.boot AND since.name = 'since'
    JOIN bounds AS until ON until.boot = boot_of_stream.boot AND until.name = 'until'
    WHERE until.boot_s > since.boot_s ORDER BY stream
)"""


@dataclass(frozen=True)
class EventFilter:
    """The events that a view holds; None for no limit. Times are UTC, and the end is exclusive."""

    since_utc_s: float | None = None
    until_utc_s: float | None = None
    low_hz: float | None = None  # the band of an event must overlap this one
    high_hz: float | None = None
    min_score: float | None = None
    max_score: float | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    sound_class: str | None = None
    only: Sequence[tuple[int, int]] | None = None  # number and first sample, as `labelled` returns them
    without: Sequence[tuple[int, int]] = ()
    kind: Kind = "events"


class EventClip(NamedTuple):
    """The clip that holds the onset of an event."""

    path: str  # relative to the folder
    first_sample: int
    samples: int
    size_bytes: int


class ListedEvent(NamedTuple):
    """An event or a rejected region, with its stream, run and clip."""

    event: EventRow
    stream: int
    sample_rate_hz: int
    device: str
    model: str
    version: str  # of birdedge
    site: str
    clip: EventClip | None
    reason: str  # why it was rejected; empty for an event


def event_page(
    db: sqlite3.Connection,
    wanted: EventFilter,
    count: int,
    *,
    after: int | None = None,
    before: int | None = None,
    newest_first: bool = True,
    max_id: int | None = None,
) -> list[ListedEvent]:
    """Return the next events of a view.

    Args:
        db: Database of a recorder.
        wanted: The events of the view.
        count: Maximum number of events.
        after: Id of the event after which the page begins, in the order of the view; None for the first page.
        before: Id of the event before which the page ends.
        newest_first: Whether the newest event is first; otherwise the oldest is first.
        max_id: Leave out events that closed after this one.
    """
    backwards = before is not None
    descending = newest_first != backwards
    key = before if backwards else after
    rows = _ids(db, wanted, count, key, descending, max_id)
    found = {row.event.id: row for row in _listed(db, wanted.kind, rows)}
    page = [found[number] for number in rows if number in found]
    return page[::-1] if backwards else page


def event(db: sqlite3.Connection, number: int, kind: Kind = "events") -> ListedEvent | None:
    """Return an event or rejected region by its number; None if there is none."""
    return next(iter(_listed(db, kind, [number])), None)


def last_event_id(db: sqlite3.Connection, kind: Kind = "events") -> int:
    """Return the number of the event that closed last; 0 if there is none."""
    table = _TABLES[kind]
    return int(db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0])


def neighbours(
    db: sqlite3.Connection, listed: ListedEvent, within_s: float, count: int, kind: Kind = "events"
) -> list[ListedEvent]:
    """Return the events of the same stream that began shortly before or after an event and share its band."""
    row, table = listed.event, _TABLES[kind]
    ids = db.execute(
        f"""SELECT id FROM {table} WHERE stream = :stream
        AND onset_s BETWEEN :onset_s - :within_s AND :onset_s + :within_s
        AND low_hz < :high_hz AND high_hz > :low_hz AND NOT (id = :id AND :same)
        ORDER BY abs(onset_s - :onset_s), id LIMIT :count""",
        {
            "stream": listed.stream,
            "onset_s": row.onset_s,
            "within_s": within_s,
            "low_hz": row.low_hz,
            "high_hz": row.high_hz,
            "id": row.id,
            "same": (listed.reason == "") == (kind == "events"),
            "count": count,
        },
    )
    found = _listed(db, kind, [number for (number,) in ids])
    return sorted(found, key=lambda other: (other.event.onset_s, other.event.id))


_TABLES: dict[Kind, str] = {"events": "event_rows", "rejected": "rejected_rows"}


def _ids(
    db: sqlite3.Connection,
    wanted: EventFilter,
    count: int,
    key: int | None,
    descending: bool,
    max_id: int | None,
) -> list[int]:
    """Return the numbers of the next events. All conditions are on columns of the index `events_by_onset`."""
    table = _TABLES[wanted.kind]
    order, beyond = ("DESC", "<") if descending else ("ASC", ">")
    conditions = [
        condition
        for condition, value in (
            ("high_hz > :low_hz", wanted.low_hz),
            ("low_hz < :high_hz", wanted.high_hz),
            ("score >= :min_score", wanted.min_score),
            ("score <= :max_score", wanted.max_score),
            ("offset_sample - onset_sample >= :min_duration_s * sample_rate_hz", wanted.min_duration_s),
            ("offset_sample - onset_sample <= :max_duration_s * sample_rate_hz", wanted.max_duration_s),
            ("sound_class = :sound_class", wanted.sound_class),
            (f"{table}.id <= :max_id", max_id),
        )
        if value is not None
    ]
    if wanted.only is not None:
        conditions.append(f"{table}.id || ' ' || onset_sample IN (SELECT value FROM json_each(:only))")
    if wanted.without:
        conditions.append(f"{table}.id || ' ' || onset_sample NOT IN (SELECT value FROM json_each(:without))")
    place = None
    if key is not None:
        place = db.execute(f"SELECT stream, onset_s FROM {table} WHERE id = ?", (key,)).fetchone()
    if place is not None:
        conditions.append(f"streams.id {beyond}= :key_stream")
        conditions.append(f"(stream, onset_s, {table}.id) {beyond} (:key_stream, :key_onset_s, :key)")
    where = "".join(f" AND {condition}" for condition in conditions)
    rows = db.execute(
        f"""{_BOOTS} SELECT {table}.id FROM streams CROSS JOIN {table} ON stream = streams.id
        WHERE onset_s >= (SELECT since_s FROM stream_bounds WHERE stream = streams.id)
        AND onset_s < (SELECT until_s FROM stream_bounds WHERE stream = streams.id){where}
        ORDER BY streams.id {order}, onset_s {order}, {table}.id {order} LIMIT :count""",
        {
            "since_s": wanted.since_utc_s,
            "until_s": wanted.until_utc_s,
            "low_hz": wanted.low_hz,
            "high_hz": wanted.high_hz,
            "min_score": wanted.min_score,
            "max_score": wanted.max_score,
            "min_duration_s": wanted.min_duration_s,
            "max_duration_s": wanted.max_duration_s,
            "sound_class": wanted.sound_class,
            "max_id": max_id,
            "only": _pairs(wanted.only or ()),
            "without": _pairs(wanted.without),
            "key_stream": place[0] if place else None,
            "key_onset_s": place[1] if place else None,
            "key": key,
            "count": count,
        },
    )
    return [number for (number,) in rows]


def _pairs(events: Sequence[tuple[int, int]]) -> str:
    return json.dumps([f"{number} {sample}" for number, sample in events])


def _listed(db: sqlite3.Connection, kind: Kind, numbers: Sequence[int]) -> list[ListedEvent]:
    columns, clip = EVENT_ROW_COLUMNS.format(kind), _CLIP.format(kind=kind)
    rows = db.execute(
        f"""SELECT {columns}, {kind}.stream, boot_of_stream.sample_rate_hz, streams.device, runs.model, runs.version,
        runs.site, {"reason" if kind == "rejected" else "''"}, clips.path, clips.first_sample, clips.samples,
        clips.bytes
        FROM {kind} JOIN boot_of_stream ON boot_of_stream.stream = {kind}.stream
        JOIN streams ON streams.id = {kind}.stream JOIN runs ON runs.id = boot_of_stream.run {clip}
        WHERE {kind}.id IN (SELECT value FROM json_each(?))""",
        (json.dumps(list(numbers)),),
    )
    return [_row(row) for row in rows]


def _row(row: tuple[Any, ...]) -> ListedEvent:
    *about, reason, path, first_sample, samples, size_bytes = row[len(EventRow._fields) :]
    stream, sample_rate_hz, device, model, version, site = about
    clip = None if path is None else EventClip(path, first_sample, samples, size_bytes)
    return ListedEvent(event_row(row), stream, sample_rate_hz, device, model, version, site, clip, reason)
