"""Clips are deleted in the chosen order, a few at a time, to make room for new ones; nothing else is deleted."""

from __future__ import annotations

import logging
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
    """Clips of 1000 bytes on disk, and the list of them: path, UTC, score, whether the time is known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.day = folder / "clips" / "day"
        self.day.mkdir(parents=True)
        self.clips: list[tuple[KeptClip, float, float, bool]] = []
        self.error: Exception | None = None
        self.asked: list[int] = []
        self.deleted_by_hand: set[str] = set()

    def size_bytes(self) -> int:
        if self.error is not None:
            raise self.error
        return sum(clip.size_bytes for clip, *_ in self.clips)

    def newest_utc_s(self) -> float | None:
        if self.error is not None:
            raise self.error
        return max((utc_s for _, utc_s, _, known in self.clips if known), default=None)

    def outdated(self, before_utc_s: float, count: int) -> Sequence[KeptClip]:
        self.asked.append(count)
        old = sorted((utc_s, clip.path) for clip, utc_s, _, known in self.clips if known)
        return [KeptClip(path, 1000) for utc_s, path in old if utc_s < before_utc_s][:count]

    def first(
        self, order: Literal["oldest", "lowest_score"], newest_s: float, count: int
    ) -> Sequence[KeptClip]:
        self.asked.append(count)
        last_s = max((utc_s for _, utc_s, *_ in self.clips), default=0.0)
        old = sorted((c for c in self.clips if c[1] < last_s - newest_s), key=lambda clip: clip[1])
        chosen = old if order == "oldest" else sorted(old, key=lambda clip: clip[2])
        return [clip for clip, *_ in chosen][:count]

    def unwanted(self, count: int) -> Sequence[KeptClip]:
        if self.error is not None:
            raise self.error
        return [clip for clip, *_ in self.clips if clip.path in self.deleted_by_hand][:count]

    def deleted(self, path: str) -> None:
        self.clips = [clip for clip in self.clips if clip[0].path != path]

    def add(self, name: str, age_s: float, score: float = 0.5, known: bool = True) -> Path:
        path = self.day / f"{name}.flac"
        path.write_bytes(bytes(1000))
        self.clips.append((KeptClip(f"clips/day/{path.name}", 1000), NOW_S - age_s, score, known))
        return path

    def retention(self, now_s: float | None = NOW_S, free_bytes: int = 10**12, **settings: Any) -> Retention:
        return Retention(
            RetentionSettings(**{"min_free_mb": 0.0, "delete_for_others": True} | settings),
            self.folder,
            self,
            lambda: now_s,
            lambda _: free_bytes,
        )

    def step(self, retention: Retention, max_clips: int = 100) -> list[str]:
        """Take one step, and return the names of the clips removed from the index, in order."""
        left: list[str] = []
        self.deleted = lambda path: (left.append(Path(path).stem), Index.deleted(self, path))  # type: ignore
        retention.step(max_clips)
        return left

    @property
    def names(self) -> list[str]:
        return sorted(path.stem for path in self.day.iterdir())


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


def test_the_oldest_clips_are_deleted_until_the_rest_fits(index: Index) -> None:
    for number in range(10):
        index.add(str(number), (20 - number) * HOUR_S, score=number / 10)
    retention = index.retention(max_gb=7000e-9)
    assert index.step(retention) == ["0", "1", "2"]
    assert index.step(retention) == []


def test_the_lowest_scores_are_deleted_first_if_configured(index: Index) -> None:
    for number, score in enumerate((0.9, 0.1, 0.8, 0.2, 0.7)):
        index.add(f"{score}", (20 - number) * HOUR_S, score)
    index.add("new", 0, 0.0)
    retention = index.retention(max_gb=4000e-9, delete_first="lowest_score")
    assert index.step(retention) == ["0.1", "0.2"]


def test_age_takes_precedence_over_score_and_the_freed_space_counts(index: Index) -> None:
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


def test_a_full_disk_loses_clips_but_none_of_the_newest_hour(index: Index) -> None:
    for name, hours in (("newest", 0.0), ("within", 0.99), ("before", 1.01), ("oldest", 5.0)):
        index.add(name, hours * HOUR_S)
    assert index.step(index.retention(free_bytes=NO_ROOM, min_free_mb=1e6)) == ["oldest", "before"]
    assert index.names == ["newest", "within"]


def test_no_more_clips_are_deleted_than_the_disk_needs(index: Index) -> None:
    for number in range(5):
        index.add(str(number), (20 - number) * HOUR_S)
    assert index.step(index.retention(free_bytes=997_500, min_free_mb=1.0)) == ["0", "1", "2"]


def test_a_disk_with_room_loses_no_clip(index: Index) -> None:
    index.add("old", 900 * DAY_S)
    index.add("new", 0)
    free_mb = shutil.disk_usage(index.folder).free / 1e6
    settings = RetentionSettings(min_free_mb=free_mb / 2)
    Retention(settings, index.folder, index, lambda: NOW_S).step()  # which measures the real disk
    assert index.names == ["new", "old"]


def test_a_clip_that_is_not_in_the_index_is_never_deleted(index: Index) -> None:
    listed = index.add("listed", 9 * DAY_S)
    index.add("new", 0)
    (index.day / "notes.txt").write_text("mine")
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
    assert sorted(index.day.iterdir()) == sorted((other, *companions(other)))


def test_a_clip_deleted_by_somebody_else_is_removed_from_the_index(index: Index) -> None:
    index.add("gone", 9 * DAY_S).unlink()
    index.add("new", 0)
    retention = index.retention(max_age_days=1.0)
    assert index.step(retention) == ["gone"]
    assert retention.problem is None


def test_a_clip_of_unknown_time_has_no_age(index: Index) -> None:
    index.add("from 1970", 20_000 * DAY_S, known=False)
    index.add("old", 8 * DAY_S)
    index.add("new", 0)
    assert index.step(index.retention(max_age_days=7.0)) == ["old"]


def test_nothing_has_an_age_while_the_present_time_is_unknown(index: Index) -> None:
    index.add("old", 8 * DAY_S)
    index.add("new", 0)
    assert index.step(index.retention(None, max_age_days=7.0)) == []


def test_a_clip_of_unknown_time_is_deleted_to_make_room_like_any_other(index: Index) -> None:
    index.add("from 1970", 20_000 * DAY_S, known=False)
    index.add("new", 0)
    assert index.step(index.retention(None, max_gb=1000e-9)) == ["from 1970"]


def test_no_clip_is_deleted_if_another_program_fills_the_disk(index: Index) -> None:
    for number in range(5):
        index.add(str(number), (20 - number) * HOUR_S)
    free_bytes = [2_000_000]
    retention = index.retention(min_free_mb=1.0, delete_for_others=False)
    retention._free_bytes = lambda _: free_bytes[0]
    assert index.step(retention) == []
    free_bytes[0] = NO_ROOM
    assert index.step(retention) == []


def test_new_clips_replace_old_ones_on_a_disk_filled_by_other_programs(index: Index) -> None:
    for number in range(5):
        index.add(str(number), (20 - number) * HOUR_S)
    retention = index.retention(min_free_mb=1.0, delete_for_others=False)
    assert index.step(retention) == []
    retention._free_bytes = lambda _: NO_ROOM
    assert index.step(retention) == []
    for name in ("new", "newer"):
        index.add(name, 0)
    assert index.step(retention) == ["0", "1"]
    (index.folder / "birdedge.sqlite").write_bytes(bytes(1500))  # of birdedge too
    assert index.step(retention) == ["2", "3"]
    assert index.step(retention) == []


def test_what_is_missing_at_a_start_is_freed_even_if_another_program_took_it(index: Index) -> None:
    for number in range(5):
        index.add(str(number), (20 - number) * HOUR_S)
    index.add("new", 0)
    others_bytes = 0

    def free_bytes(_: Path) -> int:
        return 1_003_500 - others_bytes - index.size_bytes()

    retention = index.retention(min_free_mb=1.0, delete_for_others=False)
    retention._free_bytes = free_bytes
    assert index.step(retention, 2) == ["0", "1"]
    assert index.step(retention, 2) == ["2"]
    others_bytes = 10_000  # taken by other programs while birdedge runs
    assert index.step(retention) == []


@pytest.mark.parametrize("masks_in", ["masks", "out/masks", "out"])
def test_clips_make_room_for_masks_in_any_folder_of_their_disk(tmp_path: Path, masks_in: str) -> None:
    index = Index(tmp_path / "out")
    for number in range(5):
        index.add(str(number), (20 - number) * HOUR_S)
    index.add("new", 0)
    masks = tmp_path / masks_in
    masks.mkdir(exist_ok=True)

    def free_bytes(_: Path) -> int:
        return 1_008_000 - sum(file.stat().st_size for file in (*index.day.iterdir(), *masks.glob("*.npz")))

    settings = RetentionSettings(min_free_mb=1.0)
    retention = Retention(settings, index.folder, index, lambda: NOW_S, free_bytes, [(masks, "*.npz")])
    assert index.step(retention) == []
    (masks / "2026-11-23T00-00-00Z.npz").write_bytes(bytes(4000))
    assert index.step(retention) == ["0", "1"]
    assert index.step(retention) == []


@pytest.mark.parametrize(
    "path",
    [
        "../mine.flac",
        "clips/day/../../../mine.flac",
        "clips/../mine.flac",
        "{outside}/mine.flac",
        "clips/link/mine.flac",
        "clips/day/notes.txt",
        "birdedge.sqlite",
    ],
)
def test_a_listed_path_that_is_not_a_clip_is_refused_and_forgotten(
    index: Index, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (index.folder / "clips" / "link").symlink_to(outside)
    path = path.format(outside=outside)
    for file in (outside / "mine.flac", index.folder / path):
        file.write_bytes(b"mine")
    index.clips.append((KeptClip(path, 1000), NOW_S - 9 * DAY_S, 0.5, True))
    index.add("old", 8 * DAY_S)
    index.add("new", 0)
    retention = index.retention(max_age_days=7.0)
    assert index.step(retention) == [Path(path).stem, "old"]
    assert (index.folder / path).read_bytes() == (outside / "mine.flac").read_bytes() == b"mine"
    assert retention.deleted == 1
    assert (
        f"{index.folder / path} is listed as a clip but is not one of {index.folder / 'clips'}" in caplog.text
    )


def test_the_clips_folder_may_be_a_link_to_another_disk(
    index: Index, tmp_path_factory: pytest.TempPathFactory
) -> None:
    index.add("old", 8 * DAY_S)
    index.add("new", 0)
    disk = tmp_path_factory.mktemp("disk")
    (index.folder / "clips").rename(disk / "clips")
    (index.folder / "clips").symlink_to(disk / "clips")
    index.step(index.retention(max_age_days=7.0))
    assert index.names == ["new"]


def test_each_deletion_is_logged_with_its_reason_and_counted(
    index: Index, caplog: pytest.LogCaptureFixture
) -> None:
    for name, hours in (("a", 9 * 24), ("b", 5), ("c", 4), ("new", 0)):
        index.add(name, hours * HOUR_S)
    caplog.set_level(logging.INFO)
    retention = index.retention(max_age_days=7.0, max_gb=2000e-9, min_free_mb=1.0, free_bytes=998_500)
    index.step(retention)
    assert caplog.messages == [
        "deleted clips/day/a.flac: older than max_age_days = 7",
        "deleted clips/day/b.flac: the clips take more than max_gb = 2e-06",
    ]
    retention = index.retention(min_free_mb=1.0, free_bytes=999_500)
    index.step(retention)
    assert caplog.messages[2:] == ["deleted clips/day/c.flac: less than min_free_mb = 1 are free"]
    assert retention.deleted == 1


def test_a_clip_that_is_listed_twice_is_counted_once(index: Index) -> None:
    index.add("old", 8 * DAY_S)
    index.add("new", 0)
    listed = list(index.clips)
    retention = index.retention(max_age_days=7.0)
    index.step(retention)
    index.clips = listed  # the row is deleted later, by another thread
    index.step(retention)
    assert retention.deleted == 1


def test_the_folder_of_a_day_is_removed_with_its_last_clip(index: Index) -> None:
    index.add("old", 8 * DAY_S)
    new = index.folder / "clips" / "today" / "new.flac"
    index.clips.append((KeptClip("clips/today/new.flac", 1000), NOW_S, 0.5, True))
    new.parent.mkdir()
    new.write_bytes(b"new")
    index.step(index.retention(max_age_days=7.0))
    assert [path.name for path in (index.folder / "clips").iterdir()] == ["today"]


def test_a_clock_that_jumps_ahead_makes_no_clip_old(index: Index) -> None:
    index.add("yesterday", DAY_S)
    index.add("new", 0)
    assert index.step(index.retention(NOW_S + 5000 * DAY_S, max_age_days=7.0)) == []


def test_a_clip_with_a_time_in_the_future_does_not_age_the_others(index: Index) -> None:
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
