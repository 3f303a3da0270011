"""Clips make room for new ones in the chosen order, a few at a time, and nothing else is deleted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from birdedge.edge.clips.folder import companions
from birdedge.edge.clips.retention import DAY_S, KeptClip, Retention
from birdedge.edge.clips.settings import RetentionSettings
from birdedge.edge.errors import DiskError, SettingsError

NOW_S = 1_795_000_000.0
HOUR_S = 3600.0
NO_ROOM = 0


class Index:
    """Clips of 1000 bytes on disk, and the list of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clips: list[KeptClip] = []
        self.error: Exception | None = None
        self.asked: list[int] = []

    def totals(self) -> tuple[int, float]:
        if self.error is not None:
            raise self.error
        newest_s = max((clip.utc_s for clip in self.clips), default=0.0)
        return sum(clip.size_bytes for clip in self.clips), newest_s

    def first(
        self, order: Literal["oldest", "lowest_score"], before_utc_s: float, count: int
    ) -> Sequence[KeptClip]:
        self.asked.append(count)
        old = sorted((c for c in self.clips if c.utc_s < before_utc_s), key=lambda clip: clip.utc_s)
        return (old if order == "oldest" else sorted(old, key=lambda clip: clip.score))[:count]

    def add(self, name: str, age_s: float, score: float = 0.5) -> Path:
        path = self.folder / f"{name}.flac"
        path.write_bytes(bytes(1000))
        self.clips.append(KeptClip(path.name, NOW_S - age_s, 1000, score))
        return path

    def retention(self, now_s: float = NOW_S, free_bytes: int = 10**12, **settings: Any) -> Retention:
        return Retention(
            RetentionSettings(**{"min_free_mb": 0.0} | settings),
            self.folder,
            self,
            lambda: now_s,
            lambda _: free_bytes,
        )

    def step(self, retention: Retention, max_clips: int = 100) -> list[str]:
        """Take one step, forget the clips that are gone, and return their names."""
        gone = retention.step(max_clips)
        self.clips = [clip for clip in self.clips if self.folder / clip.path not in gone]
        return [path.stem for path in gone]

    @property
    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.iterdir())


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path)


def test_clips_older_than_the_limit_are_deleted_oldest_first(index: Index) -> None:
    for name, days in (("b", 11), ("new", 0), ("young", 9.99), ("a", 12), ("c", 10.01)):
        index.add(name, days * DAY_S)
    retention = index.retention(max_age_days=10.0)
    assert index.step(retention) == ["a", "b", "c"]
    assert index.names == ["new", "young"]
    assert retention.deleted == 3


def test_the_oldest_are_deleted_until_the_rest_is_small_enough(index: Index) -> None:
    for number in range(10):
        index.add(str(number), (20 - number) * HOUR_S, score=number / 10)
    retention = index.retention(max_gb=7000e-9)
    assert index.step(retention) == ["0", "1", "2"]
    assert index.step(retention) == []


def test_the_lowest_scores_are_deleted_first_where_chosen(index: Index) -> None:
    for number, score in enumerate((0.9, 0.1, 0.8, 0.2, 0.7)):
        index.add(f"{score}", (20 - number) * HOUR_S, score)
    index.add("new", 0, 0.0)
    retention = index.retention(max_gb=4000e-9, delete_first="lowest_score")
    assert index.step(retention) == ["0.1", "0.2"]


def test_age_counts_before_score_and_what_it_frees_is_counted(index: Index) -> None:
    index.add("old and sure", 30 * DAY_S, 0.99)
    index.add("unsure", 5 * HOUR_S, 0.1)
    index.add("sure", 4 * HOUR_S, 0.9)
    retention = index.retention(max_age_days=7.0, max_gb=2000e-9, delete_first="lowest_score")
    assert index.step(retention) == ["old and sure"]


def test_an_old_clip_with_the_lowest_score_is_deleted_once(index: Index) -> None:
    index.add("old", 30 * DAY_S, 0.1)
    index.add("unsure", 5 * HOUR_S, 0.2)
    index.add("sure", 4 * HOUR_S, 0.9)
    index.add("new", 0, 0.0)
    retention = index.retention(max_age_days=7.0, max_gb=2000e-9, delete_first="lowest_score")
    assert index.step(retention) == ["old", "unsure"]


def test_a_step_deletes_no_more_than_allowed_and_the_next_continues(index: Index) -> None:
    for number in range(10):
        index.add(str(number), (20 - number) * DAY_S)
    index.add("new", 0)
    retention = index.retention(max_age_days=1.0)
    assert [index.step(retention, 4) for _ in range(4)] == [
        ["0", "1", "2", "3"],
        ["4", "5", "6", "7"],
        ["8", "9"],
        [],
    ]
    assert retention.deleted == 10


def test_a_step_never_lists_more_clips_than_it_may_delete(index: Index) -> None:
    for number in range(1000):
        index.add(str(number), (2000 - number) * HOUR_S)
    retention = index.retention(max_age_days=1.0, max_gb=1e-9, free_bytes=NO_ROOM, min_free_mb=1e6)
    for _ in range(3):
        assert len(index.step(retention, 4)) == 4
    assert set(index.asked) == {4}


def test_a_disk_without_room_loses_clips_but_none_of_the_newest_hour(index: Index) -> None:
    for name, hours in (("newest", 0.0), ("within", 0.99), ("before", 1.01), ("oldest", 5.0)):
        index.add(name, hours * HOUR_S)
    assert index.step(index.retention(free_bytes=NO_ROOM, min_free_mb=1e6)) == ["oldest", "before"]
    assert index.names == ["newest", "within"]


def test_no_more_is_deleted_than_the_disk_needs(index: Index) -> None:
    for number in range(5):
        index.add(str(number), (20 - number) * HOUR_S)
    assert index.step(index.retention(free_bytes=997_500, min_free_mb=1.0)) == ["0", "1", "2"]


def test_a_disk_with_room_loses_nothing(index: Index) -> None:
    index.add("old", 900 * DAY_S)
    index.add("new", 0)
    free_mb = shutil.disk_usage(index.folder).free / 1e6
    settings = RetentionSettings(min_free_mb=free_mb / 2)
    assert Retention(settings, index.folder, index).step() == []  # which measures the real disk


def test_a_clip_that_is_not_in_the_index_is_never_deleted(index: Index) -> None:
    listed = index.add("listed", 9 * DAY_S)
    index.add("new", 0)
    (index.folder / "notes.txt").write_text("mine")
    listed.with_name("unlisted.flac").write_bytes(bytes(1000))
    retention = index.retention(max_age_days=1.0, max_gb=1e-9, free_bytes=NO_ROOM, min_free_mb=1e6)
    assert index.step(retention) == ["listed"]
    assert index.names == ["new", "notes", "unlisted"]


def test_the_companions_of_a_clip_are_deleted_with_it(index: Index) -> None:
    path = index.add("20261123T041500.250Z_2800-5000Hz_0.98", 9 * DAY_S)
    other = index.add("20261123T041500.250Z_2800-5000Hz_0.98_2", 0)
    for file in (*companions(path), *companions(other)):
        file.write_bytes(b"companion")
    index.step(index.retention(max_age_days=1.0))
    assert sorted(index.folder.iterdir()) == sorted((other, *companions(other)))


def test_a_clip_that_somebody_else_deleted_leaves_the_index_too(index: Index) -> None:
    index.add("gone", 9 * DAY_S).unlink()
    index.add("new", 0)
    retention = index.retention(max_age_days=1.0)
    assert index.step(retention) == ["gone"]
    assert retention.problem is None


def test_a_clock_that_jumps_ahead_makes_no_clip_old(index: Index) -> None:
    index.add("yesterday", DAY_S)
    index.add("new", 0)
    assert index.step(index.retention(NOW_S + 5000 * DAY_S, max_age_days=7.0)) == []


def test_a_clip_with_a_time_in_the_future_makes_the_others_no_older(index: Index) -> None:
    index.add("yesterday", DAY_S)
    index.add("from the future", -5000 * DAY_S)
    assert index.step(index.retention(max_age_days=7.0)) == []


def test_a_limit_of_less_than_an_hour_keeps_the_newest_hour(index: Index) -> None:
    index.add("within", 0.99 * HOUR_S)
    index.add("before", 1.01 * HOUR_S)
    index.add("new", 0)
    assert index.step(index.retention(max_age_days=0.001)) == ["before"]


def test_a_clip_that_cannot_be_deleted_is_a_problem_and_stays_in_the_index(index: Index) -> None:
    first = index.add("first", 9 * DAY_S)
    stuck = index.add("stuck", 8 * DAY_S)
    index.add("new", 0)
    stuck.unlink()
    stuck.mkdir()  # cannot be unlinked, not even by root
    retention = index.retention(max_age_days=1.0)
    assert index.step(retention) == ["first"]
    assert not first.exists()
    assert retention.problem == f"clips cannot be deleted in {index.folder} (Is a directory): check the disk"
    assert retention.deleted == 1
    stuck.rmdir()
    assert index.step(retention) == ["stuck"]
    assert retention.problem is None


def test_an_index_that_cannot_be_read_is_a_problem(index: Index) -> None:
    index.add("old", 9 * DAY_S)
    index.error = DiskError("the database cannot be read")
    retention = index.retention(max_age_days=1.0)
    assert index.step(retention) == []
    assert retention.problem is not None
    assert "(the database cannot be read)" in retention.problem
    index.error = None
    index.add("new", 0)
    assert index.step(retention) == ["old"]
    assert retention.problem is None


def test_without_clips_nothing_happens(index: Index) -> None:
    retention = index.retention(max_age_days=1.0, max_gb=1e-9, free_bytes=NO_ROOM, min_free_mb=1e6)
    assert index.step(retention) == []
    assert retention.problem is None


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"max_age_days": -1.0}, "max_age_days is -1.0; it must not be negative"),
        ({"max_gb": float("nan")}, "max_gb is nan; it must not be negative"),
        ({"min_free_mb": -5.0}, "min_free_mb is -5.0; it must not be negative"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RetentionSettings(**settings)
    assert str(caught.value) == sentence
