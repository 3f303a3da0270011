"""Which of the rejected regions are stored: the nearest to an event of each minute.

In a night of crickets, hundreds of regions are rejected per minute. Storing each would wear an SD card and push all
others out of the table within hours. Of each minute the ten with the highest score are kept, since people ask about the
sound that was almost an event. They are written together, so that an hour costs sixty writes, and the table reaches
back more than a day. How many were left out is counted.
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
    left_out: int  # how many others there were since the one before


class RejectedSelection:
    """Collects rejected regions, and selects those that are stored."""

    def __init__(self) -> None:
        self._kept: list[RegionRejected] = []
        self._left_out = 0
        self._due_s = 0.0  # boot clock

    def add(self, message: RegionRejected) -> None:
        """Keep a region without its mask, or leave out the one with the lowest score."""
        self._kept.append(replace(message, event=message.event.without_mask()))
        if len(self._kept) > MAX_PER_INTERVAL:
            self._kept.remove(min(self._kept, key=lambda kept: kept.event.score))
            self._left_out += 1

    def take(self, message: Message, *, may_wait: bool) -> list[KeptRegion]:
        """Return what is to be stored before this message, by onset, and begin again; nothing if it is not time yet.

        Args:
            message: from the stream. Its start and its end, and that of the run, are always the time.
            may_wait: whether more may be collected than those of one interval.
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
        # All are counted with the first one.
        taken = [
            KeptRegion(region, self._left_out if index == 0 else 0) for index, region in enumerate(regions)
        ]
        self._kept, self._left_out = [], 0
        return taken
