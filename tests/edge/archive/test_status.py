"""The status of a run counts finished work and estimates the rest."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from birdedge.edge.archive.parts import PARTS, done_units
from birdedge.edge.archive.run import run_here, work_of
from birdedge.edge.archive.status import ArchiveStatus, archive_status
from tests.support.archives import do, plan


def test_status_estimates_what_is_left_from_the_last_minutes(forest: Path, tmp_path: Path) -> None:
    manifest = plan(tmp_path / "run", forest)
    before = archive_status(manifest)
    assert (before.done_files, before.bytes_per_s, before.left_s, before.is_complete) == (
        0,
        None,
        None,
        False,
    )
    todo = run_here(work_of(manifest, done_units(manifest.folder)), 1)
    done_bytes = next(todo).size_bytes + next(todo).size_bytes
    now_s = time.time()
    for number, path in enumerate((manifest.folder / PARTS).rglob("*.parquet")):
        os.utime(path, (now_s, now_s - 100 * number))
    status = archive_status(manifest, now_s)
    assert (status.done_files, status.done_bytes) == (2, done_bytes)
    assert status.bytes_per_s == pytest.approx(done_bytes / 100)
    assert status.left_s == pytest.approx((status.size_bytes - done_bytes) / (done_bytes / 100))
    assert archive_status(manifest, now_s + 3600).bytes_per_s is None


def test_unfinished_files_on_a_disk_that_is_only_read_do_not_matter(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = plan(tmp_path / "run", forest)
    do(manifest)
    (part, *_) = (manifest.folder / "parts").rglob("*.parquet")
    left = part.with_name(".birdedge-0123.part")
    left.touch()
    os.utime(left, (0, 0))

    def refuse(_: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        assert archive_status(manifest).is_complete
    assert archive_status(manifest).is_complete
    assert not left.exists()


@pytest.mark.parametrize(
    ("done_files", "bytes_per_s", "left_s", "left"),
    [
        (1200, 2.5e6, 7380.0, "300 file(s), 2 h 3 min at 2.5 MB/s"),
        (1200, None, None, "300 file(s), no rate: nothing was completed in the last ten minutes"),
        (1500, 2.5e6, 0.0, "nothing"),
    ],
)
def test_the_status_is_printed_in_readable_units(
    done_files: int, bytes_per_s: float | None, left_s: float | None, left: str
) -> None:
    status = ArchiveStatus(1500, done_files, 7, 10**12, 10**9, bytes_per_s, left_s)
    assert status.lines() == [
        f"done       {done_files:,} of 1,500 file(s), 1.0 GB of 1.0 TB",
        "errors     7 file(s)",
        f"left       {left}",
    ]
