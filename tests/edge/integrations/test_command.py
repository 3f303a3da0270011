"""A command gets the message as arguments and JSON, and cannot hold up or flood the companion."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from birdedge.edge.errors import DeliveryError, DeliveryRefusedError
from birdedge.edge.integrations.alerts import TargetSettings
from birdedge.edge.integrations.command import MAX_OUTPUT_BYTES, VARIABLES, send
from tests.support.alerts import message


def python(script: str, *arguments: str, timeout_s: float = 10.0) -> TargetSettings:
    return TargetSettings(
        "x", "command", command=(sys.executable, "-c", script, *arguments), timeout_s=timeout_s
    )


def test_arguments_are_filled_in_without_a_shell() -> None:
    text = '$(touch /tmp/owned); `id` {title} "quoted" * \n'
    script = "import sys, json; print(json.dumps(sys.argv[1:]))"
    said = send(python(script, "{title}|{text}", "{other}", "{state}{alert}{recorder}"), message(text=text))
    assert json.loads(said.partition(" said: ")[2]) == [
        f"Oak 3: hears nothing|{text}",
        "{other}",
        "firingno_audiooak",
    ]


def test_the_message_is_json_on_standard_input() -> None:
    assert "0123456789abcdef" in send(
        python("import sys, json; print(json.load(sys.stdin)['id'])"), message()
    )


def test_a_command_that_reads_nothing_is_fine() -> None:
    assert send(python("pass"), message(text="x" * 500_000)).endswith("ended with exit code 0")


def test_only_a_few_environment_variables_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    said = send(python("import os; print(sorted(os.environ))"), message())
    assert "SECRET_TOKEN" not in said
    assert set(VARIABLES) & set(os.environ) <= {name for name in VARIABLES if name in said}


def test_a_failure_is_an_error_with_the_start_of_the_output() -> None:
    with pytest.raises(DeliveryError, match="exit code 3; it said: no network") as raised:
        send(python("import sys; print('no network', file=sys.stderr); sys.exit(3)"), message())
    assert not isinstance(raised.value, DeliveryRefusedError)


def test_output_beyond_the_limit_is_read_and_discarded() -> None:
    said = send(python("import sys; sys.stdout.write('x' * 5_000_000)"), message())
    assert said.count("x") == MAX_OUTPUT_BYTES + sys.executable.count("x")


def test_output_is_printable() -> None:
    assert "\x1b" not in send(python("print('\\x1b[31mred')"), message())


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(mark)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    began_s = time.monotonic()
    with pytest.raises(DeliveryError, match="took longer than 1 s"):
        send(python(script, timeout_s=1.0), message())
    assert time.monotonic() - began_s < 10.0
    child = int(mark.read_text(encoding="utf-8"))
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text(encoding="utf-8").split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the child is still there")


def test_a_child_that_keeps_the_output_open_does_not_extend_the_wait() -> None:
    began_s = time.monotonic()
    with pytest.raises(DeliveryError, match="took longer than 1 s"):
        send(python("import subprocess; subprocess.Popen(['sleep', '60'])", timeout_s=1.0), message())
    assert time.monotonic() - began_s < 10.0


@pytest.mark.parametrize("program", ["/nowhere/at-all", "/etc/hostname"])
def test_a_program_that_cannot_be_started_is_not_retried(program: str) -> None:
    with pytest.raises(DeliveryRefusedError, match="cannot be started"):
        send(TargetSettings("x", "command", command=(program,)), message())
