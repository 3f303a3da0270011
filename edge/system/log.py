"""The daemon's log: a line a fact on standard error, with the level where systemd's journal reads it.

https://www.freedesktop.org/software/systemd/man/latest/sd-daemon.html
"""

from __future__ import annotations

import logging
import os
import sys

# The level from which on a record has the journal's number.
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
DEBUG_PRIORITY = 7


class JournalFormatter(logging.Formatter):
    """`<4>message`, and each further line (a traceback's) with the level too."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as lines that each begin with their level."""
        number = next((n for level, n in PRIORITIES if record.levelno >= level), DEBUG_PRIORITY)
        return "\n".join(f"<{number}>{line}" for line in super().format(record).splitlines() or [""])


def start_log() -> None:
    """Send what birdedge logs, from INFO on, to standard error: with levels to the journal, else as `birdedge: ...`."""
    handler = logging.StreamHandler()
    handler.setFormatter(JournalFormatter() if _is_journal() else logging.Formatter("birdedge: %(message)s"))
    log = logging.getLogger("birdedge")
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def _is_journal() -> bool:
    """Whether standard error is the stream JOURNAL_STREAM names, and not one that a child was given instead."""
    try:
        stream = os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or none
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"
