"""What runs on the recorder: numpy in, numpy out, never torch.

The public API, loaded when it is first used:

    from birdedge.edge import segment

    result = segment("dawn.flac")
    for event in result.events:
        print(event.onset_s, event.low_hz, event.high_hz, event.score)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from birdedge.edge.archive.segment import FileResult, segment
    from birdedge.edge.event import Event
    from birdedge.edge.grid import Grid
    from birdedge.edge.mask import Mask
    from birdedge.edge.models.model import Model
    from birdedge.edge.pipeline.pipeline import Pipeline
    from birdedge.edge.pipeline.run import run
    from birdedge.edge.recorder.config import read_config

__all__ = ["Event", "FileResult", "Grid", "Mask", "Model", "Pipeline", "read_config", "run", "segment"]
_MODULES = {
    "Event": "event",
    "FileResult": "archive.segment",
    "Grid": "grid",
    "Mask": "mask",
    "Model": "models.model",
    "Pipeline": "pipeline.pipeline",
    "read_config": "recorder.config",
    "run": "pipeline.run",
    "segment": "archive.segment",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: `birdedge status` needs no numpy, and `birdedge devices` no onnxruntime.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
