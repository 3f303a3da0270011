"""The graph of a model file: its nodes, constants, inputs and outputs, read without the onnx package.

Only what `birdedge export` writes is read. Anything else is refused, so that onnxruntime cannot interpret a file
differently.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import TypeVar

from birdedge.edge.models.onnx_fields import (
    AttributeField,
    DimensionField,
    GraphField,
    NodeField,
    ShapeField,
    TensorField,
    TensorTypeField,
    TypeField,
    ValueInfoField,
)
from birdedge.edge.models.protobuf_reader import (
    Field,
    as_integers,
    as_message,
    as_signed,
    as_text,
    read_fields,
)

MAX_ELEMENTS = 2**23  # of all constants together, and of each tensor
MAX_DIMENSIONS = 8
MAX_IN_ATTRIBUTE = 2**12  # of a stride, dilation or padding
MAX_VALUES = 16  # of a constant that determines a shape
_TYPES = {1: ("float32", 4), 2: ("uint8", 1), 3: ("int8", 1), 6: ("int32", 4), 7: ("int64", 8)}
_FORMATS = {"float32": "f", "int64": "q"}
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7  # AttributeProto.AttributeType

T = TypeVar("T")
Shape = tuple[int, ...]
TensorType = tuple[str, Shape]  # element type and shape
Attribute = int | float | str | tuple[int, ...]


class RefusedError(Exception):
    """A reason to refuse a file, as the predicate of a sentence whose subject is the file."""


@dataclass(frozen=True)
class Constant:
    """A constant tensor; `values` holds the values of a short one of type int64 or float32."""

    shape: Shape
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Node:
    """An operator, the names of its inputs and outputs, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class Graph:
    """Nodes in order; constants, inputs and outputs by name."""

    nodes: tuple[Node, ...]
    constants: dict[str, Constant]
    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]


def known_fields(
    message: memoryview, fields: type[IntEnum], repeated: Collection[IntEnum] = ()
) -> Iterator[Field]:
    """Yield the fields of a message; all must be among `fields`, and only those in `repeated` may repeat.

    Raises:
        ProtobufError: The message is malformed.
        RefusedError: A field is unknown, or repeated where it must not be.
    """
    seen: set[int] = set()
    for field in read_fields(message):
        number = field.number
        if number not in _numbers(fields) or (number in seen and number not in repeated):
            name = fields.__name__.removesuffix("Field").lower()
            raise RefusedError(
                f"is not an ONNX model, or another one (the field {number} of its {name} is unknown or repeated)"
            )
        seen.add(number)
        yield field


@cache
def _numbers(fields: type[IntEnum]) -> frozenset[int]:
    return frozenset(map(int, fields))


def check_domain(domain: str) -> None:
    """Raise `RefusedError` unless the domain is that of the standard operators."""
    if domain not in ("", "ai.onnx"):
        raise RefusedError(f"uses operators of {domain[:40]!r}, not only those of ONNX")


def read_graph(message: memoryview) -> Graph:
    """Return the content of a GraphProto.

    Raises:
        ProtobufError: The message is malformed.
        RefusedError: The graph contains something that no recorder runs.
    """
    field = GraphField
    nodes: list[Node] = []
    constants: dict[str, Constant] = {}
    inputs: dict[str, TensorType] = {}
    outputs: dict[str, TensorType] = {}
    repeated = (
        field.NODE,
        field.INITIALIZER,
        field.INPUT,
        field.OUTPUT,
        field.VALUE_INFO,
        field.METADATA_PROPS,
    )
    for number, value, _ in known_fields(message, field, repeated):
        match number:
            case field.NODE:
                nodes.append(_node(as_message(value)))
            case field.INITIALIZER:
                _add(constants, *_constant(as_message(value)))
            case field.INPUT:
                _add(inputs, *_value_info(as_message(value)))
            case field.OUTPUT:
                _add(outputs, *_value_info(as_message(value)))
            case field.SPARSE_INITIALIZER:
                raise RefusedError("contains a sparse tensor")
    elements = sum(math.prod(constant.shape) for constant in constants.values())
    if elements > MAX_ELEMENTS:
        raise RefusedError(
            f"has tensors of {elements} elements, more than the {MAX_ELEMENTS} that a recorder accepts"
        )
    return Graph(tuple(nodes), constants, inputs, outputs)


def _add(by_name: dict[str, T], name: str, value: T) -> None:
    if name in by_name:
        raise RefusedError(f"has two values with the name {name[:40]!r}")
    by_name[name] = value


def _node(message: memoryview) -> Node:
    field = NodeField
    inputs: list[str] = []
    outputs: list[str] = []
    operator = ""
    attributes: dict[str, Attribute] = {}
    repeated = field.INPUT, field.OUTPUT, field.ATTRIBUTE, field.METADATA_PROPS
    for number, value, _ in known_fields(message, field, repeated):
        match number:
            case field.INPUT:
                inputs.append(as_text(value))
            case field.OUTPUT:
                outputs.append(as_text(value))
            case field.OP_TYPE:
                operator = as_text(value)
            case field.DOMAIN:
                check_domain(as_text(value))
            case field.ATTRIBUTE:
                _add(attributes, *_attribute(as_message(value)))
    return Node(operator, tuple(inputs), tuple(outputs), attributes)


def _attribute(message: memoryview) -> tuple[str, Attribute]:
    """Return the name and value of an AttributeProto."""
    field = AttributeField
    name, kind = "", 0
    integers: list[int] = []
    values: dict[int, Attribute] = {}
    for number, value, _ in known_fields(message, field, (field.INTS,)):
        match number:
            case field.NAME:
                name = as_text(value)
            case field.TYPE if isinstance(value, int):
                kind = value
            case field.FLOAT if isinstance(value, bytes) and len(value) == 4:
                values[_FLOAT] = float(struct.unpack("<f", value)[0])
            case field.INT if isinstance(value, int):
                values[_INT] = _small(value)
            case field.STRING:
                values[_STRING] = as_text(value)
            case field.INTS:
                integers += map(_small, as_integers(value))
                values[_INTS] = tuple(integers)
            case field.GRAPH | field.GRAPHS:
                raise RefusedError("has an operator that contains a graph")
            case _:
                raise RefusedError("has an operator with an attribute that no recorder reads")
    if list(values) != [kind]:
        raise RefusedError(f"has an operator with an attribute {name[:40]!r} that is not of its type")
    return name, values[kind]


def _small(integer: int) -> int:
    """Return the signed integer of an attribute."""
    signed = as_signed(integer)
    if abs(signed) > MAX_IN_ATTRIBUTE:
        raise RefusedError(f"has an operator with an attribute above {MAX_IN_ATTRIBUTE}")
    return signed


def _constant(message: memoryview) -> tuple[str, Constant]:
    """Return the name and content of a TensorProto."""
    field = TensorField
    name, kind, raw = "", 0, None
    dims: list[int] = []
    data = field.FLOAT_DATA, field.INT32_DATA
    for number, value, _ in known_fields(message, field, (field.DIMS, field.METADATA_PROPS, *data)):
        match number:
            case field.NAME:
                name = as_text(value)
            case field.DIMS:
                dims += as_integers(value)
            case field.DATA_TYPE if isinstance(value, int):
                kind = value
            case field.RAW_DATA:
                raw = as_message(value)
            case field.EXTERNAL_DATA | field.DATA_LOCATION if value != 0:
                raise RefusedError("stores tensors in another file")
    shape = fitting(dims)
    if kind not in _TYPES:
        raise RefusedError(f"has a tensor of data type {kind}, which no recorder supports")
    dtype, size_bytes = _TYPES[kind]
    elements = math.prod(shape)
    if raw is None:
        return name, Constant(shape)
    if len(raw) != elements * size_bytes:
        raise RefusedError(f"has a tensor of {elements} elements in {len(raw)} bytes")
    is_short = dtype in _FORMATS and elements <= MAX_VALUES
    return name, Constant(shape, struct.unpack(f"<{elements}{_FORMATS[dtype]}", raw) if is_short else ())


def _value_info(message: memoryview) -> tuple[str, TensorType]:
    """Return the name and type of an input or output, whose shape must be fixed."""
    name = ""
    tensor_type: TensorType = "no type", ()
    for number, value, _ in known_fields(message, ValueInfoField, (ValueInfoField.METADATA_PROPS,)):
        match number:
            case ValueInfoField.NAME:
                name = as_text(value)
            case ValueInfoField.TYPE:
                tensor_type = _tensor_type(as_message(value))
    return name, tensor_type


def _tensor_type(type_proto: memoryview) -> TensorType:
    """Return the element type and shape of a TypeProto that is a tensor."""
    types = {number: value for number, value, _ in known_fields(type_proto, TypeField)}
    tensor_proto = as_message(types.get(TypeField.TENSOR, 0))
    tensor = {number: value for number, value, _ in known_fields(tensor_proto, TensorTypeField)}
    kind = tensor.get(TensorTypeField.ELEM_TYPE)
    name = _TYPES[kind][0] if isinstance(kind, int) and kind in _TYPES else f"type {kind!r}"
    shape: list[int] = []
    dims = as_message(tensor.get(TensorTypeField.SHAPE, 0))
    for _, dim, _ in known_fields(dims, ShapeField, (ShapeField.DIM,)):
        sizes = {number: value for number, value, _ in known_fields(as_message(dim), DimensionField)}
        size = sizes.get(DimensionField.VALUE)
        if not isinstance(size, int) or len(sizes) != 1:
            raise RefusedError("has an input or output without a fixed shape")
        shape.append(size)
    return name, fitting(shape, "has an input or output without a fixed shape")


def fitting(shape: Collection[int], empty: str = "has an empty tensor") -> Shape:
    """Return a shape if a recorder has room for its elements.

    Raises:
        RefusedError: It has no elements (with the reason `empty`), or too many.
    """
    if len(shape) > MAX_DIMENSIONS or max(shape, default=1) > MAX_ELEMENTS or math.prod(shape) > MAX_ELEMENTS:
        raise RefusedError("has a tensor too large for a recorder")
    if min(shape, default=1) < 1:
        raise RefusedError(empty)
    return tuple(shape)
