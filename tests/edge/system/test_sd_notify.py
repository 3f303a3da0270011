"""Notifications as systemd receives them."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from birdedge.edge.system.sd_notify import Notifier


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    """A socket like systemd's, at a path that is short enough for a socket."""
    with (
        tempfile.TemporaryDirectory(prefix="birdedge-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind(str(Path(folder) / "notify"))
        receiver.setblocking(False)
        yield receiver


def received(manager: socket.socket) -> list[str]:
    """Return all messages that wait in the socket."""
    messages = []
    while True:
        try:
            messages.append(manager.recv(65536).decode())
        except BlockingIOError:
            return messages


class Clock:
    """A clock that a test sets."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def notifier(manager: socket.socket, clock: Clock | None = None, **environment: str) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": manager.getsockname(), **environment}, clock or Clock())


def test_each_state_is_sent_as_a_message(manager: socket.socket) -> None:
    systemd = notifier(manager)
    systemd.ready()
    systemd.status("listening to USB Audio")
    systemd.stopping()
    assert received(manager) == ["READY=1", "STATUS=listening to USB Audio", "STOPPING=1"]


def test_reloading_states_the_monotonic_time_that_systemd_compares(manager: socket.socket) -> None:
    before_us = time.monotonic_ns() // 1000
    notifier(manager).reloading()
    reloading, monotonic = received(manager)[0].split("\n")
    assert reloading == "RELOADING=1"
    name, value = monotonic.split("=")
    assert name == "MONOTONIC_USEC"
    assert before_us <= int(value) <= time.monotonic_ns() // 1000


def test_a_status_of_several_lines_cannot_add_a_message(manager: socket.socket) -> None:
    notifier(manager).status("device lost\nSTOPPING=1\n")
    assert received(manager) == ["STATUS=device lost STOPPING=1"]


def test_a_name_that_is_not_unicode_is_sent_with_replacement_characters(manager: socket.socket) -> None:
    notifier(manager).status(os.fsdecode(b"listening to \xff"))
    assert received(manager) == ["STATUS=listening to ?"]


def test_an_abstract_socket_is_supported() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("")  # the kernel chooses a free abstract name
        receiver.setblocking(False)
        name = receiver.getsockname().decode()
        Notifier({"NOTIFY_SOCKET": "@" + name[1:]}).ready()
        assert received(receiver) == ["READY=1"]


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/none/notify"}, {"NOTIFY_SOCKET": "/x" * 200}],
)
def test_without_a_listening_socket_nothing_happens(environment: dict[str, str]) -> None:
    systemd = Notifier({"WATCHDOG_USEC": "1", **environment})
    systemd.ready()
    systemd.reloading()
    systemd.alive()
    systemd.stopping()
    systemd.status("heard")


def test_frames_feed_the_watchdog_every_third_of_its_interval(manager: socket.socket) -> None:
    clock = Clock()
    systemd = notifier(manager, clock, WATCHDOG_USEC="1500000", WATCHDOG_PID=str(os.getpid()))
    systemd.alive()
    systemd.alive()
    assert received(manager) == ["WATCHDOG=1"]
    clock.now_s += 0.4999
    systemd.alive()
    assert received(manager) == []
    clock.now_s += 0.0001
    assert received(manager) == []  # time alone feeds nothing
    systemd.alive()
    systemd.alive()
    assert received(manager) == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "me"},
    ],
)
def test_a_watchdog_of_another_process_is_not_fed(
    manager: socket.socket, environment: dict[str, str]
) -> None:
    Notifier({"NOTIFY_SOCKET": manager.getsockname(), **environment}).alive()
    assert received(manager) == []


def test_a_full_socket_does_not_block_and_the_watchdog_is_fed_when_it_is_read(manager: socket.socket) -> None:
    systemd = notifier(manager, WATCHDOG_USEC="3600000000")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with suppress(BlockingIOError):
            while other.sendto(b"full", manager.getsockname()):
                pass
    before_s = time.monotonic()
    systemd.alive()
    assert time.monotonic() - before_s < 1
    assert set(received(manager)) == {"full"}
    systemd.alive()
    assert received(manager) == ["WATCHDOG=1"]
