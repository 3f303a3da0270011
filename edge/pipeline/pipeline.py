"""The pipeline: from samples of any rate to mask frames and events. Live audio and archives share this path."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError
from birdedge.edge.event import Event
from birdedge.edge.mask import mask_bytes
from birdedge.edge.models.model import Model
from birdedge.edge.output import DenoisedAudio, PipelineOutput
from birdedge.edge.pipeline.denoise import Denoiser
from birdedge.edge.pipeline.digital_silence import DigitalSilence
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.pipeline.mixer import Mixer
from birdedge.edge.pipeline.resample import StreamResampler
from birdedge.edge.pipeline.segmenter import Segmenter, SegmenterOutput
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.pipeline.voice import VoiceDetector

Float32 = NDArray[np.float32]


class Pipeline:
    """Masks and events of a stream: push blocks `[samples, channels]`, report gaps, flush at the end.

    Frames are counted in samples since the first one. A gap counts too, and its frames have an empty mask. Any
    division of the stream into blocks gives the same output, bit for bit.

    Args:
        model: the network and its settings.
        sample_rate_hz: the sample rate of the source.
        channels: the channels of the source.
        channel: the channel to analyse, from 0; None for the mean of all.
        denoised: whether to also return the bird alone.
        voice: whether to also return when people speak.
        full_scale: value of full scale in the samples; more than 1 after amplification.

    Attributes:
        heard_samples, lost_samples, gaps: totals so far, at the rate of the source.

    Raises:
        SampleError: the sample rate is outside 8000 to 384000 Hz.
        SettingsError: the source does not have this channel.
    """

    def __init__(
        self,
        model: Model,
        sample_rate_hz: int,
        channels: int,
        channel: int | None = None,
        denoised: bool = False,
        voice: bool = False,
        full_scale: float = 1.0,
    ) -> None:
        self.card = card = model.card
        self.sample_rate_hz, self.channel = sample_rate_hz, channel
        self._resampler = StreamResampler(sample_rate_hz, card.grid.sample_rate_hz)
        self._mixer = Mixer(channels, channel, full_scale)
        self._silence = DigitalSilence(sample_rate_hz, card.grid)
        self._spectrogram = Spectrogram(card.grid)
        self._undecided = np.zeros((0, card.grid.bins), np.float32)  # frames that may contain digital silence
        self._segmenter = Segmenter(model)
        self._next_model: Model | None = None
        self.heard_samples = 0
        self.lost_samples, self.gaps = 0, 0
        self._frames = 0  # returned so far
        self._tracker = self._new_tracker()
        self._empty_level = np.log(card.grid.magnitude_floor)
        self._channels = channels
        self._denoiser = self._new_denoiser() if denoised else None
        self._voice = VoiceDetector(card) if voice else None
        self._skip = 0  # resampled samples to drop, so that frames after a gap lie on the grid
        self._earlier_nonfinite_chunks = 0  # nonfinite chunks of the models before this one

    @property
    def nonfinite_samples(self) -> int:
        """Input samples that were NaN or infinite and were replaced by 0."""
        return self._mixer.nonfinite_samples

    @property
    def silent_samples(self) -> int:
        """Input samples of digital silence, which do not move the noise floor."""
        return self._silence.samples

    @property
    def nonfinite_chunks(self) -> int:
        """Chunks for which the network returned NaN or infinity; their mask is empty."""
        return self._earlier_nonfinite_chunks + self._segmenter.nonfinite_chunks

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each possible problem with the samples so far."""
        return self._mixer.warnings

    @property
    def missing_samples(self) -> int:
        """Samples that the next call of the network still needs, at least 1; smaller blocks gain nothing."""
        frames = max(1, self._segmenter.missing_frames - len(self._undecided))
        samples = self._skip + self._spectrogram.missing_samples(frames)
        return math.ceil(samples * self.sample_rate_hz / self.card.grid.sample_rate_hz)

    def push(self, block: Float32) -> PipelineOutput:
        """Return the frames and events that this block completes."""
        replaced = self._replace_model() if self._next_model is not None else None
        self.heard_samples += len(block)
        mono = self._mixer.push(block)
        self._silence.push(mono)
        samples = self._aligned(self._resampler.push(mono))
        output = self._follow(self._segment(self._spectrogram.push(samples)))
        if self._denoiser is not None:
            denoised = DenoisedAudio(self._denoiser.push(block, output.mask), self.sample_rate_hz)
            output = replace(output, denoised=denoised)
        return output if replaced is None else _joined(replaced, output)

    def gap(self, samples: int) -> PipelineOutput:
        """Skip lost samples of the source: close what is open, and start afresh after them.

        The frames of the gap are `empty_frames` of the output.
        """
        ended = self.flush()
        self._take_next_model()
        self.lost_samples += samples
        self.gaps += 1
        denoised = ended.denoised and replace(ended.denoised, lost_samples=samples)
        return replace(ended, denoised=denoised, empty_frames=self._restart())

    def change(self, model: Model) -> None:
        """Use another model, with its own thresholds, from the next push on, as after a gap of zero length.

        Raises:
            SettingsError: The model has another grid.
        """
        if model.card.grid != self.card.grid:
            raise SettingsError(
                f"{model.card.name} has a different grid from {self.card.name}; choose a model with the same grid"
            )
        self._next_model = model

    def flush(self) -> PipelineOutput:
        """End the stream: return all remaining frames, and close every open event."""
        frames = self._spectrogram.push(self._aligned(self._resampler.flush()))
        last_frame = self._spectrogram.flush()
        pieces = [self._segment(np.concatenate([frames, last_frame]), is_end=True), self._segmenter.flush()]
        followed = reduce(_joined, map(self._follow, pieces))
        regions = _output(followed.mask[:0], followed.level[:0], self._tracker.flush())
        output = replace(_joined(followed, regions), voice=followed.voice)
        if self._denoiser is not None:
            rest = (
                self._denoiser.push(np.zeros((0, self._channels), np.float32), output.mask),
                self._denoiser.flush(),
            )
            output = replace(output, denoised=DenoisedAudio(np.concatenate(rest), self.sample_rate_hz))
        return output

    def _replace_model(self) -> PipelineOutput:
        ended = self.flush()
        self._take_next_model()
        return _joined(ended, self._empty(self._restart()))

    def _take_next_model(self) -> None:
        if self._next_model is not None:
            self._earlier_nonfinite_chunks = self.nonfinite_chunks
            self.card = self._next_model.card
            self._segmenter, self._next_model = Segmenter(self._next_model), None

    def _restart(self) -> int:
        """Place the next frame on the time grid; return the number of empty frames before it."""
        grid = self.card.grid
        passed_samples = self.heard_samples + self.lost_samples
        resumed = -(-passed_samples * grid.sample_rate_hz // self.sample_rate_hz)
        first_frame = -(-resumed // grid.hop)
        self._skip = first_frame * grid.hop - resumed
        self._silence.restart(self._skip)
        empty_frames = max(0, first_frame - self._frames)
        self._frames += empty_frames
        self._tracker = self._new_tracker()
        if self._denoiser is not None:
            self._denoiser = self._new_denoiser()
        if self._voice is not None:
            self._voice = VoiceDetector(self.card)
        return empty_frames

    def _new_tracker(self) -> EventTracker:
        """Return a tracker for the frames from `_frames` on."""
        card = self.card
        cell = card.time_stride_frames, card.class_bins
        return EventTracker(card.events, card.grid, self._frames, card.classes, *cell)

    def _new_denoiser(self) -> Denoiser:
        """Return a denoiser for the audio from now on, and the frames from `_frames` on."""
        card, grid = self.card, self.card.grid
        began_s = (self.heard_samples + self.lost_samples) / self.sample_rate_hz
        first_frame_s = grid.first_frame_s + self._frames * grid.hop_s - began_s
        return Denoiser(self.sample_rate_hz, self._channels, grid, first_frame_s, card.threshold)

    def _aligned(self, samples: Float32) -> Float32:
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        return samples[skipped:]

    def _segment(self, frames: Float32, is_end: bool = False) -> SegmenterOutput:
        """Push frames as soon as it is decided whether they contain digital silence."""
        frames = np.concatenate([self._undecided, frames])
        silent = self._silence.judge(len(frames), is_end)
        self._undecided = frames[len(silent) :]
        return self._segmenter.push(frames[: len(silent)], silent)

    def _follow(self, segmented: SegmenterOutput) -> PipelineOutput:
        if not len(segmented):  # most blocks from a microphone complete no network call
            return self._empty(0)
        mask = mask_bytes(segmented.mask)
        self._frames += len(mask)
        with np.errstate(over="ignore", invalid="ignore"):  # chunks that are not finite are counted
            regions = self._tracker.push(mask, segmented.level, segmented.floor, segmented.classes)
        output = _output(mask, segmented.level, regions)
        return output if self._voice is None else replace(output, voice=self._voice.push(segmented))

    def _empty(self, frames: int) -> PipelineOutput:
        shape = frames, self.card.grid.bins
        voice = None if self._voice is None else np.zeros(frames, bool)
        level = np.full(shape, self._empty_level, np.float32)
        return PipelineOutput(np.zeros(shape, np.uint8), level, [], voice=voice)


def _output(mask: NDArray[np.uint8], level: Float32, regions: list[Event]) -> PipelineOutput:
    """Return frames, and the regions that closed within them, divided into events and rejected ones."""
    events = [region for region in regions if not region.reason]
    rejected = [region for region in regions if region.reason]
    return PipelineOutput(mask, level, events, rejected=rejected)


def _joined(first: PipelineOutput, second: PipelineOutput) -> PipelineOutput:
    """Return two consecutive outputs as one."""
    denoised = second.denoised or first.denoised
    if first.denoised is not None and second.denoised is not None:
        samples = np.concatenate([first.denoised.samples, second.denoised.samples])
        denoised = replace(second.denoised, samples=samples)
    return PipelineOutput(
        np.concatenate([first.mask, second.mask]),
        np.concatenate([first.level, second.level]),
        first.events + second.events,
        denoised,
        first.rejected + second.rejected,
        None if first.voice is None or second.voice is None else np.concatenate([first.voice, second.voice]),
    )
