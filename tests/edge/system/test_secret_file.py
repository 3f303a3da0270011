"""A secret is read only from a file that nobody else can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.system.secret_file import read_secret


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes("schlüssel \n".encode())
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_a_secret_is_read_without_its_line_end(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert read_secret(file) == "schlüssel "


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620, 0o666])
def test_a_file_that_others_can_use_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(SettingsError, match=rf"has mode 0{mode:o}.*chmod 600"):
        read_secret(file)


def test_a_file_without_a_valid_secret_is_refused(file: Path) -> None:
    file.write_bytes(b"\n")
    with pytest.raises(SettingsError, match="is empty"):
        read_secret(file)
    file.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="not UTF-8"):
        read_secret(file)
    for text in ("tk_new\nold: tk_old\n", "tk\tnew"):
        file.write_text(text)
        with pytest.raises(SettingsError, match="has several lines or a control character") as raised:
            read_secret(file)
        assert "tk" not in str(raised.value).replace(str(file), "")
    file.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        read_secret(file)
    file.mkdir()
    with pytest.raises(SettingsError, match="Is a directory"):
        read_secret(file)
