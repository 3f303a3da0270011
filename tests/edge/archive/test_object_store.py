"""An archive in an S3 bucket is listed by folder, copied one object at a time, and gives the events of local files."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from birdedge.edge.archive.files import FoundRecordings
from birdedge.edge.archive.listing import planned_files
from birdedge.edge.archive.manifest import Manifest
from birdedge.edge.archive.parts import read_part
from birdedge.edge.archive.run import Shard
from birdedge.edge.archive.scratch import local_copy
from birdedge.edge.errors import AudioFileError, DiskError
from tests.support.archives import do, parts, plan
from tests.support.disks import full, small_disk


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedMotoServer]:
    """An object server that this process and its children find."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_MAX_ATTEMPTS", "1"),
        ):
            patch.setenv(name, value)
        yield running
    running.stop()


@pytest.fixture
def bucket(server: ThreadedMotoServer, forest: Path) -> Iterator[Any]:
    """The forest as objects, with some that are not recordings; a file system without a cache."""
    assert server
    files = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    files.mkdir("forest")
    for path in sorted(forest.rglob("*.wav")):
        files.put_file(str(path), f"forest/{path.parent.name}/2024/{path.name}")
    for name in ("oak/notes.txt", ".trash/a.wav", "oak/._b.wav"):
        files.pipe_file(f"forest/{name}", b"x")
    yield files
    files.rm("forest", recursive=True)


@pytest.fixture(autouse=True)
def scratch_folder(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert bucket
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def rows_of(manifest: Manifest) -> list[dict[str, Any]]:
    return [row for unit in manifest.units() for row in read_part(manifest.folder, unit.key).to_pylist()]


def test_objects_have_the_events_of_the_same_files_and_leave_nothing_on_the_worker(
    complete: Manifest, tmp_path: Path, scratch_folder: Path
) -> None:
    manifest = plan(tmp_path / "run", "s3://forest/")
    do(manifest, shard=Shard(1, 2))
    do(manifest, jobs=2, shard=Shard(2, 2))
    rows = {Path(row["recording"]).name: row for row in rows_of(manifest)}
    assert len(rows) == 6
    for expected in rows_of(complete):
        row = rows[Path(expected["recording"]).name]
        assert row == {**expected, "recording": row["recording"]}
        assert row["recording"].startswith(("s3://forest/oak/2024/", "s3://forest/elm/2024/"))
    assert list(scratch_folder.iterdir()) == []
    other = plan(tmp_path / "other", "s3://forest/")
    do(other)
    assert parts(other.folder) == parts(manifest.folder)


def test_a_bucket_is_listed_like_a_folder(bucket: Any) -> None:
    found = FoundRecordings()
    files = list(planned_files(["s3://forest"], (), 1, found))
    assert [(file.path, file.site) for file in files] == [
        (f"s3://forest/{site}/2024/20240501_23{number:02}00.wav", site)
        for site, numbers in (("elm", (1, 3, 5)), ("oak", (0, 2, 4)))
        for number in numbers
    ]
    assert all(file.size_bytes == bucket.info(file.path)["size"] for file in files)
    assert all(file.modified == bucket.info(file.path)["ETag"] for file in files)
    assert found.left_out == {
        "trash and system folder(s)": 1,
        "file(s) of macOS (._*)": 1,
        "file(s) that are no audio": 1,
    }
    assert found.errors == []
    (file,) = planned_files(["s3://forest/oak/2024/20240501_230000.wav"], (), 1, found)
    assert (file.path, file.site) == ("s3://forest/oak/2024/20240501_230000.wav", "2024")


def test_urls_that_cannot_be_listed_are_one_sentence_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    found = FoundRecordings()
    assert list(planned_files(["s3://forest/none/", "s3://no-bucket/"], (), 1, found)) == []
    assert found.errors == [
        "s3://forest/none/ does not exist: check the URL",
        "s3://no-bucket/ does not exist: check the URL",
    ]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    found = FoundRecordings()
    assert list(planned_files(["s3://forest/"], (), 1, found)) == []
    (error,) = found.errors
    assert error.startswith("s3://forest/ cannot be listed (")
    assert error.endswith("): check the network and the credentials")
    s3fs.S3FileSystem.clear_instance_cache()


def test_the_errors_for_missing_or_changed_objects_state_their_urls(bucket: Any, tmp_path: Path) -> None:
    manifest = plan(tmp_path / "run", "s3://forest/oak/")
    names = [f"s3://forest/oak/2024/20240501_23{number:02}00.wav" for number in (0, 2, 4)]
    bucket.rm(names[0])
    bucket.pipe_file(names[1], bucket.cat_file(names[1])[:-4] + b"\1\1\1\1")
    content = bucket.cat_file(names[2])
    bucket.pipe_file(names[2], content[:999])
    assert [error for counts in do(manifest) for error in counts.errors] == [
        f"{names[0]} does not exist: check the URL",
        f"{names[1]} has changed since it was planned: plan again",
        f"{names[2]} has changed since it was planned: plan again",
    ]
    again = plan(tmp_path / "run", "s3://forest/oak/")
    errors = [error for counts in do(again) for error in counts.errors]
    assert len(errors) == 1
    assert errors[0].startswith(f"{names[2]} is damaged or truncated: ")


def test_a_server_that_does_not_answer_is_an_error_that_can_be_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (file,) = planned_files(["s3://forest/oak/2024/20240501_230000.wav"], (), 1, FoundRecordings())
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        s3fs.S3FileSystem.clear_instance_cache()
        with (
            pytest.raises(AudioFileError, match=r"20240501_230000\.wav cannot be copied \("),
            local_copy(file),
        ):
            pass
    s3fs.S3FileSystem.clear_instance_cache()
    with local_copy(file) as path:
        assert path.name == "20240501_230000.wav"
        assert path.stat().st_size == file.size_bytes


def test_copies_of_killed_workers_are_deleted_and_those_of_others_are_not(
    scratch_folder: Path,
) -> None:
    (file,) = planned_files(["s3://forest/oak/2024/20240501_230000.wav"], (), 1, FoundRecordings())
    left = scratch_folder / "birdedge-scratch-left"
    left.mkdir()
    (left / "a.wav").touch()
    with local_copy(file) as first:
        assert left.exists(), "it could be a folder that was just made"
        for folder in (left, first.parent):
            os.utime(folder, (time.time() - 100, time.time() - 100))
        with local_copy(file) as second:
            assert first.exists()
            assert first.parent != second.parent
            assert not left.exists()
    assert list(scratch_folder.iterdir()) == []


def test_a_full_scratch_disk_ends_the_run_with_a_one_sentence_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = plan(tmp_path / "run", "s3://forest/oak/")
    with small_disk(tmp_path / "disk") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with (
            full(disk),
            pytest.raises(DiskError, match=r"cannot be written \(No space left on device\): set TMPDIR"),
        ):
            do(manifest)
        assert parts(manifest.folder) == {}
        assert not [error for counts in do(manifest) for error in counts.errors]
