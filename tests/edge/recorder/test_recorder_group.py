"""The recorders of several sources: one that fails is restarted, and the others continue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from birdedge.edge.errors import SettingsError, StoreError
from birdedge.edge.recorder import recorder_group
from birdedge.edge.recorder.recorder_group import RecorderGroup
from birdedge.edge.system.sd_notify import ServiceNotifier
from birdedge.edge.system.stop_signals import ReloadableStop
from tests.support.waiting import wait_until


class Bench:
    """A group whose recorders do what a test specifies.

    Attributes:
        running: the sources that record now.
        starts: how often each was started.
        reloads: the sources that were reloaded.
        fail: what to raise, by source.
        hang: sources that show no sign of life.
        done: sources that end.
        fed: how often the watchdog was fed.
    """

    def __init__(self) -> None:
        self.names: list[str] = ["oak", "pond"]
        self.running: set[str] = set()
        self.starts: dict[str, int] = {}
        self.reloads: list[str] = []
        self.fail: dict[str, Exception] = {}
        self.hang: set[str] = set()
        self.done: set[str] = set()
        self.fed = 0
        self.said: list[str] = []
        self.stop = ReloadableStop()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def ready(self) -> None:
        self.said.append("ready")

    def reloading(self) -> None:
        self.said.append("reloading")

    def stopping(self) -> None:
        self.said.append("stopping")

    def alive(self) -> None:
        self.fed += 1

    def record(self, name: str, stop: ReloadableStop, notifier: ServiceNotifier) -> None:
        self.starts[name] = self.starts.get(name, 0) + 1
        self.running.add(name)
        try:
            while name not in self.done:
                if name in self.fail:
                    raise self.fail[name]
                if name not in self.hang:
                    notifier.alive()
                if stop.wait(0.01):
                    if not stop.take_reload():
                        return
                    self.reloads.append(name)
        finally:
            self.running.discard(name)

    def _names(self) -> list[str]:
        if not self.names:
            raise SettingsError("it is wrong")
        return self.names

    def _run(self) -> None:
        RecorderGroup(self.record, self, first_wait_s=0.05).run(self._names, self.stop)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(recorder_group, "TICK_S", 0.02)
    monkeypatch.setattr(recorder_group, "HANGING_S", 0.3)
    bench = Bench()
    bench.thread.start()
    wait_until(lambda: bench.running == {"oak", "pond"}, 5.0)
    yield bench
    bench.stop.end()
    bench.thread.join(10.0)
    assert not bench.thread.is_alive()
    assert bench.running == set()
    assert bench.said[-1] == "stopping"


@pytest.mark.parametrize("error", [StoreError("the disk is gone"), ZeroDivisionError()])
def test_a_recorder_that_fails_is_restarted_and_the_others_keep_running(
    bench: Bench, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    bench.fail["pond"] = error
    wait_until(lambda: bench.starts["pond"] >= 3, 5.0)
    assert bench.starts["oak"] == 1
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert str(error) in errors[0].message
    fed = bench.fed
    wait_until(lambda: bench.fed > fed, 5.0)
    bench.fail.clear()
    wait_until(lambda: "pond" in bench.running, 5.0)


def test_the_watchdog_is_not_fed_while_a_recorder_hangs(bench: Bench) -> None:
    bench.hang.add("oak")
    threading.Event().wait(0.6)
    fed = bench.fed
    threading.Event().wait(0.3)
    assert bench.fed == fed
    bench.hang.clear()
    wait_until(lambda: bench.fed > fed, 5.0)


def test_a_source_that_has_ended_neither_ends_nor_delays_the_others(bench: Bench) -> None:
    bench.done.add("oak")
    wait_until(lambda: bench.running == {"pond"}, 5.0)
    threading.Event().wait(0.5)
    fed = bench.fed
    wait_until(lambda: bench.fed > fed, 5.0)
    bench.done.add("pond")
    bench.thread.join(5.0)
    assert not bench.thread.is_alive()


def test_a_reload_starts_new_sources_ends_removed_ones_and_reloads_the_others(bench: Bench) -> None:
    bench.names = ["pond", "shed"]
    bench.stop.reload()
    wait_until(lambda: bench.running == {"pond", "shed"}, 5.0)
    wait_until(lambda: bench.reloads == ["pond"], 5.0)
    assert bench.starts == {"oak": 1, "pond": 1, "shed": 1}
    assert bench.said == ["ready", "reloading", "ready"]


def test_an_invalid_configuration_changes_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.names = []
    bench.stop.reload()
    wait_until(lambda: "it is wrong; the configuration stays as it was" in caplog.messages, 5.0)
    wait_until(lambda: bench.said == ["ready", "reloading", "ready"], 5.0)
    assert bench.running == {"oak", "pond"}
    assert bench.reloads == []


def test_a_reload_retries_a_failed_source_at_once(bench: Bench) -> None:
    bench.fail["pond"] = StoreError("no")
    wait_until(lambda: bench.starts["pond"] >= 5, 10.0)  # the next wait takes 0.8 s and more
    starts = bench.starts["pond"]
    bench.stop.reload()
    wait_until(lambda: bench.starts["pond"] > starts, 0.5)
