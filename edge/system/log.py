"""The daemon's log on standard error, with priorities that systemd's journal understands.

https://www.freedesktop.org/software/systemd/man/latest/sd-daemon.html
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress

from birdedge.edge.system.printable import printable

# Lowest level of each syslog priority.
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
DEBUG_PRIORITY = 7


class LineFormatter(logging.Formatter):
    """A formatter of one line per message, followed by the lines of a traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is that of logging
        """Return the message without unprintable characters."""
        return printable(super().formatMessage(record))


class JournalFormatter(LineFormatter):
    """A formatter of lines with a priority prefix: `<4>message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record with the prefix on every line, including those of a traceback."""
        number = next((n for level, n in PRIORITIES if record.levelno >= level), DEBUG_PRIORITY)
        return "\n".join(f"<{number}>{line}" for line in super().format(record).splitlines() or [""])


def start_log(level: int = logging.INFO) -> None:
    """Send the messages of birdedge, from a given level on, to standard error.

    Lines have priorities if standard error is the journal, otherwise the prefix `birdedge: `.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JournalFormatter() if _is_journal() else LineFormatter("birdedge: %(message)s"))
    log = logging.getLogger("birdedge")
    log.handlers = [handler]
    log.setLevel(level)
    log.propagate = False


def _is_journal() -> bool:
    """Return whether standard error is the stream that JOURNAL_STREAM names; a child process may have another."""
    try:
        stream = os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # closed or missing
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"


def note(line: str) -> None:
    """Print a line for a person on standard error, if it is open: a terminal may have been closed."""
    with suppress(OSError, AttributeError, ValueError):
        print(f"birdedge: {printable(line)}", file=sys.stderr, flush=True)
