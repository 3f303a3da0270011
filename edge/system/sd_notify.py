"""State notifications to systemd: ready, reloading, stopping, status text and watchdog.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol


class ServiceNotifier(Protocol):
    """What a recorder reports to the service manager."""

    def ready(self) -> None:
        """Report that it listens, or that new settings are in force."""

    def reloading(self) -> None:
        """Report that it reloads its settings."""

    def stopping(self) -> None:
        """Report that it stops."""

    def alive(self) -> None:
        """Report that it works, or waits for its source or schedule."""


class Notifier:
    """A sender to the socket that NOTIFY_SOCKET names; without one its methods do nothing.

    It never raises and never blocks: a message that cannot be sent at once is dropped.
    """

    def __init__(
        self, environment: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name  # @ marks an abstract socket
        self._alive_every_s = _watchdog_interval_s(environment) / 3
        self._clock = clock
        self._alive_due_s = -math.inf if self._alive_every_s < math.inf else math.inf

    def ready(self) -> None:
        """Report that the daemon listens, or that new settings are in force after `reloading`."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Report that the daemon reloads its settings."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Report that the daemon stops."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Report what the daemon does, in one line for `birdedge service status`."""
        self._send("STATUS=" + " ".join(text.split()))  # systemd reads a second line as another message

    def alive(self) -> None:
        """Feed the watchdog; call it only after work or during intended waiting: systemd restarts a daemon that hangs.

        It may be called for every block: a message is sent at most every third of WATCHDOG_USEC.
        """
        now_s = self._clock()
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
    """Return the interval within which systemd expects `alive`; infinite without a watchdog."""
    try:
        interval_us = int(environment.get("WATCHDOG_USEC", 0))
        process = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return math.inf
    # A child process inherits the variables, but systemd does not watch it.
    return interval_us / 1e6 if interval_us > 0 and process == os.getpid() else math.inf
