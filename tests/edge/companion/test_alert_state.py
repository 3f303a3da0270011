"""An alert is sent once when its condition has held for long enough, and once when it is over."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from birdedge.edge.companion.alert_rules import Finding
from birdedge.edge.companion.alert_state import FRESH_S, AlertState, AlertTimer, Step
from birdedge.edge.integrations.alerts import AlertSettings

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=BERLIN).timestamp()
QUIET: dict[str, Any] = {"quiet_hours": ("22:00..06:00",), "timezone": "Europe/Berlin"}


class Simulation:
    """An alert on clocks that a test moves; `sent` lists each message with the seconds since the start."""

    def __init__(self, began_utc_s: float = NOW, state: AlertState | None = None, **settings: Any) -> None:
        self.settings = AlertSettings(
            **{"name": "a", "when": "no_audio", "for_s": 0.0, "cooldown_s": 0.0, **settings}
        )
        self.timer = AlertTimer(self.settings, state or AlertState())
        self.began_utc_s, self.elapsed_s, self.wrong_s = began_utc_s, 0.0, 0.0
        self.sent: list[tuple[float, Step]] = []

    def run(
        self, seconds: float, holds: bool | None, every_s: float = 10.0, utc_s: float | None = None
    ) -> None:
        until_s = self.elapsed_s + seconds
        while self.elapsed_s < until_s:
            step = self.timer.update(
                Finding(holds, utc_s=utc_s),
                500.0 + self.elapsed_s,
                self.began_utc_s + self.elapsed_s + self.wrong_s,
            )
            if step:
                self.sent.append((self.elapsed_s, step))
            self.elapsed_s += every_s

    def restart(self, down_s: float) -> None:
        """Start the companion again after some time, with the state that it left."""
        self.elapsed_s += down_s
        self.timer = AlertTimer(self.settings, self.timer.state)


def test_a_condition_must_hold_for_long_enough() -> None:
    alert = Simulation(for_s=120.0)
    alert.run(110, holds=True)
    alert.run(10, holds=False)
    alert.run(130, holds=True)
    assert alert.sent == [(240.0, "firing")]


def test_an_alert_is_sent_once_and_its_end_once() -> None:
    alert = Simulation()
    alert.run(1000, holds=True)
    alert.run(1000, holds=False)
    assert alert.sent == [(0.0, "firing"), (1000.0, "resolved")]


def test_within_the_cooldown_nothing_is_sent_again() -> None:
    alert = Simulation(cooldown_s=3600.0)
    for _ in range(5):
        alert.run(100, holds=True)
        alert.run(100, holds=False)
    assert alert.sent == [(0.0, "firing"), (100.0, "resolved")]


def test_a_condition_that_still_holds_after_the_cooldown_is_sent() -> None:
    alert = Simulation(cooldown_s=3600.0)
    alert.run(100, holds=True)
    alert.run(100, holds=False)
    alert.run(7200, holds=True)
    assert alert.sent == [(0.0, "firing"), (100.0, "resolved"), (3600.0, "firing")]


def test_an_unknown_condition_changes_nothing() -> None:
    alert = Simulation(for_s=60.0)
    alert.run(50, holds=True)
    alert.run(1000, holds=None)
    alert.run(20, holds=True)
    alert.run(1000, holds=None)
    assert alert.sent == [(1050.0, "firing")]


def test_quiet_hours_delay_a_condition_that_still_holds() -> None:
    night = datetime(2026, 5, 1, 23, 0, tzinfo=BERLIN).timestamp()
    alert = Simulation(night, **QUIET)
    alert.run(10 * 3600, holds=True)
    assert alert.sent == [(7 * 3600.0, "firing")]


def test_a_condition_that_came_and_went_in_quiet_hours_is_not_sent() -> None:
    night = datetime(2026, 5, 1, 23, 0, tzinfo=BERLIN).timestamp()
    alert = Simulation(night, **QUIET)
    alert.run(3600, holds=True)
    alert.run(9 * 3600, holds=False)
    assert alert.sent == []


def test_quiet_hours_delay_the_end_too() -> None:
    evening = datetime(2026, 5, 1, 21, 0, tzinfo=BERLIN).timestamp()
    alert = Simulation(evening, **QUIET)
    alert.run(2 * 3600, holds=True)
    alert.run(10 * 3600, holds=False)
    assert alert.sent == [(0.0, "firing"), (9 * 3600.0, "resolved")]


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 28), 6), ((2026, 10, 24), 8), ((2026, 7, 1), 7)])
def test_quiet_hours_end_by_local_time(day: tuple[int, int, int], hours: int) -> None:
    night = datetime(*day, 23, 0, tzinfo=BERLIN).timestamp()
    alert = Simulation(night, **QUIET)
    alert.run(12 * 3600, holds=True)
    assert alert.sent == [(hours * 3600.0, "firing")]


def test_a_restart_neither_repeats_an_alert_nor_misses_its_end() -> None:
    alert = Simulation()
    alert.run(100, holds=True)
    alert.restart(3600.0)
    alert.run(100, holds=True)
    alert.run(100, holds=False)
    alert.restart(3600.0)
    alert.run(100, holds=False)
    assert alert.sent == [(0.0, "firing"), (3800.0, "resolved")]


def test_a_restart_keeps_the_cooldown() -> None:
    alert = Simulation(cooldown_s=3600.0)
    alert.run(100, holds=True)
    alert.run(100, holds=False)
    alert.restart(60.0)
    alert.run(600, holds=True)
    assert len(alert.sent) == 2


def test_after_an_outage_a_condition_must_hold_for_long_enough_again() -> None:
    alert = Simulation(for_s=120.0)
    alert.run(60, holds=True)
    alert.restart(86_400.0)
    alert.run(130, holds=True)
    assert alert.sent == [(86_580.0, "firing")]


def test_a_clock_jump_neither_fires_nor_silences_an_alert() -> None:
    alert = Simulation(for_s=120.0, cooldown_s=3600.0)
    alert.run(60, holds=True)
    alert.wrong_s = 1e8
    alert.run(70, holds=True)
    assert alert.sent == [(120.0, "firing")]
    alert.run(10, holds=False)
    alert.wrong_s = -1e8
    alert.run(200, holds=True)
    assert [step for _, step in alert.sent] == ["firing", "resolved", "firing"]


MORNING = datetime(2026, 5, 1, 4, 30, tzinfo=BERLIN).timestamp()
BIRD: dict[str, Any] = {"when": "first_bird", "timezone": "Europe/Berlin", "cooldown_s": 3600.0}


def test_the_first_bird_is_sent_once_a_day() -> None:
    alert = Simulation(MORNING, **BIRD)
    alert.run(3600, holds=False)
    alert.run(3600, holds=True, utc_s=MORNING + 3595.0)
    alert.run(17 * 3600, holds=True, utc_s=MORNING + 3595.0)
    alert.run(5 * 3600, holds=False)
    alert.run(3600, holds=True, utc_s=MORNING + 86_400.0)
    assert alert.sent == [(3600.0, "firing"), (86_400.0, "firing")]


def test_a_bird_heard_hours_ago_is_not_sent() -> None:
    alert = Simulation(MORNING + 8 * 3600.0, **BIRD)
    alert.run(3600, holds=True, utc_s=MORNING)
    assert alert.sent == []
    alert.run(86_400, holds=False)
    alert.run(3600, holds=True, utc_s=alert.began_utc_s + alert.elapsed_s)
    assert len(alert.sent) == 1


def test_a_bird_is_sent_only_within_some_minutes() -> None:
    for age_s, sent in ((FRESH_S - 1, 1), (FRESH_S + 1, 0)):
        alert = Simulation(MORNING, **BIRD)
        alert.run(60, holds=True, utc_s=MORNING - age_s)
        assert len(alert.sent) == sent


def test_a_restart_does_not_send_the_first_bird_again() -> None:
    alert = Simulation(MORNING, **BIRD)
    alert.run(60, holds=True, utc_s=MORNING)
    alert.restart(60.0)
    alert.run(60, holds=True, utc_s=MORNING)
    assert len(alert.sent) == 1


def test_the_first_bird_waits_for_the_end_of_quiet_hours_even_through_a_restart() -> None:
    alert = Simulation(MORNING, **BIRD, quiet_hours=("22:00..06:00",))
    alert.run(600, holds=True, utc_s=MORNING)
    alert.restart(600.0)
    alert.run(2 * 3600, holds=True, utc_s=MORNING)
    assert alert.sent == [(5400.0, "firing")]
