"""What models cost here, and which is chosen."""

import dataclasses

import pytest

from birdedge.edge.diagnostics import speed as bench
from birdedge.edge.diagnostics.speed import Cost, choose, matrix_peak_macs_per_s, measure, profile
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import ARCHIVE_MODEL


@pytest.fixture(scope="module")
def int8():
    return Model("birdedge-int8")


@pytest.fixture(scope="module")
def fp32():
    return Model("birdedge-fp32")


def test_models_are_measured_in_turns(int8, fp32):
    costs = measure([int8, fp32], 0.3)
    assert [c.model for c in costs] == [int8, fp32]
    assert len(costs[0].turns) == len(costs[1].turns) >= 3
    for cost in costs:
        assert min(cost.turns) <= cost.median_s <= max(cost.turns)
        assert 1e-4 < cost.median_s < 0.5


def test_a_call_costs_more_where_it_computes_more(int8):
    """The cost of two calls' sound in one call is not that of one: the figure is a second's, not a call's."""
    short, long = measure([int8, Model(ARCHIVE_MODEL)], 0.5)
    assert 0.3 < long.median_s / short.median_s < 1.5


def test_the_fastest_is_chosen_and_of_equals_the_first(int8, fp32):
    assert choose([Cost(int8, (3.0,)), Cost(fp32, (2.0,))]) is fp32
    assert choose([Cost(int8, (2.0,)), Cost(fp32, (2.0,))]) is int8
    assert choose([Cost(int8, (2.02,)), Cost(fp32, (2.0,))]) is int8


def test_a_model_for_archives_is_not_chosen_to_listen_with(int8):
    archive = Model(ARCHIVE_MODEL)
    assert choose([Cost(archive, (1.0,)), Cost(int8, (2.0,))]) is int8
    assert choose([Cost(archive, (1.0,))]) is None


def test_a_profile_tells_each_kind_of_operator(int8, monkeypatch):
    monkeypatch.setattr(bench, "PROFILED_CALLS", 20)
    rows = {row.operator: row for row in profile(int8.path)}
    assert sum(row.share for row in rows.values()) == pytest.approx(1)
    assert rows["QLinearConv"].nodes == 22
    assert rows["QLinearConv"].share == max(row.share for row in rows.values())
    # Nothing but convolutions is a large part: no resize, no transpose between layers, no float states.
    assert set(rows).isdisjoint({"Resize", "Upsample", "Conv"})
    assert rows["Transpose"].nodes <= 4
    assert rows["QuantizeLinear"].nodes == rows["DequantizeLinear"].nodes == 1
    # Each frame is quantized: 4 bytes a bin read, 1 written, of two channels.
    assert rows["QuantizeLinear"].bytes_per_s == pytest.approx(2 * 256 * 125 * 5, rel=0.01)


def test_the_matrix_peak_is_above_what_any_network_reaches():
    assert 1e9 < matrix_peak_macs_per_s() < 1e13


def test_the_delay_counts_call_lookahead_and_window(int8):
    assert bench._delay_s(int8) == pytest.approx((16 + 8) * 0.008 + 512 / 32000)
    later = Model("birdedge-int8")
    later.card = dataclasses.replace(later.card, chunk_frames=32)
    assert bench._delay_s(later) > bench.LISTENING_DELAY_S
