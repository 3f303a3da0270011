"""User commands as alert targets: no shell, few environment variables, a time limit, and the start of the output."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from contextlib import suppress

from birdedge.edge.errors import DeliveryError, DeliveryRefusedError
from birdedge.edge.integrations.alert_message import AlertMessage
from birdedge.edge.integrations.alerts import TargetSettings
from birdedge.edge.system.printable import printable

VARIABLES = ("PATH", "HOME", "LANG")  # of the command's environment
MAX_OUTPUT_BYTES = 400


def send(target: TargetSettings, message: AlertMessage) -> str:
    """Run the command, and return the start of its output.

    In its arguments, {title}, {text}, {state}, {alert} and {recorder} are replaced. The command can read the message as
    JSON from standard input.

    Raises:
        DeliveryError: The command failed or took too long.
        DeliveryRefusedError: The command cannot be started.
    """
    program = target.command[0]
    try:
        process = subprocess.Popen(
            [program, *(_filled(argument, message) for argument in target.command[1:])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={name: os.environ[name] for name in VARIABLES if name in os.environ},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DeliveryRefusedError(
            f"{program} cannot be started ({reason}); give the path of a program"
        ) from error
    is_late = threading.Event()

    def kill() -> None:
        is_late.set()
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # and the processes that it started

    timer = threading.Timer(target.timeout_s, kill)
    timer.start()
    try:
        output = _exchange(process, message.json())
        exit_code = process.wait()
    finally:
        timer.cancel()
    said = printable(output.decode("utf-8", "replace").strip())
    if is_late.is_set():
        raise DeliveryError(
            f"{program} took longer than {target.timeout_s:g} s and was stopped; it said: {said}"
        )
    if exit_code:
        raise DeliveryError(f"{program} ended with exit code {exit_code}; it said: {said}")
    return f"{program} said: {said}" if said else f"{program} ended with exit code 0"


def _exchange(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """Write the command's input, read its output to the end, and return the start of the output."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):  # it does not read, or has ended
        process.stdin.write(text)
    with suppress(OSError):
        process.stdin.close()
    output = b""
    with process.stdout as pipe:
        while part := pipe.read1(4096):  # type: ignore[attr-defined]
            output = (output + part)[:MAX_OUTPUT_BYTES]
    return output


def _filled(argument: str, message: AlertMessage) -> str:
    """Return an argument with its placeholders replaced; a placeholder in a value is kept."""
    values = {
        "title": message.title,
        "text": message.text,
        "state": message.state,
        "alert": message.alert,
        "recorder": message.recorder,
    }
    filled = re.sub(rf"{{({'|'.join(values)})}}", lambda found: values[found[1]], argument)
    return filled.replace("\0", "")
