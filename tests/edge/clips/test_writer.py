"""The writer never blocks the recorder, and continues after a disk error."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from birdedge.edge.clips.clip import Clip, CutClip
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.writer import MAX_WAITING, ClipWriter
from birdedge.edge.models.card import ModelCard
from tests.support.clips import (
    RATE_HZ,
    STREAM_START,
    ClipStream,
    event,
    noise,
    settings,
    utc_of,
    written_once,
)
from tests.support.waiting import wait_until


def one_second(card: ModelCard, samples: NDArray[np.int16]) -> CutClip:
    return CutClip(STREAM_START, RATE_HZ, 0, samples, 0, {}, "", card, np.zeros((0, 256), np.uint8), 0.0)


def test_a_hanging_disk_never_blocks_the_cutter(tmp_path: Path, card: ModelCard) -> None:
    released = threading.Event()
    written: list[Clip] = []

    def hang(clip: Clip) -> None:
        written.append(clip)
        released.wait(60)

    chosen = settings(before_s=0.0, after_s=0.0)
    writer = ClipWriter(tmp_path, chosen, hang)
    cutter = ClipCutter(chosen, writer, card, RATE_HZ, 1, utc_of)
    started_s = time.monotonic()
    for number in range(12):
        at_s = 10.0 * number
        cutter.push(noise(10), np.zeros((1250, 256), np.uint8), [event(at_s + 1, at_s + 2)])
        if number == 0:
            wait_until(lambda: written)
    cutter.flush(np.zeros((0, 256), np.uint8), [])
    assert time.monotonic() - started_s < 10
    assert writer.dropped == 12 - 1 - MAX_WAITING
    released.set()
    writer.close()
    assert (writer.written, len(written), writer.failed) == (1 + MAX_WAITING, 1 + MAX_WAITING, 0)


def test_a_written_clip_is_released_from_memory(tmp_path: Path, card: ModelCard) -> None:
    writer = ClipWriter(tmp_path, settings(), lambda _: None)
    samples = np.zeros((RATE_HZ, 1), np.int16)
    held = weakref.ref(samples)
    writer.put(one_second(card, samples))
    del samples
    wait_until(lambda: held() is None)
    assert writer.written == 1
    writer.close()


def test_close_gives_up_on_a_hanging_disk(tmp_path: Path, card: ModelCard) -> None:
    hanging, released = threading.Event(), threading.Event()

    def hang(_: Clip) -> None:
        hanging.set()
        released.wait(60)

    writer = ClipWriter(tmp_path, settings(), hang)
    writer.put(one_second(card, np.zeros((RATE_HZ, 1), np.int16)))
    assert hanging.wait(10)
    started_s = time.monotonic()
    writer.close(0.2)
    assert time.monotonic() - started_s < 5
    released.set()


def test_a_disk_with_less_than_min_free_mb_gets_no_clip(tmp_path: Path, card: ModelCard) -> None:
    free_mb = shutil.disk_usage(tmp_path).free / 1e6
    writer = written_once(tmp_path, card, settings(min_free_mb=free_mb + 1e6, mask=True, picture=True))
    assert (writer.written, writer.failed) == (0, 1)
    assert writer.paused is not None
    assert writer.paused == writer.last_error
    assert writer.paused.endswith("MB must stay free: free disk space, or lower min_free_mb")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_clips_pause_until_the_folder_can_be_written(tmp_path: Path, card: ModelCard) -> None:
    folder = tmp_path / "clips"
    folder.write_text("not a folder")
    stream = ClipStream(folder, card, settings())
    events = [event(3, 4), event(15, 16)]
    stream.play(noise(12), events)
    wait_until(lambda: stream.writer.paused)
    assert "cannot be written" in str(stream.writer.paused)
    folder.unlink()
    stream.play(noise(12), events)
    stream.cutter.flush(np.zeros((0, 256), np.uint8), [])
    stream.writer.close()
    assert (stream.writer.written, stream.writer.failed, stream.writer.paused) == (1, 1, None)
    assert [clip.events for clip in stream.clips] == [(1,)]


def test_a_failed_clip_leaves_no_file(tmp_path: Path, card: ModelCard) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        writer = written_once(tmp_path, card, settings(mask=True, picture=True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert writer.failed == 1
    assert writer.paused is not None
    assert f"({os.strerror(errno.EFBIG)})" in writer.paused
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate disk of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk is a tmpfs, which only root may mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_clips_pause_while_the_disk_is_full(small_disk: Path, card: ModelCard) -> None:
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(4 << 20))
    stream = ClipStream(small_disk / "clips", card, settings())
    events = [event(3, 4), event(15, 16)]
    stream.play(noise(12), events)
    wait_until(lambda: stream.writer.paused)
    ballast.unlink()
    stream.play(noise(12), events)
    stream.cutter.flush(np.zeros((0, 256), np.uint8), [])
    stream.writer.close()
    assert (stream.writer.written, stream.writer.paused) == (1, None)
    assert len(soundfile.read(stream.clips[0].path)[0]) == stream.clips[0].samples


def test_a_disk_without_room_for_all_companions_keeps_no_file_of_the_clip(
    small_disk: Path, card: ModelCard
) -> None:
    (small_disk / "ballast").write_bytes(bytes(1_900_000))
    writer = written_once(small_disk, card, settings(denoised=True, mask=True, picture=True))
    assert writer.failed == 1
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["ballast"]


def test_clips_pause_while_the_disk_is_read_only(small_disk: Path, card: ModelCard) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    writer = written_once(small_disk, card, settings())
    assert writer.paused is not None
    assert "(Read-only file system)" in writer.paused
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    writer = written_once(small_disk, card, settings())
    assert (writer.written, writer.paused) == (1, None)


def test_a_failing_callback_does_not_stop_the_next_clip(tmp_path: Path, card: ModelCard) -> None:
    def fail_on_the_first(clip: Clip) -> None:
        if clip.events == (0,):
            raise RuntimeError("the index is locked")

    chosen = settings(before_s=0.0, after_s=0.0)
    stream = ClipStream(tmp_path, card, chosen, on_clip=fail_on_the_first)
    events = [event(3, 4), event(10, 11)]
    stream.play(noise(20), events)
    stream.writer.close()
    assert (stream.writer.written, stream.writer.failed, stream.writer.paused) == (2, 1, None)
    assert [clip.events for clip in stream.clips] == [(0,), (1,)]
    assert stream.writer.last_error == "the index is locked"


def test_tidy_runs_between_clips_and_its_failure_stops_none(tmp_path: Path, card: ModelCard) -> None:
    threads = []

    def tidy() -> None:
        threads.append(threading.current_thread())
        raise RuntimeError("cannot tidy")

    chosen = settings()
    writer = ClipWriter(tmp_path, chosen, lambda _: None, tidy=tidy)
    cutter = ClipCutter(chosen, writer, card, RATE_HZ, 1, lambda _: STREAM_START)
    cutter.push(noise(10), np.zeros((1250, 256), np.uint8), [event(3, 4)])
    cutter.flush(np.zeros((0, 256), np.uint8), [])
    writer.close()
    assert (writer.written, writer.failed, writer.last_error) == (1, 0, "cannot tidy")
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_unfinished_files_of_a_power_cut_are_removed_at_the_start(tmp_path: Path, card: ModelCard) -> None:
    (tmp_path / "2026-11-22").mkdir()
    torn = tmp_path / "2026-11-22" / ".birdedge-0011223344556677.part"
    torn.write_bytes(b"half a clip")
    other = tmp_path / "2026-11-22" / "notes.part"
    other.write_text("mine")
    written_once(tmp_path, card, settings())
    assert not torn.exists()
    assert other.exists()
