"""The settings of alerts: rules, and the targets of their messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from birdedge.edge.errors import SettingsError
from birdedge.edge.integrations.quiet_hours import minutes, zone

Condition = Literal[
    "no_audio", "problem", "coverage", "disk", "clock", "hot", "silence", "first_bird", "many_events"
]
TargetKind = Literal["webhook", "ntfy", "command", "mqtt"]
DAY_S = 86_400.0


@dataclass(frozen=True)
class AlertSettings:
    """A table `[[alert]]` of the configuration: a condition, and how its messages are sent.

    Raises:
        SettingsError: A value is out of range.
    """

    name: str
    when: Condition
    for_s: float = 120.0  # how long the condition must hold
    min_coverage: float = 0.95  # for "coverage": of the last 24 h
    min_free_mb: float = 1000.0  # for "disk"
    max_clock_error_s: float = 10.0  # for "clock"
    max_temperature_c: float = 80.0  # for "hot"
    max_silence_h: float = 12.0  # for "silence": hours of audio without an event
    max_events_per_hour: int = 1000  # for "many_events"
    cooldown_s: float = 3600.0  # between two messages while the condition holds
    quiet_hours: tuple[str, ...] = ()  # in which no message is sent
    timezone: str = "UTC"  # of quiet_hours, and of the day of "first_bird"
    sources: tuple[str, ...] = ()  # names of recorders; empty: all
    targets: tuple[str, ...] = ()  # names of targets; empty: all

    def __post_init__(self) -> None:
        _require_name("alert", self.name)
        for name, low, high in (
            ("for_s", 0.0, 7 * DAY_S),
            ("min_coverage", 0.0, 1.0),
            ("min_free_mb", 0.0, 1e9),
            ("max_clock_error_s", 0.0, 1e6),
            ("max_temperature_c", 0.0, 200.0),
            ("max_silence_h", 0.1, 8760.0),
            ("max_events_per_hour", 1, 10**9),
            ("cooldown_s", 0.0, 30 * DAY_S),
        ):
            _require_range(self, name, low, high)
        zone(self.timezone)
        for hours in self.quiet_hours:
            minutes(hours)


@dataclass(frozen=True)
class TargetSettings:
    """A table `[[target]]` of the configuration: where the messages of alerts go.

    Raises:
        SettingsError: A value is out of range, missing, or not for this kind.
    """

    name: str
    kind: TargetKind
    url: str = ""  # of a webhook, or of a topic of ntfy
    url_file: str | None = None  # holds the URL, for a URL that is itself a secret
    token_file: str | None = None  # holds a token that is sent as `Authorization: Bearer`
    secret_file: str | None = None  # holds the key that signs the requests of a webhook
    command: tuple[str, ...] = ()  # program and arguments; no shell sees them
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        _require_name("target", self.name)
        _require_range(self, "timeout_s", 1.0, 60.0)
        allowed = {
            "webhook": ("url", "url_file", "token_file", "secret_file"),
            "ntfy": ("url", "url_file", "token_file"),
            "command": ("command",),
            "mqtt": (),
        }[self.kind]
        for key in ("url", "url_file", "token_file", "secret_file", "command"):
            if getattr(self, key) and key not in allowed:
                raise SettingsError(f"{key} is not for a target of kind {self.kind!r}; leave it out")
        if "url" in allowed:
            if bool(self.url) == bool(self.url_file):
                raise SettingsError(f"a target of kind {self.kind!r} needs url or url_file; give one of them")
            if self.url:
                require_url(self.url, self.kind)
        if self.kind == "command" and not (self.command and self.command[0]):
            raise SettingsError(
                'command is missing; give a program and its arguments, such as ["notify", "{text}"]'
            )
        if any("\0" in argument for argument in self.command):
            raise SettingsError("command has a character of code 0; leave it out")


def check_alerts(
    alerts: Sequence[AlertSettings], targets: Sequence[TargetSettings], has_broker: bool
) -> None:
    """Check that alerts and targets fit together.

    Args:
        alerts: All rules.
        targets: All targets.
        has_broker: Whether MQTT is configured.

    Raises:
        SettingsError: A name is given twice, an alert has an unknown target or none, or an MQTT target has no broker.
    """
    for what, names in (("alert", [a.name for a in alerts]), ("target", [t.name for t in targets])):
        for name, count in Counter(names).items():
            if count > 1:
                raise SettingsError(
                    f"there are {count} tables [[{what}]] with the name {name!r}; give each a different name"
                )
    known = [target.name for target in targets]
    for alert in alerts:
        for name in alert.targets:
            if name not in known:
                raise SettingsError(
                    f"the alert {alert.name!r} has the target {name!r}; there is {', '.join(known) or 'no target'}"
                )
        if not known:
            raise SettingsError(f"the alert {alert.name!r} has no target; add a table [[target]]")
    for target in targets:
        if target.kind == "mqtt" and not has_broker:
            raise SettingsError(f"the target {target.name!r} is MQTT; set host under [mqtt]")


def targets_of(alert: AlertSettings, targets: Sequence[TargetSettings]) -> list[TargetSettings]:
    """Return the targets of an alert."""
    return [target for target in targets if not alert.targets or target.name in alert.targets]


def _require_name(what: str, name: str) -> None:
    if not name or not name.isprintable():
        raise SettingsError(f"the name of the {what} is {name!r}; give it a name that can be printed")


def _require_range(settings: object, name: str, low: float, high: float) -> None:
    value = getattr(settings, name)
    if not low <= value <= high:
        raise SettingsError(f"{name} is {value:g}; it must lie in {low:g}..{high:g}")


def require_url(url: str, kind: TargetKind) -> None:
    """Check the URL of a target.

    Raises:
        SettingsError: Messages cannot be sent to the URL.
    """
    try:
        parts = urlsplit(url)
        is_valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not (
        is_valid
        and parts.scheme in ("http", "https")
        and url.isascii()
        and url.isprintable()
        and " " not in url
        and "@" not in parts.netloc
    ):
        raise SettingsError(
            f"url is {url!r}; it must be like https://example.org/path, without user, password or spaces"
        )
    if kind == "ntfy" and not parts.path.rpartition("/")[2]:
        raise SettingsError(f"url is {url!r}; it must end with the topic, such as https://ntfy.sh/my-birds")
