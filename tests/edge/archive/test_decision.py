"""The text of a decision names the class, or the limit that was not reached."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from birdedge.edge.archive.decision import decision, without_region
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.plots.boxes import short_reason
from tests.support.rejected import region

SETTINGS = EventSettings(
    min_score=0.5, low_threshold=0.78, high_threshold=0.8921, min_duration_s=0.06, min_area_hz_s=8.0
)


def reaching(value: int) -> Any:
    """Return a mask with this maximum."""
    return np.array([[0, 200], [value, 190]], np.uint8)


@pytest.mark.parametrize(
    ("changes", "words", "short"),
    [
        (
            {"sound_class": "insect", "class_score": 0.824, "score": 0.1},
            "rejected: insect 0.82",
            "insect 0.82",
        ),
        (
            {"sound_class": "bird", "class_score": 0.412, "score": 0.412},
            "rejected: bird 0.41 (needs 0.50)",
            "bird 0.41",
        ),
        (
            {"sound_class": "bird", "class_score": 0.498, "score": 0.498},
            "rejected: bird 0.498 (needs 0.500)",
            "bird 0.50",
        ),
        (
            {"reason": "faint", "sound_class": "bird", "score": 0.9, "mask": reaching(214)},
            "rejected: the mask is never above 0.84 (needs 0.89)",
            "faint 0.84",
        ),
        (
            {"reason": "faint", "sound_class": "bird", "score": 0.9, "mask": reaching(227)},
            "rejected: the mask is never above 0.890 (needs 0.892)",
            "faint 0.89",
        ),
    ],
)
def test_a_rejection_is_put_into_words(changes: dict[str, Any], words: str, short: str) -> None:
    assert decision(region(**changes), SETTINGS) == words
    assert short_reason(region(**changes)) == short


def test_an_event_is_an_event_whatever_its_class() -> None:
    assert decision(region(reason="", score=0.5), SETTINGS) == "event"


def test_an_event_with_a_lower_score_follows_another() -> None:
    assert decision(region(reason="", score=0.496), SETTINGS) == "event: follows one, bird 0.50"


@pytest.mark.parametrize(
    ("highest", "words"),
    [
        (0.336, "no region: the mask is never above 0.34 (needs 0.78), at 12.31 s and 3.1 kHz"),
        (0.7796, "no region: the mask is never above 0.7796 (needs 0.7800), at 12.31 s and 3.1 kHz"),
        (
            0.95,
            "no region: the mask reaches 0.95 at 12.31 s and 3.1 kHz, but over less than 0.06 s or 8 Hz s",
        ),
    ],
)
def test_the_reason_for_no_region_is_put_into_words(highest: float, words: str) -> None:
    assert without_region(highest, 12.312, 3125.0, SETTINGS) == words
