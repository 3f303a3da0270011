"""Views of several recorders: merged pages in both directions, labels, and what happens if they cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from birdedge.edge.companion.event_view import Cursor, ShownEvent, View, ViewPage
from birdedge.edge.companion.folders import find_folders
from birdedge.edge.database.event_pages import EventFilter
from birdedge.edge.database.labels import LABELS_FILE, LabelledEvent, add_labels, mark_clips
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.errors import OutputError, StoreError
from tests.support.heard_birds import START_UTC_S, HeardBirds


@pytest.fixture
def recorders(tmp_path: Path) -> list[HeardBirds]:
    """Two recorders that listened at the same time, and one that listened later."""
    starts = {"beech": START_UTC_S + 7.3, "elm": START_UTC_S + 500.0, "oak": START_UTC_S}
    return [HeardBirds(tmp_path / name, 2, start) for name, start in starts.items()]


def view(recorders: list[HeardBirds], wanted: EventFilter | None = None, label: str = "") -> View:
    folders = find_folders([recorder.folder for recorder in recorders])
    return View(folders, wanted or EventFilter(), label)  # type: ignore[arg-type]


def names(events: Iterator[ShownEvent] | ViewPage) -> list[tuple[str, int]]:
    rows = events.events if isinstance(events, ViewPage) else events
    return [(shown.source.name, shown.number) for shown in rows]


def pages(of: View, count: int) -> Iterator[ViewPage]:
    after: Cursor | None = {}
    for _ in range(100):
        page = of.page(count, after or None)
        yield page
        if (after := page.after) is None:
            return
    pytest.fail("the pages do not end")


def test_pages_hold_every_event_of_every_source_once_newest_first(recorders: list[HeardBirds]) -> None:
    shown = [row for page in pages(view(recorders), 7) for row in page.events]
    utc_s = [row.listed.event.utc_s for row in shown]
    assert utc_s == sorted(utc_s, reverse=True)
    keys = [(row.source.name, row.number) for row in shown]
    assert len(keys) == len(set(keys)) == sum(recorder.events for recorder in recorders)
    assert len({row.source.name for row in shown}) == 3
    assert names(view(recorders).everything()) == keys[::-1]


def test_paging_back_shows_the_same_pages(recorders: list[HeardBirds]) -> None:
    of = view(recorders)
    there = list(pages(of, 7))
    back = [there[-1]]
    while (before := back[-1].before) is not None:
        back.append(of.page(7, before=before))
    shown = [row for page in back[::-1] for row in names(page)]
    assert shown == [row for page in there for row in names(page)]
    again = of.page(7, back[-2].after)
    assert names(again)[0] == names(there[2])[0]


def test_events_that_close_while_paging_shift_no_event(recorders: list[HeardBirds]) -> None:
    before = [row for page in pages(view(recorders), 7) for row in names(page)]
    seen = []
    for page in pages(view(recorders), 7):
        seen += names(page)
        recorders[1].hear()  # elm; its events are on the first page
        recorders[0].hear()  # beech; its events are not
    assert seen == before


def test_a_view_can_be_filtered_by_label(recorders: list[HeardBirds]) -> None:
    oak = recorders[2]
    rows = {row.number: row for row in view([oak]).everything()}
    for number, label in ((3, "bird"), (5, "not bird")):
        event = LabelledEvent(number, rows[number].listed.event.onset_sample, 0.0)
        add_labels(oak.folder, [event], label, "seen too", 1.0)  # type: ignore[arg-type]
    mark_clips(oak.folder, [rows[3].listed.clip.path], "locked", 2.0)
    (shown,) = view(recorders, label="bird").page(50).events
    assert (shown.source.name, shown.number, shown.label.note, shown.mark) == ("oak", 3, "seen too", "locked")
    assert names(view(recorders, label="any").page(50)) == [("oak", 5), ("oak", 3)]
    without = names(view([oak], label="none").everything())
    assert len(without) == oak.events - 2
    assert ("oak", 3) not in without


def test_damaged_labels_are_reported_and_the_page_is_still_shown(recorders: list[HeardBirds]) -> None:
    (recorders[0].folder / LABELS_FILE).write_bytes(b"no database " * 500)
    page = view(recorders).page(200)
    assert len(page.events) == sum(recorder.events for recorder in recorders)
    assert ["labels.sqlite is damaged" in problem for problem in page.problems] == [True]
    assert "labels.sqlite is damaged" in view(recorders, label="bird").page(50).problems[0]
    with pytest.raises(StoreError, match="damaged"):
        view(recorders[:1], label="bird").page(50)


def test_a_recorder_whose_database_is_damaged_is_named_and_the_others_are_shown(
    recorders: list[HeardBirds],
) -> None:
    beech, *others = recorders
    for path in beech.folder.glob(f"{FILE_NAME}*"):
        path.unlink()
    (beech.folder / FILE_NAME).write_bytes(bytes(5000))
    page = view(recorders).page(10)
    assert names(page) == names(view(others).page(10))
    assert len(page.problems) == 1
    assert str(beech.folder) in page.problems[0]
    older = view(recorders).page(10, page.after)
    assert names(older) == names(view(others).page(10, page.after))
    assert names(view(recorders).page(10, before=older.before)) == names(page)
    with pytest.raises(OutputError):
        view([beech]).page(10)


def test_a_source_that_cannot_be_read_for_a_while_continues_where_it_was(recorders: list[HeardBirds]) -> None:
    of = view(recorders[::2])
    page, following = list(pages(of, 7))[6:8]
    assert page.after is not None
    assert following.before is not None
    beech = recorders[0].folder
    away = beech.rename(beech.with_name("away"))
    older, newer = of.page(7, page.after), of.page(7, before=following.before)
    away.rename(beech)
    for without_it in (older, newer):
        assert {name for name, _ in names(without_it)} == {"oak"}
    assert older.before is not None
    assert older.before["beech"] == page.after["beech"]
    assert newer.after is not None
    assert newer.after["beech"] == -following.before["beech"]


def test_rejected_sounds_have_a_view_of_their_own(recorders: list[HeardBirds]) -> None:
    page = view(recorders, EventFilter(kind="rejected")).page(50)
    assert [shown.listed.reason for shown in page.events] == ["other sound"] * 6
