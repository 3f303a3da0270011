"""`birdedge archive` prints its progress rarely in a log and often on a terminal, and does not print every error."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO

import pytest

from birdedge.edge.archive.progress import Progress
from birdedge.edge.archive.units import PlannedFile
from birdedge.edge.cli.archive_progress import ProgressPrinter, counted

DONE = "nothing is left to do"
CLEARED = "\r\033[K"  # the line of a terminal


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test sets."""
    now_s = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    return now_s


class Terminal(StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True

    def read_new(self) -> str:
        """Return the text printed since the last call."""
        printed = self.getvalue()
        self.seek(0)
        self.truncate()
        return printed


def printed_at(times_s: list[float], clock: list[float], read: Callable[[], str]) -> list[str]:
    """Return the text printed when a unit is done at each of these times."""
    printer, start_s, printed = ProgressPrinter(Progress(0, 0), False), clock[0], []
    for time_s in times_s:
        clock[0] = start_s + time_s
        printer.print((), ())
        printed.append(read())
    return printed


def test_a_log_has_a_progress_line_per_minute(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    printed = printed_at([0, 59, 60, 61, 119, 125, 184, 185], clock, lambda: capsys.readouterr().err)
    assert printed == ["", "", f"{DONE}\n", "", "", f"{DONE}\n", "", f"{DONE}\n"]


def test_a_terminal_has_one_progress_line_that_is_replaced_every_second(clock: list[float]) -> None:
    line = CLEARED + DONE
    with redirect_stderr(Terminal()) as terminal:
        assert printed_at([0, 0.9, 1, 1.5, 2], clock, terminal.read_new) == ["", "", line, "", line]


@pytest.mark.usefixtures("clock")
def test_an_error_and_the_last_line_replace_the_progress_line() -> None:
    with redirect_stderr(Terminal()) as terminal:
        printer = ProgressPrinter(Progress(0, 0), False)
        printer.print(("a.wav is empty",), ("b.wav is short",))
        printer.close()
    lines = ("Error: a.wav is empty", "Warning: b.wav is short", DONE)
    assert terminal.getvalue() == "".join(f"{CLEARED}{line}\n" for line in lines)


@pytest.mark.usefixtures("clock")
def test_only_the_first_twenty_of_many_errors_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    printer = ProgressPrinter(Progress(0, 0), False)
    for number in range(30):
        printer.print((f"{number}.wav is empty",), ())
    assert capsys.readouterr().err.splitlines() == [
        *(f"Error: {number}.wav is empty" for number in range(20)),
        "Further errors and warnings are not printed: birdedge archive status RUN --errors",
    ]


def test_quiet_prints_only_errors(clock: list[float]) -> None:
    with redirect_stderr(Terminal()) as terminal:
        printer = ProgressPrinter(Progress(0, 0), True)
        clock[0] += 100.0
        printer.print(("a.wav is empty",), ())
        printer.close()
    assert terminal.getvalue() == "Error: a.wav is empty\n"


@pytest.mark.parametrize(
    ("quiet", "printed"), [(False, "1,000 file(s) listed\n3,000 file(s) listed\n"), (True, "")]
)
def test_files_are_counted_while_they_are_listed(
    quiet: bool, printed: str, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [PlannedFile(f"{number}.wav", "oak", 44, "0") for number in range(4000)]
    listed: list[PlannedFile] = []
    for file in counted(iter(files), quiet):
        clock[0] += 0.07 if len(listed) < 1000 else 0.04
        listed.append(file)
    assert listed == files
    assert capsys.readouterr().err == printed
