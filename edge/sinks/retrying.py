"""A sink for a daemon whose disk may fail."""

from __future__ import annotations

import logging

from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.messages import EventDetected, FramesReady, Message, Sink

log = logging.getLogger(__name__)


class RetryingSink:
    """Wraps a sink: a message that it cannot write is dropped and logged once, and the next message is tried.

    Attributes:
        problem: why the latest message that carries results could not be written; None if it could.

    Raises:
        OutputError: from `write`, if nothing was written yet and waiting would not help, as with a wrong path.
    """

    def __init__(self, sink: Sink) -> None:
        self.problem: str | None = None
        self._sink = sink
        self._worked = False
        self._logged: set[str] = set()  # problems since something was last written
        self._fails_on_events = False

    def write(self, message: Message) -> None:
        """Write the message if the sink can."""
        try:
            self._sink.write(message)
        except OutputError as error:
            if not self._worked and not isinstance(error, DiskError):
                raise
            self._fails_on_events = isinstance(message, EventDetected)
            self._report(error)
        else:
            # After an event that could not be written, frames that can be do not prove that events can be.
            if isinstance(message, EventDetected if self._fails_on_events else FramesReady):
                self._worked = True
                self.problem = None
                self._logged.clear()
                self._fails_on_events = False

    def close(self) -> None:
        """Close the sink, and log an error instead of raising it."""
        try:
            self._sink.close()
        except OutputError as error:
            self._report(error)

    def _report(self, error: OutputError) -> None:
        self.problem = str(error)
        if self.problem not in self._logged:
            self._logged.add(self.problem)
            log.error("%s", error)
