"""Tests of the comparison of accuracy with cost."""

from __future__ import annotations

from benchmarks.parts.accuracy import NetworkCost, pareto


def test_a_network_is_pareto_optimal_if_no_network_of_at_most_its_cost_beats_it() -> None:
    found = [
        NetworkCost("a", 1e6, 1, 0.5),
        NetworkCost("b", 2e6, 1, 0.4),
        NetworkCost("c", 3e6, 1, 0.6),
        NetworkCost("d", 3e6, 1, 0.55),
    ]
    assert [network.name for network, optimal in pareto(found) if optimal] == ["a", "c"]
