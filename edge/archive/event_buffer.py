"""Events without their masks, in little memory."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import fields

import numpy as np

from birdedge.edge.event import Event

NO_MASK = np.zeros((0, 0), np.uint8)
_COLUMNS = tuple(field.name for field in fields(Event) if field.name != "mask")
_ROW = struct.Struct("8d2q")  # of the columns


class EventBuffer:
    """The events of a file, 80 bytes each, since a day has thousands; their masks are written by then."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._rows = bytearray()
        for event in events:
            self.append(event)

    def append(self, event: Event) -> None:
        """Add an event."""
        self._rows += _ROW.pack(*(getattr(event, name) for name in _COLUMNS))

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def __iter__(self) -> Iterator[Event]:
        return (Event(*(*values, NO_MASK)) for values in _ROW.iter_unpack(self._rows))
