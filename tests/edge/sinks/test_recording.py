"""Tables and mask of a recording are all or nothing; those of live streams hold everything so far, on one time axis."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.errors import AudioFileError, DiskError, OutputError
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.formats.tables import TABLE_NAMES
from birdedge.edge.mask import Mask
from birdedge.edge.models.card import ModelCard
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from tests.support.disks import no_new_files
from tests.support.frames import detected, frames, stamp, stream_ended, stream_started
from tests.support.streams import Clocks, MessageStream

HOP_S = 0.008
SUFFIXES = {"raven": ".selections.txt", "audacity": ".labels.txt", "csv": ".csv", "jsonl": ".jsonl"}


def sink_in(
    folder: Path, card: ModelCard, *, atomic: bool, file: str | None = None, force: bool = False
) -> RecordingSink:
    settings = OutputSettings(folder, TABLE_NAMES, folder, force)
    return RecordingSink(settings, "dawn", card, atomic=atomic, file=file)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def onsets_s(folder: Path) -> list[float]:
    lines = (folder / "dawn.jsonl").read_text().splitlines()
    return [json.loads(line)["onset_s"] for line in lines]


def mask_of(folder: Path) -> Mask:
    return read_mask_file(folder / "dawn.npz")


def fail_after_an_event(recording: RecordingSink, error: Exception) -> None:
    with recording as sink:
        sink.write(stream_started())
        sink.write(frames(50, 7))
        sink.write(detected(0.1))
        raise error


@pytest.mark.parametrize("atomic", [True, False])
def test_nothing_is_opened_before_the_first_message(tmp_path: Path, card: ModelCard, atomic: bool) -> None:
    with sink_in(tmp_path / "out", card, atomic=atomic):
        pass
    assert not (tmp_path / "out").exists()


def test_a_recording_has_all_its_tables_and_its_mask(tmp_path: Path, card: ModelCard) -> None:
    out = tmp_path / "out"
    with sink_in(out, card, atomic=True) as sink:
        sink.write(stream_started(source="/archive/dawn.wav"))
        sink.write(frames(50, 7))
        sink.write(detected(0.1))
        sink.write(frames(25, 9))
        sink.write(stream_ended(0.6))
        assert not names(out) & {"dawn.csv", "dawn.npz"}
    assert names(out) == {f"dawn{suffix}" for suffix in (*SUFFIXES.values(), ".npz")}
    assert mask_of(out).mask[:, 0].tolist() == [7] * 50 + [9] * 25
    assert mask_of(out).mask.shape == (75, 256)
    (line,) = (out / "dawn.jsonl").read_text().splitlines()
    assert json.loads(line)["file"] == "/archive/dawn.wav"
    assert onsets_s(out) == [0.1]


def test_the_mask_file_states_where_its_bins_lie(tmp_path: Path, card: ModelCard) -> None:
    with sink_in(tmp_path, card, atomic=True) as sink:
        sink.write(stream_started())
        sink.write(frames(1))
    mask = mask_of(tmp_path)
    assert (mask.hop_s, mask.first_frame_s, mask.low_hz, mask.bin_hz) == (0.008, 0.008, 62.5, 62.5)
    assert mask.threshold == card.threshold


def test_a_recording_without_events_has_empty_tables(tmp_path: Path, card: ModelCard) -> None:
    with sink_in(tmp_path, card, atomic=True) as sink:
        sink.write(stream_started())
        sink.write(stream_ended(0.0))
    assert names(tmp_path) == {f"dawn{suffix}" for suffix in (*SUFFIXES.values(), ".npz")}
    assert len((tmp_path / "dawn.csv").read_text().splitlines()) == 1
    assert mask_of(tmp_path).mask.shape == (0, 256)


def test_a_recording_that_fails_leaves_earlier_results_unchanged(tmp_path: Path, card: ModelCard) -> None:
    for name in ("dawn.csv", "dawn.npz"):
        (tmp_path / name).write_text("earlier")
    with pytest.raises(AudioFileError):
        fail_after_an_event(sink_in(tmp_path, card, atomic=True, force=True), AudioFileError("damaged"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "dawn.csv": "earlier",
        "dawn.npz": "earlier",
    }


@pytest.mark.parametrize("name", ["dawn.jsonl", "dawn.npz"])
def test_existing_results_are_refused_before_anything_is_written(
    tmp_path: Path, card: ModelCard, name: str
) -> None:
    (tmp_path / name).write_text("earlier")
    with (
        pytest.raises(OutputError, match=f"{name} exists already; give another name, or --force"),
        sink_in(tmp_path, card, atomic=True) as sink,
    ):
        sink.write(stream_started())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "earlier"}


def test_a_complete_recording_replaces_earlier_results_if_asked(tmp_path: Path, card: ModelCard) -> None:
    (tmp_path / "dawn.jsonl").write_text("earlier")
    with sink_in(tmp_path, card, atomic=True, force=True) as sink:
        sink.write(stream_started())
        sink.write(frames(50, 7))
        sink.write(detected(0.1))
    assert onsets_s(tmp_path) == [0.1]


def test_live_tables_have_each_event_at_once(tmp_path: Path, card: ModelCard) -> None:
    with sink_in(tmp_path, card, atomic=False) as sink:
        sink.write(stream_started())
        sink.write(detected(0.1))
        assert onsets_s(tmp_path) == [0.1]
        sink.write(detected(0.2))
        assert onsets_s(tmp_path) == [0.1, 0.2]


def test_live_streams_that_start_in_the_same_second_keep_all_their_files(
    tmp_path: Path, card: ModelCard
) -> None:
    with ExitStack() as stack:
        sinks = [stack.enter_context(sink_in(tmp_path, card, atomic=False)) for _ in range(3)]
        for sink in sinks:
            sink.write(stream_started())
        for value, sink in enumerate(sinks, 1):
            sink.write(frames(50, value))
            sink.write(detected(0.1 * value))
        for sink in sinks:
            sink.close()
    for value, again in enumerate(("", "-2", "-3"), 1):
        (line,) = (tmp_path / f"dawn{again}.jsonl").read_text().splitlines()
        assert json.loads(line)["onset_s"] == pytest.approx(0.1 * value)
        assert (tmp_path / f"dawn{again}.selections.txt").exists()
        assert read_mask_file(tmp_path / f"dawn{again}.npz").mask[0, 0] == value
    assert len(names(tmp_path)) == 3 * 5


def test_a_live_start_that_fails_leaves_no_empty_tables(tmp_path: Path, card: ModelCard) -> None:
    (tmp_path / "file").touch()
    settings = OutputSettings(tmp_path, TABLE_NAMES, tmp_path / "file" / "masks")
    sink = RecordingSink(settings, "dawn", card, atomic=False)
    for _ in range(2):
        with pytest.raises(OutputError):
            sink.write(stream_started())
    assert names(tmp_path) == {"file"}


def test_live_tables_continue_after_their_folder_was_replaced(
    tmp_path: Path, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    out, before = tmp_path / "out", tmp_path / "before"
    settings = OutputSettings(out, TABLE_NAMES)
    with RecordingSink(settings, "dawn", card, atomic=False) as sink:
        sink.write(stream_started())
        sink.write(detected(0.1))
        out.rename(before)
        sink.write(detected(0.5))
        sink.write(detected(0.7))
        assert (onsets_s(before), onsets_s(out)) == ([0.1], [0.5, 0.7])
        assert caplog.messages == [
            f"{out / 'dawn.selections.txt'} is no longer the file that was opened; a new one is started"
        ]
        out.rename(tmp_path / "meanwhile")
        before.rename(out)
        sink.write(detected(0.9))
    assert onsets_s(out) == [0.1]
    assert {"dawn-2.csv", "dawn-2.jsonl"} <= names(out)
    assert len(names(out)) == 2 * len(SUFFIXES)


def test_live_files_survive_an_error(tmp_path: Path, card: ModelCard) -> None:
    with pytest.raises(RuntimeError):
        fail_after_an_event(sink_in(tmp_path, card, atomic=False), RuntimeError("a bug elsewhere"))
    assert onsets_s(tmp_path) == [0.1]
    assert mask_of(tmp_path).mask[:, 0].tolist() == [7] * 50


def test_closing_twice_does_nothing(tmp_path: Path, card: ModelCard) -> None:
    sink = sink_in(tmp_path, card, atomic=False)
    sink.close()  # nothing was opened
    sink.write(stream_started())
    sink.write(frames(50, 7))
    sink.close()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    sink.close()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_live_tables_can_be_named_by_something_other_than_the_device(tmp_path: Path, card: ModelCard) -> None:
    with sink_in(tmp_path, card, atomic=False, file="microphone") as sink:
        for source in ("USB Audio", "another one"):
            sink.write(stream_started(source=source))
            sink.write(detected(0.1))
    lines = (tmp_path / "dawn.jsonl").read_text().splitlines()
    assert [json.loads(line)["file"] for line in lines] == ["microphone"] * 2


def test_two_streams_share_one_time_axis(tmp_path: Path, card: ModelCard) -> None:
    with sink_in(tmp_path, card, atomic=False) as sink:
        sink.write(stream_started(1000.0))
        sink.write(frames(125, 7))  # 1 s
        sink.write(detected(0.5, 1000.0))
        sink.write(stream_ended(1.0, 1000.0))
        sink.write(stream_started(1025.0))
        sink.write(frames(125, 9))
        sink.write(detected(0.5, 1025.0))
    assert onsets_s(tmp_path) == [0.5, 25.5]
    mask = mask_of(tmp_path).mask
    assert mask[:, 0].tolist() == [7] * 125 + [0] * (24 * 125) + [9] * 125


@pytest.mark.parametrize("drift", [0.0, 80e-6])
def test_seconds_and_utc_of_the_tables_continue_after_a_reload(
    tmp_path: Path, card: ModelCard, drift: float
) -> None:
    clocks = Clocks()
    with sink_in(tmp_path, card, atomic=False) as sink:
        before = MessageStream(sink.write, clocks, drift=drift)
        before.hear(86_400, every_s=600.0)
        before.detect(3600.0 * (1 + drift))
        before.end()
        clocks.advance(2.5)
        after = MessageStream(sink.write, clocks, before.timekeeper, drift=drift)
        after.hear(600)
        after.detect(10.0)
    lines = [json.loads(line) for line in (tmp_path / "dawn.jsonl").read_text().splitlines()]
    utc_s = [datetime.fromisoformat(line["onset_utc"]).timestamp() for line in lines]
    assert [line["onset_s"] for line in lines] == pytest.approx([3600.0, 86_412.5], abs=0.1)
    assert utc_s == pytest.approx([1_003_600.0, 1_086_412.5], abs=0.1)


def test_a_stream_that_overlaps_the_previous_one_is_appended_to_it(tmp_path: Path, card: ModelCard) -> None:
    with sink_in(tmp_path, card, atomic=False) as sink:
        sink.write(stream_started(1000.0))
        sink.write(frames(125, 7))
        sink.write(stream_started(1000.5))
        sink.write(frames(5, 9))
    assert mask_of(tmp_path).mask[:, 0].tolist() == [7] * 125 + [9] * 5


def test_a_mask_opened_late_starts_late(tmp_path: Path, card: ModelCard) -> None:
    sink = sink_in(tmp_path / "out", card, atomic=False)
    with no_new_files():
        for message in (stream_started(), frames(50, 7), detected(0.1)):
            with pytest.raises(DiskError):
                sink.write(message)
    sink.write(frames(25, 9))
    sink.close()
    mask = mask_of(tmp_path / "out")
    assert mask.mask[:, 0].tolist() == [9] * 25
    assert mask.first_frame_s == pytest.approx(0.008 + 50 * HOP_S)
    assert names(tmp_path / "out") == {"dawn.npz"}


def test_a_mask_opened_in_a_later_stream_starts_there(tmp_path: Path, card: ModelCard) -> None:
    sink = sink_in(tmp_path / "out", card, atomic=False)
    with no_new_files():
        for message in (stream_started(1000.0), frames(125, 7), stream_started(1060.0), frames(125, 8)):
            with pytest.raises(DiskError):
                sink.write(message)
    sink.write(frames(25, 9))
    sink.close()
    mask = mask_of(tmp_path / "out")
    assert mask.mask[:, 0].tolist() == [9] * 25
    assert mask.first_frame_s == pytest.approx(0.008 + 61.0)


def test_frames_keep_their_time_if_the_disk_fails_between_two_streams(
    tmp_path: Path, card: ModelCard
) -> None:
    sink = sink_in(tmp_path, card, atomic=False)
    sink.write(stream_started(1000.0))
    sink.write(frames(125, 7))
    with no_new_files(), suppress(OutputError):  # frames that cannot be written are left out
        sink.write(stream_started(1060.0))
    sink.write(frames(25, 9))
    sink.close()
    mask = mask_of(tmp_path).mask
    assert len(mask) == 60 * 125 + 25
    assert np.flatnonzero(mask[:, 0] == 9).tolist() == list(range(60 * 125, 60 * 125 + 25))


def test_without_outputs_nothing_is_written(tmp_path: Path, card: ModelCard) -> None:
    with RecordingSink(OutputSettings(), "dawn", card, atomic=True) as sink:
        sink.write(stream_started())
        sink.write(frames(50, 7))
        sink.write(detected(0.1))
    assert names(tmp_path) == set()


def test_a_folder_within_a_file_is_refused(tmp_path: Path, card: ModelCard) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written") as caught:
        sink_in(tmp_path / "file" / "out", card, atomic=False).write(stream_started())
    assert not isinstance(caught.value, DiskError)


@pytest.mark.parametrize("drift", [100e-6, -100e-6, 0.0])
def test_a_frame_and_an_event_of_a_live_stream_have_the_same_time(
    tmp_path: Path, card: ModelCard, drift: float
) -> None:
    sink = RecordingSink(OutputSettings(tmp_path, ("jsonl",), tmp_path), "live", card, atomic=False)
    day_s, hop_s = 86_400.0, card.grid.hop_s
    sink.write(stream_started(1000.0))
    sink.write(detected(day_s, 1000.0, drift))
    sink.write(replace(frames(1), stamp=stamp(day_s, 1000.0, drift)))
    sink.close()
    event = json.loads((tmp_path / "live.jsonl").read_text(encoding="utf-8"))
    mask = read_mask_file(tmp_path / "live.npz")
    assert mask.hop_s == pytest.approx(hop_s * (1 - drift), rel=1e-9)
    assert day_s / hop_s * mask.hop_s == pytest.approx(event["onset_s"], abs=1e-3)


def test_the_tables_of_a_live_stream_are_created_with_their_first_row(
    tmp_path: Path, card: ModelCard
) -> None:
    with sink_in(tmp_path, card, atomic=False) as sink:
        sink.write(stream_started())
        sink.write(frames(50, 7))
        sink.write(stream_ended(0.4))
        assert names(tmp_path) == {"dawn.npz"}
        sink.write(stream_started(1025.0))
        sink.write(detected(0.1, 1025.0))
        assert names(tmp_path) == {f"dawn{suffix}" for suffix in (*SUFFIXES.values(), ".npz")}
    assert onsets_s(tmp_path) == [1025.1]
