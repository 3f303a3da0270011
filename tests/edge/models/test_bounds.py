"""Every number in a card has bounds, and a card that exceeds them is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from birdedge.edge.errors import ModelFileError, SettingsError
from birdedge.edge.models.bounds import BOUNDS, check_bounds
from birdedge.edge.models.card import CARD_KEY, ModelCard, card_from_metadata
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.models.names import DEFAULT_MODEL
from tests.support.models import EditedModel, refusal

CARD: dict[str, Any] = json.loads(check_model(DEFAULT_MODEL).card.to_json())
MARK = 123454321  # stands for a number in JSON


def numbers(table: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all numbers in a card; a list gives the path of its first item."""
    if isinstance(table, dict):
        return [found for key, value in table.items() for found in numbers(value, (*path, key))]
    if isinstance(table, list):
        return numbers(table[0], (*path, 0)) if table else []
    return [path] if isinstance(table, int | float) else []


def with_number(path: tuple[Any, ...], number: Any) -> dict[str, Any]:
    """Return a card with one number changed."""
    card: Any = json.loads(json.dumps(CARD))
    table = card
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = number
    return card  # type: ignore[no-any-return]


def read(card: dict[str, Any] | str) -> ModelCard:
    text = card if isinstance(card, str) else json.dumps(card)
    return card_from_metadata({CARD_KEY: text}, "a.onnx")


FREE = ("figures", "quantization", "training_data")  # only printed
BOUNDED = [path for path in numbers(CARD) if path[0] not in FREE and path != ("card_version",)]


def test_every_number_that_a_recorder_uses_has_bounds() -> None:
    names = {name for bounds in BOUNDS.values() for name in bounds}
    assert {next(key for key in reversed(path) if isinstance(key, str)) for path in BOUNDED} | {
        "card_version"
    } == names


@pytest.mark.parametrize("path", BOUNDED, ids=str)
def test_a_number_out_of_bounds_is_refused(path: tuple[Any, ...]) -> None:
    for number in (10**10, -(10**10), -1e-9):
        if (number == -1e-9 and path[-1] in ("initial", "min_np", "max_np")) or path[0] == "answer":
            continue
        with pytest.raises(
            (SettingsError, ModelFileError), match=r"must lie in|must be|must not|starts with"
        ):
            check_bounds(read(with_number(path, number)))


@pytest.mark.parametrize(
    "path", [*BOUNDED, ("training_data", 0, "files"), ("figures", "mixes", "iou")], ids=str
)
@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "1e16", "1" + "0" * 400, "9" * 5000])
def test_a_number_that_is_not_finite_or_very_large_is_refused(path: tuple[Any, ...], number: str) -> None:
    text = json.dumps(with_number(path, MARK)).replace(str(MARK), number)
    with pytest.raises(ModelFileError, match="not a JSON object of plain text and finite numbers"):
        read(text)


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "a\nb", "a\x00", "\x9b31m", "\u202egpj", "a\u2028b", "\udc80", "\t"]
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_unprintable_text_is_refused(text: str, ascii_only: bool) -> None:
    for card in (
        {**CARD, "licence": text},
        {**CARD, "figures": {text: {"iou": 1}}},
        {**CARD, "classes": ["a", text]},
    ):
        with pytest.raises(ModelFileError, match="plain text") as refused:
            read(json.dumps(card, ensure_ascii=ascii_only))
        assert text not in str(refused.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{" + " " * 2**21 + "}"], ids=len)
def test_a_deeply_nested_or_large_card_is_refused(text: str) -> None:
    with pytest.raises(ModelFileError, match="not a JSON object"):
        read(text)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ModelFileError, match="precision is 'fp16'; it must be one of fp32, int8"):
        read({**CARD, "precision": "fp16"})


def test_the_error_of_a_malformed_card_is_short() -> None:
    with pytest.raises(ModelFileError, match="malformed card") as refused:
        read({**CARD, "k" * 100_000: 1, "chunk_frames": "v" * 100_000})
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"states": CARD["states"] * 20}, "states has 260 items; at most 256 are allowed"),
        ({"answer": [0.0] * 4097}, "answer has 4097 items; at most 4096 are allowed"),
        ({"training_data": [{"kind": "birds"}]}, "training_data has a row without kind, tier"),
        ({"training_data": [{**CARD["training_data"][0], "files": "7"}]}, "training_data has a row without"),
        ({"states": [{**CARD["states"][0], "dtype": "object"}]}, "of type 'object'"),
        ({"states": [{**CARD["states"][0], "initial": 256}]}, "of type 'uint8' starts with 256"),
        ({"scaling": {**CARD["scaling"], "min_np": 7.0}}, "min_np is 7.0; it must be below max_np"),
        ({"name": "n" * 101}, "name has more than 100 characters"),
        ({"grid": {**CARD["grid"], "hop": 16}}, "bins per second of audio"),
    ],
)
def test_a_card_that_is_too_costly_or_unusable_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        check_bounds(read({**CARD, **change}))


def test_a_model_file_with_a_card_out_of_bounds_is_refused(edited_model: EditedModel) -> None:
    path = edited_model(lambda card: {**card, "grid": {**card["grid"], "n_fft": 2**30}})
    assert "malformed card: n_fft is" in refusal(path)
