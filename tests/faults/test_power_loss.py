"""Power is cut on a real ext4 disk: everything reported as committed is there, complete, when it is mounted again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from birdedge.edge.database.connection import open_to_write
from tests.support.commands import ENVIRONMENT, ROOT
from tests.support.disks import Ext4Disk, ext4_disk
from tests.support.streams import rows_of

# Commits audio second by second, each with an event and a clip, and prints each number once it is committed.
WRITER = """
import sys, time
from pathlib import Path
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.messages import ClipWritten
from birdedge.edge.models.model import Model
from tests.support.clips import ClipStream, event, noise
from tests.support.streams import Clocks, MessageStream, started

folder, clocks = Path(sys.argv[1]), Clocks()
run_log = started(folder, clocks)
stream = MessageStream(run_log.apply, clocks)

written = []  # by the thread that writes clips; one thread writes to the database

def index(clip):
    path = clip.path.relative_to(folder).as_posix()
    written.append(ClipWritten(path, clip.stamp, clip.samples, clip.size_bytes, clip.score))

settings = ClipSettings(format="flac", keep="everything", everything_s=1.0, min_free_mb=0.0, mask=True)
clips = ClipStream(folder / "clips", Model("birdedge-int8").card, settings, on_clip=index)
run_log.commit()
audio, second = noise(1.0), 0
while True:
    second += 1
    stream.hear(1)
    stream.detect(float(second))
    clips.play(audio, [])
    while written:
        run_log.apply(written.pop(0))
    run_log.commit()
    print(second, flush=True)
"""
COMMITS = 5


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Ext4Disk]:
    """Return a disk whose power can be cut."""
    with ext4_disk(tmp_path / "out") as mounted:
        yield mounted


def record_until_power_is_cut(disk: Ext4Disk) -> None:
    """Record to a disk, cut its power after some commits, and mount it again."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(disk.folder)],
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
        cwd=ROOT,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        lines = iter(writer.stdout)
        assert next(lines).startswith("seed")
        for _ in range(COMMITS):
            next(lines)
        disk.cut_power()
        writer.kill()
    disk.unmount()
    disk.mount()


def test_power_loss_loses_no_commit(disk: Ext4Disk) -> None:
    record_until_power_is_cut(disk)
    db, quarantined = open_to_write(disk.folder)
    assert quarantined is None
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()
    ((samples, events),) = rows_of(disk.folder, "SELECT samples, (SELECT count(*) FROM events) FROM heard")
    assert samples // 32_000 == events >= COMMITS


def test_power_loss_leaves_only_whole_clips(disk: Ext4Disk) -> None:
    record_until_power_is_cut(disk)
    open_to_write(disk.folder)[0].close()
    rows = rows_of(disk.folder, "SELECT path, samples, bytes FROM clips")
    assert len(rows) >= COMMITS - 1  # the last second may still be in the cutter
    for name, samples, size_bytes in rows:
        path = disk.folder / name
        assert len(soundfile.read(path)[0]) == samples
        assert size_bytes == path.stat().st_size + path.with_suffix(".npz").stat().st_size
