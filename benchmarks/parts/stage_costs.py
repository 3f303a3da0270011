"""CPU time of each stage of the pipeline, of the whole pipeline, and of the sinks, within this process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.sources import FAST_BLOCK_SAMPLES
from birdedge.edge.formats.jsonl import event_json
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.mask import mask_bytes
from birdedge.edge.messages import EventDetected, FramesReady
from birdedge.edge.models.model import Model
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.resample import StreamResampler
from birdedge.edge.pipeline.segmenter import Segmenter, SegmenterOutput
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.times import Stamp

NOW, NO_AUDIO = Stamp(0, 0.0, 0.0, None, 0.0, False), np.zeros((0, 1), np.float32)
STAGES = ("resample", "spectrogram", "network input", "network", "events", "pipeline", "sinks")
Float32 = NDArray[np.float32]
Input = TypeVar("Input")
Output = TypeVar("Output")


def stage_costs(model: Model, samples: Float32, sample_rate_hz: int) -> dict[str, float]:
    """Return the CPU seconds per second of audio of each of `STAGES`.

    Each stage is timed alone, on the whole output of the stage before it. "pipeline" is all stages before it, run
    together as `birdedge listen` runs them.

    Args:
        model: The model.
        samples: Mono audio, `[samples]`.
        sample_rate_hz: Its sample rate.
    """
    card = model.card
    audio_s = len(samples) / sample_rate_hz
    blocks = [samples[at : at + FAST_BLOCK_SAMPLES] for at in range(0, len(samples), FAST_BLOCK_SAMPLES)]
    tracker = EventTracker(card.events, card.grid)

    def track(segmented: SegmenterOutput) -> None:
        tracker.push(mask_bytes(segmented.mask), segmented.level, segmented.floor, segmented.classes)

    pipeline_s, outputs = _timed(Pipeline(model, sample_rate_hz, 1).push, blocks)
    resample_s, resampled = _timed(StreamResampler(sample_rate_hz, card.grid.sample_rate_hz).push, blocks)
    spectrogram_s, frames = _timed(Spectrogram(card.grid).push, resampled)
    level = np.concatenate(frames)
    starts = range(0, len(level) - card.chunk_frames + 1, card.chunk_frames)
    input_s, _ = _timed(
        NetworkInput(card.scaling).push, [level[at : at + card.chunk_frames] for at in starts]
    )
    segmenter_s, segmented = _timed(Segmenter(model).push, frames)
    events_s, _ = _timed(track, segmented)
    costs_s = {
        "resample": resample_s,
        "spectrogram": spectrogram_s,
        "network input": input_s,
        "network": segmenter_s - input_s,
        "events": events_s,
        "pipeline": pipeline_s,
        "sinks": _sinks_s(model, outputs),
    }
    return {stage: cost_s / audio_s for stage, cost_s in costs_s.items()}


def _sinks_s(model: Model, outputs: list[PipelineOutput]) -> float:
    """Return the CPU seconds of all tables, the mask file and JSON Lines."""
    with tempfile.TemporaryDirectory() as folder:
        settings = OutputSettings(Path(folder), tuple(FORMATS), Path(folder))
        start_s = time.process_time()
        with RecordingSink(settings, "scene", model.card, atomic=True, file="scene.wav") as sink:
            for output in outputs:
                sink.write(FramesReady(NOW, 0, output, NO_AUDIO))
                for event in output.events:
                    sink.write(EventDetected(NOW, NOW, event))
                    event_json(event, "scene.wav")
        return time.process_time() - start_s


def _timed(push: Callable[[Input], Output], pieces: Iterable[Input]) -> tuple[float, list[Output]]:
    start_s = time.process_time()
    outputs = [push(piece) for piece in pieces]
    return time.process_time() - start_s, outputs
