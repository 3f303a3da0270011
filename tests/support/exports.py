"""Settings and constants of test exports."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from birdedge.export.export import Exported
from birdedge.export.settings import ExportSettings

Export = Callable[..., Exported]
Graphs = Callable[[int, bool], onnx.ModelProto]  # frames per call, channels last

TRAINING_DATA = {"kind": "birds", "tier": "open", "source": "generator", "licence": "CC0", "files": 3}
FACTS = {"threshold": 0.4, "training_data": [TRAINING_DATA]}
# Random weights may lose any amount of IoU. Torch takes seconds to write each further graph.
INT8_SETTINGS = ExportSettings(
    quantize=True, frames=(16, 64), activations=("u8", "s8"), max_loss=1.0, compared_frames=()
)
