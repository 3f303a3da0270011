"""Watches recorders and sends alerts about them."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from birdedge.edge.companion.alert_delivery import Delivery
from birdedge.edge.companion.alert_rules import Finding, RecorderView, find, unreadable
from birdedge.edge.companion.alert_state import AlertTimer, Step
from birdedge.edge.companion.alert_targets import sender
from birdedge.edge.companion.folders import RecorderFolder, expected_folders, is_recorder
from birdedge.edge.companion.outbox import Key, Outbox, Waiting
from birdedge.edge.database.connection import reading
from birdedge.edge.errors import BirdedgeError, StoreError
from birdedge.edge.integrations.alert_message import AlertMessage, new_id
from birdedge.edge.integrations.alerts import AlertSettings, TargetSettings, targets_of
from birdedge.edge.integrations.mqtt import MqttSettings
from birdedge.edge.monitoring.status import read_status
from birdedge.edge.system.atomic_file import make_folder
from birdedge.edge.system.clock import monotonic_s
from birdedge.edge.system.folder_lock import FolderLock
from birdedge.edge.system.printable import valid_unicode
from birdedge.edge.system.state_folders import state_folders

EVERY_S = 10.0
MAX_SHARE = 0.05  # of the time that may be spent reading databases
log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """The finding of an alert about a recorder."""

    alert: AlertSettings
    finding: Finding
    site: str


def answers(
    alerts: Sequence[AlertSettings], folder: RecorderFolder, now_utc_s: float, is_above: bool = False
) -> Iterator[Answer]:
    """Yield the finding of each alert that is about a recorder; none holds for a folder above recorders."""
    about = [alert for alert in alerts if not alert.sources or folder.name in alert.sources]
    if not about:
        return
    if is_above:
        yield from (Answer(alert, Finding(False, "there are recorders below it"), "") for alert in about)
        return
    try:
        status = read_status(folder.path, now_utc_s)
        with reading(folder.path) as db:
            recorder = RecorderView(folder.path, db, status)
            found = [Answer(alert, find(alert, recorder), status.site) for alert in about]
    except (BirdedgeError, OSError) as error:
        found = [Answer(alert, unreadable(alert, str(error)), "") for alert in about]
    yield from found


class AlertWatch:
    """Evaluates all alerts every few seconds, and delivers their messages, until it is stopped.

    Args:
        paths: Folders of recorders, or above them.
        alerts: The rules.
        targets: Where messages go.
        broker: The broker of targets of kind "mqtt".
    """

    def __init__(
        self,
        paths: tuple[Path, ...],
        alerts: Sequence[AlertSettings],
        targets: Sequence[TargetSettings],
        broker: MqttSettings | None = None,
    ) -> None:
        self._paths, self._alerts, self._targets = paths, alerts, targets
        self._broker = broker or MqttSettings()
        self._folders: dict[Path, RecorderFolder] = {}  # all that were seen, including those that vanished
        self._recorders: set[Path] = set()  # those that had a database
        self._timers: dict[Key, AlertTimer] = {}
        self._problem = ""

    def __call__(self, stop: threading.Event) -> None:
        """Run until `stop` is set."""
        try:
            outbox, lock = _open_outbox(self._paths, [target.name for target in self._targets])
        except StoreError as error:
            log.error("no alerts are sent: %s", error)
            return
        deliveries = [
            Delivery(target.name, sender(target, self._broker, self._paths), outbox)
            for target in self._targets
        ]
        for delivery in deliveries:
            threading.Thread(target=delivery, args=(stop,), daemon=True).start()
        while not stop.is_set():
            began_s = time.thread_time()
            self._evaluate_safely(outbox)
            stop.wait(max(EVERY_S, (time.thread_time() - began_s) / MAX_SHARE))
        if lock is not None:
            lock.release()

    def evaluate(self, outbox: Outbox, now_s: float, now_utc_s: float) -> None:
        """Evaluate all alerts, and put the messages that are due into the outbox."""
        expected = {folder.path: folder for folder in expected_folders(self._paths)}
        self._folders |= expected
        self._recorders |= {path for path in expected if is_recorder(path)}
        states, messages = {}, []
        for folder in self._folders.values():
            # A given folder in which a recorder was missing at first, and which now has recorders below it.
            is_above = folder.path not in expected and folder.path not in self._recorders
            for alert, finding, site in answers(self._alerts, folder, now_utc_s, is_above):
                key = alert.name, folder.name
                if key not in self._timers:
                    self._timers[key] = AlertTimer(alert, outbox.state(key))
                timer = self._timers[key]
                step = timer.update(finding, now_s, now_utc_s)
                states[key] = timer.state
                if step is not None:
                    message = _message(step, alert, folder.name, site, finding.text, now_utc_s)
                    log.warning("%s: %s", message.title, message.text)
                    messages += [Waiting(t.name, message) for t in targets_of(alert, self._targets)]
        outbox.put(states, messages)

    def _evaluate_safely(self, outbox: Outbox) -> None:
        """Evaluate; a defect is logged once and does not end the thread."""
        try:
            self.evaluate(outbox, monotonic_s(), time.time())
        except Exception as error:
            if repr(error) != self._problem:
                self._problem = repr(error)
                log.exception("alerts cannot be evaluated")


def check_message(alert: str = "test") -> AlertMessage:
    """Return a message that tests a target."""
    return AlertMessage(
        new_id(), alert, "test", "test", "birdedge", "", "this is a test of birdedge alert test", time.time()
    )


def _message(
    step: Step, alert: AlertSettings, recorder: str, site: str, text: str, now_utc_s: float
) -> AlertMessage:
    return AlertMessage(
        new_id(),
        alert.name,
        alert.when,
        step,
        recorder,
        site,
        valid_unicode(f"{recorder}: {text}"),
        now_utc_s,
    )


def _open_outbox(paths: tuple[Path, ...], targets: Sequence[str]) -> tuple[Outbox, FolderLock | None]:
    """Open the outbox of the process that watches these folders.

    Raises:
        StoreError: Another process watches them.
    """
    names = "\n".join(sorted(str(path.resolve()) for path in paths))
    name = f"alerts-{hashlib.sha256(names.encode('utf-8', 'replace')).hexdigest()[:12]}"
    for folder in state_folders():
        with suppress(OSError):
            make_folder(folder)
        if os.access(folder, os.W_OK):
            lock = FolderLock(folder, f"{name}.lock")
            return Outbox(folder / f"{name}.json", targets), lock
    log.error("no folder for the state of alerts is writable: a restart may send them twice")
    return Outbox(None, targets), None
