"""What the pipeline gives for each push."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.event import Event

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sound:
    """A piece of a source, and how much was lost after it."""

    samples: Float32  # [samples, channels]
    sample_rate_hz: int
    lost_samples: int = 0


@dataclass(frozen=True, eq=False)
class PipelineOutput:
    """What one push gave: consecutive frames of the stream, and the events that closed."""

    mask: NDArray[np.uint8]  # [frames, bins], round(255 * probability)
    level: Float32  # [frames, bins], natural logarithm of magnitude
    events: list[Event]
    denoised: Sound | None = None  # the bird alone, which is late by the mask; None where nobody asked for it
