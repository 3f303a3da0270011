"""CPU time of each stage of the pipeline, of the whole pipeline, and of the sinks, within this process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.sources import FAST_BLOCK_SAMPLES
from birdedge.edge.formats.jsonl import event_json
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.mask import mask_bytes
from birdedge.edge.messages import EventDetected, FramesReady
from birdedge.edge.models.model import Model
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.digital_silence import DigitalSilence
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.pipeline.mixer import Mixer
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.resample import StreamResampler
from birdedge.edge.pipeline.segmenter import Segmenter, SegmenterOutput
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.times import Stamp

NOW, NO_AUDIO = Stamp(0, 0.0, 0.0, None, 0.0, False), np.zeros((0, 1), np.float32)
Float32 = NDArray[np.float32]
Measure = Callable[[str, Callable[[Any], Any], Sequence[Any]], list[Any]]


def stage_costs(model: Model, samples: Float32, sample_rate_hz: int) -> dict[str, float]:
    """Return the CPU seconds per second of audio of each stage, of the pipeline and of the sinks.

    Args:
        model: The model.
        samples: Mono audio, `[samples]`.
        sample_rate_hz: Its sample rate.
    """
    audio_s = len(samples) / sample_rate_hz
    costs_s: dict[str, float] = {}

    def timed(stage: str, push: Callable[[Any], Any], pieces: Sequence[Any]) -> list[Any]:
        start_s = time.process_time()
        outputs = [push(piece) for piece in pieces]
        costs_s[stage] = time.process_time() - start_s
        return outputs

    outputs = run_stages(model, samples, sample_rate_hz, FAST_BLOCK_SAMPLES, timed)
    costs_s = {**by_stage(costs_s), "sinks": _sinks_s(model, outputs)}
    return {stage: cost_s / audio_s for stage, cost_s in costs_s.items()}


def run_stages(
    model: Model, samples: Float32, sample_rate_hz: int, block_samples: int, measure: Measure
) -> list[PipelineOutput]:
    """Run each stage alone, on the whole output of the stage before it, and then the whole pipeline.

    Args:
        model: The model.
        samples: Mono audio, `[samples]`.
        sample_rate_hz: Its sample rate.
        block_samples: Samples per push.
        measure: Called with the name of a stage, a function and the pieces to call it with; returns its results.

    Returns:
        The output of the pipeline for each block.
    """
    card = model.card
    blocks = [samples[at : at + block_samples] for at in range(0, len(samples), block_samples)]
    silence, segmenter = DigitalSilence(sample_rate_hz, card.grid), Segmenter(model)
    tracker = EventTracker(card.events, card.grid, 0, card.classes, card.time_stride_frames, card.class_bins)
    undecided = 0

    def judge(piece: tuple[Float32, Float32]) -> NDArray[np.bool_]:
        nonlocal undecided
        mono, frames = piece
        silence.push(mono)
        silent = silence.judge(undecided + len(frames))
        undecided += len(frames) - len(silent)
        return silent

    def track(segmented: SegmenterOutput) -> None:
        if len(segmented):
            tracker.push(mask_bytes(segmented.mask), segmented.level, segmented.floor, segmented.classes)

    mono = measure("mix", Mixer(1).push, blocks)
    resampled = measure("resample", StreamResampler(sample_rate_hz, card.grid.sample_rate_hz).push, mono)
    frames = measure("spectrogram", Spectrogram(card.grid).push, resampled)
    measure("digital silence", judge, list(zip(mono, frames, strict=True)))
    segmented = measure("segmenter", Segmenter(model).push, frames)
    calls = sum(map(len, frames)) // card.chunk_frames
    measure("network", lambda _: segmenter.call(), range(calls))
    measure("events", track, segmented)
    return measure("pipeline", Pipeline(model, sample_rate_hz, 1).push, blocks)


def by_stage(measured: Mapping[str, float]) -> dict[str, float]:
    """Return the costs that `run_stages` measured, with the segmenter divided into the network and its input."""
    network_input = measured["segmenter"] - measured["network"]
    return {
        "network input" if stage == "segmenter" else stage: network_input if stage == "segmenter" else cost
        for stage, cost in measured.items()
    }


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
