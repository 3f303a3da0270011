"""The committed counts agree with the models' cards, and the text says which kernels the counts show."""

from __future__ import annotations

import copy

import pytest

from benchmarks.parts.raspberry_pi import MODELS, PiFigures, section
from benchmarks.report import results
from benchmarks.support.arm_boards import BOARDS
from benchmarks.support.arm_instructions import Kind
from birdedge.edge.models.model import Model

FIGURES: PiFigures = results.read()["raspberry_pi"]["figures"]
ZERO_2_W, PI_4, PI_5 = (board.name for board in BOARDS)


@pytest.mark.parametrize(
    ("board", "model", "macs"),
    [
        (ZERO_2_W, "birdedge-int8", {"vector multiply": 8}),
        (ZERO_2_W, "birdedge-light-int8", {"vector multiply": 8}),
        (PI_4, "birdedge-int8", {"vector multiply": 8}),
        (PI_5, "birdedge-int8", {"dot product": 16}),
        (PI_5, "birdedge-fp32", {"float multiply": 4}),
    ],
)
def test_the_counted_multiplications_match_the_network(board: str, model: str, macs: dict[Kind, int]) -> None:
    counted = FIGURES["boards"][board][model]["network"]["instructions"]
    done = sum(each * counted[kind] for kind, each in macs.items())
    # The kernels compute some values and then drop them.
    assert 0.97 < done / Model(model).card.macs_per_s < 1.1


def test_the_pipeline_has_more_instructions_than_its_network_and_takes_longer() -> None:
    for models in FIGURES["boards"].values():
        assert list(models) == list(MODELS)
        for stages in models.values():
            network, pipeline = stages["network"], stages["pipeline"]
            assert 1 < sum(pipeline["instructions"].values()) / sum(network["instructions"].values()) < 3
            assert network["seconds"][0] < network["seconds"][1] < pipeline["seconds"][1]


def test_kleidiai_is_detected_on_a_processor_with_sme() -> None:
    lines = [line for line in section(FIGURES).splitlines() if line.startswith("- KleidiAI, `birdedge-fp32`")]
    on_a_pi, with_sme = lines
    assert ", 0.0 million of them SVE or SME, " in on_a_pi
    assert on_a_pi.endswith("KleidiAI is not used.")
    assert with_sme.endswith("KleidiAI is used.")


def test_a_node_that_ran_in_xnnpack_is_reported() -> None:
    assert "XNNPACK is not used." in section(FIGURES)
    figures = copy.deepcopy(FIGURES)
    figures["nodes"]["birdedge-fp32"]["provider"]["XnnpackExecutionProvider"] = 1
    assert "XNNPACK is used." in section(figures)
