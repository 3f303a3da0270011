"""Failures that do not stop the recorder appear in its health, and in the output of `birdedge status`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.clips.clip import CutClip
from birdedge.edge.clips.settings import MAX_WAITING, RetentionSettings
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.database import writer
from birdedge.edge.monitoring.status import Status, status_page
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.retrying import RetryingSink
from tests.support.cut_clips import WAV, cut_clip
from tests.support.disks import no_room
from tests.support.frames import detected, stream_started
from tests.support.models import short_frames_card
from tests.support.streams import event
from tests.support.supervised import RATE_HZ, Supervised
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def clip() -> CutClip:
    return cut_clip(short_frames_card())


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    parts = Supervised(tmp_path)
    yield parts
    parts.close()


def lines_of(status: Status) -> list[str]:
    return status_page(status).splitlines()


def test_a_recorder_without_failures_is_healthy(supervised: Supervised, clip: CutClip) -> None:
    supervised.clips.put(clip)
    wait_until(lambda: supervised.clips.written)
    status = supervised.status()
    assert (status.state, status.healthy) == ("listening", True)
    assert "clips in this run: 1 written" in lines_of(status)


def test_a_clip_that_cannot_be_written_needs_attention_until_one_is_written(
    supervised: Supervised, clip: CutClip, tmp_path: Path
) -> None:
    (tmp_path / "clips").write_text("not a folder")
    supervised.clips.put(clip)
    wait_until(lambda: supervised.clips.failed)
    status = supervised.status()
    assert not status.healthy
    assert "clips in this run: 0 written, 1 failed" in lines_of(status)
    (problem,) = [line for line in lines_of(status) if line.startswith("! ")]
    assert problem.startswith("! a clip was not written: ")
    (tmp_path / "clips").unlink()
    supervised.clips.put(clip)
    wait_until(lambda: supervised.clips.written)
    status = supervised.status()
    assert status.healthy
    assert "clips in this run: 1 written, 1 failed" in lines_of(status)


def test_dropped_clips_need_attention(supervised: Supervised, clip: CutClip, tmp_path: Path) -> None:
    hanging, released = threading.Event(), threading.Event()

    def hang(_: object) -> None:
        hanging.set()
        released.wait(60)

    supervised.clips.close()
    slow = ClipWriter(tmp_path / "clips", WAV, hang)
    supervised.clips = supervised.supervisor.clips = slow
    slow.put(clip)
    assert hanging.wait(10)
    for _ in range(MAX_WAITING + 2):
        slow.put(clip)
    status = supervised.status()
    released.set()
    assert not status.healthy
    assert "! 2 clip(s) were dropped: the disk is too slow for them" in lines_of(status)
    assert "clips in this run: 1 written, 2 dropped" in lines_of(status)


def test_capped_clips_are_counted_and_need_no_attention(supervised: Supervised) -> None:
    for number in range(3):
        at_s = 10.0 * number
        noise = np.full((10 * RATE_HZ, 1), 0.1, np.float32)
        supervised.cutter.push(noise, np.zeros((1250, 256), np.uint8), [event(at_s + 3.0)])
    supervised.cutter.end()
    wait_until(lambda: supervised.clips.written)
    status = supervised.status()
    assert status.healthy
    assert status.health.clips_capped == 2
    assert "clips in this run: 1 written, 2 left out by max_per_hour" in lines_of(status)


def test_clips_that_cannot_be_deleted_need_attention(tmp_path: Path, clip: CutClip) -> None:
    supervised = Supervised(tmp_path, retention=RetentionSettings(max_gb=1e-9, min_free_mb=0.0))
    supervised.clips.put(clip)
    wait_until(supervised.index.size_bytes)
    (listed,) = supervised.index.outdated(4e9, 1)
    began_s = supervised.index.newest_utc_s()
    stuck = tmp_path / listed.path
    stuck.unlink()
    stuck.mkdir()  # cannot be unlinked, not even by root
    new = cut_clip(clip.card, at_s=2 * 3600.0)
    supervised.clips.put(new)
    wait_until(lambda: supervised.index.newest_utc_s() != began_s)
    supervised.clocks.utc_s = new.utc.timestamp()
    supervised.retention.step()
    status = supervised.status()
    assert not status.healthy
    assert f"! clips cannot be deleted in {tmp_path} (Is a directory): check the disk" in lines_of(status)
    stuck.rmdir()
    supervised.retention.step()
    assert supervised.status().healthy
    supervised.close()


def test_dropped_messages_need_attention(supervised: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 20)
    supervised.hear(1.0)
    with no_room():
        supervised.database.submit(stream_started())
        wait_until(lambda: supervised.database.problem)
        for _ in range(30):
            supervised.database.submit(stream_started())
    wait_until(lambda: supervised.database.problem is None)
    dropped = supervised.database.dropped_messages
    assert dropped > 0
    status = supervised.status()
    assert not status.healthy
    assert f"! {dropped} message(s) never reached the database: check its disk" in lines_of(status)


def test_tables_that_cannot_be_written_need_attention_until_they_can(tmp_path: Path) -> None:
    card = short_frames_card()
    settings = OutputSettings(tmp_path / "tables", ("csv",))
    fine = RetryingSink(RecordingSink(OutputSettings(), "live", card, atomic=False))
    tables = RetryingSink(RecordingSink(settings, "live", card, atomic=False))
    supervised = Supervised(tmp_path / "data", outputs=(fine, tables))
    with no_room():
        tables.write(stream_started())
        tables.write(detected(0.1))
    wait_until(lambda: supervised.database.problem is None)
    status = supervised.status()
    assert not status.healthy
    (problem,) = [line for line in lines_of(status) if line.startswith("! ")]
    assert problem.startswith(f"! {tmp_path / 'tables' / 'live.csv'} cannot be written")
    tables.write(detected(0.2))
    assert supervised.status().healthy
    supervised.close()
