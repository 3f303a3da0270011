"""Pages of events: each filter against all events, keys that stay stable while events close, and the index."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.clips.retention import DAY_S
from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_pages import (
    EventFilter,
    ListedEvent,
    event,
    event_page,
    last_event_id,
    neighbours,
)
from birdedge.edge.database.rejected import KeptRegion
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.messages import ClipWritten, RegionRejected
from tests.support.streams import RATE_HZ, Clocks, MessageStream, kill, started

START_S = 1_700_000_000.0
STREAMS, EVENTS = 3, 40


class Recorder:
    """A folder with events of several streams and boots; more can be added."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.random = folder, random.Random(5)
        self.clocks = Clocks(utc_s=START_S)
        for stream in range(STREAMS):
            self.run_log: RunLog = started(folder, self.clocks, f"boot {stream}")
            self.stream = MessageStream(self.submit, self.clocks)
            for _ in range(EVENTS):
                self.detect()
            if stream < STREAMS - 1:
                self.run_log.commit()
                kill(self.run_log)
                self.clocks.boot_s, self.clocks.utc_s = 50.0, self.clocks.utc_s + 1000.0

    def submit(self, message: Any) -> None:
        self.run_log.apply(KeptRegion(message, 0) if isinstance(message, RegionRejected) else message)

    def detect(self, rejected: bool = False) -> None:
        self.stream.hear(10)
        onset_s = self.stream.sample / RATE_HZ - self.random.uniform(2.0, 9.0)
        low_hz = self.random.choice((1000.0, 2000.0, 4000.0))
        changes = {
            "offset_s": onset_s + self.random.choice((0.2, 0.5, 2.0)),
            "low_hz": low_hz,
            "high_hz": low_hz + 500.0,
            "score": self.random.choice((0.5, 0.7, 0.9)),
            "sound_class": self.random.choice(("bird", "bird", "frog")),
        }
        if rejected:
            self.stream.reject(onset_s, **changes)
        else:
            self.stream.detect(onset_s, **changes)

    def pages(self, count: int, **options: Any) -> Iterator[list[ListedEvent]]:
        """Yield pages until one is empty."""
        wanted = options.pop("wanted", EventFilter())
        after = None
        while True:
            self.run_log.commit()
            with reading(self.folder) as db:
                page = event_page(db, wanted, count, after=after, **options)
            if not page:
                return
            yield page
            after = page[-1].event.id

    def all(self, wanted: EventFilter | None = None, **options: Any) -> list[int]:
        pages = self.pages(7, wanted=wanted or EventFilter(), **options)
        return [row.event.id for page in pages for row in page]


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    return Recorder(tmp_path_factory.mktemp("recorder"))


def rows(recorder: Recorder) -> list[ListedEvent]:
    recorder.run_log.commit()
    with reading(recorder.folder) as db:
        return event_page(db, EventFilter(), 10_000)


def test_pages_hold_each_event_once_newest_or_oldest_first(recorder: Recorder) -> None:
    everything = rows(recorder)
    assert len(everything) == STREAMS * EVENTS == last(recorder)
    assert [row.event.utc_s for row in everything] == sorted(
        (row.event.utc_s for row in everything), reverse=True
    )
    assert recorder.all() == [row.event.id for row in everything]
    assert recorder.all(newest_first=False) == recorder.all()[::-1]


def last(recorder: Recorder) -> int:
    with reading(recorder.folder) as db:
        return last_event_id(db)


def test_the_page_before_an_event_ends_with_the_adjacent_event(recorder: Recorder) -> None:
    order = recorder.all()
    with reading(recorder.folder) as db:
        page = event_page(db, EventFilter(), 5, before=order[20])
        first = event_page(db, EventFilter(), 5, before=order[2])
    assert [row.event.id for row in page] == order[15:20]
    assert [row.event.id for row in first] == order[:2]


MIDDLE_S = START_S + 1400.0
FILTERS: list[tuple[dict[str, Any], Any]] = [
    ({"since_utc_s": MIDDLE_S}, lambda e: e.utc_s >= MIDDLE_S),
    ({"until_utc_s": MIDDLE_S}, lambda e: e.utc_s < MIDDLE_S),
    (
        {"since_utc_s": MIDDLE_S, "until_utc_s": MIDDLE_S + 300},
        lambda e: MIDDLE_S <= e.utc_s < MIDDLE_S + 300,
    ),
    ({"since_utc_s": START_S - DAY_S, "until_utc_s": START_S + DAY_S}, lambda _: True),
    ({"until_utc_s": START_S}, lambda _: False),
    ({"low_hz": 1600.0}, lambda e: e.high_hz > 1600.0),
    ({"high_hz": 1600.0}, lambda e: e.low_hz < 1600.0),
    ({"low_hz": 2100.0, "high_hz": 2200.0}, lambda e: e.low_hz == 2000.0),
    ({"min_score": 0.7}, lambda e: e.score >= 0.7),
    ({"max_score": 0.7}, lambda e: e.score <= 0.7),
    ({"min_duration_s": 0.4}, lambda e: e.duration_s >= 0.4),
    ({"max_duration_s": 0.6}, lambda e: e.duration_s <= 0.6),
    ({"sound_class": "frog"}, lambda e: e.sound_class == "frog"),
    (
        {"sound_class": "bird", "min_score": 0.9, "max_duration_s": 1.0},
        lambda e: e.sound_class == "bird" and e.score >= 0.9 and e.duration_s <= 1.0,
    ),
]


@pytest.mark.parametrize(
    ("settings", "holds"), FILTERS, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
def test_a_filter_keeps_exactly_the_matching_events(
    recorder: Recorder, settings: dict[str, Any], holds: Any
) -> None:
    expected = [row.event.id for row in rows(recorder) if holds(row.event)]
    wanted = EventFilter(**settings)
    assert recorder.all(wanted) == expected


def test_a_view_can_include_only_or_exclude_the_labelled_events(recorder: Recorder) -> None:
    everything = rows(recorder)
    some = [(row.event.id, row.event.onset_sample) for row in everything[3:40:5]]
    ids = [number for number, _ in some]
    assert recorder.all(EventFilter(only=some)) == ids
    assert recorder.all(EventFilter(only=[(number, sample + 1) for number, sample in some])) == []
    assert recorder.all(EventFilter(without=some)) == [
        row.event.id for row in everything if row.event.id not in ids
    ]
    assert recorder.all(EventFilter(only=[])) == []


def test_events_that_close_while_paging_shift_no_event_to_another_page(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    before = recorder.all()
    seen = []
    for page in recorder.pages(7):
        seen += [row.event.id for row in page]
        recorder.detect()
        recorder.detect()
    assert seen == before
    limit = last(recorder)
    seen = []
    for page in recorder.pages(7, newest_first=False, max_id=limit):
        seen += [row.event.id for row in page]
        recorder.detect()
    assert sorted(seen) == list(range(1, limit + 1))


def test_an_event_row_has_its_clip_and_its_run(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    row = rows(recorder)[3]
    for number, early_s in enumerate((1.0, 0.5)):
        stamp = recorder.stream.timekeeper.stamp(row.event.onset_sample - round(early_s * RATE_HZ))
        recorder.submit(ClipWritten(f"clips/{number}.wav", stamp, 3 * RATE_HZ, 1000, 0.9))
    short = recorder.stream.timekeeper.stamp(row.event.onset_sample - 10 * RATE_HZ)
    recorder.submit(ClipWritten("clips/before.wav", short, 9 * RATE_HZ, 1000, 0.9))
    recorder.run_log.commit()
    with reading(tmp_path) as db:
        found = event(db, row.event.id)
        assert event(db, 10_000) is None
    assert found.clip.path == "clips/0.wav"
    assert (found.clip.first_sample, found.clip.samples) == (row.event.onset_sample - RATE_HZ, 3 * RATE_HZ)
    assert (found.sample_rate_hz, found.device, found.model, found.reason) == (
        RATE_HZ,
        "mic",
        "birdedge-int8",
        "",
    )


def test_rejected_regions_are_listed_with_their_reason(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for _ in range(9):
        recorder.detect(rejected=True)
    recorder.stream.end()
    recorder.run_log.commit()
    wanted = EventFilter(kind="rejected")
    ids = recorder.all(wanted)
    assert sorted(ids) == list(range(1, 10))
    with reading(tmp_path) as db:
        assert {row.reason for row in event_page(db, wanted, 100)} == {"other sound"}
        assert event(db, 1, "rejected").reason == "other sound"


def test_neighbours_are_in_the_same_band_and_close_in_time(recorder: Recorder) -> None:
    everything = rows(recorder)
    row = everything[10]
    with reading(recorder.folder) as db:
        found = neighbours(db, row, 60.0, 100)
    expected = [
        other.event.id
        for other in everything[::-1]
        if other.stream == row.stream
        and other.event.low_hz == row.event.low_hz
        and abs(other.event.onset_s - row.event.onset_s) <= 60.0
        and other != row
    ]
    assert [other.event.id for other in found] == expected
    assert expected


def test_every_page_uses_the_index(recorder: Recorder) -> None:
    """A page of a million events reads a page of the index, which holds all filtered columns."""
    plans: list[str] = []

    class Explained:
        def execute(self, query: str, values: Any = ()) -> Any:
            with reading(recorder.folder) as db:
                plans.extend(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", values))
                return db.execute(query, values).fetchall()

    wanted = EventFilter(START_S, START_S + DAY_S, 1.0, 9000.0, 0.1, 1.0, 0.1, 9.0, "bird", without=[(1, 2)])
    event_page(Explained(), wanted, 5)  # type: ignore[arg-type]
    searches = [plan for plan in plans if "SEARCH event_rows" in plan]
    assert any(
        "USING COVERING INDEX events_by_onset (stream=? AND onset_s>? AND onset_s<?)" in s for s in searches
    )
    assert not any(plan.startswith("SCAN event_rows") for plan in plans)
