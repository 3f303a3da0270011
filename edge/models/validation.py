"""Validation of a model file before onnxruntime opens it, so that a damaged or hostile file raises an error.

A valid file is complete (its last entry is the SHA-256 of everything before it), uses only the standard operators that
`birdedge export` writes, refers to no other file, and has no tensor too large for a recorder.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.onnx_fields import (
    AttributeField,
    GraphField,
    ModelField,
    NodeField,
    TensorField,
    ValueInfoField,
)
from birdedge.edge.models.protobuf_reader import (
    ProtobufError,
    as_integers,
    as_message,
    as_signed,
    as_text,
    read_fields,
    read_last,
)

DIGEST_KEY = "birdedge_sha256"  # the last of the metadata_props
MAX_BYTES = 32 * 2**20
MAX_ELEMENTS = 2**23  # of all tensors together, and of each input and output
MAX_IN_ATTRIBUTE = 2**12  # a stride, a dilation, a padding
OPERATORS = {  # those that `birdedge export` writes
    "Add",
    "Concat",
    "Conv",
    "DepthToSpace",
    "DequantizeLinear",
    "QuantizeLinear",
    "Relu",
    "Reshape",
    "Resize",
    "Sigmoid",
    "Slice",
    "Squeeze",
    "Transpose",
}
_TYPES = {1: ("float32", 4), 2: ("uint8", 1), 3: ("int8", 1), 6: ("int32", 4), 7: ("int64", 8)}
_EXTERNAL = 1  # TensorProto.DataLocation

TensorType = tuple[str, tuple[int, ...]]  # element type and shape


@dataclass(frozen=True)
class ModelFile:
    """The content of a valid file, its metadata, and the inputs and outputs of its graph by name."""

    content: bytes
    metadata: dict[str, str]
    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]


class _RefusedError(Exception):
    """A reason to refuse a file, as the predicate of a sentence whose subject is the file."""


def read_model_file(path: Path) -> ModelFile:
    """Read and validate a model file.

    Raises:
        ModelFileError: The file is not a complete, unchanged file that `birdedge export` wrote.
    """
    try:
        return _validated(_read(path))
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except ProtobufError:
        reason = "is not an ONNX model, or was truncated"
    except _RefusedError as error:
        reason = str(error)
    raise ModelFileError(f"{path} {reason}; give a complete .onnx file that `birdedge export` wrote")


def with_digest(content: bytes) -> bytes:
    """Return a serialized ONNX model with its SHA-256 appended as the last entry of its metadata."""
    key, value = DIGEST_KEY.encode(), hashlib.sha256(content).hexdigest().encode()
    entry = b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(value)]) + value
    return content + b"\x72" + bytes([len(entry)]) + entry


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise _RefusedError(f"has {size} bytes, more than the {MAX_BYTES} that a recorder accepts")
    return path.read_bytes()


def _validated(content: bytes) -> ModelFile:
    """Return the parsed file, or raise `_RefusedError` or `ProtobufError`."""
    metadata: dict[str, str] = {}
    graphs: list[memoryview] = []
    last_start = 0
    for number, value, start in read_fields(memoryview(content)):
        last_start = start
        match number:
            case ModelField.GRAPH:
                graphs.append(as_message(value))
            case ModelField.OPSET_IMPORT:
                _check_domain(as_text(read_last(as_message(value), 1)))
            case ModelField.METADATA_PROPS:
                entry = as_message(value)
                metadata[as_text(read_last(entry, 1))] = as_text(read_last(entry, 2))
            case ModelField.TRAINING_INFO | ModelField.FUNCTIONS:
                raise _RefusedError("contains training steps or functions of its own")
    if len(graphs) != 1:
        raise _RefusedError("is not an ONNX model")
    if content != with_digest(content[:last_start]):
        raise _RefusedError(
            "was truncated, damaged or changed after its export"
            if DIGEST_KEY in metadata
            else "has no digest"
        )
    inputs, outputs = _check_graph(graphs[0])
    return ModelFile(content, metadata, inputs, outputs)


def _check_graph(graph: memoryview) -> tuple[dict[str, TensorType], dict[str, TensorType]]:
    """Return the types of the graph's inputs and outputs by name."""
    inputs: dict[str, TensorType] = {}
    outputs: dict[str, TensorType] = {}
    elements = 0
    for number, value, _ in read_fields(graph):
        match number:
            case GraphField.NODE:
                elements += _check_node(as_message(value))
            case GraphField.INITIALIZER:
                elements += _check_tensor(as_message(value))
            case GraphField.INPUT | GraphField.OUTPUT:
                name, tensor_type = _value_info(as_message(value))
                (inputs if number == GraphField.INPUT else outputs)[name] = tensor_type
            case GraphField.SPARSE_INITIALIZER:
                raise _RefusedError("contains a sparse tensor")
    if elements > MAX_ELEMENTS:
        raise _RefusedError(
            f"has tensors of {elements} elements, more than the {MAX_ELEMENTS} that a recorder accepts"
        )
    return inputs, outputs


def _check_node(node: memoryview) -> int:
    """Return the number of tensor elements in the node's attributes."""
    operator, domain, elements = "", "", 0
    for number, value, _ in read_fields(node):
        match number:
            case NodeField.OP_TYPE:
                operator = as_text(value)
            case NodeField.DOMAIN:
                domain = as_text(value)
            case NodeField.ATTRIBUTE:
                elements += _check_attribute(as_message(value))
    _check_domain(domain)
    if operator not in OPERATORS:
        raise _RefusedError(f"uses the operator {operator[:40]!r}, which no recorder runs")
    return elements


def _check_attribute(attribute: memoryview) -> int:
    """Return the number of tensor elements in the attribute."""
    elements = 0
    for number, value, _ in read_fields(attribute):
        match number:
            case AttributeField.INT | AttributeField.INTS:
                if any(abs(as_signed(integer)) > MAX_IN_ATTRIBUTE for integer in as_integers(value)):
                    raise _RefusedError(f"has an operator with an attribute above {MAX_IN_ATTRIBUTE}")
            case AttributeField.TENSOR | AttributeField.TENSORS:
                elements += _check_tensor(as_message(value))
            case AttributeField.GRAPH | AttributeField.GRAPHS:
                raise _RefusedError("has an operator that contains a graph")
            case AttributeField.SPARSE_TENSOR | AttributeField.SPARSE_TENSORS:
                raise _RefusedError("has an operator that contains a sparse tensor")
    return elements


def _check_tensor(tensor: memoryview) -> int:
    """Return the number of elements of the tensor."""
    shape: list[int] = []
    kind, raw = 0, None
    for number, value, _ in read_fields(tensor):
        match number:
            case TensorField.DIMS:
                shape += as_integers(value)
            case TensorField.DATA_TYPE if isinstance(value, int):
                kind = value
            case TensorField.RAW_DATA:
                raw = as_message(value)
            case TensorField.EXTERNAL_DATA:
                raise _RefusedError("stores tensors in another file")
            case TensorField.DATA_LOCATION if value == _EXTERNAL:
                raise _RefusedError("stores tensors in another file")
    elements = _elements(shape)
    if kind not in _TYPES:
        raise _RefusedError(f"has a tensor of data type {kind}, which no recorder supports")
    if raw is not None and len(raw) != elements * _TYPES[kind][1]:
        raise _RefusedError(f"has a tensor of {elements} elements in {len(raw)} bytes")
    return elements


def _value_info(value_info: memoryview) -> tuple[str, TensorType]:
    """Return the name and type of an input or output, whose shape must be fixed."""
    name, kind = "", 0
    shape: list[int] = []
    for number, value, _ in read_fields(value_info):
        match number:
            case ValueInfoField.NAME:
                name = as_text(value)
            case ValueInfoField.TYPE:
                kind, dims = _tensor_type(as_message(value))
                shape += dims
    _elements(shape)
    return name, (_TYPES.get(kind, (f"type {kind}", 0))[0], tuple(shape))


def _tensor_type(type_proto: memoryview) -> tuple[int, list[int]]:
    """Return the element type and shape of a TypeProto whose first field is a tensor type."""
    tensor = as_message(read_last(type_proto, 1))
    kind, dims = read_last(tensor, 1), as_message(read_last(tensor, 2))
    shape: list[int] = []
    for number, dim, _ in read_fields(dims):
        size = read_last(as_message(dim), 1) if number == 1 else None
        if not isinstance(size, int) or size < 1:
            raise _RefusedError("has an input or output without a fixed shape")
        shape.append(size)
    return kind if isinstance(kind, int) else 0, shape


def _check_domain(domain: str) -> None:
    if domain not in ("", "ai.onnx"):
        raise _RefusedError(f"uses operators of {domain[:40]!r}, not only those of ONNX")


def _elements(shape: list[int]) -> int:
    if any(size > MAX_ELEMENTS for size in shape) or (elements := math.prod(shape)) > MAX_ELEMENTS:
        raise _RefusedError("has a tensor too large for a recorder")
    return elements
