"""Unusable alert settings are refused."""

from __future__ import annotations

from typing import Any

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.integrations.alerts import AlertSettings, TargetSettings, check_alerts, targets_of

NO_AUDIO = AlertSettings("no_audio", "no_audio")
PHONE = TargetSettings("phone", "ntfy", "https://ntfy.sh/birds")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "the name of the alert is ''"),
        ({"name": "a\nb"}, "the name of the alert is"),
        ({"for_s": -1.0}, "for_s is -1; it must lie in 0..604800"),
        ({"for_s": float("nan")}, "for_s is nan"),
        ({"min_coverage": 95.0}, "min_coverage is 95; it must lie in 0..1"),
        ({"max_events_per_hour": 0}, "max_events_per_hour is 0"),
        ({"max_silence_h": 0.0}, "max_silence_h is 0"),
        ({"cooldown_s": 1e9}, "cooldown_s is"),
        ({"quiet_hours": ("22-6",)}, "quiet_hours has '22-6'"),
        ({"timezone": "Mars"}, "timezone is 'Mars'"),
    ],
)
def test_an_alert_out_of_range_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        AlertSettings(**{"name": "no_audio", "when": "no_audio", **changes})


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ({"kind": "webhook"}, "needs url or url_file"),
        ({"kind": "webhook", "url": "http://a/", "url_file": "u"}, "needs url or url_file"),
        ({"kind": "webhook", "url": "ftp://a/b"}, "url is 'ftp://a/b'"),
        ({"kind": "webhook", "url": "http:///b"}, "url is"),
        ({"kind": "webhook", "url": "http://a:b/"}, "url is"),
        ({"kind": "webhook", "url": "http://user:secret@a/"}, "without user, password"),
        ({"kind": "webhook", "url": "http://a/b c"}, "url is"),
        ({"kind": "webhook", "url": "http://a/\r\nHost: b"}, "url is"),
        ({"kind": "webhook", "url": "http://a/ö"}, "url is"),
        ({"kind": "ntfy", "url": "https://ntfy.sh"}, "must end with the topic"),
        ({"kind": "ntfy", "url": "https://ntfy.sh/"}, "must end with the topic"),
        ({"kind": "ntfy", "url": "https://ntfy.sh/a", "secret_file": "k"}, "secret_file is not for"),
        ({"kind": "command"}, "command is missing"),
        ({"kind": "command", "command": ("",)}, "command is missing"),
        ({"kind": "command", "command": ("a", "b\0")}, "character of code 0"),
        (
            {"kind": "command", "command": ("a",), "url": "http://a/"},
            "url is not for a target of kind 'command'",
        ),
        ({"kind": "mqtt", "url": "http://a/"}, "url is not for a target of kind 'mqtt'"),
        ({"kind": "mqtt", "timeout_s": 0.0}, "timeout_s is 0"),
        ({"kind": "mqtt", "name": ""}, "the name of the target is ''"),
    ],
)
def test_a_target_that_cannot_be_reached_is_refused(target: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        TargetSettings(**{"name": "x", **target})


def test_alerts_and_targets_that_do_not_fit_together_are_refused() -> None:
    check_alerts([], [], False)
    check_alerts([NO_AUDIO], [PHONE], False)
    check_alerts([NO_AUDIO], [TargetSettings("broker", "mqtt")], True)
    for alerts, targets, sentence in (
        ([NO_AUDIO, NO_AUDIO], [PHONE], r"2 tables \[\[alert\]\] with the name 'no_audio'"),
        ([NO_AUDIO], [PHONE, PHONE], r"2 tables \[\[target\]\] with the name 'phone'"),
        ([NO_AUDIO], [], "the alert 'no_audio' has no target"),
        ([AlertSettings("a", "no_audio", targets=("fon",))], [PHONE], "has the target 'fon'; there is phone"),
        ([NO_AUDIO], [TargetSettings("broker", "mqtt")], "set host under"),
    ):
        with pytest.raises(SettingsError, match=sentence):
            check_alerts(alerts, targets, False)


def test_an_alert_without_targets_goes_to_all_targets() -> None:
    other = TargetSettings("other", "mqtt")
    assert targets_of(NO_AUDIO, [PHONE, other]) == [PHONE, other]
    assert targets_of(AlertSettings("a", "no_audio", targets=("other",)), [PHONE, other]) == [other]
