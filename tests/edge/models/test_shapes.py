"""Shapes and cost are inferred as onnx does it, and a graph that no recorder has room for is refused before it runs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from birdedge.edge.models.names import bundled_models
from birdedge.edge.models.onnx_graph import RefusedError, read_graph
from birdedge.edge.models.shapes import OPERATORS, Cost, infer_cost

FRAMES = [1, 4, 16, 64]


def cost_of(graph: onnx.GraphProto) -> Cost:
    return infer_cost(read_graph(memoryview(graph.SerializeToString())))


def graph_of(*nodes: onnx.NodeProto, **constants: Any) -> onnx.GraphProto:
    frames = helper.make_tensor_value_info("frames", TensorProto.FLOAT, FRAMES)
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    return helper.make_graph(list(nodes), "graph", [frames], [], tensors)


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_the_cost_of_a_bundled_model_matches_the_shapes_that_onnx_infers(name: str) -> None:
    model = onnx.shape_inference.infer_shapes(onnx.load(bundled_models()[name]), data_prop=True)
    graph = model.graph
    values = {v.name: v for v in (*graph.value_info, *graph.input, *graph.output)}
    computed = values.keys() - {initializer.name for initializer in graph.initializer}
    sizes = (math.prod(d.dim_value for d in values[name].type.tensor_type.shape.dim) for name in computed)
    assert cost_of(graph).activations == sum(sizes)


def conv(kernel: tuple[int, ...] = (8, 4, 3, 3), **attributes: Any) -> onnx.GraphProto:
    node = helper.make_node("Conv", ["frames", "w"], ["y"], **attributes)
    return graph_of(node, w=np.zeros(kernel, np.float32))


def sliced(**changes: Any) -> onnx.GraphProto:
    constants = {"starts": [2], "ends": [2**63 - 1], "axes": [2], "steps": [1]} | changes
    node = helper.make_node("Slice", ["frames", *constants], ["y"])
    return graph_of(node, **{name: np.array(value, np.int64) for name, value in constants.items()})


def resized(scales: list[float], **attributes: Any) -> onnx.GraphProto:
    node = helper.make_node("Resize", ["frames", "", "scales"], ["y"], **{"mode": "nearest", **attributes})
    return graph_of(node, scales=np.array(scales, np.float32))


def reshaped(shape: list[int]) -> onnx.GraphProto:
    node = helper.make_node("Reshape", ["frames", "shape"], ["y"])
    return graph_of(node, shape=np.array(shape, np.int64))


def one(operator: str, **attributes: Any) -> onnx.GraphProto:
    return graph_of(helper.make_node(operator, ["frames"], ["y"], **attributes))


def squeezed(axes: list[int]) -> onnx.GraphProto:
    node = helper.make_node("Squeeze", ["frames", "axes"], ["y"])
    return graph_of(node, axes=np.array(axes, np.int64))


def twice(operator: str, other: list[int], **attributes: Any) -> onnx.GraphProto:
    node = helper.make_node(operator, ["frames", "other"], ["y"], **attributes)
    return graph_of(node, other=np.zeros(other, np.float32))


VALID = {
    "conv": conv(),
    "strided": conv(strides=[2, 3], pads=[0, 1, 2, 3], dilations=[1, 2]),
    "grouped": conv((8, 2, 1, 5), group=2, kernel_shape=[1, 5]),
    "slice": sliced(),
    "slice from the end": sliced(starts=[-3], ends=[-1], axes=[-1]),
    "slice in steps": sliced(steps=[5], ends=[14]),
    "resize": resized([1.0, 1.0, 2.0, 0.5]),
    "reshape": reshaped([4, -1]),
    "depth to space": one("DepthToSpace", blocksize=2, mode="CRD"),
    "transpose": one("Transpose", perm=[3, 0, 1, 2]),
    "squeeze": squeezed([0]),
    "add": twice("Add", [4, 1, 1]),
    "concat": twice("Concat", [1, 4, 3, 64], axis=-2),
}


@pytest.mark.parametrize("name", VALID)
def test_the_shape_of_an_operator_matches_the_one_that_onnx_infers(name: str) -> None:
    graph = VALID[name]
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True, strict_mode=True)
    (y,) = (v for v in inferred.graph.value_info if v.name == "y")
    size = math.prod(d.dim_value for d in y.type.tensor_type.shape.dim)
    assert cost_of(graph).activations == math.prod(FRAMES) + size


def test_the_multiply_accumulates_of_a_convolution_are_counted() -> None:
    assert cost_of(conv((8, 2, 3, 3), group=2)).macs == 8 * 14 * 62 * 2 * 3 * 3


HOSTILE = {
    "stride 0": (conv(strides=[0, 1]), "do not match"),
    "negative stride": (conv(strides=[1, -1]), "do not match"),
    "dilation 0": (conv(dilations=[0, 0]), "do not match"),
    "kernel 0": (conv(kernel_shape=[0, 3]), "do not match"),
    "other kernel": (conv(kernel_shape=[1, 3]), "do not match"),
    "group 0": (conv(group=0), "do not match"),
    "other group": (conv(group=3), "do not match"),
    "negative padding": (conv(pads=[-1, 0, 0, 0]), "do not match"),
    "one stride": (conv(strides=[1]), "do not match"),
    "automatic padding": (conv(auto_pad="SAME_UPPER"), "do not match"),
    "kernel larger than its input": (conv((8, 4, 17, 3)), "do not match"),
    "large padding": (conv(pads=[4096] * 4), "too large for a recorder"),
    "large windows": (conv((1, 4, 32, 32), pads=[512] * 4), "too large for a recorder"),
    "unknown attribute": (conv(activation="Relu"), "unknown attribute 'activation'"),
    "attribute of another type": (conv(strides=2), "unknown attribute 'strides'"),
    "step 0": (sliced(steps=[0]), "do not match"),
    "negative step": (sliced(steps=[-1]), "do not match"),
    "empty slice": (sliced(starts=[16]), "an empty tensor"),
    "unknown axis": (sliced(axes=[4]), "do not match"),
    "computed slice": (
        graph_of(helper.make_node("Slice", ["frames"] * 5, ["y"])),
        "do not match",
    ),
    "large scale": (resized([1.0, 1.0, 1.0, 1e9]), "do not match"),
    "scale that is NaN": (resized([1.0, 1.0, 1.0, math.nan]), "do not match"),
    "negative scale": (resized([1.0, 1.0, 1.0, -1.0]), "do not match"),
    "cubic": (resized([1.0, 1.0, 1.0, 1.0], mode="cubic"), "do not match"),
    "many scales": (resized([16.0] * 4), "too large for a recorder"),
    "other number of elements": (reshaped([4, 4]), "do not match"),
    "two free sizes": (reshaped([-1, -1]), "do not match"),
    "size 0": (reshaped([0, -1]), "do not match"),
    "block 0": (one("DepthToSpace", blocksize=0), "do not match"),
    "large block": (one("DepthToSpace", blocksize=3), "do not match"),
    "incomplete permutation": (one("Transpose", perm=[0, 0, 1, 2]), "do not match"),
    "axis of another size": (squeezed([1]), "do not match"),
    "other shapes": (twice("Add", [5, 1, 1]), "do not match"),
    "far axis": (twice("Concat", FRAMES, axis=4), "do not match"),
    "negative far axis": (twice("Concat", FRAMES, axis=-5), "do not match"),
    "unsorted": (
        graph_of(helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Relu", ["frames"], ["x"])),
        "input 'x' is not computed before it",
    ),
    "circle": (graph_of(helper.make_node("Relu", ["y"], ["y"])), "is not computed before it"),
    "two results of one name": (
        graph_of(*[helper.make_node("Relu", ["frames"], ["y"])] * 2),
        "without exactly one new output",
    ),
    "no input": (graph_of(helper.make_node("Relu", [], ["y"])), "with 0 inputs"),
    "unknown operator": (one("Loop"), "operator 'Loop'"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_operator_unfit_for_a_recorder_is_refused(name: str) -> None:
    graph, message = HOSTILE[name]
    with pytest.raises(RefusedError, match=message):
        cost_of(graph)


def test_results_that_keep_doubling_are_refused() -> None:
    nodes = [helper.make_node("Concat", ["frames"] * 64, ["x0"], axis=2)]
    nodes += [helper.make_node("Concat", [f"x{i}"] * 2, [f"x{i + 1}"], axis=3) for i in range(60)]
    with pytest.raises(RefusedError, match="too large for a recorder"):
        cost_of(graph_of(*nodes))
    nodes = nodes[:5] + [helper.make_node("Relu", ["x4"], [f"y{i}"]) for i in range(60)]
    with pytest.raises(RefusedError, match="more than the 67108864 values per call"):
        cost_of(graph_of(*nodes))


def test_every_operator_is_in_a_bundled_model() -> None:
    graphs = [onnx.load(path).graph for path in bundled_models().values()]
    assert set(OPERATORS) == {node.op_type for graph in graphs for node in graph.node}
