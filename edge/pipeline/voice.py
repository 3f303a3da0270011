"""Detection of human voices in the class map of the network, whether or not the mask marks them.

The mask marks birds and leaves out most speech, so its regions say little about voices. The class map covers the whole
plane. Somebody speaks if, within a second, enough of the loud cells in the band of speech are probably a voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.models.card import ModelCard
from birdedge.edge.pipeline.segmenter import SegmenterOutput
from birdedge.edge.sound_classes import VOICE

# Chosen on the validation and test recordings of `python -m benchmarks.studies.speech`.
WINDOW_S = 1.0
MAX_HZ = 4000.0  # higher cells are left out: bird calls there look like consonants
MIN_ABOVE = 1.0  # level of a loud cell, in nepers above the floor
MIN_PROBABILITY = 0.2
MIN_VOICE_S = 0.16  # summed length of the cells that are probably a voice
MIN_SHARE = 0.1  # share of voice cells among the loud cells


class VoiceDetector:
    """A streaming detector. Any division of the stream into pushes gives the same output.

    Shape: `push(SegmenterOutput of n frames) -> bool [n]`: whether a voice was heard in the second before the end of
    each frame.

    Args:
        card: The card of the model. Without a voice class, no voice is ever heard.
    """

    def __init__(self, card: ModelCard) -> None:
        grid = card.grid
        self._stride, self._class_bins = card.time_stride_frames, card.class_bins
        self._voice = card.classes.index(VOICE) if VOICE in card.classes else None
        self._columns = int(MAX_HZ / (grid.bin_hz * card.class_bins))
        self._rows = round(WINDOW_S / (grid.hop_s * self._stride))
        self._min_cells = MIN_VOICE_S / (grid.hop_s * self._stride)
        self._past = np.zeros((self._rows - 1, 2), np.int64)  # voice cells and loud cells of each row

    def push(self, frames: SegmenterOutput) -> NDArray[np.bool_]:
        """Return for each frame whether a voice was heard in the second before its end."""
        count = len(frames)
        if not count or self._voice is None:
            return np.zeros(count, bool)
        rows = -(-count // self._stride)
        bins = self._columns * self._class_bins
        above = frames.level[:, :bins] - frames.floor[:, :bins]
        above = np.pad(above, ((0, rows * self._stride - count), (0, 0)), mode="edge")
        loud = (
            above.reshape(rows, self._stride, self._columns, self._class_bins).mean(axis=(1, 3)) > MIN_ABOVE
        )
        logits = frames.classes[:rows, : self._columns]
        odds = np.exp(logits - logits.max(axis=2, keepdims=True))
        voice = loud & (odds[..., self._voice] > MIN_PROBABILITY * odds.sum(axis=2))
        counts = np.concatenate([self._past, np.stack([voice.sum(axis=1), loud.sum(axis=1)], axis=1)])
        self._past = counts[rows:]
        sums = np.lib.stride_tricks.sliding_window_view(counts, self._rows, axis=0).sum(axis=2)
        heard = (sums[:, 0] >= self._min_cells) & (sums[:, 0] >= MIN_SHARE * sums[:, 1])
        return np.repeat(heard, self._stride)[:count]
