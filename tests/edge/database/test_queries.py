"""Each query returns the rows that were written, in its order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from birdedge import __version__
from birdedge.edge.database import queries
from birdedge.edge.database.connection import open_to_write, reading
from birdedge.edge.health import Health
from birdedge.edge.messages import ClipWritten, HealthReported
from birdedge.edge.pipeline.utc_line import ClockLine
from tests.support.streams import RATE_HZ, Clocks, MessageStream, end, kill, started


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database without rows."""
    open_to_write(tmp_path)[0].close()
    with reading(tmp_path) as db:
        yield db


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A boot with a run that stopped, and another with one that still runs, and its device lost."""
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    for onset_s in (4.0, 2.0):
        stream.detect(onset_s)
    for name, second, score, size_bytes in (("b", 5, 0.9, 100), ("c", 7, 0.5, 200), ("a", 3, 0.5, 400)):
        stamp = stream.timekeeper.stamp(second * RATE_HZ)
        run_log.apply(ClipWritten(f"{name}.flac", stamp, RATE_HZ, size_bytes, score))
    end(run_log, clocks)
    clocks.advance(60.0)
    clocks.boot_s = 5.0
    clocks.synchronized = False
    run_log = started(tmp_path, clocks, "next boot")
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(20)
    stream.lose(0.5)
    stream.hear(1)
    stream.detect(6.0)
    health = HealthReported(stream.timekeeper.stamp(0), Health(device="mic"))
    run_log.apply(health)
    stream.break_off()
    run_log.commit()
    with reading(tmp_path) as db:
        yield db
    kill(run_log)


def test_an_empty_database_has_no_answers(empty: sqlite3.Connection) -> None:
    assert queries.latest_run(empty) is None
    assert queries.last_heard_s(empty, 1) is None
    assert queries.open_gap_cause(empty) is None
    assert queries.open_gaps(empty, 1) == []
    assert queries.spans(empty) == []
    assert queries.gaps(empty) == []
    assert queries.gap_totals(empty) == []
    assert queries.heard_s(empty) == 0.0
    assert queries.latest_event_utc_s(empty) is None
    assert queries.first_event_utc_s(empty, 0.0) is None
    assert queries.count_clips(empty) == 0
    assert queries.count_events(empty) == 0
    assert list(queries.events(empty)) == []
    assert list(queries.rejected(empty)) == []
    assert queries.latest_health(empty) == {}
    assert queries.load_levels(empty) == []
    assert not queries.has_clip(empty, "a.flac")
    assert queries.clip_bytes(empty) == 0
    assert queries.newest_clip_utc_s(empty) is None
    assert queries.outdated_clips(empty, 4e9, 10) == []
    assert queries.first_clips(empty, "oldest", 0.0, 10) == []
    assert queries.clip_place(empty, 1e6, RATE_HZ, 0, 1.0) is None


def test_the_latest_run_is_the_one_that_began_last(recorded: sqlite3.Connection) -> None:
    assert queries.latest_run(recorded) == queries.RunRow(
        run=2,
        boot=2,
        boot_id="next boot",
        began_s=5.0,
        ended_s=None,
        version=__version__,
        model="birdedge-int8",
        site="the wood",
        clock="unknown",
        utc=ClockLine(0.0, None, 1_000_065.0, 0.0, None, None, 0.0),
    )


def test_the_utc_of_a_boot_is_found_by_its_name(recorded: sqlite3.Connection) -> None:
    known, unknown = queries.utc_of_boot(recorded, "boot"), queries.utc_of_boot(recorded, "next boot")
    assert known is not None
    assert unknown is not None
    assert (known.state, known.utc_s(150.0)) == ("synchronized", 999_900.0 + 150.0)
    assert (unknown.state, unknown.utc_s(150.0)) == ("unknown", 1_000_065.0 + 150.0)
    assert queries.utc_of_boot(recorded, "another boot") is None


def test_the_last_audio_is_that_of_the_run(recorded: sqlite3.Connection) -> None:
    assert queries.last_heard_s(recorded, 1) == pytest.approx(110.0)
    assert queries.last_heard_s(recorded, 2) == pytest.approx(26.5)
    assert queries.last_heard_s(recorded, 3) is None


def test_open_gaps_are_those_without_a_length(recorded: sqlite3.Connection) -> None:
    assert queries.open_gap_cause(recorded) == "device lost"
    ((number, began_s),) = queries.open_gaps(recorded, 2)
    assert number == 3
    assert began_s == pytest.approx(26.5)
    assert queries.open_gaps(recorded, 1) == []


def test_spans_are_sorted_by_time(recorded: sqlite3.Connection) -> None:
    found = queries.spans(recorded)
    assert [span.utc_s for span in found] == pytest.approx([1e6, 1e6 + 70.0, 1e6 + 90.5])
    assert [span.length_s for span in found] == pytest.approx([10.0, 20.0, 1.0])


def test_gaps_are_sorted_by_time(recorded: sqlite3.Connection) -> None:
    stopped, overrun, lost = queries.gaps(recorded)
    assert [gap.cause for gap in (stopped, overrun, lost)] == ["stopped", "overrun", "device lost"]
    assert [gap.utc_s for gap in (stopped, overrun, lost)] == pytest.approx([1e6 + 10, 1e6 + 90, 1e6 + 91.5])
    assert (stopped.length_s, stopped.lasts) == (None, False)  # the clock of the second boot was never right
    assert overrun.length_s == pytest.approx(0.5)
    assert (lost.length_s, lost.lasts) == (None, True)


def test_events_are_sorted_by_onset(recorded: sqlite3.Connection) -> None:
    found = list(queries.events(recorded))
    assert [event.utc_s for event in found] == pytest.approx([1e6 + 2, 1e6 + 4, 1e6 + 76])
    assert [event.onset_sample for event in found] == [2 * RATE_HZ, 4 * RATE_HZ, 6 * RATE_HZ]
    assert [event.offset_sample - event.onset_sample for event in found] == [RATE_HZ // 2] * 3
    assert [event.uncertainty_s is None for event in found] == [False, False, True]
    first = found[0]
    assert (first.low_hz, first.high_hz, first.peak_hz) == (2000.0, 3000.0, 2500.0)
    assert (first.score, first.area_hz_s, first.snr_db) == (0.97, 100.0, 12.0)


@pytest.mark.parametrize(("since_s", "count"), [(0.0, 3), (1e6 + 2, 3), (1e6 + 3, 2), (1e6 + 77, 0)])
def test_events_are_counted_since_a_time(recorded: sqlite3.Connection, since_s: float, count: int) -> None:
    assert queries.count_events(recorded, since_s) == count


def test_the_health_is_returned_as_it_was_stored(recorded: sqlite3.Connection) -> None:
    assert Health.from_json(queries.latest_health(recorded)) == Health(device="mic")


def test_the_totals_of_clips_are_their_bytes_and_the_latest_start(recorded: sqlite3.Connection) -> None:
    assert queries.clip_bytes(recorded) == 700
    assert queries.newest_clip_utc_s(recorded) == pytest.approx(1e6 + 7)


@pytest.mark.parametrize(
    ("before_s", "count", "names"),
    [(4e9, 10, "abc"), (4e9, 2, "ab"), (1e6 + 6, 10, "ab"), (1e6 + 3, 10, ""), (4e9, 0, "")],
)
def test_outdated_clips_began_before_a_time(
    recorded: sqlite3.Connection, before_s: float, count: int, names: str
) -> None:
    found = queries.outdated_clips(recorded, before_s, count)
    assert [clip.path for clip in found] == [f"{name}.flac" for name in names]


@pytest.mark.parametrize(
    ("order", "newest_s", "count", "names"),
    [
        ("oldest", 0.0, 10, "ab"),  # never the newest itself
        ("oldest", 0.0, 1, "a"),
        ("oldest", 2.0, 10, "a"),
        ("oldest", 4.0, 10, ""),
        ("lowest_score", -1.0, 10, "acb"),  # of two with one score, the older one first
        ("lowest_score", 0.0, 1, "a"),
        ("lowest_score", 2.0, 10, "a"),
        ("oldest", 0.0, 0, ""),
    ],
)
def test_the_first_clips_are_limited_in_time_and_number(
    recorded: sqlite3.Connection,
    order: Literal["oldest", "lowest_score"],
    newest_s: float,
    count: int,
    names: str,
) -> None:
    found = queries.first_clips(recorded, order, newest_s, count)
    assert [clip.path for clip in found] == [f"{name}.flac" for name in names]


def test_a_listed_clip_has_its_size(recorded: sqlite3.Connection) -> None:
    assert queries.first_clips(recorded, "oldest", 0.0, 1) == [("a.flac", 400)]


def test_a_clip_has_a_row_or_not(recorded: sqlite3.Connection) -> None:
    assert queries.has_clip(recorded, "a.flac")
    assert not queries.has_clip(recorded, "d.flac")


@pytest.mark.parametrize(
    ("utc_s", "rate_hz", "tolerance_s", "stream"),
    [
        (1e6 + 5, RATE_HZ, 1.0, 1),
        (1e6 + 75, RATE_HZ, 1.0, 2),
        (1e6 + 5, 48_000, 1.0, None),
        (1e6 + 6.5, RATE_HZ, 1.0, None),
        (1e6 + 6.5, RATE_HZ, 2.0, 1),
        (1e6 + 39, RATE_HZ, 100.0, 1),  # the nearest of the two
        (1e6 + 41, RATE_HZ, 100.0, 2),
    ],
)
def test_a_clip_is_placed_in_the_nearest_stream(
    recorded: sqlite3.Connection, utc_s: float, rate_hz: int, tolerance_s: float, stream: int | None
) -> None:
    place = queries.clip_place(recorded, utc_s, rate_hz, 5 * rate_hz, tolerance_s)
    assert (place and place.stream) == stream
    if place is not None:
        assert place.boot == stream
        assert place.began_s == pytest.approx(105.0 if stream == 1 else 10.0)
