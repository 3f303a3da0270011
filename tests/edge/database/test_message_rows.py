"""All audio is counted as heard, all other time as gaps, and a gap becomes more exact as more audio arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge.edge.database import coverage_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.gap import GapCause
from birdedge.edge.messages import GapStarted, LoadLevelChanged
from birdedge.edge.pipeline.timekeeper import Timekeeper
from tests.support.streams import (
    Clocks,
    MessageStream,
    coverage_of,
    end,
    gaps_of,
    rows_of,
    started,
)


def test_heard_audio_is_counted_per_hour(tmp_path: Path) -> None:
    clocks = Clocks(utc_s=3600 * 100 - 30.0)
    run_log = started(tmp_path, clocks)
    MessageStream(run_log.apply, clocks).hear(90)
    end(run_log, clocks)
    found = coverage_of(tmp_path)
    assert found.heard_s == pytest.approx(90)
    assert found.share == 1.0
    assert found.hours == {
        3600 * 99.0: pytest.approx((30, 30)),
        3600 * 100.0: pytest.approx((60, 60)),
    }
    assert coverage_of(tmp_path, since_utc_s=3600 * 100.0).heard_s == pytest.approx(60)


def test_lost_samples_and_a_lost_device_are_gaps_of_the_right_length(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.lose(0.5, "too slow")
    stream.hear(10)
    stream.break_off()
    clocks.advance(12.0)
    stream.resume()
    stream.hear(5)
    end(run_log, clocks)
    assert gaps_of(tmp_path) == [("too slow", 0.5), ("device lost", 12.0)]
    found = coverage_of(tmp_path)
    assert [gap.utc_s for gap in found.gaps] == pytest.approx([1_000_010.0, 1_000_020.5])
    assert found.heard_s == pytest.approx(25)
    assert found.expected_s == pytest.approx(37.5)


def test_a_scheduled_pause_is_a_gap_but_its_audio_is_not_expected(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(5)
    stream.break_off("paused by schedule")
    clocks.advance(100.0)
    stream.resume("paused by schedule")
    stream.hear(5)
    end(run_log, clocks)
    found = coverage_of(tmp_path)
    assert found.expected_s == pytest.approx(10)
    assert gaps_of(tmp_path) == [("paused by schedule", 100.0)]


def test_an_open_gap_lasts_until_now(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(5)
    stream.break_off()
    run_log.commit()
    (gap,) = coverage_of(tmp_path, until_utc_s=clocks.utc_s + 7.0).gaps
    assert (gap.cause, gap.lasts) == ("device lost", True)
    assert gap.length_s == pytest.approx(7.0)


@pytest.mark.parametrize("cause", ["device lost", "paused by schedule"])
def test_a_gap_gets_its_true_length_once_audio_arrives_on_time(tmp_path: Path, cause: GapCause) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.break_off(cause)
    clocks.advance(12.0)
    stream.resume(cause, late_s=0.4)
    run_log.commit()
    assert gaps_of(tmp_path) == [(cause, 12.4)]
    stream.hear(5)
    end(run_log, clocks)
    assert gaps_of(tmp_path) == [(cause, 12.0)]
    assert coverage_of(tmp_path).heard_s == pytest.approx(15.0)


def test_the_gap_before_a_new_stream_gets_its_true_length_too(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    first = MessageStream(run_log.apply, clocks)
    first.hear(10)
    first.end()
    clocks.advance(0.5)  # the stream has ended; the gap starts where its audio ended
    run_log.apply(GapStarted(first.timekeeper.now(clocks()), "restart"))
    clocks.advance(2.5)
    second = MessageStream(run_log.apply, clocks, first.timekeeper, late_s=0.3)
    run_log.commit()
    assert gaps_of(tmp_path) == [("restart", 3.3)]
    second.hear(5)
    end(run_log, clocks)
    assert gaps_of(tmp_path) == [("restart", 3.0)]
    assert coverage_of(tmp_path).heard_s == pytest.approx(15.0)


def test_a_later_correction_of_the_span_leaves_earlier_gaps_unchanged(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    for length_s in (5.0, 7.0):
        stream.break_off()
        clocks.advance(length_s)
        stream.resume(late_s=0.4)
        stream.hear(5)
    end(run_log, clocks)
    assert gaps_of(tmp_path) == [("device lost", 5.0), ("device lost", 7.0)]


def test_a_new_stream_without_a_gap_leaves_earlier_gaps_unchanged(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.break_off()
    clocks.advance(5.0)
    stream.resume()
    stream.hear(5)
    stream.end()
    MessageStream(run_log.apply, clocks, stream.timekeeper, late_s=0.4).hear(5)
    end(run_log, clocks)
    assert gaps_of(tmp_path) == [("device lost", 5.0)]


def test_a_gap_keeps_its_first_cause(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.end()
    for cause in ("restart", "device lost"):
        run_log.apply(GapStarted(stream.timekeeper.now(clocks()), cause))
        clocks.advance(10.0)
    MessageStream(run_log.apply, clocks, stream.timekeeper).hear(1)
    end(run_log, clocks)
    assert gaps_of(tmp_path) == [("restart", 20.0)]


@pytest.mark.parametrize(
    ("causes", "gaps"),
    [
        (("paused by schedule", "device lost"), [("paused by schedule", 10.0), ("device lost", 10.0)]),
        (("device lost", "paused by schedule"), [("device lost", 10.0), ("paused by schedule", 10.0)]),
        (
            ("restart", "paused by schedule", "stream lost"),
            [("restart", 10.0), ("paused by schedule", 10.0), ("stream lost", 10.0)],
        ),
        (("stream stalled", "stream lost"), [("stream stalled", 20.0)]),
        (("paused by schedule", "restart", "paused by schedule"), [("paused by schedule", 30.0)]),
    ],
)
def test_a_pause_and_another_gap_that_follow_each_other_are_two_gaps(
    tmp_path: Path, causes: tuple[GapCause, ...], gaps: list[tuple[str, float]]
) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    for cause in causes:
        run_log.apply(GapStarted(stream.timekeeper.now(clocks()), cause))
        clocks.advance(10.0)
    MessageStream(run_log.apply, clocks, stream.timekeeper).hear(1)
    end(run_log, clocks)
    assert gaps_of(tmp_path) == gaps
    expected_s = sum(length_s for cause, length_s in gaps if cause != "paused by schedule")
    assert coverage_of(tmp_path).expected_s == pytest.approx(11.0 + expected_s)


def test_a_recorder_without_a_device_has_a_gap_from_the_start(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    run_log.apply(GapStarted(Timekeeper().now(clocks()), "device lost"))
    clocks.advance(60.0)
    MessageStream(run_log.apply, clocks).hear(5)
    end(run_log, clocks)
    assert gaps_of(tmp_path) == [("device lost", 60.0)]
    assert coverage_of(tmp_path).expected_s == pytest.approx(65.0)


def test_each_load_level_is_stored(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    for level in ("50 % of the audio", "all audio"):
        stream.hear(10)
        run_log.apply(LoadLevelChanged(stream.timekeeper.stamp(stream.sample), level))
    end(run_log, clocks)
    with reading(tmp_path) as db:
        levels = coverage_queries.load_levels(db)
    assert [name for _, name in levels] == ["50 % of the audio", "all audio"]
    assert [boot_s for boot_s, _ in levels] == pytest.approx([110.0, 120.0])


def test_clocks_and_samples_are_tied_together_once_per_minute(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    MessageStream(run_log.apply, clocks).hear(150, every_s=0.5)
    end(run_log, clocks)
    anchors = rows_of(tmp_path, "SELECT sample, boot_s, utc_s, synchronized FROM anchors")
    assert [boot_s for _, boot_s, _, _ in anchors] == pytest.approx([100.5, 160.5, 220.5])
    assert [sample / 32_000 for sample, _, _, _ in anchors] == pytest.approx([0.5, 60.5, 120.5])
    assert [utc_s - boot_s for _, boot_s, utc_s, _ in anchors] == pytest.approx([999_900.0] * 3)
    assert {synchronized for *_, synchronized in anchors} == {1}
