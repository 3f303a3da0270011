"""Each hour or day has its own files, with times from their start, and nothing is lost between them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.messages import EventDetected, FramesReady, StreamStarted
from birdedge.edge.models.card import ModelCard
from birdedge.edge.output import DenoisedAudio, PipelineOutput
from birdedge.edge.sinks.denoised import DenoisedSink
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.rotating import DAY_S, HOUR_S, RotatingSink
from birdedge.edge.times import Stamp
from tests.support.frames import RATE_HZ
from tests.support.streams import event

HOP_S = 0.008
MIDNIGHT_S = 1_795_392_000.0  # 2026-11-23T00:00:00Z
DRIFT = 50e-6


class Stream:
    """A stream whose crystal is fast, so that its samples are ahead of the clock."""

    def __init__(self, began_utc_s: float, boot_s: float = 1000.0) -> None:
        self.began_utc_s, self.boot_s, self.frames = began_utc_s, boot_s, 0

    def stamp(self, at_s: float) -> Stamp:
        """Return the stamp of a moment, given in true seconds since the start."""
        sample = round(at_s * (1 + DRIFT) * RATE_HZ)
        return Stamp(sample, at_s, self.boot_s + at_s, self.began_utc_s + at_s, 0.2, True)

    def start(self) -> StreamStarted:
        return StreamStarted(self.stamp(0.0), "mic", RATE_HZ, 1)

    def hear(self, until_s: float) -> FramesReady:
        """Return the frames until then; each holds its number."""
        end = round(until_s * (1 + DRIFT) / HOP_S)
        numbers = np.arange(self.frames, end) // 125 % 251
        mask = np.repeat(numbers[:, np.newaxis], 256, axis=1).astype(np.uint8)
        denoised = DenoisedAudio(np.full((len(mask), 1), 0.25, np.float32), 125)
        output = PipelineOutput(mask, np.zeros(mask.shape, np.float32), [], denoised)
        first_frame, self.frames = self.frames, end
        return FramesReady(
            self.stamp(until_s), first_frame, output, np.zeros((256 * len(mask), 1), np.float32)
        )

    def detect(self, onset_s: float) -> EventDetected:
        found = event(onset_s * (1 + DRIFT))
        return EventDetected(self.stamp(onset_s), self.stamp(onset_s + 0.5), found)


def recording(folder: Path, card: ModelCard, stem: str, origin: Stamp | None) -> RecordingSink:
    settings = OutputSettings(folder, ("jsonl",), None)
    return RecordingSink(settings, stem, card, atomic=False, file="microphone", origin=origin)


def masks(folder: Path, card: ModelCard, stem: str, origin: Stamp | None) -> RecordingSink:
    return RecordingSink(OutputSettings(masks=folder), stem, card, atomic=False, origin=origin)


def onsets(folder: Path) -> dict[str, list[float]]:
    return {
        path.stem: [round(json.loads(line)["onset_s"], 2) for line in path.read_text().splitlines()]
        for path in sorted(folder.glob("*.jsonl"))
    }


def test_each_day_has_a_table_of_seconds_since_midnight(tmp_path: Path, card: ModelCard) -> None:
    stream = Stream(MIDNIGHT_S - 7200.0)
    sink = RotatingSink(partial(recording, tmp_path, card), DAY_S, late_events=True)
    sink.write(stream.start())
    for onset_s in (10.0, 7190.0, 7210.0, 7195.0, 7200.0 + DAY_S + 5.0):  # one event closes after a later one
        sink.write(stream.detect(onset_s))
    sink.close()
    assert onsets(tmp_path) == {
        "2026-11-22T22-00-00Z": [10.0, 7190.0, 7195.0],
        "2026-11-23T00-00-00Z": [10.0],
        "2026-11-24T00-00-00Z": [5.0],
    }


def test_each_hour_has_a_mask_and_each_frame_the_right_time(tmp_path: Path, card: ModelCard) -> None:
    stream = Stream(MIDNIGHT_S - 100.0)
    sink = RotatingSink(partial(masks, tmp_path, card), HOUR_S)
    sink.write(stream.start())
    for at_s in np.arange(0.25, 100.0 + 2 * HOUR_S + 50.0, 0.25).tolist():
        sink.write(stream.hear(at_s))
    sink.close()
    paths = sorted(tmp_path.iterdir())
    begins_s = (-100.0, 0.0, HOUR_S, 2 * HOUR_S)
    assert [path.stem for path in paths] == [
        "2026-11-22T23-58-20Z",
        "2026-11-23T00-00-00Z",
        "2026-11-23T01-00-00Z",
        "2026-11-23T02-00-00Z",
    ]
    files = [read_mask_file(path) for path in paths]
    assert sum(len(file.mask) for file in files) == stream.frames
    number = 0
    for file, begins_s_ in zip(files, begins_s, strict=True):
        np.testing.assert_array_equal(
            file.mask[:, 0], np.arange(number, number + len(file.mask)) // 125 % 251
        )
        for frame in (0, len(file.mask) - 1):
            found_s = begins_s_ + file.first_frame_s + frame * file.hop_s
            true_s = ((number + frame) * HOP_S + card.grid.first_frame_s) / (1 + DRIFT) - 100.0
            assert found_s == pytest.approx(true_s, abs=0.005)
        number += len(file.mask)


def test_a_stream_that_starts_in_a_later_hour_starts_a_new_file(tmp_path: Path, card: ModelCard) -> None:
    sink = RotatingSink(partial(masks, tmp_path, card), HOUR_S)
    for began_s, boot_s in ((0.0, 1000.0), (60.0, 1060.0), (2 * HOUR_S + 90.0, 8290.0)):
        stream = Stream(MIDNIGHT_S + began_s, boot_s)
        sink.write(stream.start())
        sink.write(stream.hear(10.0))
    sink.close()
    lengths = {path.stem: len(read_mask_file(path).mask) for path in tmp_path.iterdir()}
    assert lengths == {
        "2026-11-23T00-00-00Z": 7500 + 1250,
        "2026-11-23T02-01-30Z": 1250,
    }


def test_a_gap_of_a_night_is_not_in_any_file(tmp_path: Path, card: ModelCard) -> None:
    sink = RotatingSink(partial(masks, tmp_path, card), HOUR_S)
    stream = Stream(MIDNIGHT_S)
    sink.write(stream.start())
    last = stream.hear(10.0)
    gap_frames = round(8.5 * HOUR_S * (1 + DRIFT) / HOP_S)
    stream.frames += gap_frames
    sink.write(replace(last, output=replace(last.output, empty_frames=gap_frames)))
    sink.write(stream.hear(8.5 * HOUR_S + 20.0))
    sink.close()
    files = {path.stem: read_mask_file(path) for path in tmp_path.iterdir()}
    assert {stem: len(file.mask) for stem, file in files.items()} == {
        "2026-11-23T00-00-00Z": 1250,
        "2026-11-23T08-00-00Z": 1250,
    }
    begins_s = files["2026-11-23T08-00-00Z"].first_frame_s
    assert begins_s == pytest.approx(1810.0 + card.grid.first_frame_s, abs=0.01)


def test_a_gap_within_an_hour_is_empty_frames(tmp_path: Path, card: ModelCard) -> None:
    sink = RotatingSink(partial(masks, tmp_path, card), HOUR_S)
    stream = Stream(MIDNIGHT_S)
    sink.write(stream.start())
    last = stream.hear(10.0)
    stream.frames += 1000
    sink.write(replace(last, output=replace(last.output, empty_frames=1000)))
    sink.write(stream.hear(28.0))
    sink.close()
    (path,) = tmp_path.iterdir()
    mask = read_mask_file(path).mask[:, 0]
    assert len(mask) == stream.frames
    assert not mask[1250:2250].any()
    assert mask[2250:].all()


def test_after_a_reload_in_an_hour_that_began_with_a_gap_frames_keep_their_times(
    tmp_path: Path, card: ModelCard
) -> None:
    first = Stream(MIDNIGHT_S)
    sink = RotatingSink(partial(masks, tmp_path, card), HOUR_S)
    sink.write(first.start())
    last = first.hear(10.0)
    gap_frames = round(1.5 * HOUR_S * (1 + DRIFT) / HOP_S) - first.frames
    first.frames += gap_frames
    sink.write(replace(last, output=replace(last.output, empty_frames=gap_frames)))
    sink.write(first.hear(1.5 * HOUR_S + 60))
    again = Stream(MIDNIGHT_S + 1.5 * HOUR_S + 62, 1000.0 + 1.5 * HOUR_S + 62)
    sink.write(again.start())
    sink.write(again.hear(60.0))
    sink.close()
    found = read_mask_file(tmp_path / "2026-11-23T01-00-00Z.npz")
    heard = np.flatnonzero(found.mask.any(axis=1))
    (pause,) = np.flatnonzero(np.diff(heard) > 125)
    begin_s = found.first_frame_s + heard[[0, int(pause) + 1]] * found.hop_s
    assert begin_s == pytest.approx(
        [HOUR_S / 2, HOUR_S / 2 + 62], abs=1.1
    )  # the first second of a stream is 0


def test_a_restart_in_an_hour_without_frames_begins_its_mask(tmp_path: Path, card: ModelCard) -> None:
    sink = RotatingSink(partial(masks, tmp_path, card), HOUR_S)
    stream = Stream(MIDNIGHT_S - 10.0)
    sink.write(stream.start())
    sink.write(stream.hear(9.0))
    sink.write(stream.detect(10.5))
    restarted = Stream(MIDNIGHT_S + 20.0, 1030.0)
    sink.write(restarted.start())
    sink.write(restarted.hear(5.0))
    sink.close()
    file = read_mask_file(tmp_path / "2026-11-23T00-00-00Z.npz")
    assert file.first_frame_s == pytest.approx(20.0 + card.grid.first_frame_s, abs=0.01)
    assert len(file.mask) * file.hop_s == pytest.approx(5.0, abs=0.01)


def test_a_clock_that_is_set_back_starts_a_new_file(tmp_path: Path, card: ModelCard) -> None:
    sink = RotatingSink(partial(masks, tmp_path, card), HOUR_S)
    stream = Stream(MIDNIGHT_S)
    sink.write(stream.start())
    sink.write(stream.hear(10.0))
    stream.began_utc_s -= 30 * DAY_S + 5.0
    sink.write(stream.hear(20.0))
    sink.close()
    assert sorted(path.stem for path in tmp_path.iterdir()) == [
        "2026-10-24T00-00-00Z",
        "2026-11-23T00-00-00Z",
    ]


def test_without_utc_files_rotate_by_the_boot_clock(tmp_path: Path, card: ModelCard) -> None:
    sink = RotatingSink(partial(masks, tmp_path, card), HOUR_S)
    stream = Stream(MIDNIGHT_S, boot_s=10 * HOUR_S - 5.0)
    start, first, second = stream.start(), stream.hear(4.0), stream.hear(8.0)
    for message in (start, first, second):
        sink.write(replace(message, stamp=replace(message.stamp, utc_s=None)))
    sink.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_each_day_has_denoised_audio(tmp_path: Path) -> None:
    sink = RotatingSink(lambda stem, _: DenoisedSink(tmp_path / f"birds-{stem}.flac"), DAY_S)
    stream = Stream(MIDNIGHT_S - 10.0)
    sink.write(stream.start())
    for at_s in range(1, 21):
        sink.write(stream.hear(float(at_s)))
    sink.sync()
    sink.close()
    frames = {path.stem: soundfile.info(path).frames for path in tmp_path.iterdir()}
    assert sum(frames.values()) == stream.frames
    assert frames["birds-2026-11-23T00-00-00Z"] == pytest.approx(10 * 125, abs=125)
