"""A view of the events of one or several recorders: its pages, newest first, and all events, oldest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, NamedTuple

from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_pages import EventFilter, ListedEvent, event, event_page, last_event_id
from birdedge.edge.database.labels import Label, LabelRow, Mark, labelled, labels_of, marks_of
from birdedge.edge.errors import OutputError

BATCH_EVENTS = 500  # read at once: during a long read, a database cannot shorten its write-ahead log
LabelFilter = Literal["", "any", "none", "bird", "not bird", "other"]
# The event of each source that the page comes after or before, by the name of the source. 0 is the oldest end. A page
# after a negative number begins with that event: no event of its source was shown yet, and newer ones may be found.
Cursor = Mapping[str, int]


class ShownEvent(NamedTuple):
    """An event with its source, its label and its mark."""

    source: RecorderFolder
    listed: ListedEvent
    label: LabelRow | None
    mark: Mark | None  # of its clip

    @property
    def number(self) -> int:
        """Its number in the database of its source."""
        return self.listed.event.id

    @property
    def has_clip(self) -> bool:
        """Whether there is a clip that nobody deleted."""
        return self.listed.clip is not None and self.mark != "deleted"


@dataclass(frozen=True)
class ViewPage:
    """Some events of a view, newest first, and the cursors of the pages next to it; None where there are no more."""

    events: Sequence[ShownEvent]
    after: Cursor | None  # the page of older events comes after it
    before: Cursor | None  # the page of newer events comes before it
    problems: Sequence[str]  # why events or labels are missing: a sentence each


class _Sources:
    """The events of each source in one direction, and where the page ends in each."""

    def __init__(self, rows: Mapping[str, list[ListedEvent]], problems: Sequence[str]) -> None:
        self.rows, self.problems = rows, problems
        self.taken = dict.fromkeys(rows, 0)

    def take(self, count: int, newest_first: bool) -> list[tuple[str, ListedEvent]]:
        sign = -1 if newest_first else 1
        streams = [[(sign * row.event.utc_s, name, row) for row in rows] for name, rows in self.rows.items()]
        taken = [
            (name, row) for _, name, row in islice(heapq.merge(*streams, key=lambda item: item[:2]), count)
        ]
        for name, _ in taken:
            self.taken[name] += 1
        return taken

    @property
    def is_empty(self) -> bool:
        return all(self.taken[name] == len(rows) for name, rows in self.rows.items())


@dataclass(frozen=True)
class View:
    """Which events of which recorders.

    Events of several recorders are merged by time, and a cursor holds an event of each recorder: new events of one
    recorder do not shift the events of another.
    """

    sources: Sequence[RecorderFolder]
    wanted: EventFilter
    label: LabelFilter = ""

    def page(self, count: int, after: Cursor | None = None, before: Cursor | None = None) -> ViewPage:
        """Return the first page, or the page after or before a cursor.

        Raises:
            OutputError: No database can be read, or the view filters by labels and none can be read.
        """
        if before is not None:
            page = self._page_before(count, before)
            if len(page.events) == count:
                return page
        cursor = after if before is None else None
        sources = self._read(count + 1, after=cursor or {})
        taken = sources.take(count, newest_first=True)
        # A source without an event on the page, or one that cannot be read, continues where it was.
        begin = {name: -rows[0].event.id for name, rows in sources.rows.items() if rows}
        last = begin | dict(cursor or {}) | {name: row.event.id for name, row in taken}
        first = {name: abs(number) for name, number in (cursor or {}).items()}
        first |= {name: rows[0].event.id if rows else 0 for name, rows in sources.rows.items()}
        return self._shown(
            taken, None if sources.is_empty else last, first if cursor else None, sources.problems
        )

    def _page_before(self, count: int, before: Cursor) -> ViewPage:
        sources = self._read(count + 1, before=before)
        for rows in sources.rows.values():
            rows.reverse()  # from the cursor towards the newest
        taken = sources.take(count, newest_first=False)
        first = dict(before) | {name: row.event.id for name, row in taken}
        # The page after this one begins with the event in the cursor: it comes after the next newer event.
        last = {name: -number for name, number in before.items()}
        last |= {name: rows[0].event.id for name, rows in sources.rows.items() if rows}
        return self._shown(taken[::-1], last, None if sources.is_empty else first, sources.problems)

    def everything(self) -> Iterator[ShownEvent]:
        """Yield all events that the view holds now, oldest first, a batch at a time.

        Raises:
            OutputError: A database or the labels cannot be read.
        """
        yield from heapq.merge(*map(self._all_of, self.sources), key=lambda shown: shown.listed.event.utc_s)

    def by_source(self) -> Iterator[ShownEvent]:
        """Yield the same events, one source after another.

        Raises:
            OutputError: A database or the labels cannot be read.
        """
        for source in self.sources:
            yield from self._all_of(source)

    def _all_of(self, source: RecorderFolder) -> Iterator[ShownEvent]:
        wanted, after, last = self.filter_for(source), None, None
        while True:
            with reading(source.path) as db:
                last = last_event_id(db, wanted.kind) if last is None else last
                rows = event_page(db, wanted, BATCH_EVENTS, after=after, newest_first=False, max_id=last)
            if not rows:
                return
            yield from labelled_events(source, rows, wanted.kind == "events")
            after = rows[-1].event.id

    def _read(self, count: int, after: Cursor | None = None, before: Cursor | None = None) -> _Sources:
        rows: dict[str, list[ListedEvent]] = {}
        problems = list[str]()
        for source in self.sources:
            try:
                rows[source.name] = self._rows_of(source, count, after, before)
            except OutputError as error:
                problems.append(str(error))
                if len(problems) == len(self.sources):
                    raise
        return _Sources(rows, problems)

    def _rows_of(
        self, source: RecorderFolder, count: int, after: Cursor | None, before: Cursor | None
    ) -> list[ListedEvent]:
        wanted = self.filter_for(source)
        key = None if after is None else after.get(source.name)
        with reading(source.path) as db:
            begin = event(db, -key, wanted.kind) if key is not None and key < 0 else None
            page = event_page(
                db,
                wanted,
                count,
                after=None if key is None else abs(key),
                before=None if before is None else before.get(source.name, 0),
            )
        return page if begin is None else [begin, *page]

    def require_sources(self) -> None:
        """Read the first events and labels of each source, so that damage is found before a table begins.

        Raises:
            OutputError: A database or the labels cannot be read.
        """
        for source in self.sources:
            next(self._all_of(source), None)

    def filter_for(self, source: RecorderFolder) -> EventFilter:
        """Return the filter for a source, with its labelled events."""
        label: Label | None
        if self.wanted.kind == "rejected" or not self.label:
            return self.wanted
        if self.label == "none":
            return replace(self.wanted, without=labelled(source.path))
        label = None if self.label == "any" else self.label
        return replace(self.wanted, only=labelled(source.path, label))

    def _shown(
        self,
        taken: list[tuple[str, ListedEvent]],
        after: Cursor | None,
        before: Cursor | None,
        unreadable: Sequence[str],
    ) -> ViewPage:
        events: dict[tuple[str, int], ShownEvent] = {}
        problems = list(unreadable)
        for source in self.sources:
            rows = [row for name, row in taken if name == source.name]
            try:
                shown = labelled_events(source, rows, self.wanted.kind == "events")
            except OutputError as error:
                problems.append(str(error))
                shown = [ShownEvent(source, row, None, None) for row in rows]
            events |= {(source.name, row.number): row for row in shown}
        return ViewPage([events[name, row.event.id] for name, row in taken], after, before, problems)


def labelled_events(
    source: RecorderFolder, rows: Sequence[ListedEvent], are_events: bool
) -> list[ShownEvent]:
    """Return rows of a source with their labels and marks.

    Args:
        source: Their recorder.
        rows: From its database.
        are_events: Whether they are events, and not rejected regions, which have no labels.

    Raises:
        OutputError: The labels cannot be read.
    """
    if not rows:
        return []
    keys = [(row.event.id, row.event.onset_sample) for row in rows] if are_events else []
    labels, marks = (
        labels_of(source.path, keys),
        marks_of(source.path, [row.clip.path for row in rows if row.clip]),
    )
    return [
        ShownEvent(source, row, labels.get(row.event.id), marks.get(row.clip.path) if row.clip else None)
        for row in rows
    ]
