"""Files are synced as often as the database commits, in a thread that never delays the audio."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from birdedge.edge.errors import DiskError
from birdedge.edge.messages import Message
from birdedge.edge.models.card import ModelCard
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.retrying import RetryingSink
from birdedge.edge.sinks.syncing import SyncingSink
from tests.support.frames import detected, frames, stream_started
from tests.support.waiting import wait_until


class Files:
    """A sink whose disk a test breaks."""

    def __init__(self) -> None:
        self.written: list[Message] = []
        self.synced = 0
        self.error: DiskError | None = None
        self.hang = threading.Event()
        self.hang.set()

    def write(self, message: Message) -> None:
        self.written.append(message)

    def sync(self) -> None:
        self.hang.wait(30)
        self.synced += 1
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Nothing is open."""


def test_growing_tables_and_masks_are_synced_to_disk(
    tmp_path: Path, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[str] = set()
    fsync = os.fsync

    def recorded(fd: int) -> None:
        synced.add(Path(f"/proc/self/fd/{fd}").resolve().name)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", recorded)
    settings = OutputSettings(tmp_path / "tables", ("csv", "raven"), tmp_path / "masks")
    sink = SyncingSink(RecordingSink(settings, "live", card, atomic=False), 0.01)
    for message in (stream_started(), frames(200, 7), detected(0.5)):
        sink.write(message)
    synced.clear()
    wait_until(lambda: {"live.csv", "live.selections.txt", "live.npz"} <= synced)
    sink.close()


def test_the_folder_of_a_new_file_is_synced_to_disk(
    tmp_path: Path, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").resolve()))
    settings = OutputSettings(tmp_path / "a" / "tables", ("csv",), tmp_path / "masks")
    with RecordingSink(settings, "live", card, atomic=False) as sink:
        for message in (stream_started(), frames(200, 7), detected(0.5)):
            sink.write(message)
    assert {tmp_path, tmp_path / "a", tmp_path / "a" / "tables", tmp_path / "masks"} <= set(synced)


def test_a_hanging_disk_delays_no_message() -> None:
    files = Files()
    files.hang.clear()
    sink = SyncingSink(files, 0.001)
    started_s = time.monotonic()
    for _ in range(100):
        sink.write(frames(1))
    assert time.monotonic() - started_s < 5
    assert len(files.written) == 100
    files.hang.set()
    sink.close()


def test_a_disk_that_cannot_sync_is_a_problem_until_it_can() -> None:
    files = Files()
    files.error = DiskError("live.npz cannot be written")
    sink = RetryingSink(SyncingSink(files, 0.001))
    wait_until(lambda: files.synced > 2)
    sink.write(frames(1))
    assert sink.problem == "live.npz cannot be written"
    files.error, before = None, files.synced
    wait_until(lambda: files.synced > before + 1)
    sink.write(frames(1))
    assert sink.problem is None
    assert len(files.written) == 2  # nothing is lost
    sink.close()
