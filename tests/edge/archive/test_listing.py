"""The recordings of an archive are listed from folders and lists, with their sites, one at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from birdedge.edge.archive import listing
from birdedge.edge.archive.files import FoundRecordings
from birdedge.edge.archive.listing import open_store, planned_files
from birdedge.edge.archive.units import PlannedFile
from birdedge.edge.errors import ExtraMissingError, SettingsError


def listed(
    *sources: object, lists: tuple[Path, ...] = (), level: int = 1
) -> tuple[list[PlannedFile], FoundRecordings]:
    found = FoundRecordings()
    return list(planned_files([str(source) for source in sources], lists, level, found)), found


@pytest.fixture
def forest(tmp_path: Path) -> Path:
    for name in ("oak/2024/b.wav", "oak/2024/a.flac", "elm/c.mp3", "d.wav", "oak/notes.txt", "elm/.e.wav"):
        path = tmp_path / "forest" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 7)
        os.utime(path, ns=(5, 1234567890123456789))
    return tmp_path / "forest"


def test_each_recording_has_its_path_site_size_and_time(forest: Path) -> None:
    files, found = listed(forest)
    facts = 7, "1234567890123456789"
    assert files == [
        PlannedFile(f"{forest}/d.wav", "forest", *facts),
        PlannedFile(f"{forest}/elm/c.mp3", "elm", *facts),
        PlannedFile(f"{forest}/oak/2024/a.flac", "oak", *facts),
        PlannedFile(f"{forest}/oak/2024/b.wav", "oak", *facts),
    ]
    assert found.left_out_text() == "1 file(s) that are no audio, 1 hidden file(s)"
    assert found.errors == []


@pytest.mark.parametrize(("level", "sites"), [(0, ["forest"] * 4), (2, ["forest", "forest", "2024", "2024"])])
def test_the_level_chooses_the_folder_that_names_the_site(forest: Path, level: int, sites: list[str]) -> None:
    assert [file.site for file in listed(forest, level=level)[0]] == sites


def test_paths_are_absolute_and_a_single_file_belongs_to_its_folder(
    forest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(forest)
    (file,), _ = listed("elm/c.mp3")
    assert (file.path, file.site) == (f"{forest}/elm/c.mp3", "elm")


def test_a_list_names_files_and_folders(forest: Path, tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_bytes(b"\0".join(os.fsencode(path) for path in (forest / "oak", forest / "d.wav")))
    assert [Path(file.path).name for file in listed(lists=(names,))[0]] == ["a.flac", "b.wav", "d.wav"]


def test_unreadable_files_are_reported_and_the_others_are_listed(forest: Path) -> None:
    (forest / "empty").mkdir()
    files, found = listed(forest / "missing.wav", forest / "empty", forest / "d.wav")
    assert [Path(file.path).name for file in files] == ["d.wav"]
    assert len(found.errors) == 2
    assert "missing.wav cannot be read (No such file or directory)" in found.errors[0]
    assert f"{forest}/empty contains no audio file" in found.errors[1]


def test_a_folder_of_any_size_is_sorted_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "BLOCK_FILES", 3)
    names = sorted(f"{number * 37 % 101:03}.wav" for number in range(20))
    for name in reversed(names):
        (tmp_path / name).touch()
    bad = os.fsdecode(b"\xff.wav")
    (tmp_path / bad).touch()
    files, _ = listed(tmp_path)
    assert [Path(file.path).name for file in files] == [*names, bad]
    assert files[-1].name == f"{tmp_path}/\\xff.wav" or files[-1].name.endswith("\\udcff.wav")


class Nas(LocalFileSystem):  # type: ignore[misc]
    """A store like FTP: the host is not part of the paths in it."""

    protocol = "nas"

    def __init__(self, host: str, **options: Any) -> None:
        if host == "off":
            raise ConnectionRefusedError("Connection refused")
        super().__init__(**options)
        self.host = host

    @classmethod
    def _strip_protocol(cls, path: Any) -> str:
        return "/" + str(path).partition("://")[2].partition("/")[2] if "://" in str(path) else str(path)

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        login, _, host = path.partition("://")[2].partition("/")[0].rpartition("@")
        return {"host": host, **({"password": login.partition(":")[2]} if login else {})}


@pytest.mark.parametrize("end", ["", "/", "/oak/2024/a.flac"])
def test_the_url_of_an_object_keeps_the_host(forest: Path, end: str) -> None:
    fsspec.register_implementation("nas", Nas, clobber=True)
    files, found = listed(f"nas://cellar{forest}{end}")
    assert found.errors == []
    assert f"nas://cellar{forest}/oak/2024/a.flac" in [file.path for file in files]
    for file in files:
        store, path = open_store(file.path)
        assert (store.host, store.info(path)["size"]) == ("cellar", 7)


def test_a_password_in_a_url_is_refused_and_not_shown(forest: Path) -> None:
    fsspec.register_implementation("nas", Nas, clobber=True)
    with pytest.raises(SettingsError, match="set FSSPEC_NAS_PASSWORD") as caught:
        listed(f"nas://user:s3cret@cellar{forest}")
    assert "s3cret" not in str(caught.value)


def test_a_store_that_cannot_be_reached_is_reported_and_the_others_are_listed(forest: Path) -> None:
    fsspec.register_implementation("nas", Nas, clobber=True)
    files, found = listed(f"nas://off{forest}", forest)
    assert len(files) == 4
    assert f"nas://off{forest} cannot be listed (Connection refused): check the network" in found.errors[0]


def test_files_within_an_archive_have_no_urls_and_are_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "forest.zip", "w") as file:
        file.writestr("oak/a.wav", b"x")
    with pytest.raises(
        SettingsError, match=r"oak/a\.wav cannot be read by a URL of its own .*: copy the recordings"
    ):
        listed(f"zip://::{tmp_path}/forest.zip")


def test_a_site_whose_name_is_too_long_for_a_folder_is_refused(tmp_path: Path) -> None:
    for name, is_possible in (
        ("森" * 80, True),
        ("Национальный парк Смоленское Поозерье участок 3", True),
        ("x" * 251, False),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").touch()
        if is_possible:
            assert listed(tmp_path / name, level=0)[0][0].site == name
        else:
            with pytest.raises(SettingsError, match=r"needs a folder name of 256 bytes, .* --site-level"):
                listed(tmp_path / name, level=0)


def test_an_unusable_url_is_a_one_sentence_error() -> None:
    with pytest.raises(
        SettingsError, match=r"nothing://x cannot be used .*: give a path, or a URL such as s3"
    ):
        listed("nothing://x")


def test_the_error_for_a_url_names_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", missing)
    with pytest.raises(ExtraMissingError, match="s3://a needs a package that is not installed: Install s3fs"):
        listed("s3://a")
