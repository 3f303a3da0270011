"""The sound of one microphone on its way through pipeline and clips, each step told to the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.models.model import Model
from birdedge.edge.monitoring.coverage import PAUSED
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.load_shedding import LoadLevel
from birdedge.edge.system.clock import monotonic_s

TOLD_EVERY_S = 0.5  # of sound, between what the ledger is told


class Stream:
    """Begins with the first sample of an open microphone. Methods give what the sound completed.

    Attributes:
        pipeline: what the sound goes through.
        sample: how many have passed, gaps counted.
    """

    def __init__(
        self, microphone: Microphone, config: Config, model: Model, ledger: DatabaseWriter, clips: ClipWriter
    ) -> None:
        rate_hz, channels, name = microphone.sample_rate_hz, microphone.channels, microphone.device.name
        self.pipeline = Pipeline(model, rate_hz, channels, config.channel, config.denoised is not None)
        self.sample = 0
        self._ledger, self._rate_hz, self._channels = ledger, rate_hz, channels
        self._gain = np.float32(10 ** (config.gain_db / 20))
        self._told_sample = 0
        self._left_out_samples = 0
        self._began_s = began_s = monotonic_s()
        self._cutter = ClipCutter(
            config.clips,
            clips,
            model.card,
            rate_hz,
            channels,
            lambda sample: datetime.fromtimestamp(began_s + sample / rate_hz + ledger.offset_s, UTC),
            name,
        )
        ledger.stream_began(name, rate_hz, channels)

    @property
    def until_s(self) -> float:
        """When its last sound was heard, on the boot's clock."""
        return self._began_s + self.sample / self._rate_hz

    def follows(self, earlier_until_s: float) -> PipelineOutput:
        """What the time since an earlier stream ended gives: nothing, but that the bird alone keeps its time."""
        lost_samples = max(0, round((self._began_s - earlier_until_s) * self._rate_hz))
        nothing = self.pipeline.push(np.zeros((0, self._channels), np.float32))
        return replace(
            nothing, denoised=nothing.denoised and replace(nothing.denoised, lost_samples=lost_samples)
        )

    def is_left_out(self, block: NDArray[np.float32], mode: LoadLevel) -> bool:
        """Whether the mode has no time for this block, which is then a part of the next gap."""
        at_s = (self.sample + self._left_out_samples) / self._rate_hz
        left_out = at_s % mode.every_s >= mode.listen_s
        self._left_out_samples += len(block) * left_out
        return left_out

    def gap(self, samples: int, cause: str) -> Iterator[PipelineOutput]:
        """So many samples were lost, and what was left out before."""
        left_out_samples, self._left_out_samples = self._left_out_samples, 0
        gap_samples = left_out_samples + samples
        if not gap_samples:
            return
        for found in self.pipeline.gap(gap_samples):
            self._cutter.gap(gap_samples, found.mask, found.events)
            gap_samples = 0  # the other pieces are of the same gap
            yield self._booked(found)
        if cause in ("device lost", PAUSED):
            self._ledger.resumed(self.sample + left_out_samples + samples)
        else:
            if left_out_samples:
                self._ledger.lost(self.sample, left_out_samples, "too slow")
            if samples:
                self._ledger.lost(self.sample + left_out_samples, samples, cause)
        self.sample += left_out_samples + samples
        self._told_sample = self.sample

    def push(self, block: NDArray[np.float32]) -> PipelineOutput:
        """Sound `[samples, channels]`."""
        sound = block if self._gain == 1 else block * self._gain
        found = self.pipeline.push(sound)
        self._cutter.push(sound, found.mask, found.events)
        self.sample += len(block)
        return self._booked(found)

    def tell(self) -> bool:
        """Tells the ledger what was heard, twice a second of sound; whether it did."""
        if self.sample - self._told_sample < TOLD_EVERY_S * self._rate_hz:
            return False
        self._told_sample = self.sample
        self._ledger.heard(self.sample)
        return True

    def change(self, model: Model) -> PipelineOutput:
        """Go on with another form of the network."""
        found = self.pipeline.change(model)
        self._cutter.gap(0, found.mask, found.events)
        return self._booked(found)

    def flush(self) -> PipelineOutput:
        """The end."""
        found = self.pipeline.flush()
        self._cutter.flush(found.mask, found.events)
        self._ledger.heard(self.sample)
        if self._left_out_samples:
            self._ledger.lost(self.sample, self._left_out_samples, "too slow")
        return self._booked(found)

    def _booked(self, found: PipelineOutput) -> PipelineOutput:
        for event in found.events:
            self._ledger.found(event)
        return found
