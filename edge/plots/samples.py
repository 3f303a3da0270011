"""Draw samples in memory with the mask and events that a model finds in them."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.sources import array_source
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.collector import Collector
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.plots.figure import draw


def draw_samples(
    path: Path, model: Model, samples: NDArray[np.float32], sample_rate_hz: int, title: str
) -> int:
    """Segment mono `samples` `[samples]`, draw them as `draw` does, and return the number of events.

    Raises:
        AudioError: The sample rate is not supported.
        DataError, ExtraMissingError, OutputError: As in `draw`.
    """
    collector = Collector()
    source = array_source(samples, sample_rate_hz)
    run(source, Pipeline(model, sample_rate_hz, source.channels), collector, threading.Event())
    output, card = collector.output(), model.card
    draw(path, output.level, output.mask, output.events, card.grid, card.threshold, title)
    return len(output.events)
