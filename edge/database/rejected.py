"""The selection of rejected regions to store: in each minute, those that came closest to being an event.

In a night full of crickets, hundreds of regions are rejected per minute. Storing all of them would wear out an SD card
and push all others out of the table within hours. The ten regions with the highest scores of each minute are kept,
because people ask about sounds that were almost an event. They are written together, so that an hour costs sixty writes
and the table reaches back more than a day. The regions that are not stored are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from birdedge.edge.messages import AudioHeard, Message, RegionRejected, RunEnded, StreamEnded, StreamStarted

INTERVAL_S = 60.0
MAX_PER_INTERVAL = 10


@dataclass(frozen=True)
class KeptRegion:
    """A rejected region that is stored."""

    region: RegionRejected
    left_out: int  # regions since the previous one that are not stored


class RejectedSelection:
    """A collector of rejected regions that selects which to store."""

    def __init__(self) -> None:
        self._kept: list[RegionRejected] = []
        self._left_out = 0
        self._due_s = 0.0  # boot clock

    def add(self, message: RegionRejected) -> None:
        """Keep a region without its mask; if there are too many, drop the one with the lowest score."""
        self._kept.append(replace(message, event=message.event.without_mask()))
        if len(self._kept) > MAX_PER_INTERVAL:
            self._kept.remove(min(self._kept, key=lambda kept: kept.event.score))
            self._left_out += 1

    def take(self, message: Message, *, may_wait: bool) -> list[KeptRegion]:
        """Return the regions to store before a message, by onset, and start a new interval; empty if none are due.

        Args:
            message: The next message. The start and end of a stream and the end of the run always end the interval.
            may_wait: Whether an interval may last longer than `INTERVAL_S`.
        """
        match message:
            case StreamStarted(stamp) | StreamEnded(stamp) | RunEnded(stamp):
                pass
            case AudioHeard(stamp) if stamp.boot_s >= self._due_s and not may_wait:
                pass
            case _:
                return []
        self._due_s = stamp.boot_s + INTERVAL_S
        if not self._kept:
            return []
        regions = sorted(self._kept, key=lambda kept: kept.onset.sample)
        # The first region carries the count of all.
        taken = [
            KeptRegion(region, self._left_out if index == 0 else 0) for index, region in enumerate(regions)
        ]
        self._kept, self._left_out = [], 0
        return taken
