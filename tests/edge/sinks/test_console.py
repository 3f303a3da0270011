"""Events are printed as they end, until the reader of standard output is gone; a summary follows at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.messages import Message
from birdedge.edge.sinks.console import ConsoleSink, PipedSink, SummarySink
from tests.support.frames import detected, frames, stream_ended, stream_started

ROOT = Path(__file__).parents[3]
# Prints events until the sink sets `stop`, and then the number of events.
PRINTER = """
import sys, threading
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.sinks.console import ConsoleSink
from tests.support.frames import detected, stream_started
stop = threading.Event()
sink = ConsoleSink(False, stop)
sink.write(stream_started())
printed = 0
try:
    while not stop.is_set() and printed < 100_000:
        sink.write(detected(0.1))
        printed += 1
    print("stopped", file=sys.stderr)
except BirdedgeError as error:
    print(error, file=sys.stderr)
"""


def printer(stdout: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRINTER],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        text=True,
    )


def test_each_event_is_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    sink = ConsoleSink(False, threading.Event())
    sink.write(stream_started(source="USB Audio"))
    sink.write(detected(0.1))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["file"] == "USB Audio"
    assert (json.loads(line)["onset_s"], json.loads(line)["offset_s"]) == (0.1, 0.6)
    sink.write(frames(5))
    sink.write(stream_ended(1.0))
    sink.close()
    assert capsys.readouterr().out == ""


def test_a_table_has_one_header_for_several_streams(capsys: pytest.CaptureFixture[str]) -> None:
    sink = ConsoleSink(True, threading.Event())
    for stream_s in (1000.0, 1060.0):
        sink.write(stream_started(stream_s))
        sink.write(detected(0.25, stream_s))
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "onset"
    assert (first.split()[0], second.split()[0]) == ("00:00.250", "01:00.250")


def test_the_table_header_is_printed_before_the_first_event(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleSink(True, threading.Event()).write(stream_started())
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_json_can_use_a_given_name_for_the_recording(capsys: pytest.CaptureFixture[str]) -> None:
    sink = ConsoleSink(False, threading.Event(), "microphone")
    sink.write(stream_started(source="USB Audio"))
    sink.write(detected(0.1))
    assert json.loads(capsys.readouterr().out)["file"] == "microphone"


def test_listening_stops_when_the_reader_is_gone() -> None:
    process = printer(subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["onset_s"] == 0.1
    process.stdout.close()
    assert process.stderr.read() == "stopped\n"
    assert process.wait(30) == 0


def test_standard_output_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        process = printer(full.fileno())
        _, said = process.communicate(timeout=30)
    assert said == "standard output cannot be written: No space left on device\n"
    assert process.returncode == 0


class Failing:
    """A sink whose `write` raises an error that has a cause."""

    def __init__(self, error: OutputError | None = None, cause: OSError | None = None) -> None:
        self.taken: list[Message] = []
        self.closed = 0
        self._error, self._cause = error, cause

    def write(self, message: Message) -> None:
        if self._error is not None:
            raise self._error from self._cause
        self.taken.append(message)

    def close(self) -> None:
        self.closed += 1


def test_a_piped_sink_stops_when_the_reader_is_gone() -> None:
    stop = threading.Event()
    sink = PipedSink(Failing(OutputError("standard output"), BrokenPipeError()), stop)
    sink.write(frames(1))
    assert stop.is_set()


@pytest.mark.parametrize("cause", [None, OSError("no room")])
def test_a_piped_sink_raises_other_errors(cause: OSError | None) -> None:
    stop = threading.Event()
    sink = PipedSink(Failing(DiskError("standard output"), cause), stop)
    with pytest.raises(DiskError):
        sink.write(frames(1))
    assert not stop.is_set()


def test_a_piped_sink_forwards_messages_and_close() -> None:
    stop, inner = threading.Event(), Failing()
    sink = PipedSink(inner, stop)
    sink.write(frames(1))
    sink.close()
    assert (len(inner.taken), inner.closed, stop.is_set()) == (1, 1, False)


def test_the_summary_adds_up_all_streams(capsys: pytest.CaptureFixture[str]) -> None:
    sink = SummarySink()
    for stream_s in (1000.0, 1060.0):
        sink.write(stream_started(stream_s))
        sink.write(detected(0.25, stream_s))
        sink.write(detected(0.75, stream_s))
        sink.write(stream_ended(10.0, stream_s, lost_s=0.5, gaps=2, nonfinite=(3, 1), silent_s=6.2))
    assert capsys.readouterr().err == ""
    sink.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "birdedge: 4 event(s) in 19.0 s of audio, 1.000 s lost in 4 gap(s), 12.4 s of digital silence, "
        "6 sample(s) that were NaN or infinite, 2 chunk(s) that were NaN or infinite\n"
    )


def test_the_summary_of_a_good_stream_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    sink = SummarySink()
    sink.write(stream_ended(10.0))
    sink.close()
    assert capsys.readouterr().err == "birdedge: 0 event(s) in 10.0 s of audio\n"


def test_the_summary_without_a_stream_has_no_audio(capsys: pytest.CaptureFixture[str]) -> None:
    SummarySink().close()
    assert capsys.readouterr().err == "birdedge: 0 event(s) in no audio\n"


def test_the_summary_names_each_problem_with_the_samples_once(capsys: pytest.CaptureFixture[str]) -> None:
    sink = SummarySink()
    for _ in range(2):
        sink.write(replace(stream_ended(10.0), warnings=("the channels cancel",)))
    sink.close()
    assert capsys.readouterr().err.splitlines()[1:] == ["birdedge: the channels cancel"]
