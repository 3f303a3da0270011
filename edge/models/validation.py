"""What a model file holds, read before onnxruntime sees it: a damaged or hostile file is refused with a sentence.

Just enough of ONNX's protobuf is read here to know that a file is whole (its last entry is the SHA-256 of all before
it), holds standard operators alone, no reference to other files, and no tensor too large for a recorder. Field numbers
are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.errors import ModelFileError

DIGEST_KEY = "birdedge_sha256"  # the last of the metadata_props
MAX_BYTES = 32 * 2**20
MAX_ELEMENTS = 2**23  # of all tensors together, and of each input and output
MAX_IN_ATTRIBUTE = 2**12  # a stride, a dilation, a padding
# Those that `birdedge export` writes.
OPERATORS = {
    "Add",
    "Concat",
    "Conv",
    "DepthToSpace",
    "DequantizeLinear",
    "QuantizeLinear",
    "Relu",
    "Reshape",
    "Resize",
}
OPERATORS |= {"Sigmoid", "Slice", "Squeeze", "Transpose"}
_TYPES = {1: ("float32", 4), 2: ("uint8", 1), 3: ("int8", 1), 6: ("int32", 4), 7: ("int64", 8)}
_EXTERNAL = 1  # TensorProto.DataLocation

TensorType = tuple[str, tuple[int, ...]]  # element type and shape


@dataclass(frozen=True)
class ModelFile:
    """The bytes of a file that passed, its metadata, and the tensors that its graph takes and gives, by name."""

    content: bytes
    metadata: dict[str, str]
    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]


class _Refused(Exception):
    """Why, as the end of 'the file ...'."""


def read_model_file(path: Path) -> ModelFile:
    """Raises: ModelFileError where the file is not one that `birdedge export` wrote, whole and unchanged."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _Refused(f"has {size} bytes, more than the {MAX_BYTES} that a recorder takes")
        content = path.read_bytes()
        return _checked(content)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except _Refused as reason:
        raise ModelFileError(
            f"{path} {reason}; give a whole .onnx file that `birdedge export` wrote"
        ) from None


def with_digest(content: bytes) -> bytes:
    """A serialized ONNX model with its digest as the last entry of its metadata."""
    key, value = DIGEST_KEY.encode(), hashlib.sha256(content).hexdigest().encode()
    entry = b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(value)]) + value
    return content + b"\x72" + bytes([len(entry)]) + entry


def _checked(content: bytes) -> ModelFile:
    metadata: dict[str, str] = {}
    graphs: list[memoryview] = []
    last = 0
    for number, value, begin in _fields(memoryview(content)):
        last = begin
        if number == 7:
            graphs.append(_message(value))
        elif number == 8:
            _check_domain(_text(_only(_message(value), 1)))
        elif number == 14:
            entry = _message(value)
            metadata[_text(_only(entry, 1))] = _text(_only(entry, 2))
        elif number in (20, 25):
            raise _Refused("holds training steps or functions of its own")
    if len(graphs) != 1:
        raise _Refused("is not an ONNX model")
    if content != with_digest(content[:last]):
        whole = (
            "was cut short, damaged or changed after it was exported"
            if DIGEST_KEY in metadata
            else "has no digest"
        )
        raise _Refused(whole)
    inputs: dict[str, TensorType] = {}
    outputs: dict[str, TensorType] = {}
    elements = 0
    for number, value, _ in _fields(graphs[0]):
        if number == 1:
            elements += _check_node(_message(value))
        elif number == 5:
            elements += _check_tensor(_message(value))
        elif number in (11, 12):
            name, tensor_type = _value_info(_message(value))
            (inputs if number == 11 else outputs)[name] = tensor_type
        elif number == 15:
            raise _Refused("holds a sparse tensor")
    if elements > MAX_ELEMENTS:
        raise _Refused(f"holds {elements} numbers, more than the {MAX_ELEMENTS} that a recorder takes")
    return ModelFile(content, metadata, inputs, outputs)


def _check_node(node: memoryview) -> int:
    """The elements in its attributes."""
    operator, domain, elements = "", "", 0
    for number, value, _ in _fields(node):
        if number == 4:
            operator = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            elements += _check_attribute(_message(value))
    _check_domain(domain)
    if operator not in OPERATORS:
        raise _Refused(f"uses the operator {operator[:40]!r}, which no recorder runs")
    return elements


def _check_attribute(attribute: memoryview) -> int:
    elements = 0
    for number, value, _ in _fields(attribute):
        if number in (3, 8):
            whole = [value] if isinstance(value, int) else list(_varints(value))
            if any(abs(_signed(v)) > MAX_IN_ATTRIBUTE for v in whole):
                raise _Refused(f"has an operator with a setting above {MAX_IN_ATTRIBUTE}")
        elif number in (5, 10):
            elements += _check_tensor(_message(value))
        elif number in (6, 11, 22, 23):
            raise _Refused("has an operator with a graph or a sparse tensor inside")
    return elements


def _check_tensor(tensor: memoryview) -> int:
    """Its number of elements."""
    shape: list[int] = []
    kind, raw = 0, None
    for number, value, _ in _fields(tensor):
        if number == 1:
            shape += [value] if isinstance(value, int) else _varints(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 9:
            raw = _message(value)
        elif number == 13 or (number == 14 and value == _EXTERNAL):
            raise _Refused("keeps numbers in another file")
    elements = _elements(shape)
    if kind not in _TYPES:
        raise _Refused(f"holds numbers of type {kind}, which no recorder computes with")
    if raw is not None and len(raw) != elements * _TYPES[kind][1]:
        raise _Refused(f"has a tensor of {elements} numbers in {len(raw)} bytes")
    return elements


def _value_info(value_info: memoryview) -> tuple[str, TensorType]:
    name, kind = "", 0
    shape: list[int] = []
    for number, value, _ in _fields(value_info):
        if number == 1:
            name = _text(value)
        elif number == 2:
            tensor = _message(_only(_message(value), 1))
            kind_found, dims = _only(tensor, 1), _message(_only(tensor, 2))
            kind = kind_found if isinstance(kind_found, int) else 0
            for dim_number, dim, _ in _fields(dims):
                size = _only(_message(dim), 1) if dim_number == 1 else None
                if not isinstance(size, int) or size < 1:
                    raise _Refused("takes or gives a tensor of no fixed shape")
                shape.append(size)
    _elements(shape)
    return name, (_TYPES.get(kind, (f"type {kind}", 0))[0], tuple(shape))


def _check_domain(domain: str) -> None:
    if domain not in ("", "ai.onnx"):
        raise _Refused(f"uses operators of {domain[:40]!r}, not ONNX's own alone")


def _elements(shape: list[int]) -> int:
    if any(size > MAX_ELEMENTS for size in shape) or (elements := math.prod(shape)) > MAX_ELEMENTS:
        raise _Refused("has a tensor too large for a recorder")
    return elements


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview, int]]:
    """Number, value (an integer, or bytes) and first byte of each field of a protobuf message."""
    at = 0
    while at < len(data):
        begin = at
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value, begin
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise _Refused("is not an ONNX model")
        if at + length > len(data):
            raise _Refused("is not an ONNX model, or was cut short")
        yield key >> 3, data[at : at + length], begin
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _Refused("is not an ONNX model, or was cut short")


def _varints(data: memoryview) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _only(message: memoryview, wanted: int) -> int | memoryview:
    """The field of that number; empty where there is none."""
    found: int | memoryview = memoryview(b"")
    for number, value, _ in _fields(message):
        if number == wanted:
            found = value
    return found


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise _Refused("is not an ONNX model")
    return value


def _text(value: int | memoryview) -> str:
    try:
        return bytes(_message(value)).decode()
    except UnicodeDecodeError:
        raise _Refused("is not an ONNX model") from None
