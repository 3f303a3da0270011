"""A recorder that cannot keep up analyses less, by fixed rules, and recovers."""

from __future__ import annotations

from itertools import count

from birdedge.edge.models.names import bundled_models
from birdedge.edge.recorder.load_shedding import (
    BEHIND_S,
    FIRST_TRIAL_S,
    KEEPING_UP_S,
    LEVELS,
    MAX_TRIAL_S,
    LoadShedder,
)


def changes(shedder: LoadShedder, backlog_s: float, begin_s: float, seconds: float) -> list[float]:
    """Return the times at which the level changes while this backlog is reported twice per second."""
    times = [begin_s + step / 2 for step in range(round(2 * seconds))]
    return [at_s for at_s in times if shedder.update(backlog_s, at_s)]


def next_change(shedder: LoadShedder, backlog_s: float, begin_s: float) -> float:
    """Return the time of the first change while this backlog is reported twice per second."""
    return next(begin_s + step / 2 for step in count() if shedder.update(backlog_s, begin_s + step / 2))


def test_a_small_backlog_changes_nothing() -> None:
    shedder = LoadShedder()
    assert changes(shedder, 0.9, 0, 1000) == []
    assert shedder.level is LEVELS[0]


def test_three_seconds_of_backlog_lower_the_level_by_one_down_to_the_last() -> None:
    shedder = LoadShedder()
    assert changes(shedder, 2.0, 0, 60) == [3.5, 7.0, 10.5, 14.0]
    assert shedder.level is LEVELS[-1]


def test_each_level_is_lighter_than_the_one_before() -> None:
    assert {level.model for level in LEVELS[1:]} <= set(bundled_models())
    assert (LEVELS[0].model, LEVELS[0].listen_s, LEVELS[0].every_s) == (None, 1.0, 1.0)
    shares = [level.listen_s / level.every_s for level in LEVELS]
    assert shares == sorted(shares, reverse=True)
    assert len({level.name for level in LEVELS}) == len(LEVELS)
    for level in LEVELS:
        share = level.listen_s / level.every_s
        assert level.name.startswith("all audio" if share == 1 else f"{share:.0%}".replace("%", " %"))


def test_a_short_backlog_is_ignored() -> None:
    shedder = LoadShedder()
    for begin_s in range(0, 100, 5):
        assert changes(shedder, 2.0, begin_s, 2) == []
        assert changes(shedder, 0.5, begin_s + 2, 3) == []


def test_the_limits_of_the_backlog_are_exclusive() -> None:
    shedder = LoadShedder()
    assert changes(shedder, BEHIND_S, 0, 60) == []
    assert changes(shedder, BEHIND_S + 0.01, 60, 4) == [63.0]
    assert changes(shedder, KEEPING_UP_S, 64, 10 * FIRST_TRIAL_S) == []
    later_s = 64 + 10 * FIRST_TRIAL_S
    assert changes(shedder, KEEPING_UP_S - 0.01, later_s, FIRST_TRIAL_S + 1) == [later_s + FIRST_TRIAL_S]


def test_a_trial_follows_a_minute_without_backlog_and_a_failed_one_doubles_the_wait() -> None:
    shedder = LoadShedder()
    changes(shedder, 2.0, 0, 4)
    assert shedder.level is LEVELS[1]
    assert changes(shedder, 0.0, 4, 90) == [4 + FIRST_TRIAL_S]
    assert shedder.level is LEVELS[0]
    assert changes(shedder, 2.0, 94, 4) == [97.0]
    assert changes(shedder, 0.0, 98, 500) == [98 + 2 * FIRST_TRIAL_S]


def test_the_wait_for_a_trial_doubles_up_to_an_hour() -> None:
    shedder = LoadShedder()
    at_s, waits_s = next_change(shedder, 2.0, 0.0), []
    for _ in range(8):
        begin_s = at_s + 0.5
        trial_s = next_change(shedder, 0.0, begin_s)
        waits_s.append(trial_s - begin_s)
        at_s = next_change(shedder, 2.0, trial_s + 0.5)
    assert waits_s == [min(FIRST_TRIAL_S * 2**failed, MAX_TRIAL_S) for failed in range(8)]


def test_after_an_hour_without_backlog_the_failed_trials_are_forgotten() -> None:
    shedder = LoadShedder()
    at_s = 0.0
    for _ in range(10):
        changes(shedder, 2.0, at_s, 4)
        changes(shedder, 0.0, at_s + 4, MAX_TRIAL_S + 100)
        at_s += 2 * MAX_TRIAL_S
    changes(shedder, 0.0, at_s, MAX_TRIAL_S + 1)
    at_s += MAX_TRIAL_S + 1
    changes(shedder, 2.0, at_s, 4)
    assert changes(shedder, 0.0, at_s + 4, 90) == [at_s + 4 + FIRST_TRIAL_S]
