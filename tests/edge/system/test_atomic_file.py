"""Files that appear complete or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.system.atomic_file import (
    PERMANENT_ERRNOS,
    Existing,
    is_permanent,
    output_errors,
    remove_unfinished,
    replacing,
)


def test_a_file_gets_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.txt"
    with replacing(path) as file:
        file.write(b"all")
        assert not path.exists()
    assert path.read_bytes() == b"all"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_in_the_block_is_raised_and_the_earlier_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_bytes(b"earlier")

    def interrupted() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_while_the_file_is_created_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, _mode: str) -> None:
        path.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "open", interrupted)
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "result.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_name_in_use_is_refused_before_and_after_the_block(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"

    def overtaken() -> None:
        with replacing(path, "refuse") as file:
            file.write(b"mine")
            path.write_bytes(b"of another process")

    with pytest.raises(
        OutputError, match=r"^\S+ exists already; give another name, or --force to replace it$"
    ):
        overtaken()
    with pytest.raises(OutputError, match="exists already; give another name, or --force to replace it"):
        replacing(path, "refuse").__enter__()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "result.txt": b"of another process"
    }


def test_a_file_whose_name_is_in_use_is_numbered(tmp_path: Path) -> None:
    for text in (b"1", b"2", b"3"):
        with replacing(tmp_path / "result.txt", "number") as file:
            file.write(text)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "result.txt": b"1",
        "result-2.txt": b"2",
        "result-3.txt": b"3",
    }


@pytest.mark.parametrize("existing", ["refuse", "number"])
def test_earlier_files_are_kept_on_a_disk_without_hard_links_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: Existing
) -> None:
    def no_links(*_arguments: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "result.txt"
    with replacing(path, existing) as file:
        file.write(b"1")
    with suppress(OutputError), replacing(path, existing) as file:
        file.write(b"2")
    assert path.read_bytes() == b"1"
    assert len(list(tmp_path.iterdir())) == (2 if existing == "number" else 1)


def test_unfinished_files_of_killed_processes_are_removed_and_those_of_others_kept(tmp_path: Path) -> None:
    killed = tmp_path / ".birdedge-1.part"
    killed.write_bytes(b"half")
    with replacing(tmp_path / "result.txt") as file:
        remove_unfinished(tmp_path)
        assert not killed.exists()
        file.write(b"all")
    assert (tmp_path / "result.txt").read_bytes() == b"all"
    remove_unfinished(tmp_path / "missing")


def test_a_file_removed_as_unfinished_before_it_is_locked_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, turns = fcntl.flock, iter([True])

    def overtaken(file: BinaryIO, operation: int) -> None:
        if next(turns, False):
            remove_unfinished(tmp_path)
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", overtaken)
    with replacing(tmp_path / "result.txt") as file:
        file.write(b"all")
    assert (tmp_path / "result.txt").read_bytes() == b"all"


def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with (
        pytest.raises(OutputError, match="is a device or pipe, not a file; give another name"),
        replacing(path),
    ):
        pass
    assert path.is_fifo()


@pytest.mark.parametrize("number", PERMANENT_ERRNOS)
def test_an_error_of_the_path_is_permanent(number: int) -> None:
    error = OSError(number, os.strerror(number))
    assert is_permanent(error)
    message = rf"a/b cannot be written \({os.strerror(number)}\)"
    with pytest.raises(OutputError, match=message) as caught, output_errors(Path("a/b")):
        raise error
    assert not isinstance(caught.value, DiskError)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_an_error_of_the_disk_is_temporary(number: int) -> None:
    error = OSError(number, os.strerror(number))
    assert not is_permanent(error)
    with (
        pytest.raises(DiskError, match="name a folder that can be written to and has room"),
        output_errors(Path("a")),
    ):
        raise error
