"""Folders are searched for recordings, and their durations are summed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from birdedge.edge.archive.files import find_recordings, read_list, total_duration_s
from birdedge.edge.audio.file_types import SUFFIXES
from birdedge.edge.errors import SettingsError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_a_folder_stands_for_the_recordings_in_it_sorted_by_path(tmp_path: Path) -> None:
    archive = touch(tmp_path / "archive", "b/2.WAV", "b/1.flac", "a/3.mp3", "a/4.ogg", "a/notes.txt")
    given = tmp_path / "z.raw"
    found = find_recordings([given, archive])
    assert found.paths == [given, *(archive / name for name in ("a/3.mp3", "a/4.ogg", "b/1.flac", "b/2.WAV"))]
    assert found.left_out_text() == "1 file(s) that are no audio"
    assert found.errors == []


def test_every_suffix_that_is_read_when_named_is_read_in_a_folder(tmp_path: Path) -> None:
    names = sorted(f"a{suffix}" for suffix in SUFFIXES)
    assert {"a.aif", "a.aiff", "a.caf", "a.w64", "a.rf64", "a.au", "a.oga", "a.opus"} <= set(names)
    assert [path.name for path in find_recordings([touch(tmp_path, *names)]).paths] == names


def test_skipped_files_are_counted(tmp_path: Path) -> None:
    touch(
        tmp_path, "a.wav", "._a.wav", "._b.wav", ".hidden.wav", "call.m4a", "song.M4A", "a.txt", "a.wav.part"
    )
    touch(tmp_path, ".Trashes/x.wav", ".Trash-1000/files/y.wav", "$RECYCLE.BIN/z.wav", ".git/annex/a.wav")
    touch(tmp_path, "System Volume Information/a.wav", "@eaDir/a.wav/b.wav", "lost+found/a.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "gone.wav").symlink_to("nowhere.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "card").symlink_to("not-mounted")
    found = find_recordings([tmp_path])
    assert found.paths == [tmp_path / "a.wav"]
    assert found.left_out == {
        "file(s) of macOS (._*)": 2,
        "hidden file(s)": 1,
        "hidden folder(s)": 1,
        ".m4a file(s), which cannot be read: convert them with ffmpeg": 2,
        "file(s) that are no audio": 2,
        "trash and system folder(s)": 6,
        "special file(s)": 1,
        "broken link(s)": 3,
    }


def test_a_named_file_is_always_taken(tmp_path: Path) -> None:
    named = [tmp_path / name for name in ("._a.wav", "call.m4a", "missing")]
    assert find_recordings(named).paths == named


def test_links_are_followed_once(tmp_path: Path) -> None:
    archive, card = (
        touch(tmp_path / "archive", "north/1.wav", "north/2.wav"),
        touch(tmp_path / "card", "3.wav", "4.wav"),
    )
    (archive / "a-link").symlink_to("north")  # sorted before the folder itself
    (archive / "north" / "again.wav").symlink_to("1.wav")
    (archive / "north" / "up").symlink_to("..")
    (archive / "card").symlink_to(card)
    (archive / "card2").symlink_to(card)
    (archive / "one.wav").symlink_to(card / "3.wav")
    (card / "back").symlink_to(archive)
    found = find_recordings([archive])
    assert found.paths == [
        archive / name for name in ("card/3.wav", "card/4.wav", "north/1.wav", "north/2.wav")
    ]
    assert found.left_out == {"link(s) to files or folders already read": 6}


def test_each_link_to_a_file_elsewhere_is_read(tmp_path: Path) -> None:
    archive = touch(tmp_path / "archive", "1.wav")
    touch(tmp_path, "store/SHA256-1.wav", "store/SHA256-2.wav")
    for name, target in (("2.wav", "1"), ("3.wav", "2"), ("4.wav", "2")):
        (archive / name).symlink_to(f"../store/SHA256-{target}.wav")
    found = find_recordings([archive])
    assert [path.name for path in found.paths] == ["1.wav", "2.wav", "3.wav", "4.wav"]
    assert not found.left_out


def test_a_folder_that_cannot_be_read_is_reported_and_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "open/a.wav", "closed/b.wav")
    scan = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_recordings([tmp_path])
    assert found.paths == [tmp_path / "open" / "a.wav"]
    assert found.errors == [
        f"{tmp_path / 'closed'} cannot be read (Permission denied): check its permissions and its disk"
    ]


def test_a_folder_without_recordings_is_an_error_of_that_folder(tmp_path: Path) -> None:
    touch(tmp_path, "empty/call.m4a", "full/a.wav")
    found = find_recordings([tmp_path / "empty", tmp_path / "full"])
    assert found.paths == [tmp_path / "full" / "a.wav"]
    assert "contains no audio file (left out: 1 .m4a file(s)" in found.errors[0]
    with pytest.raises(SettingsError, match="contains no audio file"):
        find_recordings([tmp_path / "empty"])


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\0"])
def test_a_list_holds_a_path_per_line_or_ended_by_nul(tmp_path: Path, ends: bytes) -> None:
    names = [b"a.wav", b"my garden/b.wav", b"\xff.wav", b" #1.wav"]
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbf" + b"".join(name + ends for name in [*names, b""]))
    assert [os.fsencode(path) for path in read_list(tmp_path / "list")] == names


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_list_in_utf_16_as_windows_writes_it_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "list").write_bytes("\ufeff/archive/a.wav\r\n鳥.wav\r\n".encode(encoding))
    assert read_list(tmp_path / "list") == [Path("/archive/a.wav"), Path("鳥.wav")]


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"", "is empty"), (b"\n\n", "is empty")]
)
def test_an_unusable_list_is_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "list").write_bytes(content)
    with pytest.raises(SettingsError, match=reason):
        read_list(tmp_path / "list")


def test_unreadable_files_do_not_count_in_the_duration(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 8_000)
    soundfile.write(tmp_path / "b.flac", np.zeros(4_000), 8_000)
    (tmp_path / "text.wav").write_text("no audio", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.wav")
    names = ("a.wav", "b.flac", "text.wav", "pipe.wav", "missing.wav")
    assert total_duration_s(tmp_path / name for name in names) == 2.5
