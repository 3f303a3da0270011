"""Clips on disk and rows in the database stay in agreement, whatever was lost in between."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from birdedge.edge.clips.clip import Clip
from birdedge.edge.clips.retention import KeptClip, Retention
from birdedge.edge.clips.settings import RetentionSettings
from birdedge.edge.database.labels import LABELS_FILE, mark_clips
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.errors import OutputError
from birdedge.edge.messages import Message
from birdedge.edge.models.card import ModelCard
from birdedge.edge.recorder import clip_index
from birdedge.edge.recorder.clip_index import DatabaseClipIndex
from tests.support.cut_clips import RATE_HZ, STREAM_START, written
from tests.support.models import short_frames_card
from tests.support.streams import Clocks, MessageStream, kill, rows_of, started


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return short_frames_card()


class Recorder:
    """A run whose stream started together with the clips, and the index of its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clocks = Clocks(utc_s=STREAM_START.timestamp())
        self.run_log: RunLog = started(folder, self.clocks)
        self.stream = MessageStream(self.submit, self.clocks, rate_hz=RATE_HZ)
        self.stream.hear(60, every_s=10.0)
        self.index = DatabaseClipIndex(folder, self.submit)

    def submit(self, message: Message) -> None:
        self.run_log.apply(message)
        self.run_log.commit()

    def written(self, card: ModelCard, at_s: float) -> Clip:
        clip = written(self.folder / "clips", card, at_s)
        self.index.written(clip)
        return clip

    def rows(self) -> list[tuple[str, int, int, float]]:
        return rows_of(
            self.folder, "SELECT path, stream, first_sample, score FROM clips ORDER BY first_sample"
        )


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


def name_of(recorder: Recorder, clip: Clip) -> str:
    return str(clip.path.relative_to(recorder.folder))


def test_a_written_clip_gets_its_row(recorder: Recorder, card: ModelCard) -> None:
    clip = recorder.written(card, 10.0)
    assert recorder.rows() == [(name_of(recorder, clip), 1, 10 * RATE_HZ, 0.97)]
    assert recorder.index.size_bytes() == clip.size_bytes
    assert recorder.index.newest_utc_s() == pytest.approx(STREAM_START.timestamp() + 10.0)


def test_a_deleted_clip_loses_its_row(recorder: Recorder, card: ModelCard) -> None:
    kept, deleted = (recorder.written(card, at_s) for at_s in (10.0, 20.0))
    recorder.index.deleted(name_of(recorder, deleted))
    assert [row[0] for row in recorder.rows()] == [name_of(recorder, kept)]


def test_clips_are_listed_in_the_order_that_retention_needs(recorder: Recorder, card: ModelCard) -> None:
    clips = [recorder.written(card, at_s) for at_s in (30.0, 10.0, 20.0)]
    names = [name_of(recorder, clip) for clip in clips]
    assert recorder.index.first("oldest", 0.0, 2) == [
        KeptClip(names[1], clips[1].size_bytes),
        KeptClip(names[2], clips[2].size_bytes),
    ]
    assert recorder.index.first("lowest_score", 15.0, 10)[0].path == names[1]
    outdated = recorder.index.outdated(STREAM_START.timestamp() + 25.0, 10)
    assert [clip.path for clip in outdated] == [names[1], names[2]]


def test_retention_works_with_the_database_index(recorder: Recorder, card: ModelCard) -> None:
    clips = [recorder.written(card, at_s) for at_s in (10.0, 20.0)]
    recorder.clocks.advance(2 * 3600.0)
    recorder.stream.hear(10)
    newest = recorder.written(card, 2 * 3600.0 + 60.0)
    settings = RetentionSettings(max_gb=1e-9, min_free_mb=0.0)
    retention = Retention(settings, recorder.folder, recorder.index, lambda: recorder.clocks.utc_s)
    for _ in range(2):
        retention.step()
    assert retention.problem is None
    assert retention.deleted == 2
    assert not any(clip.path.exists() for clip in clips)
    assert [row[0] for row in recorder.rows()] == [name_of(recorder, newest)]


def test_clips_without_a_row_get_one_and_others_keep_theirs(
    recorder: Recorder, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    known = recorder.written(card, 10.0)
    found = [written(recorder.folder / "clips", card, at_s) for at_s in (20.0, 30.0)]
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            recorder.index.add_missing()
    names = [name_of(recorder, clip) for clip in (known, *found)]
    assert recorder.rows() == [
        (name, 1, at_s * RATE_HZ, 0.97) for name, at_s in zip(names, (10, 20, 30), strict=True)
    ]
    assert sorted(caplog.messages) == sorted(
        f"{clip.path} had no row in the database; it has one now" for clip in found
    )


def test_all_clips_of_a_lost_database_get_a_row(recorder: Recorder, card: ModelCard) -> None:
    clips = [recorder.written(card, at_s) for at_s in (10.0, 20.0, 30.0)]
    kill(recorder.run_log)
    for file in recorder.folder.glob(f"{FILE_NAME}*"):
        file.unlink()
    again = Recorder(recorder.folder)
    again.index.add_missing()
    assert [row[0] for row in again.rows()] == [name_of(again, clip) for clip in clips]
    query = "SELECT began_s + offset_s FROM clips JOIN clock_lines USING (boot) WHERE until_s IS NULL ORDER BY began_s"
    utc_s = [row[0] for row in rows_of(again.folder, query)]
    assert utc_s == pytest.approx([STREAM_START.timestamp() + at_s for at_s in (10.0, 20.0, 30.0)], abs=1e-3)


def test_clips_are_looked_up_a_few_at_a_time(
    recorder: Recorder, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_index, "CHECKED_AT_ONCE", 2)
    for at_s in range(5):
        written(recorder.folder / "clips", card, float(at_s))
    counts = []
    for _ in range(5):
        recorder.index.add_missing()
        counts.append(len(recorder.rows()))
    assert counts == [2, 4, 5, 5, 5]


def test_files_that_are_not_clips_get_no_row(recorder: Recorder, card: ModelCard) -> None:
    clip = written(recorder.folder / "clips", card, 10.0)
    folder = clip.path.parent
    (folder / "damaged.wav").write_bytes(clip.path.read_bytes()[:100])
    (folder / "notes.txt").write_text("mine")
    shutil.copy(clip.path, folder / f"{clip.path.stem}.denoised.wav")
    recorder.index.add_missing()
    assert [row[0] for row in recorder.rows()] == [name_of(recorder, clip)]


def test_a_file_name_that_is_not_utf8_does_not_prevent_the_rows_of_others(
    recorder: Recorder, card: ModelCard
) -> None:
    clip = written(recorder.folder / "clips", card, 10.0)
    shutil.copy(clip.path, clip.path.with_name(os.fsdecode(b"\xff.wav")))
    recorder.index.add_missing()
    assert [row[0] for row in recorder.rows()] == [name_of(recorder, clip)]


def test_a_clip_without_a_stamp_is_not_added_as_new(recorder: Recorder, card: ModelCard) -> None:
    clip = written(recorder.folder / "clips", card, 10.0)
    recorder.index.written(replace(clip, stamp=None))
    assert recorder.rows() == []


def test_clips_are_looked_up_again_after_the_database_could_not_be_read(
    recorder: Recorder, card: ModelCard, tmp_path: Path
) -> None:
    clip = written(recorder.folder / "clips", card, 10.0)
    database = tmp_path / FILE_NAME
    moved = database.rename(tmp_path / "elsewhere.sqlite")
    for _ in range(2):
        with pytest.raises(OutputError):
            recorder.index.add_missing()
    moved.rename(database)
    recorder.index.add_missing()
    assert [row[0] for row in recorder.rows()] == [name_of(recorder, clip)]


def test_the_database_is_not_needed_if_there_are_no_clips(tmp_path: Path) -> None:
    DatabaseClipIndex(tmp_path, lambda _: None).add_missing()


# In a separate process, because tracemalloc also counts the allocations of other tests' threads.
PEAK_OF_LISTING = """
import sys, tracemalloc
from pathlib import Path
from birdedge.edge.clips.folder import clips_in, remove_unfinished
folder = Path(sys.argv[1])
tracemalloc.start()
count = sum(1 for _ in clips_in(folder))
remove_unfinished(folder)
print(count, tracemalloc.get_traced_memory()[1])
"""


def test_many_clips_on_disk_take_little_memory(tmp_path: Path) -> None:
    day = tmp_path / "clips" / "2026-11-23"
    day.mkdir(parents=True)
    for number in range(20_000):
        (day / f"20261123T041500.250Z_2800-5000Hz_0.98_{number}.flac").touch()
    done = subprocess.run(
        [sys.executable, "-c", PEAK_OF_LISTING, tmp_path / "clips"],
        capture_output=True,
        text=True,
        check=True,
    )
    count, peak_bytes = map(int, done.stdout.split())
    assert count == 20_000
    assert peak_bytes < 1_000_000


def test_locked_clips_survive_retention_and_manually_deleted_ones_go_at_once(
    recorder: Recorder, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    clips = [recorder.written(card, at_s) for at_s in (10.0, 20.0, 30.0, 40.0)]
    names = [name_of(recorder, clip) for clip in clips]
    recorder.clocks.advance(2 * 3600.0)
    recorder.stream.hear(10)
    newest = recorder.written(card, 2 * 3600.0 + 60.0)
    mark_clips(recorder.folder, names[:2], "locked", 1.0)
    mark_clips(recorder.folder, [name_of(recorder, newest), names[0]], "deleted", 2.0)
    settings = RetentionSettings(max_gb=1e-9, min_free_mb=0.0, max_age_days=0.05)
    retention = Retention(settings, recorder.folder, recorder.index, lambda: recorder.clocks.utc_s)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            retention.step()
    assert retention.problem is None
    assert [row[0] for row in recorder.rows()] == names[:2]
    assert [clip.path.exists() for clip in (*clips, newest)] == [True, True, False, False, False]
    assert f"deleted {name_of(recorder, newest)}: a person deleted it" in caplog.messages


def test_no_clip_is_deleted_while_the_locks_cannot_be_read(recorder: Recorder, card: ModelCard) -> None:
    recorder.written(card, 10.0)
    recorder.clocks.advance(2 * 3600.0)
    recorder.stream.hear(10)
    recorder.written(card, 2 * 3600.0 + 60.0)
    (recorder.folder / LABELS_FILE).write_bytes(b"no database" * 1000)
    settings = RetentionSettings(max_gb=1e-9, min_free_mb=0.0)
    retention = Retention(settings, recorder.folder, recorder.index, lambda: recorder.clocks.utc_s)
    retention.step()
    assert retention.deleted == 0
    assert retention.problem is not None
    assert "labels.sqlite is damaged" in retention.problem
    (recorder.folder / LABELS_FILE).unlink()
    retention.step()
    assert (retention.deleted, retention.problem) == (1, None)
