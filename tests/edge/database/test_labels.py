"""Labels, locks and deletions: the newest of each counts, and a problem with the file is one sentence."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from birdedge.edge.database.labels import (
    LABELS_FILE,
    MAX_NOTE_CHARACTERS,
    LabelledEvent,
    LabelRow,
    add_labels,
    labelled,
    labels_of,
    mark_clips,
    marked_clips,
    marks_of,
)
from birdedge.edge.errors import DiskError, SettingsError, StoreError
from tests.support.disks import no_room

FIRST, SECOND = LabelledEvent(1, 48_000, 1e9), LabelledEvent(2, 96_000, 1e9 + 1)


def test_a_folder_without_the_file_has_no_labels(tmp_path: Path) -> None:
    assert labels_of(tmp_path, [(1, 48_000)]) == {}
    assert labelled(tmp_path) == []
    assert marked_clips(tmp_path, "locked") == []
    assert marks_of(tmp_path, ["clips/a.flac"]) == {}
    assert list(tmp_path.iterdir()) == []


def test_the_newest_label_applies_and_earlier_ones_are_kept(tmp_path: Path) -> None:
    add_labels(tmp_path, [FIRST, SECOND], "bird", "", 10.0)
    add_labels(tmp_path, [FIRST], "other", "a frog", 20.0)
    assert labels_of(tmp_path, [(1, 48_000), (2, 96_000), (3, 0)]) == {
        1: LabelRow("other", "a frog", 20.0),
        2: LabelRow("bird", "", 10.0),
    }
    assert labelled(tmp_path) == [(1, 48_000), (2, 96_000)]
    assert labelled(tmp_path, "bird") == [(2, 96_000)]
    add_labels(tmp_path, [FIRST], "", "", 30.0)
    assert labelled(tmp_path) == [(2, 96_000)]
    assert 1 not in labels_of(tmp_path, [(1, 48_000)])
    with sqlite3.connect(tmp_path / LABELS_FILE) as db:
        assert db.execute("SELECT count(*) FROM labels").fetchone() == (4,)


def test_a_label_without_a_note_keeps_the_note_of_each_event(tmp_path: Path) -> None:
    add_labels(tmp_path, [FIRST], "bird", "robin", 10.0)
    other = LabelledEvent(FIRST.event, 48_001, 1e9)  # the event of another database
    add_labels(tmp_path, [FIRST, SECOND, other], "other", None, 20.0)
    assert labels_of(tmp_path, [(1, 48_000), (2, 96_000)]) == {
        1: LabelRow("other", "robin", 20.0),
        2: LabelRow("other", "", 20.0),
    }
    assert labels_of(tmp_path, [(1, 48_001)]) == {1: LabelRow("other", "", 20.0)}
    add_labels(tmp_path, [FIRST], "", "", 30.0)
    add_labels(tmp_path, [FIRST], "bird", None, 40.0)
    assert labels_of(tmp_path, [(1, 48_000)]) == {1: LabelRow("bird", "", 40.0)}


def test_a_label_does_not_apply_to_an_event_of_another_database(tmp_path: Path) -> None:
    add_labels(tmp_path, [FIRST], "bird", "", 10.0)
    assert labels_of(tmp_path, [(1, 48_001)]) == {}


@pytest.mark.parametrize("table", ["labels", "clip_marks"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET utc_s = 0", "DELETE FROM {}"])
def test_no_row_can_be_changed_or_deleted(tmp_path: Path, table: str, statement: str) -> None:
    add_labels(tmp_path, [FIRST], "bird", "", 10.0)
    mark_clips(tmp_path, ["clips/a.flac"], "locked", 10.0)
    with (
        sqlite3.connect(tmp_path / LABELS_FILE) as db,
        pytest.raises(sqlite3.IntegrityError, match="only appended"),
    ):
        db.execute(statement.format(table))


def test_an_unknown_label_and_a_long_note_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the label is 'cat'; use one of 'bird', 'not bird', 'other'"):
        add_labels(tmp_path, [FIRST], "cat", "", 1.0)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="use at most 500"):
        add_labels(tmp_path, [FIRST], "bird", "x" * (MAX_NOTE_CHARACTERS + 1), 1.0)
    assert not (tmp_path / LABELS_FILE).exists()


def test_the_newest_mark_of_a_clip_applies(tmp_path: Path) -> None:
    mark_clips(tmp_path, ["a", "b"], "locked", 1.0)
    mark_clips(tmp_path, ["a"], "unlocked", 2.0)
    mark_clips(tmp_path, ["a", "b", "c"], "deleted", 3.0)
    assert marked_clips(tmp_path, "locked") == ["b"], "a locked clip is not deleted"
    assert marked_clips(tmp_path, "deleted") == ["a", "c"]
    mark_clips(tmp_path, ["c"], "locked", 4.0)
    assert marks_of(tmp_path, ["a", "b", "c", "d"]) == {"a": "deleted", "b": "locked", "c": "locked"}


def test_many_concurrent_writers_lose_nothing(tmp_path: Path) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 10):
            add_labels(tmp_path, [LabelledEvent(number, number, 0.0)], "bird", "", 1.0)

    threads = [threading.Thread(target=write, args=(10 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert labelled(tmp_path) == [(n, n) for n in range(40)]


def test_a_full_disk_is_a_one_sentence_error_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    add_labels(tmp_path, [FIRST], "bird", "", 10.0)
    size_bytes = (tmp_path / LABELS_FILE).stat().st_size
    many = [LabelledEvent(number, number, 0.0) for number in range(20_000)]
    with no_room(size_bytes + 8192), pytest.raises(DiskError, match="cannot be read or written"):
        add_labels(tmp_path, many, "bird", "", 11.0)
    assert labelled(tmp_path) == [(1, 48_000)]
    add_labels(tmp_path, many, "bird", "", 12.0)
    assert len(labelled(tmp_path)) == 20_001


def test_a_damaged_file_is_kept_and_reported(tmp_path: Path) -> None:
    (tmp_path / LABELS_FILE).write_bytes(b"these are no labels " * 300)
    before = (tmp_path / LABELS_FILE).read_bytes()
    for use in (
        lambda: add_labels(tmp_path, [FIRST], "bird", "", 1.0),
        lambda: labelled(tmp_path),
        lambda: marked_clips(tmp_path, "locked"),
    ):
        with pytest.raises(StoreError, match=r"labels\.sqlite is damaged .*: put a copy in its place"):
            use()
    assert (tmp_path / LABELS_FILE).read_bytes() == before


@pytest.mark.parametrize(("version", "age"), [(2, "a newer"), (-1, "an older")])
def test_another_schema_version_is_refused(tmp_path: Path, version: int, age: str) -> None:
    add_labels(tmp_path, [FIRST], "bird", "", 10.0)
    with sqlite3.connect(tmp_path / LABELS_FILE) as db:
        db.execute(f"PRAGMA user_version = {version}")
    for use in (lambda: labelled(tmp_path), lambda: mark_clips(tmp_path, ["a"], "locked", 1.0)):
        with pytest.raises(StoreError, match=f"written by {age} birdedge"):
            use()
