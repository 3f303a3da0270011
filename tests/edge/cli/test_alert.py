"""`birdedge alert` tries targets and evaluates rules."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.edge.companion.test_alerts import listened
from tests.support.commands import birdedge
from tests.support.http_servers import serving

RULE = '[[alert]]\nname = "no_audio"\nwhen = "no_audio"\n'
SCRIPT = '[[target]]\nname = "script"\nkind = "command"\ncommand = ["echo", "{title}"]\n'


def config(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_test_prints_what_each_target_answered(tmp_path: Path) -> None:
    with serving() as server:
        server.answers = [(200, {}), (404, {})]
        hooks = "".join(
            f'[[target]]\nname = "{name}"\nkind = "webhook"\nurl = "{server.url}"\n' for name in ("a", "b")
        )
        path = config(tmp_path, SCRIPT + hooks)
        lines = birdedge("alert", "test", "--config", path, cwd=tmp_path, exit_code=1)[0].splitlines()
    host = server.url.removeprefix("http://")
    assert lines == [
        "script: echo said: birdedge: test message",
        f"a: {host} answered 200 OK",
        f"b: failed: {host} answered 404 Not Found; check the URL and the token",
    ]
    assert json.loads(server.received[0].body)["state"] == "test"


def test_a_test_of_one_alert_goes_to_its_targets(tmp_path: Path) -> None:
    other = SCRIPT.replace("script", "other")
    path = config(tmp_path, RULE + 'targets = ["other"]\n' + SCRIPT + other)
    assert birdedge("alert", "test", "no_audio", "--config", path, cwd=tmp_path)[0].startswith("other: ")


def test_a_check_evaluates_the_rules_and_sends_nothing(tmp_path: Path) -> None:
    listened(tmp_path / "birds" / "oak", time.time() - 100.0)
    listened(tmp_path / "birds" / "elm", time.time() + 100.0)
    with serving() as server:
        hook = f'[[target]]\nname = "a"\nkind = "webhook"\nurl = "{server.url}"\n'
        path = config(tmp_path, RULE + '[[alert]]\nname = "hot"\nwhen = "hot"\n' + hook)
        lines = birdedge("alert", "check", "birds", "--config", path, cwd=tmp_path, exit_code=1)[
            0
        ].splitlines()
    assert server.received == []
    assert lines[0] == "OK       elm: no_audio: it is listening"
    assert lines[1] == "unknown  elm: hot"
    assert lines[2].startswith("ALERT    oak: no_audio: it has stopped reporting audio, last audio 1")
    assert lines[3] == "unknown  oak: hot"
    birdedge("alert", "check", "birds/elm", "--config", path, cwd=tmp_path)


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        ("", ("test",), "has no target; add a table [[target]]"),
        (RULE + SCRIPT, ("test", "def"), "has no alert 'def'; it has no_audio"),
        ("", ("check", "."), "has no alert; add a table [[alert]]"),
        (RULE, ("check", "."), "the alert 'no_audio' has no target"),
    ],
)
def test_a_missing_alert_or_target_is_a_one_sentence_error(
    tmp_path: Path, text: str, arguments: tuple[str, ...], sentence: str
) -> None:
    path = config(tmp_path, text or "site = ''")
    _, errors = birdedge("alert", *arguments, "--config", path, cwd=tmp_path, exit_code=1)
    assert sentence in errors
    assert len(errors.splitlines()) == 1
