"""Messages that wait for their targets, and states of alerts: one small file, so that both are of the same moment."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from birdedge.edge.companion.alert_state import AlertState
from birdedge.edge.errors import OutputError, SettingsError
from birdedge.edge.integrations.alert_message import AlertMessage
from birdedge.edge.settings import from_table
from birdedge.edge.system.atomic_file import replacing
from birdedge.edge.system.clock import monotonic_s

MAX_WAITING = 200  # messages for one target; the oldest make room
log = logging.getLogger(__name__)

Key = tuple[str, str]  # names of an alert and a recorder


@dataclass(frozen=True)
class Waiting:
    """A message and the name of its target."""

    target: str
    message: AlertMessage


class Outbox:
    """The outbox, used by several threads.

    Args:
        path: Path of the file; None to keep everything in memory only.
        targets: Names of the targets; messages for others, which the configuration no longer has, are dropped.
        now_s: Reads a clock that is never set.
        utc_s: Reads the time in UTC.
    """

    def __init__(
        self,
        path: Path | None,
        targets: Iterable[str],
        now_s: Callable[[], float] = monotonic_s,
        utc_s: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._now_s = path, now_s
        self._made_s: dict[str, float] = {}  # by the id of a message, on the clock of `now_s`
        self._is_written = True
        self._changed = threading.Condition()
        self._states: dict[Key, AlertState] = {}
        self._waiting: list[Waiting] = []
        if path is not None:
            self._read(path)
        self._waiting = [waiting for waiting in self._waiting if waiting.target in set(targets)]
        # A clock that is set after a start without a network must not make new messages old.
        for waiting in self._waiting:
            self._made_s[waiting.message.id] = now_s() - max(0.0, utc_s() - waiting.message.utc_s)

    def state(self, key: Key) -> AlertState:
        """Return the state of an alert about a recorder."""
        with self._changed:
            return self._states.get(key, AlertState())

    def put(self, states: Mapping[Key, AlertState], messages: list[Waiting]) -> None:
        """Store new states, and the messages that belong to them, at once."""
        with self._changed:
            if not messages and all(self._states.get(key) == state for key, state in states.items()):
                return
            self._states.update(states)
            self._waiting += messages
            self._made_s |= {waiting.message.id: self._now_s() for waiting in messages}
            for target in {waiting.target for waiting in messages}:
                self._make_room(target)
            self._write()
            self._changed.notify_all()

    def first(self, target: str, timeout_s: float) -> AlertMessage | None:
        """Return the oldest message for a target, or None if none arrives in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._first(target) is not None, timeout_s)
            return self._first(target)

    def age_s(self, message: AlertMessage) -> float:
        """Return how long ago a message was made."""
        with self._changed:
            return self._now_s() - self._made_s.get(message.id, self._now_s())

    def remove(self, target: str, message: AlertMessage) -> None:
        """Forget a message: it was delivered, or never will be."""
        with self._changed:
            before = len(self._waiting)
            self._waiting = [
                waiting
                for waiting in self._waiting
                if (waiting.target, waiting.message.id) != (target, message.id)
            ]
            if len(self._waiting) != before:
                self._made_s = {
                    waiting.message.id: self._made_s[waiting.message.id] for waiting in self._waiting
                }
                self._write()

    def _first(self, target: str) -> AlertMessage | None:
        return next((waiting.message for waiting in self._waiting if waiting.target == target), None)

    def _make_room(self, target: str) -> None:
        own = [waiting for waiting in self._waiting if waiting.target == target]
        dropped = own[: max(0, len(own) - MAX_WAITING)]
        if dropped:
            log.error(
                "%d message(s) for %s are dropped: %d newer ones wait", len(dropped), target, MAX_WAITING
            )
            self._waiting = [waiting for waiting in self._waiting if waiting not in dropped]

    def _write(self) -> None:
        if self._path is None:
            return
        table = {
            "states": [[*key, asdict(state)] for key, state in sorted(self._states.items())],
            "waiting": [asdict(waiting) for waiting in self._waiting],
        }
        try:
            with replacing(self._path) as file:
                file.write(json.dumps(table, indent=1).encode())
        except OutputError as error:
            if self._is_written:
                log.error("%s; a restart would send alerts twice, or lose them", error)
            self._is_written = False
        else:
            self._is_written = True

    def _read(self, path: Path) -> None:
        """Read the file of an earlier companion; a damaged file is ignored."""
        with suppress(FileNotFoundError):
            try:
                table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                self._states = {
                    (str(alert), str(recorder)): from_table(AlertState, state, str(path))
                    for alert, recorder, state in table["states"]
                }
                self._waiting = [from_table(Waiting, waiting, str(path)) for waiting in table["waiting"]]
            except FileNotFoundError:
                raise
            except (OSError, ValueError, KeyError, TypeError, SettingsError) as error:
                log.error("%s cannot be read (%s): alerts start as if none had been sent", path, error)
                self._states, self._waiting = {}, []
