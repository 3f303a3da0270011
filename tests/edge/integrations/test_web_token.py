"""The dashboard's token has 256 random bits; only its hash is stored, readable by its user only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from birdedge.edge.errors import OutputError, SettingsError
from birdedge.edge.integrations.web_token import new_token, read_token_digest, token_digest, token_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return token_path(tmp_path / "config.toml")


def test_only_the_hash_is_stored_and_only_its_user_can_read_it(path: Path) -> None:
    token = new_token(path)
    assert len(token) == 43  # 256 bits in base 64
    assert token not in path.read_text()
    assert read_token_digest(path) == token_digest(token) == hashlib.sha256(token.encode()).hexdigest()
    assert path.stat().st_mode & 0o7777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_new_token_replaces_the_previous_one(path: Path) -> None:
    first, second = new_token(path), new_token(path)
    assert first != second
    assert read_token_digest(path) == token_digest(second)


def test_a_missing_file_means_no_token(tmp_path: Path) -> None:
    assert read_token_digest(tmp_path / "missing") is None
    assert read_token_digest(Path(os.devnull) / "web-token") is None


@pytest.mark.parametrize(
    "content", ["", "sha256:", "0" * 64, "sha256:" + "0" * 63, "sha256:" + "0" * 64 + "\nx", "\xff"]
)
def test_a_file_without_a_hash_is_an_error_and_does_not_disable_the_token(path: Path, content: str) -> None:
    path.write_text(content, encoding="latin-1")
    with pytest.raises(SettingsError, match="birdedge serve token"):
        read_token_digest(path)


def test_a_folder_in_place_of_the_file_is_an_error(path: Path) -> None:
    path.mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        read_token_digest(path)
    with pytest.raises(OutputError):
        new_token(path)


def test_a_new_token_keeps_the_owner_of_the_file(path: Path) -> None:
    new_token(path)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12346)
    owner = path.stat()
    new_token(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (owner.st_uid, owner.st_gid)
