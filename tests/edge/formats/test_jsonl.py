"""JSON Lines."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from birdedge.edge.formats.jsonl import event_json, event_lines, region_json
from tests.support.rejected import region
from tests.support.tables import FIRST


@pytest.mark.parametrize("snr_db", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_null(snr_db: float) -> None:
    assert json.loads(event_json(replace(FIRST, snr_db=snr_db), "a.wav"))["snr_db"] is None


def test_numpy_numbers_are_written_like_python_numbers() -> None:
    numpy_values: dict[str, Any] = {"score": np.float32(0.87249), "low_hz": np.float64(2031.25)}
    event = replace(FIRST, **numpy_values)
    assert event_json(event, "a.wav") == event_json(FIRST, "a.wav")


@pytest.mark.parametrize("name", ["tab\tline\nfeed\r\u2028.wav", "鳥.wav", os.fsdecode(b"latin\xe9.wav")])
def test_any_file_name_is_one_ascii_line_and_reads_back_unchanged(name: str) -> None:
    text = event_lines(FIRST, name, 1)
    assert text.isascii()
    assert text.count("\n") == 1
    assert json.loads(text)["file"] == name


def test_a_region_has_its_class_its_history_and_the_decision() -> None:
    record = json.loads(region_json(region(), "dawn.wav", "rejected: frog 0.60"))
    event = json.loads(event_json(region(), "dawn.wav"))
    del event["onset_utc"], event["offset_utc"]
    assert {key: record[key] for key in event} == event
    assert {key: value for key, value in record.items() if key not in event} == {
        "sound_class": "frog",
        "class_score": 0.6,
        "busy_10_s": 0.3,
        "busy_30_s": 0.2,
        "busy_60_s": 0.1,
        "alike": 4,
        "reason": "other sound",
        "decision": "rejected: frog 0.60",
    }


def test_a_region_that_is_an_event_has_no_reason() -> None:
    assert json.loads(region_json(region(reason=""), "dawn.wav", "event"))["reason"] is None
