"""Health names the problems that need a person, and is read from the data of any recorder version."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from birdedge.edge.health import Health

PROBLEMS: list[tuple[str, Any, str]] = [
    ("clip_problem", "a clip was not written: no room", "a clip was not written: no room"),
    ("retention_problem", "clips cannot be deleted", "clips cannot be deleted"),
    ("output_problem", "birds.csv cannot be written", "birds.csv cannot be written"),
    ("clips_dropped", 3, "3 clip(s) were dropped: the disk is too slow for them"),
    ("dropped_messages", 7, "7 message(s) never reached the database: check its disk"),
    ("throttled", True, "the board is throttled: check its power supply and its temperature"),
]


def test_a_working_recorder_has_no_problems() -> None:
    busy = Health(
        device="USB Audio",
        backlog_s=0.4,
        load_level="50 % of the audio",
        device_losses=3,
        overflows=2,
        clips_written=100,
        clips_failed=1,  # and the next one was written
        clips_capped=20,
        free_mb=900.0,
        temperature_c=70.0,
        throttled=False,
    )
    assert Health().problems == {}
    assert busy.problems == {}


@pytest.mark.parametrize(("field", "value", "sentence"), PROBLEMS)
def test_each_problem_is_one_sentence(field: str, value: Any, sentence: str) -> None:
    assert replace(Health(), **{field: value}).problems == {field: sentence}


def test_all_problems_are_named_together() -> None:
    health = replace(Health(), **{field: value for field, value, _ in PROBLEMS})
    assert health.problems == {field: sentence for field, _, sentence in PROBLEMS}


def test_health_survives_a_round_trip_through_json() -> None:
    health = Health(device="Grün", backlog_s=0.25, clips_written=3, clip_problem="full", throttled=True)
    assert Health.from_json(json.loads(json.dumps(asdict(health)))) == health


def test_unknown_keys_are_ignored_and_missing_ones_have_their_defaults() -> None:
    assert Health.from_json({}) == Health()
    assert Health.from_json({"device": "mic", "fan_rpm": 900, "mode": "all sound"}) == Health(device="mic")
