"""What systemd's side of the socket receives."""

import os
import socket
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from birdedge.edge.system.sd_notify import Notifier


@pytest.fixture
def manager():
    """A socket such as systemd's, and the folder it is in, whose name is short as a socket's must be."""
    with (
        tempfile.TemporaryDirectory(prefix="birdedge-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind(str(Path(folder) / "notify"))
        receiver.setblocking(False)
        yield receiver


def received(manager):
    """All messages that wait."""
    messages = []
    while True:
        try:
            messages.append(manager.recv(65536).decode())
        except BlockingIOError:
            return messages


def notifier(manager, **environment):
    return Notifier({"NOTIFY_SOCKET": manager.getsockname(), **environment})


def test_each_state_is_a_message(manager):
    systemd = notifier(manager)
    systemd.ready()
    systemd.status("listening to USB Audio")
    systemd.stopping()
    assert received(manager) == ["READY=1", "STATUS=listening to USB Audio", "STOPPING=1"]


def test_reloading_says_when_on_the_clock_systemd_compares_with(manager):
    before_us = time.monotonic_ns() // 1000
    notifier(manager).reloading()
    reloading, monotonic = received(manager)[0].split("\n")
    assert reloading == "RELOADING=1"
    name, value = monotonic.split("=")
    assert name == "MONOTONIC_USEC"
    assert before_us <= int(value) <= time.monotonic_ns() // 1000


def test_a_status_of_several_lines_says_nothing_else(manager):
    notifier(manager).status("device lost\nSTOPPING=1\n")
    assert received(manager) == ["STATUS=device lost STOPPING=1"]


def test_a_name_that_is_no_text_does_not_stop_the_daemon(manager):
    notifier(manager).status(os.fsdecode(b"listening to \xff"))
    assert received(manager) == ["STATUS=listening to ?"]


def test_an_abstract_socket_is_found():
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
def test_without_a_socket_that_hears_it_nothing_happens(environment):
    systemd = Notifier({"WATCHDOG_USEC": "1", **environment})
    for call in (systemd.ready, systemd.reloading, systemd.alive, systemd.stopping):
        assert call() is None
    assert systemd.status("heard") is None


def test_frames_feed_the_watchdog_every_third_of_its_interval(manager):
    systemd = notifier(manager, WATCHDOG_USEC="1500000", WATCHDOG_PID=str(os.getpid()))
    systemd.alive()
    systemd.alive()
    assert received(manager) == ["WATCHDOG=1"]
    time.sleep(0.5)
    assert received(manager) == []  # no frames, no message: time alone feeds nothing
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
def test_a_watchdog_that_does_not_watch_this_process_is_not_fed(manager, environment):
    notifier(manager, **environment).alive()
    assert received(manager) == []


def test_a_manager_that_does_not_read_is_not_waited_for_and_is_fed_when_it_reads_again(manager):
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
