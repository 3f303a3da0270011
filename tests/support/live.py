"""Clients of a recorder's live feed."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from birdedge.edge.formats.live_frames import kind_of
from birdedge.edge.messages import Message, Sink
from birdedge.edge.system.live_socket import connect
from tests.support.waiting import wait_until

PACKET_BYTES = 1 << 17
# A client that connects and then does nothing.
IDLE = """
import socket, sys, time
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.connect(sys.argv[1])
print("connected", flush=True)
time.sleep(600)
"""


class Watched:
    """A sink that passes messages to another one, and collects what a client then receives."""

    def __init__(self, sink: Sink, client: socket.socket) -> None:
        self.taken: list[bytes] = []
        self._sink, self.client = sink, client

    def write(self, message: Message) -> None:
        self._sink.write(message)
        self.taken += packets(self.client)

    def close(self) -> None:
        pass


def connected(folder: Path, timeout_s: float = 20.0) -> socket.socket:
    """Return a connection as soon as a recorder accepts one."""
    found: list[socket.socket] = []

    def try_to_connect() -> bool:
        if (client := connect(folder)) is not None:
            found.append(client)
        return bool(found)

    wait_until(try_to_connect, timeout_s)
    return found[0]


def packets(client: socket.socket, timeout_s: float = 0.0) -> list[bytes]:
    """Return the packets that have arrived or arrive within a time; b"" at the end stands for a closed connection."""
    taken: list[bytes] = []
    deadline_s = time.monotonic() + timeout_s
    while select.select([client], [], [], max(0.0, deadline_s - time.monotonic()))[0]:
        try:
            taken.append(client.recv(PACKET_BYTES))
        except ConnectionResetError:
            taken.append(b"")
        if not taken[-1]:
            break
    return taken


def of_kind(taken: list[bytes], kind: str) -> list[bytes]:
    """Return the packets of one kind."""
    return [packet for packet in taken if packet and kind_of(packet) == kind]


def messages(taken: list[bytes], kind: str) -> list[dict[str, Any]]:
    """Return the JSON messages of one kind."""
    return [json.loads(packet) for packet in of_kind(taken, kind)]


@contextmanager
def idle_client(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that connects to a socket and never reads."""
    with subprocess.Popen([sys.executable, "-c", IDLE, path], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "connected\n"
            yield process
        finally:
            process.kill()
