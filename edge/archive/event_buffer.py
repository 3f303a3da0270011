"""A compact buffer of events without their masks."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from birdedge.edge.event import Event
from birdedge.edge.mask import NO_MASK

_TEXTS = ("sound_class", "reason")
_NUMBERS = tuple(field.name for field in fields(Event) if field.name not in ("mask", *_TEXTS))
_ROW = struct.Struct("<8d2q4dq2H")  # the numbers, then the index of each text in a list


class EventBuffer:
    """The events of a file, 124 bytes each, because a day has thousands; their masks are already written."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._rows = bytearray()
        self._texts: list[str] = []  # each once: there are few classes and reasons
        for event in events:
            self.append(event)

    def append(self, event: Event) -> None:
        """Add an event."""
        numbers = (getattr(event, name) for name in _NUMBERS)
        self._rows += _ROW.pack(*numbers, *(self._place(getattr(event, name)) for name in _TEXTS))

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def __iter__(self) -> Iterator[Event]:
        for values in _ROW.iter_unpack(self._rows):
            columns: dict[str, Any] = dict(zip(_NUMBERS, values, strict=False))
            for name, place in zip(_TEXTS, values[len(_NUMBERS) :], strict=True):
                columns[name] = self._texts[place]
            yield Event(**columns, mask=NO_MASK)

    def _place(self, text: str) -> int:
        if text not in self._texts:
            self._texts.append(text)
        return self._texts.index(text)
