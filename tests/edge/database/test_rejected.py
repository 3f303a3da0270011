"""Rejected regions are stored with their reason, a few per minute."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from birdedge.edge.block import Block
from birdedge.edge.database import event_queries, writer
from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_queries import RejectedRow
from birdedge.edge.database.rejected import MAX_PER_INTERVAL
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.messages import RegionRejected
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.sinks.sink import SinkGroup
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.disks import no_room
from tests.support.rejected import rejecting
from tests.support.sources import MessageLog, ScriptedSource
from tests.support.streams import Clocks, MessageStream, rows_of
from tests.support.waiting import wait_until


def opened(folder: Path, clocks: Clocks) -> DatabaseWriter:
    return DatabaseWriter(folder, "boot", "birdedge-int8", commit_s=0.01, read=clocks)


def rejected_in(folder: Path) -> list[RejectedRow]:
    with reading(folder) as db:
        return list(event_queries.rejected(db))


def onsets(stored: list[RejectedRow]) -> list[float]:
    return [round(row.region.onset_s - 100.0, 3) for row in stored]


def test_a_rejected_region_is_stored_with_its_class_its_history_and_its_reason(tmp_path: Path) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    stream.hear(5)
    stream.reject(2.0)
    stream.reject(1.0, sound_class="bird", class_score=0.7, score=0.7, reason="faint")
    database.close()
    faint, frog = rejected_in(tmp_path)
    assert (faint.reason, faint.region.sound_class, faint.region.score) == ("faint", "bird", 0.7)
    assert (frog.reason, frog.left_out) == ("other sound", 0)
    found = frog.region
    assert (found.sound_class, found.class_score, found.score) == ("frog", 0.6, 0.1)
    assert (found.busy_10_s, found.busy_30_s, found.busy_60_s, found.alike) == (0.3, 0.2, 0.1, 4)
    assert (found.low_hz, found.high_hz, found.peak_hz) == (2000.0, 3000.0, 2500.0)
    assert (found.area_hz_s, found.snr_db) == (100.0, 12.0)
    assert (found.onset_sample, found.offset_sample) == (64_000, 70_400)
    assert (found.utc_s, found.duration_s) == (1_000_002.0, pytest.approx(0.2))
    assert rows_of(tmp_path, "SELECT count(*) FROM events") == [(0,)]


def test_an_event_is_stored_with_its_class_and_its_history(tmp_path: Path) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    stream.hear(5)
    stream.detect(1.0, class_score=0.9, busy_10_s=0.5, busy_30_s=0.4, busy_60_s=0.2, alike=3)
    database.close()
    with reading(tmp_path) as db:
        (event,) = event_queries.events(db)
    assert (event.sound_class, event.class_score, event.alike) == ("bird", 0.9, 3)
    assert (event.busy_10_s, event.busy_30_s, event.busy_60_s) == (0.5, 0.4, 0.2)
    assert rejected_in(tmp_path) == []


def test_regions_rejected_by_a_pipeline_are_stored_once_the_stream_has_ended(tmp_path: Path) -> None:
    audio = soundscape(12.0, seed=20, calls_per_minute=60).samples[:, np.newaxis]
    log, database = MessageLog(), opened(tmp_path, Clocks())
    model = rejecting(Model(), "machine")
    run(ScriptedSource([Block(audio)]), Pipeline(model, 32_000, 1), SinkGroup([database, log]), Event())
    wait_until(lambda: rejected_in(tmp_path))
    found = log.of(RegionRejected)
    stored = rejected_in(tmp_path)
    assert len(found) > MAX_PER_INTERVAL
    nearest = sorted((message.event.score for message in found), reverse=True)[:MAX_PER_INTERVAL]
    assert sorted((row.region.score for row in stored), reverse=True) == pytest.approx(nearest)
    assert {row.region.sound_class for row in stored} == {"machine"}
    assert stored[0].left_out == len(found) - MAX_PER_INTERVAL
    database.close()


def test_the_highest_scoring_regions_of_each_minute_are_stored_and_the_others_counted(
    tmp_path: Path,
) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    stream.hear(1)
    for second in range(40):
        stream.reject(second, score=second / 100 if second % 2 else 0.0)
    stream.hear(50)
    time.sleep(0.1)
    assert rejected_in(tmp_path) == []  # the minute is not over
    stream.hear(10)
    wait_until(lambda: rejected_in(tmp_path))
    first = rejected_in(tmp_path)
    assert onsets(first) == list(range(21, 40, 2))
    assert [row.left_out for row in first] == [30] + [0] * 9
    stream.reject(61.0)
    database.close()
    assert [row.left_out for row in rejected_in(tmp_path)] == [30] + [0] * 10


def test_an_hour_of_crickets_stores_about_600_rows_at_most(tmp_path: Path) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    for second in range(3600):
        stream.hear(1, every_s=0.5)
        for part in range(3):
            stream.reject(second + part / 3)
    database.close()
    stored = rejected_in(tmp_path)
    assert 590 <= len(stored) <= 61 * MAX_PER_INTERVAL
    assert len(stored) + sum(row.left_out for row in stored) == 3 * 3600
    assert database.dropped_messages == 0


def test_rejected_regions_belong_to_their_stream(tmp_path: Path) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    first = MessageStream(database.submit, clocks)
    first.hear(5)
    first.reject(1.0)
    first.end()
    second = MessageStream(database.submit, clocks, first.timekeeper, rate_hz=48_000)
    second.hear(5)
    second.reject(2.0)
    database.close()
    assert rows_of(tmp_path, "SELECT stream, onset_sample FROM rejected") == [(1, 32_000), (2, 96_000)]


def test_rejected_regions_displace_no_event_while_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 100)
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    with no_room():
        stream.hear(1)
        wait_until(lambda: database.problem)
        for minute in range(20):
            for second in range(60):
                stream.reject(60.0 * minute + second, score=second / 1000)
            stream.hear(60)
        stream.detect(1000.0)
    wait_until(lambda: database.problem is None)
    stream.hear(1)
    database.close()
    assert database.dropped_messages == 0
    assert rows_of(tmp_path, "SELECT count(*) FROM events") == [(1,)]
    stored = rejected_in(tmp_path)
    assert len(stored) <= 2 * MAX_PER_INTERVAL
    assert len(stored) + sum(row.left_out for row in stored) == 1200
