"""Clips make room for new ones in the order that was asked for, a few at a time, and nothing else is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from birdedge.edge.clips.folder import companions
from birdedge.edge.clips.retention import DAY_S, KeptClip, Retention
from birdedge.edge.clips.settings import RetentionSettings

NOW_S = 1_795_000_000.0
HOUR_S = 3600.0


class Index:
    """Clips of 1000 bytes on disk, and the list of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clips: list[KeptClip] = []

    def add(self, name: str, age_s: float, score: float = 0.5) -> Path:
        path = self.folder / f"{name}.flac"
        path.write_bytes(bytes(1000))
        self.clips.append(KeptClip(path.name, NOW_S - age_s, 1000, score))
        return path

    def sweep(self, max_clips: int = 100, now_s: float = NOW_S, **settings: float | str) -> list[str]:
        """One step, after which the index lists what is left; the names that went."""
        asked = RetentionSettings(**{"min_free_mb": 0.0} | settings)
        self.retention = Retention(asked, self.folder, lambda: self.clips, lambda: now_s)
        gone = self.retention.step(max_clips)
        self.clips = [clip for clip in self.clips if self.folder / clip.path not in gone]
        return [path.stem for path in gone]

    @property
    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.iterdir())


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path)


def test_clips_older_than_the_limit_go_oldest_first(index: Index) -> None:
    for name, days in (("b", 11), ("new", 0), ("young", 9.99), ("a", 12), ("c", 10.01)):
        index.add(name, days * DAY_S)
    assert index.sweep(max_age_days=10.0) == ["a", "b", "c"]
    assert index.names == ["new", "young"]


def test_the_oldest_go_until_the_rest_is_small_enough(index: Index) -> None:
    for number in range(10):
        index.add(str(number), (20 - number) * HOUR_S, score=number / 10)
    assert index.sweep(max_gb=7000e-9) == ["0", "1", "2"]
    assert index.sweep(max_gb=7000e-9) == []


def test_the_least_sure_go_first_where_that_is_asked(index: Index) -> None:
    for number, score in enumerate((0.9, 0.1, 0.8, 0.2, 0.7)):
        index.add(f"{score}", (20 - number) * HOUR_S, score)
    index.add("new", 0, 0.0)
    assert index.sweep(max_gb=4000e-9, delete_first="lowest_score") == ["0.1", "0.2"]


def test_age_counts_before_score_and_what_it_frees_is_counted(index: Index) -> None:
    index.add("old and sure", 30 * DAY_S, 0.99)
    index.add("unsure", 5 * HOUR_S, 0.1)
    index.add("sure", 4 * HOUR_S, 0.9)
    assert index.sweep(max_age_days=7.0, max_gb=2000e-9, delete_first="lowest_score") == ["old and sure"]


def test_a_step_deletes_no_more_than_it_may_and_the_next_goes_on(index: Index) -> None:
    for number in range(10):
        index.add(str(number), (20 - number) * DAY_S)
    index.add("new", 0)
    assert [index.sweep(4, max_age_days=1.0) for _ in range(4)] == [
        ["0", "1", "2", "3"],
        ["4", "5", "6", "7"],
        ["8", "9"],
        [],
    ]


def test_a_disk_under_its_floor_gives_up_clips_but_none_of_the_newest_hour(index: Index) -> None:
    for name, hours in (("newest", 0), ("within", 0.99), ("before", 1.01), ("oldest", 5)):
        index.add(name, hours * HOUR_S)
    assert index.sweep(min_free_mb=1e12) == ["oldest", "before"]
    assert index.names == ["newest", "within"]


def test_a_disk_above_its_floor_loses_nothing(index: Index) -> None:
    index.add("old", 900 * DAY_S)
    index.add("new", 0)
    assert index.sweep(min_free_mb=shutil.disk_usage(index.folder).free / 2e6) == []


def test_what_the_index_does_not_list_is_never_touched(index: Index) -> None:
    listed = index.add("listed", 9 * DAY_S)
    index.add("new", 0)
    (index.folder / "notes.txt").write_text("mine")
    unlisted = listed.with_name("unlisted.flac")
    unlisted.write_bytes(bytes(1000))
    assert index.sweep(max_age_days=1.0, max_gb=1e-9, min_free_mb=1e12) == ["listed"]
    assert index.names == ["new", "notes", "unlisted"]


def test_what_lies_beside_a_clip_goes_with_it(index: Index) -> None:
    path = index.add("20261123T041500.250Z_2800-5000Hz_0.98", 9 * DAY_S)
    other = index.add("20261123T041500.250Z_2800-5000Hz_0.98_2", 0)
    for file in (*companions(path), *companions(other)):
        file.write_bytes(b"beside")
    index.sweep(max_age_days=1.0)
    assert sorted(index.folder.iterdir()) == sorted((other, *companions(other)))


def test_a_clip_that_somebody_else_deleted_leaves_the_list_too(index: Index) -> None:
    index.add("gone", 9 * DAY_S).unlink()
    index.add("new", 0)
    assert index.sweep(max_age_days=1.0) == ["gone"]
    assert index.retention.last_error is None


def test_a_clock_that_jumps_ahead_makes_no_clip_old(index: Index) -> None:
    index.add("yesterday", DAY_S)
    index.add("new", 0)
    assert index.sweep(max_age_days=7.0, now_s=NOW_S + 5000 * DAY_S) == []


def test_a_clip_stamped_by_a_clock_ahead_makes_the_others_no_older(index: Index) -> None:
    index.add("yesterday", DAY_S)
    index.add("from the future", -5000 * DAY_S)
    assert index.sweep(max_age_days=7.0) == []


def test_a_clip_that_cannot_be_deleted_is_one_sentence_and_stays_listed(index: Index) -> None:
    first = index.add("first", 9 * DAY_S)
    stuck = index.add("stuck", 8 * DAY_S)
    index.add("new", 0)
    stuck.unlink()
    stuck.mkdir()  # cannot be unlinked, by root neither
    assert index.sweep(max_age_days=1.0) == ["first"]
    assert not first.exists()
    assert index.retention.last_error is not None
    assert "clips cannot be deleted in" in index.retention.last_error
    stuck.rmdir()
    assert index.sweep(max_age_days=1.0) == ["stuck"]
    assert index.retention.last_error is None


def test_without_clips_nothing_happens(index: Index) -> None:
    assert index.sweep(max_age_days=1.0, max_gb=1e-9, min_free_mb=1e12) == []
