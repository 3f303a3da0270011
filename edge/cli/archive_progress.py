"""The output of `birdedge archive` while it runs: errors, and a progress line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from birdedge.edge.system.printable import printable

if TYPE_CHECKING:  # loads pyarrow
    from birdedge.edge.archive.progress import Progress
    from birdedge.edge.archive.units import PlannedFile

MAX_PRINTED_ERRORS = 20  # of a run; `status --errors` prints all
LOG_S, TERMINAL_S = 60.0, 1.0  # between two progress lines, in a log and on a terminal


class Interval:
    """The time between two progress lines on standard error."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        self._last_s = time.monotonic()

    def is_over(self) -> bool:
        """Return whether a line is due; if so, start the next interval."""
        now_s = time.monotonic()
        if now_s - self._last_s < (TERMINAL_S if self.is_terminal else LOG_S):
            return False
        self._last_s = now_s
        return True


def counted(files: Iterator[PlannedFile], quiet: bool) -> Iterator[PlannedFile]:
    """Yield files unchanged, and print how many there are now and then."""
    interval = Interval()
    for number, file in enumerate(files):
        if not quiet and number % 1000 == 0 and interval.is_over():
            click.echo(f"{number:,} file(s) listed", err=True)
        yield file


class ProgressPrinter:
    """A printer of the first errors and warnings, and of a progress line now and then."""

    def __init__(self, progress: Progress, quiet: bool) -> None:
        self._progress, self._quiet = progress, quiet
        self._interval = Interval()
        self._sentences = 0

    def print(self, errors: tuple[str, ...], warnings: tuple[str, ...]) -> None:
        """Print the errors and warnings of a unit, and a progress line if one is due."""
        kinds = [*(("Error", text) for text in errors), *(("Warning", text) for text in warnings)]
        for kind, text in kinds:
            self._sentences += 1
            if self._sentences <= MAX_PRINTED_ERRORS:
                self._line(f"{kind}: {printable(text)}")
            elif self._sentences == MAX_PRINTED_ERRORS + 1:
                self._line(
                    "Further errors and warnings are not printed: birdedge archive status RUN --errors"
                )
        if not self._quiet and self._interval.is_over():
            if self._interval.is_terminal:
                click.echo(f"\r\033[K{self._progress.line()}", nl=False, err=True)
            else:
                click.echo(self._progress.line(), err=True)

    def close(self) -> None:
        """Print the last line."""
        if not self._quiet:
            self._line(self._progress.line())

    def _line(self, text: str) -> None:
        start = "\r\033[K" if self._interval.is_terminal and not self._quiet else ""
        click.echo(f"{start}{text}", err=True)
