"""All variants of the network give the same mask, and the comparison detects a difference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from birdedge.edge.diagnostics.verify import STREAM_LIMIT
from birdedge.export.equality import compare_chunkings, compare_with_torch
from birdedge.export.errors import ExportError
from birdedge.train.networks.unet import UNet
from tests.support.exports import Graphs

Sequences = list[NDArray[np.float32]]


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_fp32_stream_equals_torch(
    network: UNet, graph: Graphs, sequences: Sequences, channels_last: bool
) -> None:
    assert compare_with_torch(network, graph(16, channels_last), sequences) <= 1e-4


def test_fp32_streams_with_calls_of_any_length_are_equal(graph: Graphs, sequences: Sequences) -> None:
    graphs = {chunk: graph(chunk, False) for chunk in (4, 16, 64)}
    assert compare_chunkings(graphs, sequences, STREAM_LIMIT, "fp32") <= STREAM_LIMIT


def test_a_graph_with_other_weights_differs_from_torch(
    network: UNet, graph: Graphs, sequences: Sequences
) -> None:
    other = UNet(network.config)
    other.load_state_dict(network.state_dict())
    assert other.head.bias is not None
    with torch.no_grad():
        other.head.bias.add_(0.01)
    with pytest.raises(ExportError, match="torch and ONNX differ by"):
        compare_with_torch(other.eval(), graph(16, False), sequences[:1])
