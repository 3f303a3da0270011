"""Clip settings refuse values that are not allowed."""

from __future__ import annotations

from typing import Any

import pytest

from birdedge.edge.clips.settings import ClipSettings, RetentionSettings
from birdedge.edge.errors import SettingsError
from birdedge.edge.settings import from_table


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"keep": "all"}, "[clips]: keep is 'all'; it must be one of events, everything, none"),
        ({"format": "mp3"}, "[clips]: format is 'mp3'; it must be one of flac, wav"),
        ({"before_s": -1.0}, "[clips]: before_s is -1.0; it must not be negative"),
        ({"max_per_hour": -1}, "[clips]: max_per_hour is -1; it must not be negative"),
        ({"min_free_mb": float("nan")}, "[clips]: min_free_mb is nan; it must not be negative"),
        (
            {"min_duration_s": 70.0},
            "[clips]: min_duration_s 70.0 and max_duration_s 30.0 must lie in 0.1..600 s, "
            "and min_duration_s at most max_duration_s",
        ),
        (
            {"before_s": 40.0, "after_s": 30.0},
            "[clips]: before_s 40.0 and after_s 30.0 leave no room for an event in max_duration_s 30.0; "
            "make them shorter, or max_duration_s longer",
        ),
        ({"everything_s": 3600.0}, "[clips]: everything_s is 3600.0; it must lie in 1..600 s"),
    ],
)
def test_a_clip_setting_out_of_range_is_refused(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_table(ClipSettings, table, "[clips]")
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"max_age_days": -1.0}, "[retention]: max_age_days is -1.0; it must not be negative"),
        ({"max_gb": float("nan")}, "[retention]: max_gb is nan; it must not be negative"),
        ({"min_free_mb": -5.0}, "[retention]: min_free_mb is -5.0; it must not be negative"),
        (
            {"delete_first": "newest"},
            "[retention]: delete_first is 'newest'; it must be one of oldest, lowest_score",
        ),
    ],
)
def test_a_retention_setting_out_of_range_is_refused(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_table(RetentionSettings, table, "[retention]")
    assert str(caught.value) == sentence
