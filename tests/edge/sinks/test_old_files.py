"""Old tables and masks make room for new ones, and no other file is deleted."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from birdedge.edge.errors import OutputError
from birdedge.edge.sinks.old_files import OldFiles

STEMS = ("2026-11-23T05-00-00Z", "2026-11-23T04-00-00Z", "2026-11-23T04-00-00Z-2", "2025-01-01T00-00-00Z")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four mask files of 1000 bytes, and files of other programs."""
    for name in (*(f"{stem}.npz" for stem in STEMS), "mine.npz", "2026-11-23.npz", f"{STEMS[0]}.csv"):
        (tmp_path / name).write_bytes(bytes(1000))
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_oldest_files_are_deleted_until_the_rest_fits(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    old_files = OldFiles()
    old_files.remove(folder, (".npz",), 2500e-9)
    assert old_files.deleted == 2
    assert names(folder) == [
        "2026-11-23.npz",
        "2026-11-23T04-00-00Z.npz",
        "2026-11-23T05-00-00Z.csv",
        "2026-11-23T05-00-00Z.npz",
        "mine.npz",
    ]
    assert caplog.messages == [
        f"deleted {folder / name}: such files take more than 2.5e-06 GB"
        for name in ("2025-01-01T00-00-00Z.npz", "2026-11-23T04-00-00Z-2.npz")
    ]


@pytest.mark.parametrize("max_gb", [0.0, 4000e-9])
def test_within_the_limit_nothing_is_deleted(folder: Path, max_gb: float) -> None:
    before = names(folder)
    OldFiles().remove(folder, (".npz",), max_gb)
    assert names(folder) == before


def test_a_missing_folder_has_no_old_files(tmp_path: Path) -> None:
    OldFiles().remove(tmp_path / "new", (".npz",), 1.0)


def test_a_file_that_cannot_be_deleted_is_an_output_error(folder: Path) -> None:
    stuck = folder / f"{STEMS[3]}.npz"
    stuck.unlink()
    stuck.mkdir()  # cannot be unlinked, not even by root
    with pytest.raises(OutputError, match="cannot be written"):
        OldFiles().remove(folder, (".npz",), 1e-9)
