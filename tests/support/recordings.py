"""A database that is written while a test breaks it."""

from __future__ import annotations

from pathlib import Path

from birdedge.edge.database.writer import DatabaseWriter
from tests.support.streams import Clocks, MessageStream, rows_of
from tests.support.waiting import wait_until


class Recording:
    """A run with one stream, on clocks that start at 100 s after boot."""

    def __init__(self, folder: Path, clocks: Clocks | None = None) -> None:
        self.folder, self.clocks = folder, clocks or Clocks()
        self.database = DatabaseWriter(folder, "boot", "model", commit_s=0.01, read=self.clocks)
        self.stream = MessageStream(self.database.submit, self.clocks)

    def hear(self) -> None:
        """Hear ten seconds with an event in the middle."""
        self.stream.hear(10)
        self.stream.detect(self.stream.sample / 32_000 - 5.0)

    def wait(self) -> None:
        """Wait until everything is written."""
        wait_until(lambda: not self.database._messages)

    def fail(self) -> None:
        """Make the connection fail from now on, until it is reopened."""
        self.database._run_log.db.execute("PRAGMA query_only = 1")

    def close(self) -> None:
        """Stop."""
        self.database.close()


def onsets_in(folder: Path) -> list[int]:
    """Return the samples of the onsets of all events."""
    return [sample for (sample,) in rows_of(folder, "SELECT onset_sample FROM events ORDER BY id")]
