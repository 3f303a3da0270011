"""The recorders of several sources in one process: a fault in one does not affect the others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from birdedge.edge.errors import BirdedgeError
from birdedge.edge.system.clock import monotonic_s
from birdedge.edge.system.sd_notify import ServiceNotifier
from birdedge.edge.system.stop_signals import ReloadableStop

FIRST_WAIT_S, MAX_WAIT_S = 1.0, 60.0
STEADY_S = 60.0  # a recorder that ran this long is restarted quickly
HANGING_S = 20.0  # after this long without a sign of life, the watchdog is no longer fed
TICK_S = 0.5
END_S = 25.0  # less than the service manager allows

Record = Callable[[str, ReloadableStop, ServiceNotifier], None]  # records a source by its name, until it ends

log = logging.getLogger(__name__)


class RecorderGroup:
    """Runs one recorder per source, each in its own thread, and restarts those that fail.

    The watchdog is fed while every recorder works or waits for its source or schedule.

    Args:
        record: runs the recorder of a source until the source ends or the event is set.
        notifier: the notifier of the process.
        now_s: reads a clock that is never set.
        first_wait_s: time until a recorder that failed is restarted; it doubles up to a minute.
    """

    def __init__(
        self,
        record: Record,
        notifier: ServiceNotifier,
        now_s: Callable[[], float] = monotonic_s,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self._record, self._notifier, self._now_s, self._first_wait_s = record, notifier, now_s, first_wait_s
        self._threads: dict[str, _SourceThread] = {}

    def run(self, read_names: Callable[[], Iterable[str]], stop: ReloadableStop) -> None:
        """Record until `stop` is set, or all sources have ended.

        Args:
            read_names: returns the names of the sources in the current configuration; called again at a reload.
            stop: ends the run.
        """
        self._follow(read_names())
        self._notifier.ready()
        while True:
            while not stop.wait(TICK_S) and self._are_running():
                self._feed_watchdog()
            if not stop.take_reload():
                break
            self._notifier.reloading()
            self._reload(read_names)
            self._notifier.ready()
        self._notifier.stopping()
        self._end(list(self._threads))

    def _reload(self, read_names: Callable[[], Iterable[str]]) -> None:
        try:
            names = list(read_names())
        except BirdedgeError as error:
            log.error("%s; the configuration stays as it was", error)
            return
        before = set(self._threads)
        self._follow(names)
        for name in before & set(self._threads):
            self._threads[name].reload()

    def _follow(self, names: Iterable[str]) -> None:
        names = list(names)
        self._end([name for name in self._threads if name not in names])
        for name in names:
            if name not in self._threads:
                self._threads[name] = _SourceThread(name, self._record, self._now_s, self._first_wait_s)

    def _end(self, names: Iterable[str]) -> None:
        ended = [self._threads.pop(name) for name in names]
        for thread in ended:
            thread.stop.end()
        until_s = self._now_s() + END_S
        for thread in ended:
            thread.join(max(0.0, until_s - self._now_s()))

    def _are_running(self) -> bool:
        return not all(thread.has_ended for thread in self._threads.values())

    def _feed_watchdog(self) -> None:
        hanging = [name for name, thread in self._threads.items() if thread.silent_s > HANGING_S]
        if not hanging:
            self._notifier.alive()


class _SourceThread:
    """The thread of one source, which acts as the service manager for its recorder."""

    def __init__(self, name: str, record: Record, now_s: Callable[[], float], first_wait_s: float) -> None:
        self.stop = ReloadableStop()
        self.has_ended = False
        self._name, self._record, self._now_s, self._first_wait_s = name, record, now_s, first_wait_s
        self._alive_s = now_s()
        self._thread = threading.Thread(target=self._run, name=f"source:{name}", daemon=True)
        self._thread.start()

    @property
    def silent_s(self) -> float:
        """Seconds since the last sign of life; 0 after its end."""
        return 0.0 if self.has_ended else self._now_s() - self._alive_s

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("source %s did not stop in time", self._name)

    def reload(self) -> None:
        self.stop.reload()

    def ready(self) -> None:
        self.alive()

    def reloading(self) -> None:
        self.alive()

    def stopping(self) -> None:
        self.alive()

    def alive(self) -> None:
        self._alive_s = self._now_s()

    def _run(self) -> None:
        wait_s, logged = self._first_wait_s, ""
        while not self._must_end():
            began_s = self._now_s()
            self.alive()
            try:
                self._record(self._name, self.stop, self)
            except BirdedgeError as error:
                problem = str(error)
            except Exception as error:
                problem = f"the recorder of source {self._name} failed: {error!r}"
                log.critical("%s", problem, exc_info=error)
            else:
                break
            if problem != logged:  # once, not at each attempt
                log.error("%s; trying again until it works", problem)
                logged = problem
            if self._now_s() - began_s >= STEADY_S:
                wait_s, logged = self._first_wait_s, ""
            self._wait(wait_s)
            wait_s = min(2 * wait_s, MAX_WAIT_S)
        self.has_ended = True

    def _wait(self, seconds: float) -> None:
        until_s = self._now_s() + seconds
        while (left_s := until_s - self._now_s()) > 0 and not self.stop.wait(min(left_s, TICK_S)):
            self.alive()

    def _must_end(self) -> bool:
        """Return whether the end was requested; a reload is a reason to try again at once."""
        return self.stop.is_set() and not self.stop.take_reload()
