"""A recording has the events and the mask of its samples, in memory or in files."""

from __future__ import annotations

import csv
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from birdedge.edge.archive.segment import segment, segment_file, segment_or_report
from birdedge.edge.errors import (
    AudioFileError,
    AudioFileMissingError,
    ModelMissingError,
    OutputError,
    SettingsError,
)
from birdedge.edge.event import Event
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import ARCHIVE_MODEL, bundled_models
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.sinks.recording import OutputSettings


def values(event: Event) -> list[Any]:
    """Return all fields of an event except its mask."""
    return [getattr(event, field.name) for field in fields(event) if field.name != "mask"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_a_file_has_the_events_and_the_mask_of_its_samples_pushed_at_once(
    recordings: list[Path], tmp_path: Path, name: str
) -> None:
    model = Model(name)
    for path in recordings:
        result = segment_file(model, path, path.stem, OutputSettings(masks=tmp_path))
        in_memory = segment(path, model)
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        pipeline = Pipeline(model, rate_hz, 1)
        outputs = [pipeline.push(samples), pipeline.flush()]
        mask = np.concatenate([output.mask for output in outputs])
        events = [event for output in outputs for event in output.events]
        np.testing.assert_array_equal(read_mask_file(tmp_path / f"{path.stem}.npz").mask, mask)
        assert [values(event) for event in result.events] == [values(event) for event in events]
        assert result.duration_s == in_memory.duration_s == len(samples) / rate_hz
        assert in_memory.mask is not None
        np.testing.assert_array_equal(in_memory.mask.mask, mask)
        assert [values(event) for event in in_memory.events] == [values(event) for event in events]
        assert events, "a soundscape without events tests nothing"
        for event, expected in zip(in_memory.events, events, strict=True):
            np.testing.assert_array_equal(event.mask, expected.mask)


def test_the_mask_states_where_its_bins_lie(recordings: list[Path], tmp_path: Path) -> None:
    model = Model(ARCHIVE_MODEL)
    segment_file(model, recordings[0], "one", OutputSettings(masks=tmp_path))
    in_memory = segment(recordings[0], model).mask
    assert in_memory is not None
    for mask in (read_mask_file(tmp_path / "one.npz"), in_memory):
        grid = model.card.grid
        expected = grid.hop_s, grid.first_frame_s, 62.5, 62.5
        assert (mask.hop_s, mask.first_frame_s, mask.low_hz, mask.bin_hz) == expected
        assert mask.threshold == model.card.threshold


def test_the_model_can_be_given_as_name_path_or_model(recordings: list[Path]) -> None:
    path = recordings[2]
    expected = [values(event) for event in segment(path).events]
    models: list[str | Path | Model] = [ARCHIVE_MODEL, bundled_models()[ARCHIVE_MODEL], Model(ARCHIVE_MODEL)]
    for model in models:
        assert [values(event) for event in segment(str(path), model).events] == expected


def test_one_channel_of_several_can_be_analysed(recordings: list[Path], tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(recordings[2], dtype="float32")
    stereo = tmp_path / "stereo.flac"
    soundfile.write(stereo, np.stack([np.zeros_like(samples), samples], axis=1), rate_hz, subtype="PCM_24")
    assert list(segment(stereo, channel=0).events) == []
    expected = [values(event) for event in segment(recordings[2]).events]
    assert [values(event) for event in segment(stereo, channel=1).events] == expected
    with pytest.raises(SettingsError, match="channel 2"):
        segment(stereo, channel=2)


def test_an_unreadable_file_or_a_missing_model_is_an_error(
    tmp_path: Path, damaged: Path, recordings: list[Path]
) -> None:
    with pytest.raises(AudioFileMissingError):
        segment(tmp_path / "missing.wav")
    with pytest.raises(AudioFileError):
        segment(damaged)
    with pytest.raises(ModelMissingError):
        segment(recordings[0], "no-such")


def test_the_table_holds_the_reported_events_and_names_the_recording(
    recordings: list[Path], tmp_path: Path
) -> None:
    result = segment_file(Model(), recordings[0], "one", OutputSettings(tmp_path, ("csv",)))
    with (tmp_path / "one.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert [float(row["onset_s"]) for row in rows] == pytest.approx([e.onset_s for e in result.events])
    assert {row["file"] for row in rows} == {str(recordings[0])}


def test_progress_adds_up_to_the_length(recordings: list[Path]) -> None:
    done_s: list[float] = []
    segment_file(Model(), recordings[1], "one", OutputSettings(), progress=done_s.append)
    assert len(done_s) > 1
    assert sum(done_s) == pytest.approx(9.0)


def test_a_damaged_file_leaves_earlier_results_unchanged(damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("damaged.csv", "damaged.npz"):
        (out / name).write_text("earlier", encoding="utf-8")
    with pytest.raises(AudioFileError):
        segment_file(Model(), damaged, "damaged", OutputSettings(out, ("csv",), out, force=True))
    assert contents(out) == {"damaged.csv": b"earlier", "damaged.npz": b"earlier"}


def test_a_recording_that_cannot_be_read_is_reported(damaged: Path) -> None:
    result = segment_or_report(Model(), damaged, "damaged", OutputSettings(), None, lambda _: None)
    assert (result.path, result.duration_s, list(result.events), result.mask) == (damaged, 0.0, [], None)
    assert result.error is not None
    assert str(damaged) in result.error


def test_a_result_that_cannot_be_written_is_an_error(recordings: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outputs = OutputSettings(tmp_path / "file" / "out", ("csv",))
    with pytest.raises(OutputError, match="cannot be written"):
        segment_or_report(Model(), recordings[0], "one", outputs, None, lambda _: None)


def test_digital_silence_is_counted(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(0, 0.01, 48_000)
    samples[16_000:32_000] = 0
    soundfile.write(tmp_path / "dawn.wav", samples, 32_000)
    assert segment(tmp_path / "dawn.wav").silent_s == 0.5


def test_values_far_out_of_range_are_reported_without_a_numpy_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    samples = np.random.default_rng(1).normal(0, 0.01, (64_000, 2)).astype(np.float32)
    samples[20_000:21_000] = 3e38
    samples[30_000:40_000] = 1e30 * np.sign(samples[30_000:40_000])
    soundfile.write(tmp_path / "a.wav", samples, 32_000, subtype="FLOAT")
    warnings = segment(tmp_path / "a.wav").warnings
    assert [text.split(": ", 1)[1] for text in warnings if "chunk(s) that are NaN or infinite" in text]
    assert any("samples reach 1e+30, where 1 is full scale" in text for text in warnings)
    assert [str(warning.message) for warning in recwarn] == []


def test_channels_of_opposite_phase_are_reported(tmp_path: Path) -> None:
    left = np.random.default_rng(1).normal(0, 0.1, 64_000)
    soundfile.write(tmp_path / "a.wav", np.column_stack([left, -left]), 32_000)
    (warning,) = segment(tmp_path / "a.wav").warnings
    assert warning.startswith(f"{tmp_path / 'a.wav'}: the mean of the 2 channels is ")
    assert warning.endswith("they are of opposite phase; choose one with --channel 0 to 1")
    assert segment(tmp_path / "a.wav", channel=0).warnings == ()
