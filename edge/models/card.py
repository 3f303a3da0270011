"""The model card: everything the recorder must know of a model, kept in the model file's own metadata."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from birdedge.edge.errors import ModelFileError, SettingsError
from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import EventSettings, InputScaling
from birdedge.edge.settings import from_table

CARD_KEY = "birdedge_card"  # in the ONNX file's metadata_props
CARD_VERSION = 4


@dataclass(frozen=True)
class State:
    """What the network keeps of the past between calls: graph input `name`, graph output `next_<name>`.

    `initial` fills it when a stream begins; `dtype` is `float32`, or `uint8` or `int8` in a quantized graph.
    """

    name: str
    shape: tuple[int, ...]
    initial: float = 0.0
    dtype: str = "float32"


@dataclass(frozen=True)
class ModelCard:
    """See each field's unit in its name; frequencies and times are those of `grid`."""

    name: str
    card_version: int
    birdedge_version: str
    precision: str  # fp32 or int8
    grid: Grid
    scaling: InputScaling
    chunk_frames: int  # frames a call
    time_stride_frames: int
    lookahead_frames: int  # the mask given out is this much older than the newest frame
    past_s: float  # how far back a mask depends on the sound, the floor aside
    states: tuple[State, ...]
    events: EventSettings
    parameters: int
    macs_per_s: int  # multiply-accumulates a second of sound
    licence: str
    training_data: tuple[dict[str, Any], ...] = ()
    # IoU and event scores, with what they were measured on.
    figures: dict[str, Any] = field(default_factory=dict)
    quantization: dict[str, Any] = field(default_factory=dict)
    answer: tuple[float, ...] = ()  # what the network made of a fixed input at export; see verify.py

    @property
    def threshold(self) -> float:
        """A bin is bird from this probability on; chosen on validation sound."""
        return self.events.low_threshold

    def to_json(self) -> str:
        """One line, keys in the order above."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


def card_from_metadata(metadata: dict[str, str], path: str) -> ModelCard:
    """Raises: ModelFileError where the card is missing, newer than this birdedge, or malformed."""
    text = metadata.get(CARD_KEY)
    if text is None:
        raise ModelFileError(
            f"{path} is an ONNX model without a birdedge card; give a file that `birdedge export` wrote"
        )
    try:
        table = json.loads(text)
        version = table.get("card_version")
    except (json.JSONDecodeError, AttributeError):
        raise ModelFileError(f"{path} has a card that is not a JSON object; export the model again") from None
    if version != CARD_VERSION:
        raise ModelFileError(
            f"{path} has card version {version!r}; this birdedge reads version {CARD_VERSION}: "
            "update birdedge or export the model again"
        )
    try:
        return from_table(ModelCard, table, "the card")
    except SettingsError as error:
        raise ModelFileError(f"{path} has a malformed card: {error}; export the model again") from error
