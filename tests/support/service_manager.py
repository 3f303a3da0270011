"""The socket of a service manager that a daemon reports to."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class ServiceManager:
    """Receives the messages of a daemon as they arrive.

    Attributes:
        environment: variables for the daemon, which then feeds the watchdog every second.
        messages: each with its time of arrival on the monotonic clock.
    """

    environment: dict[str, str]
    messages: list[tuple[float, str]] = field(default_factory=list)

    def fed(self, since_s: float) -> int:
        """Return how often the watchdog was fed since a time of the monotonic clock."""
        return sum(message == "WATCHDOG=1" and at_s >= since_s for at_s, message in self.messages)

    def texts(self) -> list[str]:
        """Return all other messages."""
        return [message for _, message in self.messages if message != "WATCHDOG=1"]


@contextmanager
def service_manager() -> Iterator[ServiceManager]:
    """Listen like systemd for the duration of the block."""
    with (
        tempfile.TemporaryDirectory(prefix="birdedge-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
    ):
        path = str(Path(folder) / "notify")  # short enough for a socket
        receiver.bind(path)
        manager = ServiceManager({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "3000000"})

        def listen() -> None:
            while message := receiver.recv(65536):
                manager.messages.append((time.monotonic(), message.decode()))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield manager
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"", path)
            thread.join()
