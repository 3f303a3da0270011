"""The output of the pipeline for one push."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.event import Event

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DenoisedAudio:
    """A piece of denoised audio, followed by a gap of `lost_samples`."""

    samples: Float32  # [samples, channels]
    sample_rate_hz: int
    lost_samples: int = 0


@dataclass(frozen=True, eq=False)
class PipelineOutput:
    """Consecutive frames of the stream, and the events and rejected regions that closed within them."""

    mask: NDArray[np.uint8]  # [frames, bins], round(255 * probability)
    level: Float32  # [frames, bins], natural logarithm of magnitude
    events: list[Event]
    denoised: DenoisedAudio | None = None  # delayed like the mask; None if denoising is off
    rejected: list[Event] = field(default_factory=list)  # each with its `reason`
    voice: NDArray[np.bool_] | None = None  # [frames], see `VoiceDetector`; None if voice detection is off
    empty_frames: int = 0  # frames without sound that follow; a gap of any length costs the same
