"""Signals stop or reload, in whatever order they arrive."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from birdedge.edge.system.stop_signals import StopSignals
from tests.support.commands import ENVIRONMENT, ROOT

END = (signal.SIGINT, signal.SIGTERM)
# Waits and clears in an endless loop, so that signals arrive at every instruction of both.
BUSY = """
from birdedge.edge.system.stop_signals import StopSignals
with StopSignals(reloads=True) as stop:
    print("ready", flush=True)
    while not stop.wait(1e-5) or stop.take_reload():
        pass
"""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restore the handler of SIGHUP, since an ending process ignores the signal."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def sent(stop: StopSignals, numbers: Sequence[signal.Signals]) -> None:
    with stop:
        for number in numbers:
            os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", END)
def test_a_stop_signal_sets_the_event_for_good(number: signal.Signals) -> None:
    stop = StopSignals(reloads=True)
    sent(stop, [number])
    assert stop.is_set()
    assert not stop.take_reload()
    assert stop.is_set()


def test_a_reload_sets_the_event_until_it_is_taken() -> None:
    stop = StopSignals(reloads=True)
    sent(stop, [signal.SIGHUP])
    assert stop.is_set()
    assert stop.take_reload()
    assert not stop.is_set()
    assert not stop.take_reload()


@pytest.mark.parametrize("end", END)
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_stop_takes_precedence_over_any_reload(end: signal.Signals, order: tuple[int, ...]) -> None:
    stop = StopSignals(reloads=True)
    sent(stop, [(end, signal.SIGHUP, signal.SIGHUP)[n] for n in order])
    assert stop.is_set()
    assert not stop.take_reload()
    assert stop.is_set()


def test_a_stop_while_the_event_is_being_cleared_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = StopSignals(reloads=True)
    clear = stop.clear

    def clear_during_a_signal() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        clear()

    monkeypatch.setattr(stop, "clear", clear_during_a_signal)
    with stop:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.take_reload()
    assert stop.is_set()


def test_a_reload_while_the_event_is_being_cleared_is_a_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = StopSignals(reloads=True)
    clear = stop.clear

    def clear_before_a_signal() -> None:
        clear()
        os.kill(os.getpid(), signal.SIGHUP)

    with stop:
        os.kill(os.getpid(), signal.SIGHUP)
        with monkeypatch.context() as patched:
            patched.setattr(stop, "clear", clear_before_a_signal)
            assert stop.take_reload()
        assert stop.is_set()
        assert stop.take_reload()


def test_without_reloads_the_sighup_handler_is_unchanged() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with StopSignals():
        assert signal.getsignal(signal.SIGHUP) == before


def test_the_previous_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in (*END, signal.SIGHUP)]
    sent(StopSignals(reloads=True), [])
    assert [signal.getsignal(number) for number in (*END, signal.SIGHUP)] == before


def test_a_flood_of_signals_blocks_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(3000):
            process.send_signal(signal.SIGHUP)
            time.sleep(1e-4)
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_a_second_stop_signal_exits_immediately() -> None:
    program = (
        "import os, signal, time\n"
        "from birdedge.edge.system.stop_signals import StopSignals\n"
        "with StopSignals():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=ENVIRONMENT, check=False, timeout=30)
    assert done.returncode == 128 + signal.SIGINT
