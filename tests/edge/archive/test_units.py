"""Recordings are divided into units of about a quarter of an hour, and each is processed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from birdedge.edge.archive import units
from birdedge.edge.archive.units import PlannedFile, units_of, without_repeats

MINUTE_BYTES = 60 * units.PCM_BYTES_PER_S


def files(*minutes: float, folder: str = "/a", suffix: str = ".wav") -> list[PlannedFile]:
    return [
        PlannedFile(f"{folder}/{n}{suffix}", "a", round(m * MINUTE_BYTES), "1") for n, m in enumerate(minutes)
    ]


def lengths(planned: list[PlannedFile]) -> list[int]:
    return [len(unit) for unit in units_of(planned)]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [((5,) * 7, [3, 3, 1]), ((60, 60), [1, 1]), ((60, 1, 1, 60), [1, 2, 1]), ((0,), [1]), ((), [])],
)
def test_a_unit_is_one_recording_or_a_quarter_of_an_hour_of_short_ones(
    minutes: tuple[int, ...], expected: list[int]
) -> None:
    assert lengths(files(*minutes)) == expected


def test_compressed_recordings_are_longer_than_their_size_suggests() -> None:
    assert lengths(files(1, 1, 1, suffix=".MP3")) == [2, 1]


def test_a_half_full_unit_ends_with_its_folder_so_that_new_recordings_change_no_other() -> None:
    before = [*files(5, 5, folder="/a"), *files(5, 5, folder="/b")]
    assert lengths(before) == [2, 2]
    assert list(units_of(before))[1] == list(units_of([*files(5, 5, 2, folder="/a"), *before[2:]]))[1]
    assert lengths([file for name in "abcd" for file in files(1, folder=f"/{name}")]) == [4]


def test_a_recording_that_is_listed_twice_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "BLOCK_FILES", 7)
    once = files(*[1] * 50)
    repeated = [file for number, file in enumerate(once) for file in (file, once[number // 2], once[-1])]
    taken = list(without_repeats(repeated))
    assert taken[:2] == [once[0], once[-1]]
    assert sorted(taken, key=lambda file: file.path) == sorted(once, key=lambda file: file.path)


def test_files_are_taken_only_as_needed() -> None:
    taken = 0

    def endless() -> Iterator[PlannedFile]:
        nonlocal taken
        while True:
            taken += 1
            yield PlannedFile(f"/{taken}.wav", "a", MINUTE_BYTES, "1")

    next(units_of(without_repeats(endless())))
    assert taken == units.BLOCK_FILES


def test_a_digest_changes_with_everything_the_results_depend_on() -> None:
    (file,) = files(1)
    others = [
        PlannedFile("/a/1.wav", "a", file.size_bytes, "1"),
        PlannedFile(file.path, "a", file.size_bytes + 1, "1"),
        PlannedFile(file.path, "a", file.size_bytes, "2"),
    ]
    assert len({file.digest("f"), file.digest("g"), *(other.digest("f") for other in others)}) == 5
