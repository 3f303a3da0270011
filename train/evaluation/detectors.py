"""Detectors to score: anything that turns samples into a mask and events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch

from birdedge.edge.audio.sources import array_source
from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.mask import mask_bytes
from birdedge.edge.models.model import Model
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.collector import Collector
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.train.data.labels import Float32
from birdedge.train.data.stft import GRID
from birdedge.train.networks.unet import TIME_STRIDE
from birdedge.train.training.checkpoint import load_checkpoint

# (samples [n] mono, sample_rate_hz) -> (probabilities [frames, bins] on GRID, events)
Run = Callable[[Float32, int], tuple[Float32, list[Event]]]


@dataclass(frozen=True)
class Detector:
    """A named `run`, the threshold from which a bin counts as bird, and, for a baseline, its chosen setting."""

    name: str
    threshold: float
    run: Run
    setting: Mapping[str, Any] = field(default_factory=dict)


def run_model(model: Model, samples: Float32, sample_rate_hz: int) -> tuple[Float32, list[Event]]:
    """Return the probabilities `[frames, bins]` and the events of the recorder's own pipeline."""
    pipeline = Pipeline(model, sample_rate_hz, 1)
    collector = Collector()
    run(array_source(samples, sample_rate_hz), pipeline, collector, threading.Event())
    output = collector.output()
    return on_default_grid(output.mask.astype(np.float32) / np.float32(255), model.card.grid), output.events


def on_default_grid(mask: Float32, grid: Grid) -> Float32:
    """Return a mask `[frames, bins]` with as many frames per second as GRID: each is repeated for its windows."""
    return np.repeat(mask, grid.hop // GRID.hop, axis=0)


def model_detector(model: Model, name: str | None = None) -> Detector:
    """Return a detector that runs a model file as the recorder does."""
    return Detector(name or model.card.name, model.card.threshold, lambda s, rate: run_model(model, s, rate))


def checkpoint_detector(path: Path) -> Detector:
    """Return a detector that runs the network of a checkpoint, of any recipe, on a whole recording.

    Events are made with the settings of an export of the checkpoint.

    Raises:
        ModelMissingError: There is no such file.
        ModelFileError: The file is not a checkpoint.
    """
    checkpoint = load_checkpoint(path)
    threshold = float(checkpoint.facts["threshold"])
    settings = EventSettings(low_threshold=threshold, high_threshold=(1 + threshold) / 2)
    lookahead, grid = checkpoint.network.config.lookahead_frames, checkpoint.recipe.grid

    @torch.no_grad()
    def run(samples: Float32, sample_rate_hz: int) -> tuple[Float32, list[Event]]:
        log = log_spectrogram(samples, sample_rate_hz, grid)
        frames = len(log)
        silent = lookahead + -(frames + lookahead) % TIME_STRIDE
        padded = np.pad(log, ((0, silent), (0, 0)), constant_values=np.log(GRID.magnitude_floor))
        x = torch.from_numpy(checkpoint.recipe.network_input(padded))
        logits, class_logits, _ = checkpoint.network(x[None])
        mask: Float32 = torch.sigmoid(logits[0, lookahead : lookahead + frames].float()).numpy()
        classes: Float32 | None = None
        if class_logits is not None:
            classes = class_logits[0, :, lookahead // TIME_STRIDE :].permute(1, 2, 0).numpy()
        floors = NetworkInput(checkpoint.recipe.scaling).push(padded)[1]
        floor = np.repeat(floors, len(padded) // len(floors), axis=0)[:frames]
        return on_default_grid(mask, grid), events_of(mask, log, floor, settings, classes, grid)

    return Detector(str(path), threshold, run)


def log_spectrogram(samples: Float32, sample_rate_hz: int, grid: Grid = GRID) -> Float32:
    """Return the recorder's log-magnitude frames `[frames, bins]` of a whole recording."""
    if sample_rate_hz != grid.sample_rate_hz:
        samples = soxr.resample(samples, sample_rate_hz, grid.sample_rate_hz)
    spectrogram = Spectrogram(grid)
    return np.concatenate([spectrogram.push(samples), spectrogram.flush()])


def events_of(
    mask: Float32,
    level: Float32,
    floor: Float32,
    settings: EventSettings,
    classes: Float32 | None = None,
    grid: Grid = GRID,
) -> list[Event]:
    """Return the events of a whole mask; level and floor are natural logarithms.

    Shape: all `[frames, bins]`, except the class map `[rows, columns, classes]`.
    """
    tracker = EventTracker(settings, grid)
    regions = [*tracker.push(mask_bytes(mask), level, floor, classes), *tracker.flush()]
    return [region for region in regions if not region.reason]
