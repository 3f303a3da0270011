"""Writing clips never delays the audio, and continues after any fault."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
import weakref
from dataclasses import replace
from pathlib import Path

import soundfile

from birdedge.edge.clips.clip import Clip
from birdedge.edge.clips.settings import MAX_WAITING
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.formats.guano import read_guano
from birdedge.edge.models.card import ModelCard
from tests.support.cut_clips import WAV, cut_clip
from tests.support.disks import full, no_room, read_only, small_disk
from tests.support.waiting import wait_until

ALL_FILES = replace(WAV, denoised=True, mask=True, picture=True)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def ignore(_: Clip) -> None:
    """Ignore a clip."""


def test_clips_are_written_in_order_with_the_fields_of_all_clips(tmp_path: Path, card: ModelCard) -> None:
    clips: list[Clip] = []
    writer = ClipWriter(tmp_path, WAV, clips.append, {"Loc Position": "47.1 -8.5"})
    for at_s in (0.0, 10.0, 20.0):
        writer.put(cut_clip(card, at_s))
    writer.close()
    assert [clip.first_sample for clip in clips] == [0, 80_000, 160_000]
    assert (writer.written, writer.dropped, writer.failed, writer.problem) == (3, 0, 0, None)
    assert all(read_guano(clip.path)["Loc Position"] == "47.1 -8.5" for clip in clips)
    assert clips[1].stamp == cut_clip(card, 10.0).stamp


def test_a_hanging_disk_never_delays_the_audio(tmp_path: Path, card: ModelCard) -> None:
    released = threading.Event()
    clips: list[Clip] = []

    def hang(clip: Clip) -> None:
        clips.append(clip)
        released.wait(60)

    writer = ClipWriter(tmp_path, WAV, hang)
    started_s = time.monotonic()
    for number in range(12):
        writer.put(cut_clip(card, 10.0 * number))
        if number == 0:
            wait_until(lambda: clips)
    assert time.monotonic() - started_s < 10
    assert writer.dropped == 12 - 1 - MAX_WAITING
    released.set()
    writer.close()
    assert (writer.written, len(clips), writer.failed) == (1 + MAX_WAITING, 1 + MAX_WAITING, 0)


def test_a_written_clip_is_released_from_memory(tmp_path: Path, card: ModelCard) -> None:
    writer = ClipWriter(tmp_path, WAV, ignore)
    cut = cut_clip(card)
    held = weakref.ref(cut.samples)
    writer.put(cut)
    del cut
    wait_until(lambda: held() is None)
    assert writer.written == 1
    writer.close()


def test_close_gives_up_on_a_hanging_disk(tmp_path: Path, card: ModelCard) -> None:
    hanging, released = threading.Event(), threading.Event()

    def hang(_: Clip) -> None:
        hanging.set()
        released.wait(60)

    writer = ClipWriter(tmp_path, WAV, hang)
    writer.put(cut_clip(card))
    assert hanging.wait(10)
    started_s = time.monotonic()
    writer.close(0.2)
    assert time.monotonic() - started_s < 5
    released.set()


def test_no_clip_is_written_to_a_disk_with_less_than_min_free_mb(tmp_path: Path, card: ModelCard) -> None:
    free_mb = shutil.disk_usage(tmp_path).free / 1e6
    writer = ClipWriter(tmp_path, replace(ALL_FILES, min_free_mb=free_mb + 1e6), ignore)
    writer.put(cut_clip(card))
    writer.close()
    assert (writer.written, writer.failed) == (0, 1)
    assert writer.problem is not None
    assert writer.problem.startswith("a clip was not written: ")
    assert writer.problem.endswith("or lower min_free_mb")
    assert files_in(tmp_path) == []


def test_clips_are_written_again_as_soon_as_the_folder_is_usable(tmp_path: Path, card: ModelCard) -> None:
    folder = tmp_path / "clips"
    folder.write_text("not a folder")
    clips: list[Clip] = []
    writer = ClipWriter(folder, WAV, clips.append)
    writer.put(cut_clip(card, 0.0))
    wait_until(lambda: writer.problem)
    assert "cannot be written" in str(writer.problem)
    assert (writer.written, writer.failed) == (0, 1)
    folder.unlink()
    writer.put(cut_clip(card, 10.0))
    writer.close()
    assert (writer.written, writer.failed, writer.problem) == (1, 1, None)
    assert [clip.first_sample for clip in clips] == [80_000]


def test_a_failed_clip_leaves_no_file(tmp_path: Path, card: ModelCard) -> None:
    writer = ClipWriter(tmp_path, ALL_FILES, ignore)
    with no_room(after_bytes=50_000):
        writer.put(cut_clip(card, seconds=10.0))
        writer.close()
    assert writer.failed == 1
    assert f"({os.strerror(errno.EFBIG)})" in str(writer.problem)
    assert files_in(tmp_path) == []


def test_a_full_disk_pauses_clips_until_there_is_room(tmp_path: Path, card: ModelCard) -> None:
    with small_disk(tmp_path / "disk") as disk:
        clips: list[Clip] = []
        writer = ClipWriter(disk / "clips", WAV, clips.append)
        with full(disk):
            writer.put(cut_clip(card, 0.0))
            wait_until(lambda: writer.problem)
        writer.put(cut_clip(card, 10.0))
        writer.close()
        assert (writer.written, writer.failed, writer.problem) == (1, 1, None)
        assert len(soundfile.read(clips[0].path)[0]) == clips[0].samples


def test_a_disk_without_room_for_all_files_of_a_clip_keeps_none_of_them(
    tmp_path: Path, card: ModelCard
) -> None:
    with small_disk(tmp_path / "disk", size_mb=2) as disk:
        (disk / "ballast").write_bytes(bytes(1_900_000))
        writer = ClipWriter(disk, ALL_FILES, ignore)
        writer.put(cut_clip(card, seconds=10.0))
        writer.close()
        assert writer.failed == 1
        assert [path.name for path in files_in(disk)] == ["ballast"]


def test_a_read_only_disk_pauses_clips_until_it_is_writable(tmp_path: Path, card: ModelCard) -> None:
    with small_disk(tmp_path / "disk") as disk:
        writer = ClipWriter(disk, WAV, ignore)
        with read_only(disk):
            writer.put(cut_clip(card, 0.0))
            wait_until(lambda: writer.problem)
            assert "(Read-only file system)" in str(writer.problem)
        writer.put(cut_clip(card, 10.0))
        writer.close()
        assert (writer.written, writer.problem) == (1, None)


def test_a_failing_callback_does_not_stop_the_next_clip(tmp_path: Path, card: ModelCard) -> None:
    clips: list[Clip] = []

    def fail_on_the_first(clip: Clip) -> None:
        clips.append(clip)
        if len(clips) == 1:
            raise RuntimeError("the index is locked")

    writer = ClipWriter(tmp_path, WAV, fail_on_the_first)
    writer.put(cut_clip(card, 0.0))
    wait_until(lambda: writer.problem)
    assert "the index is locked" in str(writer.problem)
    writer.put(cut_clip(card, 10.0))
    writer.close()
    assert (writer.written, writer.failed, writer.problem) == (2, 1, None)


def test_tidy_runs_between_clips_in_the_thread_of_the_writer(tmp_path: Path, card: ModelCard) -> None:
    threads: list[threading.Thread] = []
    writer = ClipWriter(tmp_path, WAV, ignore, tidy=lambda: threads.append(threading.current_thread()))
    writer.put(cut_clip(card))
    writer.close()
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_a_failing_tidy_is_a_problem_and_stops_no_clip(tmp_path: Path, card: ModelCard) -> None:
    error: list[Exception] = [RuntimeError("cannot tidy")]

    def tidy() -> None:
        for each in error:
            raise each

    writer = ClipWriter(tmp_path, WAV, ignore, tidy=tidy)
    for at_s in (0.0, 10.0):
        writer.put(cut_clip(card, at_s))
    wait_until(lambda: writer.written == 2)
    assert writer.failed == 0
    wait_until(lambda: writer.problem and "cannot tidy" in writer.problem)
    error.clear()
    writer.put(cut_clip(card, 20.0))
    wait_until(lambda: writer.problem is None)
    writer.close()
    assert (writer.written, writer.failed, writer.problem) == (3, 0, None)


def test_unfinished_files_left_by_a_power_cut_are_removed_at_the_start(
    tmp_path: Path, card: ModelCard
) -> None:
    (tmp_path / "2026-11-22").mkdir()
    torn = tmp_path / "2026-11-22" / ".birdedge-0011223344556677.part"
    torn.write_bytes(b"half a clip")
    other = tmp_path / "2026-11-22" / "notes.part"
    other.write_text("mine")
    writer = ClipWriter(tmp_path, WAV, ignore)
    writer.put(cut_clip(card))
    writer.close()
    assert not torn.exists()
    assert other.exists()
