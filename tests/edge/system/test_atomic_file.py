"""Files that appear complete or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.system.atomic_file import PERMANENT_ERRNOS, is_permanent, output_errors, replacing


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.txt"
    with replacing(path) as file:
        file.write(b"all")
        assert not path.exists()
    assert path.read_bytes() == b"all"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_of_the_block_passes_and_leaves_the_earlier_file(tmp_path: Path) -> None:
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


def test_an_interrupt_while_the_file_is_created_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, _mode: str) -> None:
        path.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "open", interrupted)
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "result.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


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
def test_an_error_of_the_disk_may_pass(number: int) -> None:
    error = OSError(number, os.strerror(number))
    assert not is_permanent(error)
    with (
        pytest.raises(DiskError, match="name a folder that can be written to and has room"),
        output_errors(Path("a")),
    ):
        raise error
