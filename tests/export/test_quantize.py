"""int8 gives the same bits for calls of any length, because states share scales with the tensors that they feed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from birdedge.export.equality import compare_chunkings
from birdedge.export.errors import ExportError
from birdedge.export.quantize import calibrate, quantize, run_stream
from tests.support.exports import Graphs

Sequences = list[NDArray[np.float32]]


def optimized(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """Return the graph as onnxruntime runs it."""
    path = folder / "optimized.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(path)


def test_int8_is_bit_identical_for_any_call_length(
    graph: Graphs, sequences: Sequences, tmp_path: Path
) -> None:
    graphs = {chunk: graph(chunk, True) for chunk in (4, 16, 128)}
    ranges = calibrate(graphs[16], sequences)
    quantized = {chunk: quantize(graph, ranges) for chunk, graph in graphs.items()}
    assert compare_chunkings(quantized, sequences, 0.0, "int8") == 0.0
    kinds = Counter(n.op_type for n in optimized(quantized[16], tmp_path).graph.node)
    assert kinds["QLinearConv"] == 24
    assert kinds["Conv"] == kinds["Resize"] == 0
    # No transpose or conversion to float between layers: the remaining ones are at the input, mask and class map.
    assert kinds["Transpose"] <= 5
    assert (kinds["QuantizeLinear"], kinds["DequantizeLinear"]) == (1, 2)


def test_without_shared_scales_int8_depends_on_the_length_of_calls(
    graph: Graphs, sequences: Sequences
) -> None:
    """The equality above is due to shared scales, and the comparison is able to fail."""
    graphs = {chunk: graph(chunk, True) for chunk in (4, 128)}
    ranges = calibrate(graphs[4], sequences)
    untied = {
        name: (low * 1.1, high * 1.3) if name.startswith("state_") else (low, high)
        for name, (low, high) in ranges.items()
    }
    quantized = {chunk: quantize(graph, untied) for chunk, graph in graphs.items()}
    with pytest.raises(ExportError, match="differs from offline"):
        compare_chunkings(quantized, sequences, 0.0, "int8")


def test_tensors_that_pass_on_values_share_a_range_that_includes_zero(
    graph: Graphs, sequences: Sequences
) -> None:
    model = graph(4, True)
    ranges = calibrate(model, sequences[:2])
    assert all(low <= 0 <= high for low, high in ranges.values())
    for output in model.graph.output:
        if output.name.startswith("next_"):
            assert ranges[output.name] == ranges[output.name.removeprefix("next_")]
    constants = {i.name for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Concat":
            tied = {ranges[n] for n in (*node.input, *node.output) if n not in constants}
            assert len(tied) == 1


def test_run_stream_omits_an_incomplete_last_chunk(graph: Graphs, sequences: Sequences) -> None:
    mask, classes = run_stream(graph(16, False), sequences[0][:, :40])
    assert (len(mask), len(classes)) == (32, 8)
