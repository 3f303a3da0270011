"""JSON Lines."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from birdedge.edge.formats.jsonl import event_json, event_lines
from tests.support.tables import FIRST


@pytest.mark.parametrize("snr_db", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_null(snr_db: float) -> None:
    assert json.loads(event_json(replace(FIRST, snr_db=snr_db), "a.wav"))["snr_db"] is None


def test_numpy_numbers_are_written_as_python_numbers_are() -> None:
    numpy_values: dict[str, Any] = {"score": np.float32(0.87249), "low_hz": np.float64(2031.25)}
    event = replace(FIRST, **numpy_values)
    assert event_json(event, "a.wav") == event_json(FIRST, "a.wav")


@pytest.mark.parametrize("name", ["tab\tline\nfeed\r\u2028.wav", "鳥.wav", os.fsdecode(b"latin\xe9.wav")])
def test_any_file_name_is_one_line_of_ascii_and_comes_back(name: str) -> None:
    text = event_lines(FIRST, name, 1)
    assert text.isascii()
    assert text.count("\n") == 1
    assert json.loads(text)["file"] == name
