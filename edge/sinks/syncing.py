"""Files of a live stream that survive a power cut."""

from __future__ import annotations

import threading
from collections.abc import Callable

from birdedge.edge.errors import OutputError
from birdedge.edge.messages import Message
from birdedge.edge.sinks.rotating import FileSink

CLOSE_S = 5.0  # how long a disk that hangs may delay the end


class SyncingSink:
    """Wraps a file sink, and syncs its files in a separate thread, as often as the database commits.

    Args:
        sink: Writes the files.
        commit_s: How many seconds a power cut may lose.

    Raises:
        OutputError: From `write` and `close`: the sink failed, or the files could not be synced.
    """

    def __init__(self, sink: FileSink, commit_s: float) -> None:
        self._sink, self._commit_s = sink, commit_s
        self._error: OutputError | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def write(self, message: Message) -> None:
        """Write the message."""
        self._sink.write(message)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Close the sink, which syncs the rest, and wait for it, but not for a disk that hangs."""
        self._closing.set()
        self._thread.join(CLOSE_S)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while not self._closing.wait(self._commit_s):
            self._try(self._sink.sync)
        self._try(self._sink.close)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
            self._error = None
        except OutputError as error:
            self._error = error
