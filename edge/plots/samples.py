"""Draw samples in memory with the mask and events that a model finds in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.plots.figure import draw


def draw_samples(
    path: Path, model: Model, samples: NDArray[np.float32], sample_rate_hz: int, title: str
) -> int:
    """Segment mono `samples` `[samples]`, draw them as `draw` does, and return the number of events.

    Raises:
        AudioError: The sample rate is not supported.
        DataError, ExtraMissingError, OutputError: As in `draw`.
    """
    pipeline = Pipeline(model, sample_rate_hz, 1)
    outputs = [pipeline.push(samples[:, np.newaxis]), pipeline.flush()]
    level, mask = (np.concatenate([getattr(o, name) for o in outputs]) for name in ("level", "mask"))
    events = [event for output in outputs for event in output.events]
    draw(path, level, mask, events, model.card.grid, model.card.threshold, title)
    return len(events)
