"""From samples of any rate to mask frames and events: the one path that live sound and archives take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.mask import mask_bytes
from birdedge.edge.models.model import Model
from birdedge.edge.output import PipelineOutput, Sound
from birdedge.edge.pipeline.denoise import Denoiser
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.pipeline.resample import StreamResampler
from birdedge.edge.pipeline.segmenter import Segmenter, SegmenterOutput
from birdedge.edge.pipeline.spectrogram import Spectrogram

Float32 = NDArray[np.float32]
GAP_FRAMES = 1250  # of a gap that are given at once


class Pipeline:
    """Push blocks `[samples, channels]`, get masks and events; tell it of gaps; flush at the end.

    Time is counted in samples since the first one; a gap counts too, and its frames have an empty mask. With `denoised`
    it gives the bird alone too, each stretch without a gap for itself.

    Raises:
        SettingsError: a sample rate or channel that cannot be used.
    """

    def __init__(
        self,
        model: Model,
        sample_rate_hz: int,
        channels: int,
        channel: int | None = None,
        denoised: bool = False,
    ) -> None:
        self.card = card = model.card
        self.sample_rate_hz = sample_rate_hz
        self._resampler = StreamResampler(sample_rate_hz, card.grid.sample_rate_hz, channels, channel)
        self._spectrogram = Spectrogram(card.grid)
        self._segmenter = Segmenter(model)
        self._tracker = EventTracker(card.events, card.grid)
        self.heard_samples = 0  # at the source's rate
        self.lost_samples, self.gaps = 0, 0
        self._frames = 0  # frames given out
        self._channels = channels
        self._denoiser = self._new_denoiser() if denoised else None
        self._skip = 0  # resampled samples to leave out, so that frames after a gap lie on the grid

    @property
    def nonfinite_samples(self) -> int:
        """Input samples that were no numbers and were taken as 0."""
        return self._resampler.nonfinite_samples

    @property
    def nonfinite_chunks(self) -> int:
        """Chunks for which the network gave no numbers; their mask is empty."""
        return self._segmenter.nonfinite_chunks

    @property
    def missing_samples(self) -> int:
        """What the next call of the network waits for; less may as well come together, at least 1."""
        samples = self._skip + self._spectrogram.missing_samples(self._segmenter.missing_frames)
        return math.ceil(samples * self.sample_rate_hz / self.card.grid.sample_rate_hz)

    def push(self, block: Float32) -> PipelineOutput:
        """The frames and events that this block completes."""
        self.heard_samples += len(block)
        samples = self._aligned(self._resampler.push(block))
        found = self._follow(self._segmenter.push(self._spectrogram.push(samples)))
        if self._denoiser is None:
            return found
        return replace(found, denoised=Sound(self._denoiser.push(block, found.mask), self.sample_rate_hz))

    def gap(self, samples: int) -> Iterator[PipelineOutput]:
        """So many samples of the source were lost: end what was running, and begin anew after them.

        The empty frames of a night come in pieces, so that they need not be in memory together.
        """
        ended = self.flush()
        self.lost_samples += samples
        self.gaps += 1
        silent, grid = self._begin_anew(), self.card.grid
        yield replace(ended, denoised=ended.denoised and replace(ended.denoised, lost_samples=samples))
        while silent:
            piece = min(silent, GAP_FRAMES)
            silent -= piece
            level = np.full((piece, grid.bins), np.log(grid.magnitude_floor), np.float32)
            yield PipelineOutput(np.zeros((piece, grid.bins), np.uint8), level, [])

    def change(self, model: Model) -> PipelineOutput:
        """Go on with another form of the network, as after a gap of no length."""
        ended = self.flush()
        self._segmenter = Segmenter(model)
        frames, bins = self._begin_anew(), self.card.grid.bins
        level = np.full((frames, bins), np.log(self.card.grid.magnitude_floor), np.float32)
        return PipelineOutput(
            np.concatenate([ended.mask, np.zeros((frames, bins), np.uint8)]),
            np.concatenate([ended.level, level]),
            ended.events,
            ended.denoised,
        )

    def _begin_anew(self) -> int:
        """The next frame lies on the grid of time; returns how many frames there are until then."""
        grid = self.card.grid
        passed_samples = self.heard_samples + self.lost_samples
        resumed = -(-passed_samples * grid.sample_rate_hz // self.sample_rate_hz)
        first_frame = -(-resumed // grid.hop)
        self._skip = first_frame * grid.hop - resumed
        silent = max(0, first_frame - self._frames)
        self._frames += silent
        self._tracker = EventTracker(self.card.events, grid, self._frames)
        if self._denoiser is not None:
            self._denoiser = self._new_denoiser()
        return silent

    def _new_denoiser(self) -> Denoiser:
        """For the sound from now on, and the frames from `_frames` on."""
        card, grid = self.card, self.card.grid
        began_s = (self.heard_samples + self.lost_samples) / self.sample_rate_hz
        first_frame_s = grid.first_frame_s + self._frames * grid.hop_s - began_s
        return Denoiser(self.sample_rate_hz, self._channels, grid, first_frame_s, card.threshold)

    def flush(self) -> PipelineOutput:
        """The end of the stream: all frames still to come, and every open event."""
        frames = self._spectrogram.push(self._aligned(self._resampler.flush()))
        last_frame = self._spectrogram.flush()
        pieces = [self._segmenter.push(frames), self._segmenter.push(last_frame), self._segmenter.flush()]
        found = [self._follow(piece) for piece in pieces]
        mask, level = np.concatenate([f.mask for f in found]), np.concatenate([f.level for f in found])
        events = [event for f in found for event in f.events] + self._tracker.flush()
        denoised = None
        if self._denoiser is not None:
            rest = (
                self._denoiser.push(np.zeros((0, self._channels), np.float32), mask),
                self._denoiser.flush(),
            )
            denoised = Sound(np.concatenate(rest), self.sample_rate_hz)
        return PipelineOutput(mask, level, events, denoised)

    def _aligned(self, samples: Float32) -> Float32:
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        return samples[skipped:]

    def _follow(self, segmented: SegmenterOutput) -> PipelineOutput:
        if not len(segmented):  # most blocks of a microphone complete no call of the network
            return PipelineOutput(np.zeros((0, self.card.grid.bins), np.uint8), segmented.level, [])
        mask = mask_bytes(segmented.mask)
        self._frames += len(mask)
        return PipelineOutput(
            mask, segmented.level, self._tracker.push(mask, segmented.level, segmented.floor)
        )
