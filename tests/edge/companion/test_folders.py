"""Recorders are found in the given folders and below them."""

from __future__ import annotations

import os
from pathlib import Path

from birdedge.edge.companion.folders import (
    MAX_DEPTH,
    RecorderFolder,
    expected_folders,
    find_folders,
    place_name,
)
from birdedge.edge.database.schema import FILE_NAME


def made(folder: Path) -> Path:
    """Return a folder that looks like a recorder's."""
    folder.mkdir(parents=True)
    (folder / FILE_NAME).touch()
    return folder


def test_a_recorders_folder_is_found_by_its_own_name(tmp_path: Path) -> None:
    oak = made(tmp_path / "oak")
    assert find_folders([oak]) == (RecorderFolder("oak", oak),)


def test_the_sources_of_a_recorder_and_several_recorders_are_found_below_a_folder(tmp_path: Path) -> None:
    north, south = made(tmp_path / "oak" / "north"), made(tmp_path / "oak" / "south")
    elm = made(tmp_path / "elm")
    assert find_folders([tmp_path]) == (
        RecorderFolder("elm", elm),
        RecorderFolder("north", north),
        RecorderFolder("south", south),
    )


def test_folders_with_the_same_name_get_different_names(tmp_path: Path) -> None:
    first, second = made(tmp_path / "a" / "birds"), made(tmp_path / "b" / "birds")
    assert find_folders([tmp_path]) == (RecorderFolder("birds", first), RecorderFolder("birds-2", second))


def test_a_folder_keeps_its_name_while_another_of_the_same_name_is_away(tmp_path: Path) -> None:
    media, away = tmp_path / "media", tmp_path / "away"
    first, second = made(media / "a" / "birds"), made(media / "b" / "birds")
    both = find_folders([media])
    first.rename(away)
    assert find_folders([media]) == (RecorderFolder("birds-2", second),)
    away.rename(first)
    assert find_folders([media]) == both


def test_missing_folders_of_the_same_name_have_different_names_too(tmp_path: Path) -> None:
    first, second = made(tmp_path / "a" / "birds"), tmp_path / "b" / "birds"
    given = [first, second]
    assert expected_folders(given) == (RecorderFolder("birds", first), RecorderFolder("birds-2", second))
    made(second)
    assert find_folders(given) == (RecorderFolder("birds", first), RecorderFolder("birds-2", second))


def test_given_folders_have_the_same_names_whichever_of_them_is_mounted_first(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "birds", made(tmp_path / "b" / "birds")
    assert find_folders([first, second]) == (RecorderFolder("birds-2", second),)
    made(first)
    assert find_folders([first, second]) == (
        RecorderFolder("birds", first),
        RecorderFolder("birds-2", second),
    )


def test_a_name_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    folder = made(tmp_path / os.fsdecode(b"f\xf6hre"))
    assert find_folders([tmp_path]) == (RecorderFolder("f\\udcf6hre", folder),)
    assert place_name(folder, "") == "f\\udcf6hre"


def test_a_folder_given_twice_is_one_recorder(tmp_path: Path) -> None:
    oak = made(tmp_path / "oak")
    (tmp_path / "link").symlink_to(oak)
    assert find_folders([oak, tmp_path, tmp_path / "link"]) == (RecorderFolder("oak", oak),)


def test_sources_are_found_in_the_folder_of_a_recorder_that_had_none_before(tmp_path: Path) -> None:
    oak = made(tmp_path / "oak")
    north = made(oak / "north")
    assert find_folders([tmp_path]) == (RecorderFolder("north", north), RecorderFolder("oak", oak))


def test_neither_the_results_of_a_recorder_nor_deep_folders_are_searched(tmp_path: Path) -> None:
    oak = made(tmp_path / "oak")
    made(oak / "clips" / "2026-05-01")
    made(tmp_path / Path(*"abcd"))
    assert MAX_DEPTH == 3
    assert [folder.path for folder in find_folders([tmp_path])] == [oak]


def test_a_missing_folder_has_no_recorder_yet(tmp_path: Path) -> None:
    assert find_folders([tmp_path / "later"]) == ()
    made(tmp_path / "later")
    assert len(find_folders([tmp_path / "later"])) == 1


def test_a_given_folder_without_a_recorder_is_expected_to_have_one(tmp_path: Path) -> None:
    oak, later = made(tmp_path / "birds" / "oak"), tmp_path / "later"
    folders = expected_folders([tmp_path / "birds", later, later])
    assert folders == (RecorderFolder("oak", oak), RecorderFolder("later", later))
