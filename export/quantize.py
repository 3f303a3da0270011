"""Static int8 quantization: uint8 or int8 activations with one scale, int8 weights with one scale per channel.

A state is an output of one call and an input of the next. Results are equal for all call lengths only if no value
changes in between. Therefore all tensors that only pass values on (a state, the tensors it is concatenated with and
sliced from) share one scale and zero point, and states remain integers between calls.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from birdedge.edge.models.card import State
from birdedge.edge.models.model import session_options
from birdedge.export.graph import graph_states

Float32 = NDArray[np.float32]
Ranges = dict[str, tuple[float, float]]
PASSING = ("Concat", "Slice", "Resize", "Transpose", "Reshape")  # operators that do not change values
QUANTIZED = ["Conv", "Relu", "Add", *PASSING]  # the sigmoid of the mask remains float


def calibrate(model: onnx.ModelProto, sequences: Iterable[Float32]) -> Ranges:
    """Return the range of each tensor over streams of network input, each `[2, frames, bins]`.

    A range is the minimum and maximum over all calls and includes 0. Tensors that pass values on to each other share
    one range.
    """
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    known = {o.name for o in probe.graph.output}
    tensors = [n.output[0] for n in probe.graph.node if n.output[0] not in known]
    probe.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in tensors)
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
    )
    ranges: Ranges = {}
    for sequence in sequences:
        for feeds, outputs in _stream(session, sequence, graph_states(model)):
            for name, value in {**feeds, **outputs}.items():
                low, high = ranges.get(name, (0.0, 0.0))
                ranges[name] = (min(low, float(value.min())), max(high, float(value.max())))
    for group in _passing_groups(model):
        shared = (min(ranges[n][0] for n in group), max(ranges[n][1] for n in group))
        ranges.update(dict.fromkeys(group, shared))
    return ranges


def quantize(
    model: onnx.ModelProto, ranges: Ranges, per_channel: bool = True, activation: str = "u8"
) -> onnx.ModelProto:
    """Return the int8 graph in QDQ form.

    Args:
        model: The fp32 graph, with channels last.
        ranges: The ranges of `calibrate`; they apply to graphs of the same network with any number of frames per call.
        per_channel: One weight scale per channel, not per layer.
        activation: `u8` or `s8`. `s8` holds the same values minus 128 and is faster on some processors.
    """
    data = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    source = onnx.ModelProto()
    source.CopyFrom(model)
    logging.getLogger().setLevel(max(logging.getLogger().level, logging.WARNING))
    quantizer = QDQQuantizer(
        source,
        per_channel=per_channel,
        # 7-bit weights: processors without VNNI or dot products add two products in 16 bits, which then cannot
        # saturate, so that all processors give the same integers. This costs no IoU (train/EXPERIMENTS.md).
        reduce_range=True,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8 if activation == "u8" else QuantType.QInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, data),
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=QUANTIZED,
        extra_options={
            "WeightSymmetric": True,
            "ActivationSymmetric": False,
            "ForceQuantizeNoInputCheck": True,  # a state is transposed before it is concatenated
            # A constant that is added is an activation, not a weight: 8 bits, so that u8 and s8 have equal steps.
            "TensorQuantOverrides": {name: [{"reduce_range": False}] for name in _added_constants(source)},
        },
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    quantized: onnx.ModelProto = quantizer.model.model
    quantized.producer_name, quantized.producer_version = "birdedge", ""
    _keep_states_in_integers(quantized.graph)
    onnx.checker.check_model(quantized)
    return quantized


def _added_constants(model: onnx.ModelProto) -> set[str]:
    """Return the names of constants that an Add node adds."""
    constants = {i.name for i in model.graph.initializer}
    return {name for n in model.graph.node if n.op_type == "Add" for name in n.input if name in constants}


def _keep_states_in_integers(graph: onnx.GraphProto) -> None:
    """Make the states integer inputs and outputs, without conversion to float and back."""
    makers = {name: node for node in graph.node for name in node.output}
    renamed: dict[str, str] = {}
    removed = []
    for value in graph.input:
        if value.name != "frames":
            (quantizer,) = (n for n in graph.node if value.name in n.input)
            renamed[quantizer.output[0]] = value.name
            removed.append(quantizer)
    for value in graph.output:
        if value.name.startswith("next_"):
            dequantizer = makers[value.name]
            renamed[dequantizer.input[0]] = value.name
            removed.append(dequantizer)
    kinds = {i.name: i.data_type for i in graph.initializer}
    for node in removed:
        name = node.input[0] if node.op_type == "QuantizeLinear" else node.output[0]
        value = next(v for v in (*graph.input, *graph.output) if v.name == name)
        value.type.tensor_type.elem_type = kinds[node.input[2]]
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    del graph.value_info[:]


def run_stream(model: onnx.ModelProto, sequence: Float32) -> tuple[Float32, Float32]:
    """Return mask and class map of network input, streamed from initial states.

    An incomplete last chunk is omitted.

    Shape: `[2, frames, bins] -> mask [frames, bins], class map [rows, columns, classes]`.
    """
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
    )
    calls = [outputs for _, outputs in _stream(session, sequence, graph_states(model))]
    mask, classes = (np.concatenate([outputs[name][0] for outputs in calls]) for name in ("mask", "classes"))
    return mask, classes


def _stream(
    session: onnxruntime.InferenceSession, sequence: Float32, initial: tuple[State, ...]
) -> Iterator[tuple[dict[str, Float32], dict[str, Float32]]]:
    """Yield the inputs and outputs of each call by name."""
    chunk = next(i.shape[2] for i in session.get_inputs() if i.name == "frames")
    names = [o.name for o in session.get_outputs()]
    states = {s.name: np.full(s.shape, s.initial, s.dtype) for s in initial}
    for at in range(0, sequence.shape[1] // chunk * chunk, chunk):
        feeds = {"frames": sequence[None, :, at : at + chunk], **states}
        outputs = dict(zip(names, session.run(None, feeds), strict=True))
        states = {n: outputs[f"next_{n}"] for n in states}
        yield feeds, outputs


def _passing_groups(model: onnx.ModelProto) -> list[set[str]]:
    """Return groups of tensors that have values in common and therefore must share a scale."""
    graph = model.graph
    constants = {i.name for i in graph.initializer}
    # The output of a state is its input in the next call.
    links = [{o.name, o.name.removeprefix("next_")} for o in graph.output if o.name.startswith("next_")]
    for node in graph.node:
        if node.op_type in PASSING:
            data = node.input if node.op_type == "Concat" else node.input[:1]
            links.append({name for name in (*data, *node.output) if name and name not in constants})
    groups: list[set[str]] = []
    for link in links:
        touching = [g for g in groups if g & link]
        groups = [g for g in groups if not g & link] + [link.union(*touching)]
    return groups
