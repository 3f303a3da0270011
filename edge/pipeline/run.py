"""The loop: push the audio of a source through the pipeline, and send the results to the sinks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.block import Block, Source, StopEvent
from birdedge.edge.gap import REOPENED
from birdedge.edge.messages import (
    AudioHeard,
    EventDetected,
    FramesReady,
    GapEnded,
    GapStarted,
    RegionRejected,
    SamplesLost,
    Sink,
    StreamEnded,
    StreamStarted,
)
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.timekeeper import Timekeeper

HEARD_EVERY_S = 0.5  # audio between two `AudioHeard` messages


def run(
    source: Source,
    pipeline: Pipeline,
    sinks: Sink,
    stop: StopEvent,
    timekeeper: Timekeeper | None = None,
) -> None:
    """Run a source through a new pipeline until its end, or until `stop` is set.

    The sinks receive nothing before the source has delivered its first block. Open events are closed at the end; the
    sinks stay open.

    Args:
        source: where the audio comes from.
        pipeline: a new pipeline for the sample rate and channels of the source.
        sinks: receive the messages of the stream.
        stop: ends the stream; a live source still delivers the audio that had arrived.
        timekeeper: the recorder's timekeeper; by default the nominal rate is exact and there is no UTC.

    Raises:
        AudioError: the source failed; all audio before that was analysed and its results sent to the sinks.
        OutputError: a sink failed.
    """
    blocks = source.blocks(stop)
    stream = None
    while True:
        try:
            block = next(blocks, None)
        except Exception:
            if stream is not None:
                stream.end()
            raise
        if stream is None:
            stream = _Stream(source, pipeline, sinks, timekeeper or Timekeeper(), block)
        if block is None:
            stream.end()
            return
        stream.take(block)
        source.set_min_block(pipeline.missing_samples)


class _Stream:
    """Counts the samples of one source and turns each block into messages."""

    def __init__(
        self, source: Source, pipeline: Pipeline, sinks: Sink, timekeeper: Timekeeper, first: Block | None
    ) -> None:
        self._pipeline, self._sinks, self._timekeeper = pipeline, sinks, timekeeper
        self._rate_hz = source.sample_rate_hz
        self._no_audio = np.zeros((0, source.channels), np.float32)
        self._sample = self._told_sample = self._frames = 0
        self._reading = None if first is None else first.arrived
        timekeeper.begin_stream(self._rate_hz)
        if first is not None and first.arrived is not None:
            timekeeper.arrived(first.gap_samples + len(first.samples), first.arrived)
            timekeeper.begin_span(0)
        started = StreamStarted(
            timekeeper.stamp(0), source.name, self._rate_hz, source.channels, pipeline.channel
        )
        sinks.write(started)

    def take(self, block: Block) -> None:
        """Analyse a block, and the gap before it."""
        if block.gap_samples:
            self._skip(block)
        elif block.gap_cause is not None and not len(block.samples):
            self._sinks.write(GapStarted(self._timekeeper.stamp(self._sample), block.gap_cause))
        if not len(block.samples):
            return
        self._sample += len(block.samples)
        if block.arrived is not None:
            self._reading = block.arrived
            self._timekeeper.arrived(self._sample, block.arrived)
        self._tell(self._pipeline.push(block.samples), block.samples)
        if self._sample - self._told_sample >= HEARD_EVERY_S * self._rate_hz:
            self._told_sample = self._sample
            heard = AudioHeard(self._timekeeper.stamp(self._sample), self._timekeeper.span, self._reading)
            self._sinks.write(heard)

    def end(self) -> None:
        """Close what is open."""
        pipeline = self._pipeline
        self._tell(pipeline.flush(), self._no_audio)
        self._sinks.write(
            StreamEnded(
                self._timekeeper.stamp(self._sample),
                self._rate_hz,
                pipeline.heard_samples,
                pipeline.lost_samples,
                pipeline.gaps,
                pipeline.nonfinite_samples,
                pipeline.nonfinite_chunks,
                pipeline.silent_samples,
                pipeline.warnings,
            )
        )

    def _skip(self, block: Block) -> None:
        """Handle the gap before a block: close what is open, then resume at the time of the clock or the count."""
        timekeeper, cause = self._timekeeper, block.gap_cause or "overrun"
        before = timekeeper.stamp(self._sample)
        lost_samples = block.gap_samples
        if cause in REOPENED and block.arrived is not None:
            # The last audio before the loss may have been read late, so its arrival does not show when it was heard.
            first_s = block.arrived.boot_s - len(block.samples) / self._rate_hz
            lost_samples = max(1, round((first_s - before.boot_s) * self._rate_hz))
        self._tell(self._pipeline.gap(lost_samples), self._no_audio, lost_samples)
        self._sample += lost_samples
        self._told_sample = self._sample
        if cause in REOPENED:
            timekeeper.reopened(self._sample)
            if block.arrived is not None:
                timekeeper.arrived(self._sample + len(block.samples), block.arrived)
        timekeeper.begin_span(self._sample)
        after = timekeeper.span
        self._sinks.write(GapEnded(after, cause) if cause in REOPENED else SamplesLost(before, after, cause))

    def _tell(self, output: PipelineOutput, audio: NDArray[np.float32], lost_samples: int = 0) -> None:
        stamp = self._timekeeper.stamp
        self._sinks.write(FramesReady(stamp(self._sample), self._frames, output, audio, lost_samples))
        self._frames += len(output.mask) + output.empty_frames
        for event in (*output.events, *output.rejected):
            onset, offset = (stamp(round(s * self._rate_hz)) for s in (event.onset_s, event.offset_s))
            message = RegionRejected if event.reason else EventDetected
            self._sinks.write(message(onset, offset, event))
