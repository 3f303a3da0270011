"""Each clip on disk has one row, of the stream in which it was heard, at the time at which it was heard."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from birdedge.edge.database import clip_queries, coverage_queries, run_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.messages import ClipDeleted, ClipFound, ClipWritten
from tests.support.streams import RATE_HZ, Clocks, MessageStream, end, kill, rows_of, started

DAY_S = 86_400


def found(path: str, utc_s: float, first_sample: int, rate_hz: int = RATE_HZ) -> ClipFound:
    return ClipFound(path, datetime.fromtimestamp(utc_s, UTC), rate_hz, first_sample, 64_000, 1, 0.9)


def utc_of(folder: Path) -> dict[str, float]:
    """Return when each clip began."""
    query = "SELECT path, began_s + offset_s FROM clips JOIN clock_lines USING (boot) WHERE until_s IS NULL"
    return dict(rows_of(folder, query))


def test_a_written_clip_has_the_time_of_its_first_sample(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(20)
    stamp = stream.timekeeper.stamp(12 * RATE_HZ)
    run_log.apply(ClipWritten("a.flac", stamp, 96_000, 1234, 0.8))
    end(run_log, clocks)
    assert rows_of(tmp_path, "SELECT path, stream, first_sample, samples, bytes, score FROM clips") == [
        ("a.flac", 1, 384_000, 96_000, 1234, 0.8)
    ]
    assert utc_of(tmp_path) == {"a.flac": pytest.approx(1_000_012.0)}


def test_a_clip_with_the_path_of_an_earlier_one_replaces_its_row(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(20)
    for score in (0.8, 0.7):
        run_log.apply(ClipWritten("a.flac", stream.timekeeper.stamp(0), 96_000, 1234, score))
    end(run_log, clocks)
    assert rows_of(tmp_path, "SELECT path, score FROM clips") == [("a.flac", 0.7)]


def test_a_deleted_clip_has_no_row(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(20)
    for name in ("a.flac", "b.flac"):
        run_log.apply(ClipWritten(name, stream.timekeeper.stamp(0), 96_000, 1234, 0.8))
    run_log.apply(ClipDeleted("a.flac"))
    run_log.apply(ClipDeleted("never.flac"))
    end(run_log, clocks)
    assert rows_of(tmp_path, "SELECT path FROM clips") == [("b.flac",)]


def test_a_found_clip_is_assigned_to_the_stream_with_its_time_and_rate(tmp_path: Path) -> None:
    clocks = Clocks(synchronized=False)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    MessageStream(run_log.apply, clocks, rate_hz=48_000)
    clocks.advance(60.0)
    MessageStream(run_log.apply, clocks)
    stream.end()
    run_log.apply(found("before.flac", 1_000_010.0, 10 * RATE_HZ))
    clocks.utc_s += 1e9
    clocks.synchronized = True
    run_log.follow_clock(clocks())  # clips of both clocks are found
    run_log.apply(found("between.flac", 1_000_020.0, 20 * RATE_HZ))
    run_log.apply(found("after.flac", 1_000_030.0 + 1e9, 30 * RATE_HZ))
    run_log.apply(found("other rate.flac", 1_000_030.0 + 1e9, 30 * 48_000, 48_000))
    run_log.apply(found("other stream.flac", 1_000_070.0 + 1e9, 10 * RATE_HZ))
    end(run_log, clocks)
    assert rows_of(tmp_path, "SELECT path, stream FROM clips") == [
        ("before.flac", 1),
        ("between.flac", 1),
        ("after.flac", 1),
        ("other rate.flac", 2),
        ("other stream.flac", 3),
    ]
    assert utc_of(tmp_path)["before.flac"] == pytest.approx(1_000_010.0 + 1e9)


@pytest.mark.parametrize("drift", [100e-6, -100e-6])
def test_a_found_clip_is_still_placed_correctly_after_two_weeks_of_drift(
    tmp_path: Path, drift: float
) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks, drift=drift)
    stream.hear(14 * DAY_S, every_s=1800.0)
    at_s = 13 * DAY_S + 7.25  # true time; by the nominal rate it is 112 s off
    sample = round(at_s * RATE_HZ * (1 + drift))
    stated_s = stream.timekeeper.stamp(sample).utc_s
    assert stated_s == pytest.approx(1_000_000.0 + at_s, abs=0.05)
    run_log.apply(found("late.flac", 1_000_000.0 + at_s, sample))
    end(run_log, clocks)
    ((stream_number, began_s),) = rows_of(tmp_path, "SELECT stream, began_s FROM clips")
    assert stream_number == 1
    assert began_s == pytest.approx(100.0 + at_s, abs=0.05)


def test_a_found_clip_after_a_device_loss_is_placed_by_the_audio_that_follows(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks, drift=100e-6)
    stream.hear(2 * DAY_S, every_s=1800.0)
    stream.break_off()
    clocks.advance(7200.0)
    stream.resume()
    first_sample = stream.sample
    stream.hear(DAY_S, every_s=1800.0)
    at_s = 3600.0  # after the gap
    sample = first_sample + round(at_s * RATE_HZ * (1 + 100e-6))
    run_log.apply(found("late.flac", 1_000_000.0 + 2 * DAY_S + 7200.0 + at_s, sample))
    end(run_log, clocks)
    ((stream_number, began_s),) = rows_of(tmp_path, "SELECT stream, began_s FROM clips")
    assert stream_number == 1
    assert began_s == pytest.approx(100.0 + 2 * DAY_S + 7200.0 + at_s, abs=0.05)


@pytest.mark.parametrize(("off_s", "known"), [(0.9, True), (-0.9, True), (1.1, False), (-1.1, False)])
def test_a_clip_that_states_a_different_time_belongs_to_no_known_stream(
    tmp_path: Path, off_s: float, known: bool
) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    MessageStream(run_log.apply, clocks).hear(20)
    run_log.apply(found("a.flac", 1_000_010.0 + off_s, 10 * RATE_HZ))
    end(run_log, clocks)
    assert rows_of(tmp_path, "SELECT stream = 1 FROM clips") == [(known,)]


def test_clips_of_a_lost_database_keep_their_own_time(tmp_path: Path) -> None:
    clocks = Clocks(synchronized=False)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    for number in range(3):
        run_log.apply(found(f"{number}.wav", 7e8 + 10.0 * number, RATE_HZ * 10 * number))
    clocks.utc_s += 1e9
    clocks.synchronized = True
    run_log.follow_clock(clocks())
    run_log.commit()
    assert utc_of(tmp_path) == {f"{number}.wav": 7e8 + 10.0 * number for number in range(3)}
    assert rows_of(tmp_path, "SELECT count(*) FROM streams WHERE run = 0") == [(1,)]
    run_log.apply(ClipWritten("0.wav", stream.timekeeper.stamp(0), 64_000, 1, 0.8))
    run_log.apply(found("0.wav", 7e8, 0))  # it already has a row
    kill(run_log)
    assert rows_of(tmp_path, "SELECT stream, score FROM clips WHERE path = '0.wav'") == [(1, 0.8)]
    end(started(tmp_path, clocks), clocks)
    assert rows_of(tmp_path, "SELECT max(id) > 1 FROM runs") == [(1,)]


def test_clips_of_a_lost_database_add_no_coverage_and_are_not_the_latest_run(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    MessageStream(run_log.apply, clocks).hear(5)
    run_log.apply(found("old.wav", 7e8, 0))
    run_log.commit()
    with reading(tmp_path) as db:
        run = run_queries.latest_run(db)
        assert run is not None
        assert run.run == 1
        assert sum(span.length_s for span in coverage_queries.spans(db)) == pytest.approx(5)
    kill(run_log)


def test_clips_of_a_boot_without_a_synchronized_clock_are_never_outdated(tmp_path: Path) -> None:
    clocks = Clocks(synchronized=False)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(20)
    run_log.apply(ClipWritten("a.flac", stream.timekeeper.stamp(0), 96_000, 1234, 0.8))
    run_log.apply(found("lost database.flac", 10.0, 10 * RATE_HZ))
    run_log.commit()
    with reading(tmp_path) as db:
        assert clip_queries.outdated_clips(db, 4e9, 10) == []
        assert clip_queries.newest_clip_utc_s(db) is None
    clocks.synchronized = True
    run_log.follow_clock(clocks())
    run_log.commit()
    with reading(tmp_path) as db:
        assert [clip.path for clip in clip_queries.outdated_clips(db, 4e9, 10)] == ["a.flac"]
        assert clip_queries.newest_clip_utc_s(db) == pytest.approx(1_000_000.0)


def test_clips_are_in_recording_order_whatever_the_clock_showed(tmp_path: Path) -> None:
    for number, utc_s in enumerate((1.8e9, 10.0, 1.7e9)):
        clocks = Clocks(utc_s=utc_s, synchronized=False)
        run_log = started(tmp_path, clocks, f"boot {number}")
        stream = MessageStream(run_log.apply, clocks)
        stream.hear(20)
        run_log.apply(ClipWritten(f"{number}.flac", stream.timekeeper.stamp(0), 96_000, 1, 0.8))
        end(run_log, clocks)
    with reading(tmp_path) as db:
        assert [clip.path for clip in clip_queries.first_clips(db, "oldest", 0.0, 10)] == ["0.flac", "1.flac"]


def test_the_total_bytes_of_the_clips_follow_every_change(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(20)
    for name, size_bytes in (("a.flac", 100), ("b.flac", 20), ("a.flac", 3)):
        run_log.apply(ClipWritten(name, stream.timekeeper.stamp(0), 96_000, size_bytes, 0.8))
    run_log.apply(found("b.flac", 1_000_010.0, 10 * RATE_HZ))
    run_log.commit()
    with reading(tmp_path) as db:
        assert clip_queries.clip_bytes(db) == 23
    run_log.apply(ClipDeleted("b.flac"))
    run_log.apply(ClipDeleted("b.flac"))
    end(run_log, clocks)
    with reading(tmp_path) as db:
        assert clip_queries.clip_bytes(db) == 3


@pytest.mark.parametrize("order", ["oldest", "lowest_score"])
def test_the_queries_of_retention_take_no_longer_with_more_clips(
    tmp_path: Path, order: Literal["oldest", "lowest_score"]
) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    steps: list[int] = []
    for first, end_number in ((0, 1000), (1000, 20_000)):
        for number in range(first, end_number):
            row = (f"{number}.flac", 1, 1, 10.0 * number, number, 1, 1, number % 7 / 10)
            run_log.db.execute(
                "INSERT INTO clips (path, boot, stream, began_s, first_sample, samples, bytes, score) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        run_log.commit()
        taken = [0]

        def count_step(taken: list[int] = taken) -> int:
            taken[0] += 1
            return 0

        with reading(tmp_path) as db:
            db.set_progress_handler(count_step, 1)
            assert clip_queries.clip_bytes(db) == 0
            assert clip_queries.newest_clip_utc_s(db) is not None
            assert len(clip_queries.outdated_clips(db, 4e9, 4)) == 4
            assert len(clip_queries.first_clips(db, order, 3600.0, 4)) == 4
            assert clip_queries.has_clip(db, "5.flac")
        steps.append(taken[0])
    assert steps[1] < 1.2 * steps[0] + 100, steps
