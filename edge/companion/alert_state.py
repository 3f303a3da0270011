"""When an alert sends a message: once when its condition has held for long enough, and once when it is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from birdedge.edge.companion.alert_rules import Finding
from birdedge.edge.integrations.alerts import AlertSettings
from birdedge.edge.integrations.quiet_hours import is_quiet, zone

Step = Literal["firing", "resolved"]
FRESH_S = 600.0  # a condition that happens once is news for this long


@dataclass(frozen=True)
class AlertState:
    """The state of an alert about one recorder, which a companion keeps across restarts."""

    is_firing: bool = False  # a message said that the condition holds, and none has said that it is over
    fired_s: float | None = None  # UTC of the last message that it holds
    day: str = ""  # for a condition that happens once per day: the last day on which it was handled
    waiting_day: str = ""  # the day on which it happened, while quiet hours delay the message


class AlertTimer:
    """Decides on the messages of one alert about one recorder.

    Args:
        alert: The rule.
        state: The state that an earlier companion stored.
    """

    def __init__(self, alert: AlertSettings, state: AlertState) -> None:
        self.state = state
        self._alert = alert
        self._holds_since_s: float | None = None  # monotonic

    def update(self, finding: Finding, now_s: float, now_utc_s: float) -> Step | None:
        """Return the message to send now.

        Args:
            finding: What the rule found.
            now_s: The time on a clock that is never set.
            now_utc_s: The time in UTC.
        """
        if finding.holds is None:
            return None
        if self._alert.when == "first_bird":
            return self._once_per_day(finding, now_utc_s)
        if not finding.holds:
            self._holds_since_s = None
        elif self._holds_since_s is None:
            self._holds_since_s = now_s
        if is_quiet(self._alert.quiet_hours, self._alert.timezone, now_utc_s):
            return None
        if self.state.is_firing and not finding.holds:
            self.state = replace(self.state, is_firing=False)
            return "resolved"
        if not self.state.is_firing and self._is_due(now_s) and not self._is_cooling(now_utc_s):
            self.state = replace(self.state, is_firing=True, fired_s=now_utc_s)
            return "firing"
        return None

    def _is_due(self, now_s: float) -> bool:
        return self._holds_since_s is not None and now_s - self._holds_since_s >= self._alert.for_s

    def _is_cooling(self, now_utc_s: float) -> bool:
        fired_s = self.state.fired_s
        return fired_s is not None and 0 <= now_utc_s - fired_s < self._alert.cooldown_s

    def _once_per_day(self, finding: Finding, now_utc_s: float) -> Step | None:
        """Send the message of a condition that happens once per day: soon after it, or at the end of quiet hours."""
        alert, today = (
            self._alert,
            datetime.fromtimestamp(now_utc_s, zone(self._alert.timezone)).date().isoformat(),
        )
        if not finding.holds or self.state.day == today:
            return None
        is_fresh = finding.utc_s is not None and now_utc_s - finding.utc_s <= FRESH_S
        if is_fresh or self.state.waiting_day == today:
            if is_quiet(alert.quiet_hours, alert.timezone, now_utc_s):
                self.state = replace(self.state, waiting_day=today)
                return None
            self.state = replace(self.state, day=today, waiting_day="", fired_s=now_utc_s)
            return "firing"
        self.state = replace(self.state, day=today, waiting_day="")
        return None
