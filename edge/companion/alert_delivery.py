"""The delivery of alerts: in order for each target, retried until the message is accepted or too old."""

from __future__ import annotations

import logging
import random
import threading

from birdedge.edge.companion.alert_targets import Send
from birdedge.edge.companion.outbox import Outbox
from birdedge.edge.errors import BirdedgeError, DeliveryRefusedError
from birdedge.edge.integrations.alert_message import AlertMessage

FIRST_RETRY_S, MAX_RETRY_S = 5.0, 3600.0
MAX_AGE_S = 86_400.0  # older messages are given up
POLL_S = 1.0
log = logging.getLogger(__name__)


class Delivery:
    """Delivers the messages for one target.

    Args:
        target: The name of the target.
        send: Sends one message, and raises a `BirdedgeError` if it was not accepted.
        outbox: Where messages wait.
    """

    def __init__(self, target: str, send: Send, outbox: Outbox) -> None:
        self._target, self._send, self._outbox = target, send, outbox
        self._failures = 0

    def __call__(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set."""
        while not stop.is_set():
            message = self._outbox.first(self._target, POLL_S)
            if message is not None:
                stop.wait(self.try_once(message))

    def try_once(self, message: AlertMessage) -> float:
        """Try to deliver a message, and return the seconds until the next try."""
        age_s = self._outbox.age_s(message)
        if age_s > MAX_AGE_S:
            log.error(
                "the message %r for %s is given up: it is %.0f h old",
                message.title,
                self._target,
                age_s / 3600,
            )
            self._outbox.remove(self._target, message)
            return 0.0
        try:
            said = self._send(message)
        except DeliveryRefusedError as error:
            log.error("the message %r for %s is refused: %s", message.title, self._target, error)
        except Exception as error:
            self._failures += 1
            if self._failures == 1:
                log.warning("the message %r for %s waits: %s", message.title, self._target, error)
            if not isinstance(error, BirdedgeError):  # a defect, which must not end the thread
                log.exception("alerts to %s", self._target)
            return retry_s(self._failures, getattr(error, "retry_after_s", None))
        else:
            log.info("sent %r to %s: %s", message.title, self._target, said)
        self._failures = 0
        self._outbox.remove(self._target, message)
        return 0.0


def retry_s(failures: int, retry_after_s: float | None) -> float:
    """Return the wait after this number of failures: it doubles each time, and is at least what the target requests."""
    backoff_s = min(FIRST_RETRY_S * 2.0 ** min(failures - 1, 30), MAX_RETRY_S) * random.uniform(0.5, 1.0)
    return max(backoff_s, retry_after_s or 0.0)
