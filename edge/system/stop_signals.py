"""The signals that stop a command, and the one that reloads a daemon."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class ReloadableStop(threading.Event):
    """An event that `end` sets for good and `reload` until `take_reload`. After `end`, `reload` changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        # A signal handler runs in the main thread, which may be within a method of this event: its lock must be
        # reentrant.
        self._cond = threading.Condition(threading.RLock())
        self._is_ending = self._is_reloading = False

    def end(self) -> None:
        """Request the end."""
        self._is_ending = True
        self.set()

    def reload(self) -> None:
        """Request that the configuration is read again."""
        self._is_reloading = True
        self.set()

    def take_reload(self) -> bool:
        """Return whether only a reload set the event; if so, clear it."""
        if not self._is_reloading:
            return False
        self._is_reloading = False  # a signal from here on requests another reload
        self.clear()
        if self._is_ending:  # perhaps while the event was cleared
            self.set()
        return not self._is_ending


class StopSignals(ReloadableStop):
    """An event that SIGINT and SIGTERM set for good, and SIGHUP until `take_reload`; a context manager.

    A second SIGINT or SIGTERM exits immediately. Once the end was requested, SIGHUP changes nothing.

    Args:
        reloads: Whether SIGHUP reloads. By default it is left alone, and ends the process.
    """

    def __init__(self, reloads: bool = False) -> None:
        super().__init__()
        self._handlers: dict[signal.Signals, Any] = {
            signal.SIGINT: self._on_end,
            signal.SIGTERM: self._on_end,
        }
        if reloads:
            self._handlers[signal.SIGHUP] = self._on_reload
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, handle) for number, handle in self._handlers.items()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._is_ending and signal.SIGHUP in self._before:  # the process is about to exit
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _on_end(self, number: int, _frame: FrameType | None) -> None:
        if self._is_ending:
            os._exit(128 + number)
        self.end()

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self.reload()
