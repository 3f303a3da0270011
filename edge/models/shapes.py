"""The shapes that a graph computes, and what they cost, inferred without running it.

Each operator has only the attributes and constant inputs that `birdedge export` gives it.
https://onnx.ai/onnx/operators/ documents them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from birdedge.edge.models.onnx_graph import Attribute, Constant, Graph, Node, RefusedError, Shape, fitting

MAX_NODES = 2**12
MAX_ACTIVATIONS = 2**26  # elements of all results of one call
MAX_WINDOWS = 2**24  # elements of the windows of one convolution, which onnxruntime may copy
MAX_SCALE = 16.0  # of a resize

Attributes = dict[str, Attribute]


@dataclass(frozen=True)
class Cost:
    """What one call of a graph costs."""

    activations: int  # elements of all inputs and results
    macs: int  # multiply-accumulates of all convolutions


@dataclass(frozen=True)
class Operator:
    """An operator that a graph may use.

    Attributes:
        shape: Returns the shape of the result from the shapes of the inputs, the values of constant inputs, and the
            attributes.
        inputs: Allowed numbers of inputs.
        attributes: Type of each allowed attribute.
    """

    shape: Callable[[list[Shape], list[tuple[float, ...]], Attributes], Shape]
    inputs: tuple[int, ...]
    attributes: dict[str, type]


def infer_cost(graph: Graph) -> Cost:
    """Return the cost of a graph, whose outputs must have the shapes that it states.

    Raises:
        RefusedError: An operator is unknown or not used as `birdedge export` uses it, a shape is impossible or does not
            match, or the cost is too high for a recorder.
    """
    if len(graph.nodes) > MAX_NODES:
        raise RefusedError(
            f"has {len(graph.nodes)} operators, more than the {MAX_NODES} that a recorder accepts"
        )
    shapes = {name: constant.shape for name, constant in graph.constants.items()}
    if shapes.keys() & graph.inputs.keys():
        raise RefusedError("has a constant that is an input")
    shapes |= {name: shape for name, (_, shape) in graph.inputs.items()}
    activations, macs = sum(math.prod(shape) for _, shape in graph.inputs.values()), 0
    for node in graph.nodes:
        shape = _result_shape(node, shapes, graph.constants)
        (output,) = node.outputs
        shapes[output] = shape
        activations += math.prod(shape)
        if node.operator == "Conv":
            macs += math.prod(shape) * math.prod(shapes[node.inputs[1]][1:])
        if activations > MAX_ACTIVATIONS:
            raise RefusedError(
                f"computes more than the {MAX_ACTIVATIONS} values per call that a recorder accepts"
            )
    for name, (_, shape) in graph.outputs.items():
        if shapes.get(name) != shape:
            raise RefusedError(
                f"has an output {name[:40]!r} of shape {shapes.get(name)}, not of the stated shape {shape}"
            )
    return Cost(activations, macs)


def _result_shape(node: Node, shapes: dict[str, Shape], constants: dict[str, Constant]) -> Shape:
    """Return the shape of a node's result."""
    operator = OPERATORS.get(node.operator)
    name = node.operator[:40]
    if operator is None:
        raise RefusedError(f"uses the operator {name!r}, which no recorder runs")
    if len(node.outputs) != 1 or node.outputs[0] in shapes:
        raise RefusedError(f"has an operator {name} without exactly one new output")
    if len(node.inputs) not in operator.inputs:
        raise RefusedError(f"has an operator {name} with {len(node.inputs)} inputs")
    for key, value in node.attributes.items():
        if not isinstance(value, operator.attributes.get(key, ())):
            raise RefusedError(f"has an operator {name} with an unknown attribute {key[:40]!r}")
    no_region = node.operator == "Resize" and node.inputs[1] == ""
    inputs = (node.inputs[0], *node.inputs[2:]) if no_region else node.inputs
    if missing := [i for i in inputs if i not in shapes]:
        raise RefusedError(
            f"has an operator {name} whose input {missing[0][:40]!r} is not computed before it"
        )
    values = [constants[i].values if i in constants else () for i in inputs]
    try:
        return fitting(operator.shape([shapes[i] for i in inputs], values, node.attributes))
    except (ValueError, IndexError, TypeError, ZeroDivisionError, OverflowError):
        raise RefusedError(f"has an operator {name} whose inputs do not match") from None


def _require(valid: bool) -> None:
    if not valid:
        raise ValueError


def _integers(attributes: Attributes, name: str, default: tuple[int, ...], low: int) -> tuple[int, ...]:
    """Return the integers of an attribute, as many as the default has, each at least `low`."""
    value = attributes.get(name, default)
    assert isinstance(value, tuple)
    _require(len(value) == len(default) and min(value) >= low)
    return value


def _integer(attributes: Attributes, name: str, default: int, low: int) -> int:
    value = attributes.get(name, default)
    assert isinstance(value, int)
    _require(value >= low)
    return value


def _same(inputs: list[Shape], _values: list[tuple[float, ...]], _attributes: Attributes) -> Shape:
    return inputs[0]


def _add(inputs: list[Shape], _values: list[tuple[float, ...]], _attributes: Attributes) -> Shape:
    """Return the shape after broadcasting."""
    rank = max(map(len, inputs))
    first, second = ((1,) * (rank - len(shape)) + shape for shape in inputs)
    _require(all(a == b or 1 in (a, b) for a, b in zip(first, second, strict=True)))
    return tuple(map(max, first, second))


def _concat(inputs: list[Shape], _values: list[tuple[float, ...]], attributes: Attributes) -> Shape:
    first = inputs[0]
    axis = range(len(first))[_integer(attributes, "axis", len(first), -len(first))]
    _require({shape[:axis] + shape[axis + 1 :] for shape in inputs} == {first[:axis] + first[axis + 1 :]})
    _require({len(shape) for shape in inputs} == {len(first)})
    return (*first[:axis], sum(shape[axis] for shape in inputs), *first[axis + 1 :])


def _conv(inputs: list[Shape], _values: list[tuple[float, ...]], attributes: Attributes) -> Shape:
    (batch, channels, *size), (filters, per_group, *kernel) = inputs[:2]
    _require(len(size) == len(kernel) == 2 and attributes.get("auto_pad", "NOTSET") == "NOTSET")
    group = _integer(attributes, "group", 1, 1)
    strides = _integers(attributes, "strides", (1, 1), 1)
    dilations = _integers(attributes, "dilations", (1, 1), 1)
    pads = _integers(attributes, "pads", (0, 0, 0, 0), 0)
    _require(_integers(attributes, "kernel_shape", tuple(kernel), 1) == tuple(kernel))
    _require(channels == per_group * group and filters % group == 0)
    _require(all(shape == (filters,) for shape in inputs[2:]))
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    padded = [n + before + after for n, before, after in zip(size, pads[:2], pads[2:], strict=True)]
    rows, columns = ((n - span) // s + 1 for n, span, s in zip(padded, spans, strides, strict=True))
    _require(rows >= 1 and columns >= 1)
    fitting((batch, channels, *padded))
    if channels * math.prod(kernel) * rows * columns > MAX_WINDOWS:
        raise RefusedError("has a convolution too large for a recorder")
    return batch, filters, rows, columns


def _depth_to_space(inputs: list[Shape], _values: list[tuple[float, ...]], attributes: Attributes) -> Shape:
    batch, channels, rows, columns = inputs[0]
    block = _integer(attributes, "blocksize", 0, 1)
    _require(attributes.get("mode", "DCR") in ("DCR", "CRD") and channels % block**2 == 0)
    return batch, channels // block**2, rows * block, columns * block


def _scaled(inputs: list[Shape], values: list[tuple[float, ...]], attributes: Attributes) -> Shape:
    """Return the shape after a resize by constant factors."""
    (scales,) = values[1:]
    _require(attributes.get("mode") == "nearest" and not attributes.get("antialias"))
    _require(inputs[1] == (len(inputs[0]),) and all(0 < scale <= MAX_SCALE for scale in scales))
    return tuple(math.floor(size * scale) for size, scale in zip(inputs[0], scales, strict=True))


def _reshape(inputs: list[Shape], values: list[tuple[float, ...]], attributes: Attributes) -> Shape:
    shape = [int(size) for size in values[1]]
    _require(inputs[1] == (len(shape),) and _integer(attributes, "allowzero", 0, 0) <= 1)
    elements = math.prod(inputs[0])
    if shape.count(-1) == 1:
        shape[shape.index(-1)] = elements // -math.prod(shape)
    _require(min(shape) >= 1 and math.prod(shape) == elements)
    return tuple(shape)


def _slice(inputs: list[Shape], values: list[tuple[float, ...]], _attributes: Attributes) -> Shape:
    shape = list(inputs[0])
    axes = [range(len(shape))[int(axis)] for axis in values[3]]
    _require(1 <= len(set(axes)) == len(axes) and inputs[1:] == [(len(axes),)] * 4)
    for start, end, axis, step in zip(*values[1:3], axes, values[4], strict=True):
        _require(step >= 1)
        shape[axis] = len(range(shape[axis])[int(start) : int(end) : int(step)])
    return tuple(shape)


def _squeeze(inputs: list[Shape], values: list[tuple[float, ...]], _attributes: Attributes) -> Shape:
    shape = inputs[0]
    axes = {range(len(shape))[int(axis)] for axis in values[1]}
    _require(len(axes) >= 1 and inputs[1] == (len(axes),) and all(shape[axis] == 1 for axis in axes))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _transpose(inputs: list[Shape], _values: list[tuple[float, ...]], attributes: Attributes) -> Shape:
    permutation = _integers(attributes, "perm", tuple(range(len(inputs[0]))), 0)
    _require(sorted(permutation) == list(range(len(inputs[0]))))
    return tuple(inputs[0][axis] for axis in permutation)


_RESIZE: dict[str, type] = {
    "antialias": int,
    "coordinate_transformation_mode": str,
    "cubic_coeff_a": float,
    "exclude_outside": int,
    "extrapolation_value": float,
    "keep_aspect_ratio_policy": str,
    "mode": str,
    "nearest_mode": str,
}
_CONV: dict[str, type] = {
    "auto_pad": str,
    "dilations": tuple,
    "group": int,
    "kernel_shape": tuple,
    "pads": tuple,
    "strides": tuple,
}
OPERATORS = {  # those that `birdedge export` writes
    "Add": Operator(_add, (2,), {}),
    "Concat": Operator(_concat, tuple(range(1, 65)), {"axis": int}),
    "Conv": Operator(_conv, (2, 3), _CONV),
    "DepthToSpace": Operator(_depth_to_space, (1,), {"blocksize": int, "mode": str}),
    "DequantizeLinear": Operator(_same, (3,), {"axis": int}),
    "QuantizeLinear": Operator(_same, (3,), {"axis": int}),
    "Relu": Operator(_same, (1,), {}),
    "Reshape": Operator(_reshape, (2,), {"allowzero": int}),
    "Resize": Operator(_scaled, (3,), _RESIZE),
    "Sigmoid": Operator(_same, (1,), {}),
    "Slice": Operator(_slice, (5,), {}),
    "Squeeze": Operator(_squeeze, (2,), {}),
    "Transpose": Operator(_transpose, (1,), {"perm": tuple}),
}
