"""The fp32 graph: reproducible, with named inputs and outputs, and within the budget."""

from __future__ import annotations

from birdedge.edge.models.card import State
from birdedge.export.graph import graph_states, macs_per_frame, state_names, to_onnx
from birdedge.train.networks.unet import UNet
from tests.support.exports import Graphs


def test_the_graph_is_reproducible_and_names_its_inputs_and_outputs(network: UNet, graph: Graphs) -> None:
    model = graph(16, False)
    assert model.SerializeToString() == to_onnx(network, 16).SerializeToString()
    names = state_names(network)
    assert [i.name for i in model.graph.input] == ["frames", *names]
    assert [o.name for o in model.graph.output] == ["mask", "classes", *(f"next_{n}" for n in names)]
    assert {n.op_type for n in model.graph.node}.isdisjoint(
        {"ConvTranspose", "BatchNormalization", "LSTM", "GRU"}
    )


def test_the_cost_counted_from_the_graph_is_within_the_budget() -> None:
    network = UNet().eval()
    assert 150e6 < macs_per_frame(to_onnx(network, 16), 16) * 125 < 200e6
    stacked_with_zeros = macs_per_frame(to_onnx(network, 16, channels_last=True), 16) * 125
    assert 150e6 < stacked_with_zeros < 220e6


def test_the_states_of_an_fp32_graph_are_floats_that_start_at_zero(network: UNet, graph: Graphs) -> None:
    names, shapes = state_names(network), network.state_shapes()
    expected = [State(name, (1, *shape)) for name, shape in zip(names, shapes, strict=True)]
    assert list(graph_states(graph(16, False))) == expected
