"""What the daemon tells systemd: that it is ready, that it stops, and, as long as frames are processed, that it lives.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress


class Notifier:
    """Sends states to the socket that NOTIFY_SOCKET names; without one each call does nothing.

    It never raises and never waits: a message that cannot be sent at once is left out.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name  # @ stands for an abstract socket
        self._alive_every_s = _watchdog_interval_s(environment) / 3
        self._alive_due_s = 0.0 if self._alive_every_s < math.inf else math.inf  # on the monotonic clock

    def ready(self) -> None:
        """It listens; also after `reloading`, when the new settings are in force."""
        self._send("READY=1")

    def reloading(self) -> None:
        """It reads its settings anew."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """It ends."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """What it is doing, in one line for `birdedge service status`."""
        self._send("STATUS=" + " ".join(text.split()))  # a second line would be read as another message

    def alive(self) -> None:
        """Frames were processed; call it for nothing else, since systemd restarts a daemon that is not alive.

        It may be called for each block: a message goes out at most every third of WATCHDOG_USEC.
        """
        now_s = time.monotonic()
        if now_s >= self._alive_due_s and self._send("WATCHDOG=1"):
            self._alive_due_s = now_s + self._alive_every_s

    def _send(self, message: str) -> bool:
        if not self._address:
            return False
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(message.encode(errors="replace"), self._address)
            return True
        return False


def _watchdog_interval_s(environment: Mapping[str, str]) -> float:
    """How long systemd waits for `alive`; infinite where it does not."""
    try:
        interval_us = int(environment.get("WATCHDOG_USEC", 0))
        process = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return math.inf
    # A child inherits the variables, but is not what systemd watches.
    return interval_us / 1e6 if interval_us > 0 and process == os.getpid() else math.inf
