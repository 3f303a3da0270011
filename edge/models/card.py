"""The model card: what the recorder must know about a model, stored in the metadata of the model file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from birdedge.edge.errors import ModelFileError, SettingsError
from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import EventSettings, InputScaling
from birdedge.edge.settings import from_table

CARD_KEY = "birdedge_card"  # in the ONNX file's metadata_props
CARD_VERSION = 6
MAX_CARD_CHARACTERS = 2**20
MAX_DEPTH = 8  # of nested tables and lists
MAX_NUMBER = 1e15
MAX_REASON = 300  # characters of an error that quotes the card


Precision = Literal["fp32", "int8"]


@dataclass(frozen=True)
class State:
    """A tensor that the network carries from one call to the next: graph input `name`, graph output `next_<name>`.

    `initial` fills it at the start of a stream. `dtype` is `float32`, or `uint8` or `int8` in a quantized graph.
    """

    name: str
    shape: tuple[int, ...]
    initial: float = 0.0
    dtype: str = "float32"


@dataclass(frozen=True)
class ModelCard:
    """Everything the recorder must know about a model; `grid` gives its frequencies and times."""

    name: str
    card_version: int
    birdedge_version: str
    precision: Precision
    grid: Grid
    scaling: InputScaling
    chunk_frames: int  # frames per call
    time_stride_frames: int
    lookahead_frames: int  # delay of the mask behind the newest input frame
    past_s: float  # receptive field into the past, without the noise floor
    states: tuple[State, ...]
    classes: tuple[str, ...]  # sound classes of the class map; the mask is for the first one
    class_bins: int  # bins per column of the class map; a row stands for time_stride_frames
    events: EventSettings
    parameters: int
    macs_per_s: int  # multiply-accumulates per second of audio
    licence: str
    training_data: tuple[dict[str, Any], ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)  # IoU and event scores by test set
    quantization: dict[str, Any] = field(default_factory=dict)
    answer: tuple[float, ...] = ()  # output for a fixed input at export; see diagnostics/verify.py

    @property
    def threshold(self) -> float:
        """Probability from which a bin counts as bird sound, chosen on validation data."""
        return self.events.low_threshold

    def to_json(self) -> str:
        """Return the card as one line of JSON, with keys in the order of the fields."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


def card_from_metadata(metadata: dict[str, str], path: str) -> ModelCard:
    """Return the card in the metadata of the model file `path`.

    Raises:
        ModelFileError: The card is missing, of another version, or malformed.
    """
    text = metadata.get(CARD_KEY)
    if text is None:
        raise ModelFileError(
            f"{path} is an ONNX model without a birdedge card; give a file that `birdedge export` wrote"
        )
    try:
        table = _table(text)
        version = table.get("card_version")
    except (ValueError, AttributeError):
        raise ModelFileError(
            f"{path} has a card that is not a JSON object of plain text and finite numbers; export the model again"
        ) from None
    if version != CARD_VERSION:
        raise ModelFileError(
            f"{path} has card version {version!r}; this birdedge reads version {CARD_VERSION}: "
            "update birdedge or export the model again"
        )
    try:
        return from_table(ModelCard, table, "the card")
    except SettingsError as error:
        raise ModelFileError(
            f"{path} has a malformed card: {str(error)[:MAX_REASON]}; export the model again"
        ) from error


def _table(text: str) -> Any:
    """Return a JSON value whose texts are printable and whose numbers are finite and not very large.

    Raises:
        ValueError: The text is anything else.
    """
    if len(text) > MAX_CARD_CHARACTERS:
        raise ValueError
    try:
        table = json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_number)
    except RecursionError:
        raise ValueError from None
    _check_texts(table, 0)
    return table


def _integer(digits: str) -> int:
    return int(_number(digits)) if len(digits) > len(str(int(MAX_NUMBER))) else int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not abs(number) <= MAX_NUMBER:
        raise ValueError
    return number


def _check_texts(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if not value.isprintable():
            raise ValueError
        return
    if depth > MAX_DEPTH:
        raise ValueError
    if isinstance(value, dict):
        for key in value:
            _check_texts(key, depth)
        value = value.values()
    if isinstance(value, Iterable):
        for item in value:
            _check_texts(item, depth + 1)
