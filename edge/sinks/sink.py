"""Several sinks as one."""

from __future__ import annotations

from collections.abc import Iterable

from birdedge.edge.messages import Message, Sink


class SinkGroup:
    """Passes each message to all sinks, in order.

    A sink that fails does not keep the message from the others; its error is raised after all have received it.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = tuple(sinks)

    def write(self, message: Message) -> None:
        """Write the message to all sinks."""
        failure: Exception | None = None
        for sink in self._sinks:
            try:
                sink.write(message)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Close all sinks."""
        failure: Exception | None = None
        for sink in self._sinks:
            try:
                sink.close()
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure
