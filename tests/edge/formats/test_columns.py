"""Numbers and paths in the text formats."""

from __future__ import annotations

import math

import pytest

from birdedge.edge.formats.columns import EVENT_COLUMNS, number_text, path_text
from tests.support.tables import FIRST


def test_every_column_is_an_attribute_of_an_event() -> None:
    assert all(isinstance(getattr(FIRST, column), float) for column in EVENT_COLUMNS)


def test_a_number_has_the_decimals_of_its_column_and_no_negative_zero() -> None:
    assert number_text(1.23456, "onset_s") == "1.2346"
    assert number_text(0.87249, "score") == "0.872"
    assert number_text(-0.04, "snr_db") == "0.0"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_empty(value: float) -> None:
    assert number_text(value, "snr_db") == ""


@pytest.mark.parametrize("name", ["=1+1.wav", "+1.wav", "-1.wav", "@a.wav", "\ta.wav", "\ra.wav"])
def test_a_path_that_a_spreadsheet_would_evaluate_starts_with_the_current_folder(name: str) -> None:
    assert path_text(name) == f"./{name}"


@pytest.mark.parametrize("name", ["dawn.wav", "/a/=b.wav", "chörus 鳥.wav"])
def test_any_other_path_is_unchanged(name: str) -> None:
    assert path_text(name) == name
