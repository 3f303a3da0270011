"""CPU time of each stage of the pipeline, of the whole, and of the sinks after it, within this process."""

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
from birdedge.edge.models.model import Model
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.resample import StreamResampler
from birdedge.edge.pipeline.segmenter import Segmenter, SegmenterOutput
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink

STAGES = ("resample", "spectrogram", "network input", "network", "events", "pipeline", "sinks")
Float32 = NDArray[np.float32]
Given = TypeVar("Given")
Made = TypeVar("Made")


def stage_costs(model: Model, samples: Float32, sample_rate_hz: int) -> dict[str, float]:
    """CPU seconds a second of sound, by stage of `STAGES`; "pipeline" is all before it, as `birdedge listen` runs them.

    Shape: `samples` is mono, `[n]`. Each stage is timed alone, on what the stage before made of all the sound.
    """
    card = model.card
    sound_s = len(samples) / sample_rate_hz
    blocks = [samples[at : at + FAST_BLOCK_SAMPLES] for at in range(0, len(samples), FAST_BLOCK_SAMPLES)]
    tracker = EventTracker(card.events, card.grid)

    def track(segmented: SegmenterOutput) -> None:
        tracker.push(mask_bytes(segmented.mask), segmented.level, segmented.floor)

    pipeline_s, found = _timed(Pipeline(model, sample_rate_hz, 1).push, blocks)
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
        "sinks": _sinks_s(model, found),
    }
    return {stage: cost_s / sound_s for stage, cost_s in costs_s.items()}


def _sinks_s(model: Model, found: list[PipelineOutput]) -> float:
    """CPU seconds of every table, the mask file and JSON Lines."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = OutputSettings(Path(folder), tuple(FORMATS), Path(folder))
        began_s = time.process_time()
        with RecordingSink(wanted, "scene", "scene.wav", model.card, atomic=True) as output:
            for each in found:
                output.write(each)
                for event in each.events:
                    event_json(event, "scene.wav")
        return time.process_time() - began_s


def _timed(push: Callable[[Given], Made], pieces: Iterable[Given]) -> tuple[float, list[Made]]:
    began_s = time.process_time()
    made = [push(piece) for piece in pieces]
    return time.process_time() - began_s, made
