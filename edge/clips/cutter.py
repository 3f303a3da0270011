"""Which sound of a stream becomes a clip: events with what was before and after them, or everything."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.clips.activity import ActivityTracker
from birdedge.edge.clips.file import CutClip
from birdedge.edge.clips.history import AudioHistory, History
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.errors import SettingsError
from birdedge.edge.event import Event
from birdedge.edge.models.card import ModelCard
from birdedge.edge.times import Stamp

__all__ = ["ClipCutter", "ClipSettings"]
LATE_S = 10.0  # how far events may lag behind the sound: one block and the network's lookahead
GAP_S = 2.0  # a longer gap ends a clip
HOUR_S = 3600


@dataclass
class _Cluster:
    """Events whose clips touch; `[first, last)` in samples."""

    first: int
    last: int
    events: dict[int, Event] = field(default_factory=dict)


class ClipCutter:
    """Cuts one stream into clips: push what the pipeline was given and what it found, and flush at the end.

    Events whose clips touch are one clip. No sound is in two clips: where an event goes on when the clip before is as
    long as it may be, its own begins where that one ended. A gap up to 2 s is silence within a clip, a longer one ends
    it. Events are numbered from 0 in the order in which they are given. What becomes one clip does not depend on how
    the stream is divided into blocks.

    Args:
        settings: with `keep = "none"` nothing is kept in memory either.
        writer: takes the clips.
        card: the model's.
        sample_rate_hz: of the source.
        channels: of the source.
        stamp_of: returns the stamp of a sample, counted since the stream began.
        device: the microphone's name, for the clip's own fields.

    Attributes:
        capped: clips left out because the hour had its share.

    Raises:
        SettingsError: more channels than FLAC can hold.
    """

    def __init__(
        self,
        settings: ClipSettings,
        writer: ClipWriter,
        card: ModelCard,
        sample_rate_hz: int,
        channels: int,
        stamp_of: Callable[[int], Stamp],
        device: str = "",
    ) -> None:
        if settings.format == "flac" and channels > 8:
            raise SettingsError(f"FLAC holds 8 channels and {channels} are recorded; set format to wav")
        self.capped = 0
        self._settings, self._writer, self._card = settings, writer, card
        self._sample_rate_hz, self._stamp_of, self._device = sample_rate_hz, stamp_of, device
        self._before, self._after = self._samples(settings.before_s), self._samples(settings.after_s)
        self._shortest, self._longest = (
            self._samples(settings.min_duration_s),
            self._samples(settings.max_duration_s),
        )
        self._everything = self._samples(settings.everything_s)
        max_duration_s = (
            max(settings.max_duration_s, card.events.max_duration_s)
            + 2 * settings.before_s
            + settings.after_s
        )
        held_s = LATE_S + (settings.everything_s if settings.keep == "everything" else max_duration_s)
        self._sound = AudioHistory(self._samples(held_s), channels)
        # Masks are held only where someone wants to see them.
        wanted = settings.denoised or settings.mask or settings.picture
        self._masks = History(round(held_s / card.grid.hop_s) if wanted else 1, card.grid.bins, np.uint8)
        self._mask_wanted = wanted
        low_threshold = max(1, round(255 * card.events.low_threshold))
        self._open = ActivityTracker(low_threshold, round(card.events.gap_s / card.grid.hop_s))
        self._cluster: _Cluster | None = None
        self._free_from = 0  # the sound before is in a clip, or before a long gap
        self._events = 0
        self._begun: deque[int] = deque(maxlen=settings.max_per_hour)  # first samples of the latest clips

    def push(self, block: NDArray[np.float32], mask: NDArray[np.uint8], events: Sequence[Event]) -> None:
        """Sound `[samples, channels]`, with the mask frames `[frames, bins]` and the events that it completed."""
        if self._settings.keep != "none":
            self._sound.push(block)
            self._follow(mask, events)

    def gap(self, samples: int, mask: NDArray[np.uint8], events: Sequence[Event]) -> None:
        """So many samples were lost, with what the pipeline gave for it: all that had been open, and empty frames."""
        if self._settings.keep == "none":
            return
        frames = round(self._sound.end / self._sample_rate_hz / self._card.grid.hop_s)
        ended = max(0, frames - self._masks.end)
        self._follow(mask[:ended], events)
        lasting = samples > GAP_S * self._sample_rate_hz
        if lasting:
            self._finish()
        self._sound.gap(samples)
        self._see(mask[ended:])
        if lasting:
            self._free_from = self._sound.end

    def end(self) -> None:
        """Cut what waits for more audio: the stream has ended."""
        if self._settings.keep != "none":
            self._finish()

    def _see(self, mask: NDArray[np.uint8]) -> None:
        self._masks.push(mask)
        self._open.push(mask)

    def _follow(self, mask: NDArray[np.uint8], events: Sequence[Event]) -> None:
        self._see(mask)
        numbered = enumerate(events, self._events)
        # Each event is met by the state of the moment when it ended, however much was pushed at once.
        for number, event in sorted(numbered, key=lambda pair: pair[1].offset_s):
            self._cut_until(min(self._samples(event.offset_s), self._sound.end))
            self._add(number, event)
        self._events += len(events)
        grid = self._card.grid
        open_s = 2 * grid.hop_s + self._card.events.gap_s  # what ended later may still be open
        self._cut_until(
            min(self._samples(grid.first_frame_s + self._masks.end * grid.hop_s - open_s), self._sound.end)
        )

    def _add(self, number: int, event: Event) -> None:
        first = max(self._free_from, self._samples(event.onset_s) - self._before)
        last = max(self._samples(event.offset_s) + self._after, first + self._shortest)
        if self._cluster is None:
            self._cluster = _Cluster(first, last)
        self._cluster.first = min(self._cluster.first, first)
        self._cluster.last = max(self._cluster.last, last)
        self._cluster.events[number] = event

    def _cut_until(self, now: int) -> None:
        """Cut the clips that no event which ends after sample `now` can change."""
        if self._settings.keep == "everything":
            self._cut_everything_until(now)
            return
        while (cluster := self._cluster) is not None:
            if cluster.last - cluster.first > self._longest:
                end = cluster.first + self._longest
                if now < end:
                    return
                self._cut(cluster.first, end, cluster.events)
                rest = {n: e for n, e in cluster.events.items() if self._samples(e.offset_s) > end}
                self._cluster = _Cluster(end, max(cluster.last, end + self._shortest), rest)
            elif now < cluster.first + self._longest + self._before and (
                self._open_since(now) <= cluster.last + self._before
            ):  # an event may be going on whose clip will touch this one
                return
            else:
                self._cut(cluster.first, cluster.last, cluster.events)
                self._cluster = None

    def _cut_everything_until(self, now: int) -> None:
        while now >= (end := self._free_from + self._everything):
            self._cut(self._free_from, end, self._cluster.events if self._cluster else {})
            self._cluster = None

    def _finish(self) -> None:
        """The sound ends here: cut all that waits for more."""
        end = self._sound.end
        if self._settings.keep == "everything":
            self._cut_everything_until(end)
            self._cut(self._free_from, end, self._cluster.events if self._cluster else {})
            self._cluster = None
        elif self._cluster is not None:
            self._cluster.last = min(self._cluster.last, end)
            self._cut_until(end + self._longest + self._before)

    def _cut(self, first: int, last: int, events: dict[int, Event]) -> None:
        last = min(last, self._sound.end)
        first = max(self._free_from, self._sound.first, min(first, last - self._shortest))
        lost = self._sound.lost(first, last - first)
        heard = last - first > lost
        if heard and self._is_capped(first):
            self.capped += 1
            return
        self._free_from = max(self._free_from, last)
        if not heard:
            return
        mask, first_frame_s = self._mask(first, last)
        self._writer.put(
            CutClip(
                self._stamp_of(first),
                self._sample_rate_hz,
                self._sound.cut(first, last - first),
                lost,
                {n: e for n, e in events.items() if self._samples(e.onset_s) < last},
                self._device,
                self._card,
                mask,
                first_frame_s,
            )
        )

    def _is_capped(self, first: int) -> bool:
        """Whether the hour until this sample had all its clips; if not, it has one more."""
        most = self._settings.max_per_hour
        if not most or self._settings.keep == "everything":
            return False
        if len(self._begun) == most and first - self._begun[0] < HOUR_S * self._sample_rate_hz:
            return True
        self._begun.append(first)
        return False

    def _mask(self, first: int, last: int) -> tuple[NDArray[np.uint8], float]:
        """The frames whose centres lie in the clip, and when the first of them is."""
        grid = self._card.grid
        if not self._mask_wanted:
            return np.zeros((0, grid.bins), np.uint8), 0.0
        start_s, end_s = first / self._sample_rate_hz, last / self._sample_rate_hz
        # Less a little, since a frame that lies on the border may be computed to lie before it.
        begin, end = (int(np.ceil((s - grid.first_frame_s) / grid.hop_s - 1e-6)) for s in (start_s, end_s))
        begin, end = max(self._masks.first, begin), min(self._masks.end, end)
        first_frame_s = grid.first_frame_s + begin * grid.hop_s - start_s
        return self._masks.cut(begin, max(0, end - begin)), first_frame_s

    def _open_since(self, now: int) -> int:
        """The earliest sample at which an event that ends after sample `now` can have begun."""
        grid = self._card.grid
        frame = int((now / self._sample_rate_hz - grid.first_frame_s) / grid.hop_s + 0.25)  # that ends there
        return self._samples(grid.first_frame_s + (self._open.since(frame) - 0.5) * grid.hop_s)

    def _samples(self, time_s: float) -> int:
        return round(time_s * self._sample_rate_hz)
