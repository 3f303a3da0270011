"""The speed of models is measured on this machine, and the fastest is chosen."""

import dataclasses

import pytest

from birdedge.edge.diagnostics.speed import (
    MAX_LIVE_LATENCY_S,
    Cost,
    fastest_live_model,
    latency_s,
    matrix_peak_macs_per_s,
    measure,
    profile,
)
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import ARCHIVE_MODEL


@pytest.fixture(scope="module")
def int8():
    return Model("birdedge-int8")


@pytest.fixture(scope="module")
def fp32():
    return Model("birdedge-fp32")


def test_models_are_measured_in_turn(int8, fp32):
    costs = measure([int8, fp32], 0.3)
    assert [c.model for c in costs] == [int8, fp32]
    assert len(costs[0].turns) == len(costs[1].turns) >= 3
    for cost in costs:
        assert min(cost.turns) <= cost.median_s <= max(cost.turns)
        assert 1e-4 < cost.median_s < 0.5


def test_the_cost_is_per_second_of_audio_and_not_per_call(int8):
    short, long = measure([int8, Model(ARCHIVE_MODEL)], 0.5)
    assert 0.3 < long.median_s / short.median_s < 1.5


def test_costs_are_compared_turn_by_turn(int8):
    first, second = Cost(int8, (1.0, 1.0, 9.0)), Cost(int8, (1.0, 3.0, 3.0))
    assert first.relative_to(second) == 1.0  # this is not the ratio of the medians
    assert second.macs_per_cpu_s == int8.card.macs_per_s / 3


def test_the_fastest_is_chosen_and_among_equals_the_first(int8: Model, fp32: Model) -> None:
    assert fastest_live_model([Cost(int8, (3.0,)), Cost(fp32, (2.0,))]) is fp32
    assert fastest_live_model([Cost(int8, (2.0,)), Cost(fp32, (2.0,))]) is int8
    assert fastest_live_model([Cost(int8, (2.02,)), Cost(fp32, (2.0,))]) is int8


def test_a_model_for_archives_is_not_chosen_for_live_use(int8):
    archive = Model(ARCHIVE_MODEL)
    assert fastest_live_model([Cost(archive, (1.0,)), Cost(int8, (2.0,))]) is int8
    assert fastest_live_model([Cost(archive, (1.0,))]) is None


def test_a_profile_has_a_row_per_operator(int8):
    rows = {row.operator: row for row in profile(int8.path, calls=20)}
    assert sum(row.share for row in rows.values()) == pytest.approx(1)
    assert rows["QLinearConv"].nodes == 24
    assert rows["QLinearConv"].share == max(row.share for row in rows.values())
    # Only convolutions are expensive: no resize, no transpose between layers, no float states.
    assert set(rows).isdisjoint({"Resize", "Upsample", "Conv"})
    assert rows["Transpose"].nodes <= 5
    assert (rows["QuantizeLinear"].nodes, rows["DequantizeLinear"].nodes) == (1, 2)  # two outputs
    # Each frame is quantized: 4 bytes per bin read, 1 written, in two channels.
    assert rows["QuantizeLinear"].bytes_per_s == pytest.approx(2 * 256 * 5 / int8.card.grid.hop_s, rel=0.01)


def test_the_matrix_peak_is_plausible():
    assert 1e9 < matrix_peak_macs_per_s() < 1e13


def test_the_latency_includes_chunk_lookahead_and_window(int8):
    card, grid = int8.card, int8.card.grid
    frames = card.chunk_frames + card.lookahead_frames
    assert latency_s(card) == pytest.approx(frames * grid.hop_s + grid.span / 32000)
    assert latency_s(dataclasses.replace(card, chunk_frames=2 * card.chunk_frames)) > MAX_LIVE_LATENCY_S
