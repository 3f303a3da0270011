"""A failing disk loses only what could not be written, is logged once, and is used again when it recovers."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from birdedge.edge.errors import DiskError, OutputError, SettingsError
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.messages import Message
from birdedge.edge.models.card import ModelCard
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.retrying import RetryingSink
from tests.support.disks import no_room
from tests.support.frames import detected, frames, stream_ended, stream_started


class Failing:
    """A sink that raises an error, if any, for frames."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.taken: list[Message] = []

    def write(self, message: Message) -> None:
        if self.error is not None:
            raise self.error
        self.taken.append(message)

    def close(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("message", [stream_started(), frames(1)])
def test_an_error_that_waiting_cannot_fix_is_raised_at_the_start(message: Message) -> None:
    sink = RetryingSink(Failing(OutputError("no folder")))
    with pytest.raises(OutputError, match="no folder"):
        sink.write(message)


def test_after_the_first_write_no_output_error_stops_the_recorder() -> None:
    inner = Failing()
    sink = RetryingSink(inner)
    sink.write(frames(1))
    inner.error = OutputError("no folder")
    sink.write(frames(1))
    assert sink.problem == "no folder"
    inner.error = None
    sink.write(frames(1))
    assert sink.problem is None
    assert len(inner.taken) == 2


def test_a_message_without_results_does_not_prove_that_writing_works() -> None:
    inner = Failing()
    sink = RetryingSink(inner)
    sink.write(stream_ended(1.0))
    inner.error = OutputError("no folder")
    with pytest.raises(OutputError):
        sink.write(frames(1))


def test_a_disk_that_fails_is_retried_from_the_start_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner = Failing(DiskError("no room"))
    sink = RetryingSink(inner)
    for _ in range(5):
        sink.write(frames(1))
    assert sink.problem == "no room"
    assert [(record.levelname, record.message) for record in caplog.records] == [("ERROR", "no room")]
    inner.error = DiskError("read-only")
    sink.write(frames(1))
    assert caplog.messages == ["no room", "read-only"]
    inner.error = None
    sink.write(frames(1))
    assert sink.problem is None
    assert len(inner.taken) == 1
    inner.error = DiskError("no room")  # again, after it had been written
    sink.write(frames(1))
    assert caplog.messages == ["no room", "read-only", "no room"]


def test_a_message_that_writes_nothing_does_not_end_the_problem() -> None:
    inner = Failing(DiskError("no room"))
    sink = RetryingSink(inner)
    sink.write(frames(1))
    inner.error = None
    sink.write(stream_ended(1.0))
    assert sink.problem == "no room"


def test_an_error_on_closing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    inner = Failing()
    sink = RetryingSink(inner)
    sink.write(frames(1))
    inner.error = OutputError("no room")
    sink.close()
    assert caplog.messages == [sink.problem] == ["no room"]


@pytest.mark.parametrize("error", [SettingsError("9 channels"), ValueError("a bug")])
def test_other_errors_are_raised(error: Exception) -> None:
    inner = Failing()
    sink = RetryingSink(inner)
    sink.write(frames(1))
    inner.error = error
    with pytest.raises(type(error)):
        sink.write(frames(1))


def test_real_files_hold_the_results_of_the_time_while_the_disk_was_writable(
    tmp_path: Path, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    settings = OutputSettings(tmp_path / "tables", ("csv", "jsonl"), tmp_path / "masks")
    sink = RetryingSink(RecordingSink(settings, "live", card, atomic=False, file="microphone"))
    with caplog.at_level(logging.ERROR):
        with no_room():
            sink.write(stream_started())
            for onset_s in (0.1, 0.2):
                sink.write(frames(100, 50))
                sink.write(detected(onset_s))
        assert "cannot be written" in str(sink.problem)
        assert len(caplog.messages) == 2  # the mask and the first table
        sink.write(frames(100, 100))
        assert sink.problem is not None
        sink.write(detected(2.0))
        assert sink.problem is None
        with no_room():
            sink.write(frames(100, 150))
            sink.write(detected(3.0))
        sink.write(frames(100, 200))
        sink.write(detected(4.0))
        sink.close()
    masks = read_mask_file(tmp_path / "masks" / "live.npz")
    assert masks.first_frame_s == pytest.approx(card.grid.first_frame_s + 200 * card.grid.hop_s)
    assert masks.mask[:, 0].tolist() == [100] * 100 + [150] * 100 + [200] * 100  # 150 waited for the disk
    lines = (tmp_path / "tables" / "live.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines] == ["onset_s", "2.0000", "4.0000"]


def test_written_frames_do_not_hide_unwritten_events(
    tmp_path: Path, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    sink = RetryingSink(RecordingSink(OutputSettings(tmp_path, ("csv",)), "live", card, atomic=False))
    sink.write(stream_started())
    sink.write(frames(100, 50))
    with no_room():
        for onset_s in (0.1, 0.2):
            sink.write(detected(onset_s))
            sink.write(frames(100, 50))
    assert "cannot be written" in str(sink.problem)
    assert len(caplog.messages) == 1
    sink.write(detected(0.3))
    assert sink.problem is None
    sink.close()
