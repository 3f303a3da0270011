"""A card is read from the metadata of its model file, and an invalid card is refused."""

from __future__ import annotations

import pytest

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.card import CARD_KEY, CARD_VERSION, card_from_metadata
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import bundled_models
from tests.support.models import EditedModel, refusal


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_a_card_survives_a_round_trip_through_json(name: str) -> None:
    card = Model(name).card
    assert card_from_metadata({CARD_KEY: card.to_json()}, "a.onnx") == card
    assert "\n" not in card.to_json()


def test_the_threshold_is_the_low_threshold_of_the_events() -> None:
    card = Model("birdedge-int8").card
    assert card.threshold == card.events.low_threshold


def test_metadata_without_a_card_is_refused(edited_model: EditedModel) -> None:
    with pytest.raises(ModelFileError, match=r"a\.onnx is an ONNX model without a birdedge card"):
        card_from_metadata({}, "a.onnx")
    assert "without a birdedge card" in refusal(edited_model(lambda _: None))


def test_a_newer_card_is_refused_with_advice(edited_model: EditedModel) -> None:
    message = refusal(edited_model(lambda card: {**card, "card_version": CARD_VERSION + 1, "unheard_of": 1}))
    assert f"card version {CARD_VERSION + 1}" in message
    assert "update birdedge" in message


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", '"card"'])
def test_a_card_that_is_not_a_json_object_is_refused(edited_model: EditedModel, text: str) -> None:
    refusal(edited_model(lambda _: text))


def test_a_card_with_an_unknown_missing_or_wrong_key_is_refused(edited_model: EditedModel) -> None:
    assert "did you mean 'licence'" in refusal(edited_model(lambda card: {**card, "license": "MIT"}))
    assert "lacks grid" in refusal(edited_model(lambda card: {k: v for k, v in card.items() if k != "grid"}))
    assert "chunk_frames" in refusal(edited_model(lambda card: {**card, "chunk_frames": "many"}))
