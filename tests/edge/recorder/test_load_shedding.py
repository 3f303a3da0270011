"""A recorder that cannot keep up becomes lighter by rule, and comes back."""

from birdedge.edge.models.names import bundled_models
from birdedge.edge.recorder.load_shedding import FIRST_TRIAL_S, MAX_TRIAL_S, MODES, LoadShedder


def told(overload, waiting_s, begin_s, seconds):
    """The seconds at which the mode changed, told twice a second that so much sound waits."""
    return [t / 2 for t in range(2 * begin_s, 2 * (begin_s + seconds)) if overload.waiting(waiting_s, t / 2)]


def test_while_little_waits_nothing_changes():
    overload = LoadShedder()
    assert told(overload, 0.9, 0, 1000) == []
    assert overload.mode is MODES[0]


def test_three_seconds_behind_it_becomes_lighter_a_step_at_a_time_and_no_further_than_the_last():
    overload = LoadShedder()
    assert told(overload, 2.0, 0, 60) == [3.5, 7.0, 10.5, 14.0]
    assert overload.mode is MODES[-1]
    assert {mode.model for mode in MODES[1:]} <= set(bundled_models())
    shares = [mode.listen_s / mode.every_s for mode in MODES]
    assert shares == sorted(shares, reverse=True)


def test_a_moment_behind_is_none():
    overload = LoadShedder()
    for begin_s in range(0, 100, 5):
        assert told(overload, 2.0, begin_s, 2) == []
        assert told(overload, 0.5, begin_s + 2, 3) == []


def test_a_minute_well_it_comes_back_and_after_a_failed_trial_it_waits_twice_as_long():
    overload = LoadShedder()
    told(overload, 2.0, 0, 4)
    assert overload.mode is MODES[1]
    (back_s,) = told(overload, 0.0, 4, 90)
    assert back_s == 4 + FIRST_TRIAL_S
    assert overload.mode is MODES[0]
    assert told(overload, 2.0, 94, 4) == [97.0]
    (back_s,) = told(overload, 0.0, 98, 500)
    assert back_s == 98 + 2 * FIRST_TRIAL_S


def test_after_a_long_time_without_trouble_the_past_is_forgotten():
    overload = LoadShedder()
    at_s = 0
    for _ in range(10):
        told(overload, 2.0, at_s, 4)
        told(overload, 0.0, at_s + 4, int(MAX_TRIAL_S) + 100)
        at_s += 2 * int(MAX_TRIAL_S)
    told(overload, 0.0, at_s, int(MAX_TRIAL_S) + 1)
    at_s += int(MAX_TRIAL_S) + 1
    told(overload, 2.0, at_s, 4)
    assert told(overload, 0.0, at_s + 4, 90) == [at_s + 4 + FIRST_TRIAL_S]
