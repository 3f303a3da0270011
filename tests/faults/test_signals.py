"""SIGTERM ends the daemon cleanly and SIGHUP reloads it, at any time and in any order."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.daemon import Daemon

NO_CLIPS = "[clips]\nkeep = 'none'\n"
# Sends a signal when a module is imported for the first time.
SIGNAL_AT_IMPORT = """
import os, sys
sent = []

def hook(event, arguments):
    if event == "import" and arguments[0] == {module!r} and not sent:
        sent.append(1)
        os.kill(os.getpid(), {number})

sys.addaudithook(hook)
"""
MODULES = ("birdedge.edge.recorder.config", "birdedge.edge.models.model", "sounddevice")


def has_ended_cleanly(daemon: Daemon) -> bool:
    return all(ended_s is not None for (ended_s,) in daemon.rows("SELECT ended_s FROM runs"))


def end(daemon: Daemon) -> None:
    assert daemon.process.wait(20) == 0, daemon.log_text()
    assert "Traceback" not in daemon.log_text(), daemon.log_text()


@pytest.mark.parametrize("between_s", [0.0, 0.02, 0.2])
@pytest.mark.parametrize(
    "numbers", [(signal.SIGTERM, signal.SIGHUP), (signal.SIGHUP, signal.SIGTERM), (signal.SIGHUP,) * 2]
)
def test_two_signals_in_quick_succession_are_handled(
    breakable_microphone: VirtualMicrophone,
    tmp_path: Path,
    numbers: tuple[signal.Signals, signal.Signals],
    between_s: float,
) -> None:
    with Daemon(breakable_microphone, tmp_path, NO_CLIPS) as daemon:
        daemon.wait_for("listening to")
        time.sleep(0.5)
        daemon.process.send_signal(numbers[0])
        time.sleep(between_s)
        daemon.process.send_signal(numbers[1])
        if signal.SIGTERM in numbers:
            end(daemon)
        else:
            daemon.wait_for("listening to", times=2)
            time.sleep(0.5)
            daemon.stop()
        assert has_ended_cleanly(daemon)


@pytest.mark.parametrize("module", MODULES)
def test_sigterm_while_the_daemon_starts_ends_it_cleanly(
    breakable_microphone: VirtualMicrophone, tmp_path: Path, module: str
) -> None:
    code = SIGNAL_AT_IMPORT.format(module=module, number=int(signal.SIGTERM))
    (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
    with Daemon(breakable_microphone, tmp_path, NO_CLIPS, path=tmp_path) as daemon:
        end(daemon)
        assert has_ended_cleanly(daemon)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_command_is_known_ends_the_process_without_an_error(
    breakable_microphone: VirtualMicrophone, tmp_path: Path, number: signal.Signals
) -> None:
    code = SIGNAL_AT_IMPORT.format(module="birdedge.edge.cli.options", number=int(number))
    (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
    with Daemon(breakable_microphone, tmp_path, NO_CLIPS, path=tmp_path) as daemon:
        end(daemon)
        assert not daemon.out.exists()


@pytest.mark.parametrize("module", MODULES)
def test_sighup_while_the_daemon_starts_reloads_it(
    breakable_microphone: VirtualMicrophone, tmp_path: Path, module: str
) -> None:
    code = SIGNAL_AT_IMPORT.format(module=module, number=int(signal.SIGHUP))
    (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
    with Daemon(breakable_microphone, tmp_path, NO_CLIPS, path=tmp_path) as daemon:
        daemon.wait_for("the configuration was read again")
        daemon.wait_for("listening to")
        daemon.stop()
        assert has_ended_cleanly(daemon)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_handled_while_the_daemon_waits_for_a_microphone(
    breakable_microphone: VirtualMicrophone, tmp_path: Path, number: signal.Signals
) -> None:
    breakable_microphone.kill()
    with Daemon(breakable_microphone, tmp_path, NO_CLIPS) as daemon:
        daemon.wait_for("trying again")
        daemon.process.send_signal(number)
        if number == signal.SIGHUP:
            daemon.wait_for("the configuration was read again")
            daemon.stop()
        else:
            end(daemon)
        assert has_ended_cleanly(daemon)
