"""Division of a stream into clips: events with the audio before and after them, or all audio."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.clips.activity import ActivityTracker
from birdedge.edge.clips.clip import CutClip
from birdedge.edge.clips.history import AudioHistory, History
from birdedge.edge.clips.privacy import PrivacyFilter
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.errors import SettingsError
from birdedge.edge.event import Event
from birdedge.edge.models.card import ModelCard
from birdedge.edge.times import Stamp

MAX_GAP_S = 2.0  # a longer gap ends a clip
HOUR_S = 3600


@dataclass
class _Cluster:
    """Events whose clips touch, and their audio `[first, last)` in samples."""

    first: int
    last: int
    events: dict[int, Event] = field(default_factory=dict)


class ClipCutter:
    """A streaming cutter that follows the pipeline: it takes the audio that the pipeline takes, and its output.

    Events whose clips touch share one clip. No audio is in two clips: if an event continues after the longest allowed
    clip, the next clip starts where that clip ended. A gap up to 2 s is silence within a clip, and a longer gap ends
    the clip. Events are numbered from 0 in the order in which they are pushed. The clips do not depend on how the
    stream is divided into blocks.

    Args:
        settings: Which audio becomes a clip. With `keep = "none"` the cutter holds no audio.
        writer: Takes the clips.
        card: The card of the model.
        sample_rate_hz: The sample rate of the source.
        channels: Channels of the source.
        stamp_of: Returns the stamp of a sample, counted from the start of the stream.
        device: The name of the microphone, for the fields of the clip.

    Attributes:
        capped: Clips that were skipped because of `max_per_hour`.

    Raises:
        SettingsError: The source has more channels than FLAC can hold.
    """

    def __init__(
        self,
        settings: ClipSettings,
        writer: ClipWriter | PrivacyFilter,
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
        self._min_duration = self._samples(settings.min_duration_s)
        self._max_duration = self._samples(settings.max_duration_s)
        self._everything = self._samples(settings.everything_s)
        held_s = settings.held_s(card.events.max_duration_s)
        self._audio = AudioHistory(self._samples(held_s), channels)
        self._holds_masks = settings.denoised or settings.mask or settings.picture
        held_frames = round(held_s / card.grid.hop_s) if self._holds_masks else 1
        self._masks = History(held_frames, card.grid.bins, np.uint8)
        low_threshold = max(1, round(255 * card.events.low_threshold))
        self._activity = ActivityTracker(low_threshold, round(card.events.gap_s / card.grid.hop_s))
        self._cluster: _Cluster | None = None
        self._free_from = 0  # earlier audio is in a clip, or before a long gap
        self._events = 0
        self._recent: deque[int] = deque(maxlen=settings.max_per_hour)  # first samples of the latest clips

    def push(self, block: NDArray[np.float32], mask: NDArray[np.uint8], events: Sequence[Event]) -> None:
        """Append audio `[samples, channels]`, and the mask frames `[frames, bins]` and events that it completed."""
        if self._settings.keep != "none":
            self._audio.push(block)
            self._advance(mask, events)

    def gap(
        self, samples: int, mask: NDArray[np.uint8], events: Sequence[Event], empty_frames: int = 0
    ) -> None:
        """Append a gap of `samples`, and the output of the pipeline for it: what was open, then empty frames."""
        if self._settings.keep == "none":
            return
        frames = round(self._audio.end / self._sample_rate_hz / self._card.grid.hop_s)
        ended = max(0, frames - self._masks.end)
        self._advance(mask[:ended], events)
        ends_clip = samples > MAX_GAP_S * self._sample_rate_hz
        if ends_clip:
            self._finish()
        self._audio.gap(samples)
        self._push_mask(mask[ended:])
        if ends_clip:
            self._free_from = self._audio.end
        self._masks.skip(empty_frames)
        self._activity.skip(empty_frames)
        self._advance(mask[:0], [])

    def end(self) -> None:
        """Cut the remaining clips: the stream has ended."""
        if self._settings.keep != "none":
            self._finish()

    def _push_mask(self, mask: NDArray[np.uint8]) -> None:
        self._masks.push(mask)
        if self._settings.keep == "events":
            self._activity.push(mask)

    def _advance(self, mask: NDArray[np.uint8], events: Sequence[Event]) -> None:
        """Add frames and events, and cut every clip that they complete."""
        self._push_mask(mask)
        numbered = enumerate(events, self._events)
        # Each event is added in the state at its offset, so that the clips do not depend on the size of a push.
        for number, event in sorted(numbered, key=lambda pair: pair[1].offset_s):
            self._cut_until(min(self._samples(event.offset_s), self._audio.end))
            self._add(number, event)
        self._events += len(events)
        grid = self._card.grid
        open_s = 2 * grid.hop_s + self._card.events.gap_s  # events with a later offset may still be open
        self._cut_until(
            min(self._samples(grid.first_frame_s + self._masks.end * grid.hop_s - open_s), self._audio.end)
        )

    def _add(self, number: int, event: Event) -> None:
        """Add an event to the open cluster, or start a cluster."""
        first = max(self._free_from, self._samples(event.onset_s) - self._before)
        last = max(self._samples(event.offset_s) + self._after, first + self._min_duration)
        if self._cluster is None:
            self._cluster = _Cluster(first, last)
        self._cluster.first = min(self._cluster.first, first)
        self._cluster.last = max(self._cluster.last, last)
        self._cluster.events[number] = event

    def _cut_until(self, now: int) -> None:
        """Cut the clips that no event with an offset after sample `now` can change."""
        if self._settings.keep == "everything":
            self._cut_everything_until(now)
            return
        active_since = self._active_since(now)  # in any case, so that earlier activity is forgotten
        while (cluster := self._cluster) is not None:
            if cluster.last - cluster.first > self._max_duration:
                end = cluster.first + self._max_duration
                if now < end:
                    return
                self._cut(cluster.first, end, cluster.events)
                rest = {n: e for n, e in cluster.events.items() if self._samples(e.offset_s) > end}
                self._cluster = _Cluster(end, max(cluster.last, end + self._min_duration), rest)
            elif now < cluster.first + self._max_duration + self._before and (
                active_since <= cluster.last + self._before
            ):  # an open event may have a clip that touches this one
                return
            else:
                self._cut(cluster.first, cluster.last, cluster.events)
                self._cluster = None

    def _cut_everything_until(self, now: int) -> None:
        while now >= (end := self._free_from + self._everything):
            self._cut(self._free_from, end, self._cluster.events if self._cluster else {})
            self._cluster = None

    def _finish(self) -> None:
        """Cut everything that waits for more audio."""
        end = self._audio.end
        if self._settings.keep == "everything":
            self._cut_everything_until(end)
            self._cut(self._free_from, end, self._cluster.events if self._cluster else {})
            self._cluster = None
        elif self._cluster is not None:
            self._cluster.last = min(self._cluster.last, end)
            self._cut_until(end + self._max_duration + self._before)

    def _cut(self, first: int, last: int, events: dict[int, Event]) -> None:
        """Hand the clip `[first, last)` to the writer, unless all of it was lost or the hour has reached its limit."""
        last = min(last, self._audio.end)
        first = max(self._free_from, self._audio.first, min(first, last - self._min_duration))
        lost = self._audio.lost(first, last - first)
        has_audio = last - first > lost
        if has_audio and self._is_capped(first):
            self.capped += 1
            return
        self._free_from = max(self._free_from, last)
        if not has_audio:
            return
        mask, first_frame_s = self._mask(first, last)
        self._writer.put(
            CutClip(
                self._stamp_of(first),
                self._sample_rate_hz,
                self._audio.cut(first, last - first),
                lost,
                {n: e for n, e in events.items() if self._samples(e.onset_s) < last},
                self._device,
                self._card,
                mask,
                first_frame_s,
            )
        )

    def _is_capped(self, first: int) -> bool:
        """Return whether the hour before this sample has reached its limit of clips; if not, count this clip."""
        max_clips = self._settings.max_per_hour
        if not max_clips or self._settings.keep == "everything":
            return False
        if len(self._recent) == max_clips and first - self._recent[0] < HOUR_S * self._sample_rate_hz:
            return True
        self._recent.append(first)
        return False

    def _mask(self, first: int, last: int) -> tuple[NDArray[np.uint8], float]:
        """Return the mask frames centred in the clip, and the centre of the first in seconds after its start."""
        grid = self._card.grid
        if not self._holds_masks:
            return np.zeros((0, grid.bins), np.uint8), 0.0
        start_s, end_s = first / self._sample_rate_hz, last / self._sample_rate_hz
        # The margin keeps a frame that is centred on the border, which rounding may put before it.
        begin, end = (int(np.ceil((s - grid.first_frame_s) / grid.hop_s - 1e-6)) for s in (start_s, end_s))
        begin, end = max(self._masks.first, begin), min(self._masks.end, end)
        first_frame_s = grid.first_frame_s + begin * grid.hop_s - start_s
        return self._masks.cut(begin, max(0, end - begin)), first_frame_s

    def _active_since(self, now: int) -> int:
        """Return the earliest possible onset, in samples, of an event with an offset after sample `now`."""
        grid = self._card.grid
        # The frame that ends there.
        frame = int((now / self._sample_rate_hz - grid.first_frame_s) / grid.hop_s + 0.25)
        return self._samples(grid.first_frame_s + (self._activity.since(frame) - 0.5) * grid.hop_s)

    def _samples(self, time_s: float) -> int:
        return round(time_s * self._sample_rate_hz)
