"""Privacy: clips in which people speak are dropped, or written without the speech band."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.clips.clip import CutClip
from birdedge.edge.clips.settings import MAX_CLIP_S, PrivacySettings
from birdedge.edge.grid import Grid
from birdedge.edge.pipeline.voice import WINDOW_S

HELD_S = 3 * MAX_CLIP_S  # that voices are kept: longer than any clip waits to be cut


class PrivacyFilter:
    """Holds each clip until all voices in it are known, then passes it on, marks it for erasure, or drops it.

    Args:
        settings: What happens to clips with voices.
        grid: The grid of the frames.
        put: Takes the clips that are kept.

    Attributes:
        dropped: Clips that were not written because people spoke in them.
    """

    def __init__(self, settings: PrivacySettings, grid: Grid, put: Callable[[CutClip], None]) -> None:
        self.dropped = 0
        self._settings, self._grid, self._put = settings, grid, put
        self._frames = 0
        self._voices: deque[tuple[float, float]] = deque()  # seconds of the stream, sorted by end
        self._waiting: deque[CutClip] = deque()

    def put(self, clip: CutClip) -> None:
        """Take the next clip of the stream."""
        self._waiting.append(clip)
        self._judge(self._known_until_s)

    def push(self, voice: NDArray[np.bool_] | None, empty_frames: int = 0) -> None:
        """Take the next frames of the stream: for each, whether a voice was heard in the second before.

        `empty_frames` without a voice follow.
        """
        if voice is None:
            return
        for frame in (np.flatnonzero(voice) + self._frames).tolist():
            end_s = self._grid.first_frame_s + (frame + 1) * self._grid.hop_s
            if self._voices and end_s - WINDOW_S <= self._voices[-1][1]:
                self._voices[-1] = self._voices[-1][0], end_s
            else:
                self._voices.append((end_s - WINDOW_S, end_s))
        self._frames += len(voice) + empty_frames
        while self._voices and self._voices[0][1] < self._known_until_s - HELD_S:
            self._voices.popleft()
        self._judge(self._known_until_s)

    def end(self) -> None:
        """Judge the clips that wait: the stream has ended."""
        self._judge(np.inf)

    @property
    def _known_until_s(self) -> float:
        return self._grid.first_frame_s + self._frames * self._grid.hop_s

    def _judge(self, known_until_s: float) -> None:
        speech = self._settings.speech
        while self._waiting and (speech == "keep" or _end_s(self._waiting[0]) + WINDOW_S <= known_until_s):
            clip = self._waiting.popleft()
            if speech == "keep" or not self._has_voice(clip):
                self._put(clip)
            elif speech == "erase-band":
                self._put(replace(clip, erase_speech=True))
            else:
                self.dropped += 1

    def _has_voice(self, clip: CutClip) -> bool:
        start_s = clip.first_sample / clip.sample_rate_hz
        return any(begin_s < _end_s(clip) and start_s < end_s for begin_s, end_s in self._voices)


def _end_s(clip: CutClip) -> float:
    return (clip.first_sample + len(clip.samples)) / clip.sample_rate_hz
