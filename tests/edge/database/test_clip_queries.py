"""The clips that retention requests, and the position of a found clip."""

from __future__ import annotations

import sqlite3
from typing import Literal

import pytest

from birdedge.edge.database import clip_queries
from tests.support.streams import RATE_HZ


def test_an_empty_database_has_no_clips(empty: sqlite3.Connection) -> None:
    assert clip_queries.count_clips(empty) == 0
    assert not clip_queries.has_clip(empty, "a.flac")
    assert clip_queries.clip_bytes(empty) == 0
    assert clip_queries.newest_clip_utc_s(empty) is None
    assert clip_queries.outdated_clips(empty, 4e9, 10) == []
    assert clip_queries.first_clips(empty, "oldest", 0.0, 10) == []
    assert clip_queries.clip_place(empty, 1e6, RATE_HZ, 0, 1.0) is None


def test_the_total_bytes_and_the_latest_start_of_the_clips_are_returned(recorded: sqlite3.Connection) -> None:
    assert clip_queries.clip_bytes(recorded) == 700
    assert clip_queries.newest_clip_utc_s(recorded) == pytest.approx(1e6 + 7)


@pytest.mark.parametrize(
    ("before_s", "count", "names"),
    [(4e9, 10, "abc"), (4e9, 2, "ab"), (1e6 + 6, 10, "ab"), (1e6 + 3, 10, ""), (4e9, 0, "")],
)
def test_outdated_clips_are_those_that_began_before_a_given_time(
    recorded: sqlite3.Connection, before_s: float, count: int, names: str
) -> None:
    found = clip_queries.outdated_clips(recorded, before_s, count)
    assert [clip.path for clip in found] == [f"{name}.flac" for name in names]


@pytest.mark.parametrize(
    ("order", "newest_s", "count", "names"),
    [
        ("oldest", 0.0, 10, "ab"),  # never the newest clip
        ("oldest", 0.0, 1, "a"),
        ("oldest", 2.0, 10, "a"),
        ("oldest", 4.0, 10, ""),
        ("lowest_score", -1.0, 10, "acb"),  # with equal scores, the older clip first
        ("lowest_score", 0.0, 1, "a"),
        ("lowest_score", 2.0, 10, "a"),
        ("oldest", 0.0, 0, ""),
    ],
)
def test_the_first_clips_are_limited_in_time_and_number(
    recorded: sqlite3.Connection,
    order: Literal["oldest", "lowest_score"],
    newest_s: float,
    count: int,
    names: str,
) -> None:
    found = clip_queries.first_clips(recorded, order, newest_s, count)
    assert [clip.path for clip in found] == [f"{name}.flac" for name in names]


def test_a_listed_clip_has_its_size(recorded: sqlite3.Connection) -> None:
    assert clip_queries.first_clips(recorded, "oldest", 0.0, 1) == [("a.flac", 400)]


def test_has_clip_reports_whether_a_clip_has_a_row(recorded: sqlite3.Connection) -> None:
    assert clip_queries.has_clip(recorded, "a.flac")
    assert not clip_queries.has_clip(recorded, "d.flac")


@pytest.mark.parametrize(
    ("utc_s", "rate_hz", "tolerance_s", "stream"),
    [
        (1e6 + 5, RATE_HZ, 1.0, 1),
        (1e6 + 75, RATE_HZ, 1.0, 2),
        (1e6 + 5, 48_000, 1.0, None),
        (1e6 + 6.5, RATE_HZ, 1.0, None),
        (1e6 + 6.5, RATE_HZ, 2.0, 1),
        (1e6 + 39, RATE_HZ, 100.0, 1),  # the nearer of the two
        (1e6 + 41, RATE_HZ, 100.0, 2),
    ],
)
def test_a_clip_is_placed_in_the_nearest_stream(
    recorded: sqlite3.Connection, utc_s: float, rate_hz: int, tolerance_s: float, stream: int | None
) -> None:
    place = clip_queries.clip_place(recorded, utc_s, rate_hz, 5 * rate_hz, tolerance_s)
    assert (place and place.stream) == stream
    if place is not None:
        assert place.boot == stream
        assert place.began_s == pytest.approx(105.0 if stream == 1 else 10.0)
