"""Many recordings at full speed: each as it would be alone, a bad one reported, in one process or several."""

import csv
import weakref
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from birdedge.edge.archive.event_buffer import Events
from birdedge.edge.archive.processes import segment_files
from birdedge.edge.archive.segment import NO_MASK, FileResult, segment_file
from birdedge.edge.cli.segment import segment
from birdedge.edge.errors import AudioFileError, ModelMissingError, OutputError
from birdedge.edge.event import Event
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.sinks.recording import OutputSettings
from birdedge.edge.synthesis.soundscape import soundscape

EVENT = Event(0.1, 0.4, 2000.0, 3000.0, 2500.0, 0.97, 200.0, 9.0, 12, 32, NO_MASK)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Three soundscapes of different lengths and rates."""
    folder = tmp_path_factory.mktemp("archive")
    paths = []
    for seed, (duration_s, rate_hz) in enumerate([(6.0, 32_000), (9.0, 48_000), (4.0, 40_000)], start=1):
        path = folder / f"site{seed}.flac"
        samples = soundscape(duration_s, seed, 60.0, sample_rate_hz=rate_hz).samples
        soundfile.write(path, samples, rate_hz, subtype="PCM_24")
        paths.append(path)
    return paths


@pytest.fixture
def damaged(tmp_path, recordings):
    path = tmp_path / "damaged.wav"
    samples, rate_hz = soundfile.read(recordings[0], dtype="float32")
    samples[-100] = np.nan
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    return path


def values(event):
    return [getattr(event, field.name) for field in fields(event) if field.name != "mask"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_a_file_has_the_events_and_the_mask_of_its_samples_pushed_at_once(recordings, tmp_path, name):
    model = Model(name)
    for path in recordings:
        done = segment_file(model, path, path.stem, OutputSettings(masks=tmp_path))
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        pipeline = Pipeline(model, rate_hz, 1)
        found = [pipeline.push(samples), pipeline.flush()]
        masks = read_mask_file(tmp_path / f"{path.stem}.npz")
        np.testing.assert_array_equal(masks.mask, np.concatenate([f.mask for f in found]))
        assert [values(e) for e in done.events] == [values(e) for f in found for e in f.events]
        assert done.duration_s == len(samples) / rate_hz


def test_the_mask_file_says_where_its_bins_lie(recordings, tmp_path):
    card = Model().card
    segment_file(Model(), recordings[0], "one", OutputSettings(masks=tmp_path))
    masks = read_mask_file(tmp_path / "one.npz")
    assert (masks.hop_s, masks.first_frame_s, masks.low_hz, masks.bin_hz) == (0.008, 0.008, 62.5, 62.5)
    assert masks.threshold == card.threshold


def test_several_processes_write_the_bytes_that_one_writes(recordings, tmp_path):
    for jobs in (1, 2):
        wanted = OutputSettings(tmp_path / f"{jobs}", tuple(FORMATS), tmp_path / f"{jobs}")
        done = list(segment_files(DEFAULT_MODEL, recordings, wanted, jobs))
        assert [d.path for d in done] == recordings
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert len(contents(tmp_path / "1")) == len(recordings) * (len(FORMATS) + 1)


def test_each_table_holds_the_events_that_were_reported(recordings, tmp_path):
    for done in segment_files(DEFAULT_MODEL, recordings, OutputSettings(tmp_path, ("csv",))):
        with (tmp_path / f"{done.path.stem}.csv").open(newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        assert [float(row["onset_s"]) for row in rows] == pytest.approx([e.onset_s for e in done.events])
        assert {row["file"] for row in rows} <= {str(done.path)}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_cannot_be_read_is_reported_and_the_others_go_on(recordings, damaged, tmp_path, jobs):
    out = tmp_path / "out"
    paths = [recordings[0], damaged, tmp_path / "missing.wav", recordings[2]]
    done = list(segment_files(DEFAULT_MODEL, paths, OutputSettings(out, ("csv",), out), jobs))
    assert [d.error is None for d in done] == [True, False, False, True]
    assert "NaN or infinity" in done[1].error
    assert "does not exist" in done[2].error
    assert {path.name for path in out.iterdir()} == {"site1.csv", "site1.npz", "site3.csv", "site3.npz"}


def test_a_damaged_file_leaves_earlier_results_as_they_were(damaged, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("damaged.csv", "damaged.npz"):
        (out / name).write_text("earlier", encoding="utf-8")
    with pytest.raises(AudioFileError):
        segment_file(Model(), damaged, "damaged", OutputSettings(out, ("csv",), out))
    assert contents(out) == {"damaged.csv": b"earlier", "damaged.npz": b"earlier"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_no_file_could_be_done_with_ends_all(recordings, tmp_path, jobs):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        list(
            segment_files(
                DEFAULT_MODEL, recordings, OutputSettings(tmp_path / "file" / "out", ("csv",)), jobs
            )
        )
    with pytest.raises(ModelMissingError):
        list(segment_files("no-such", recordings, OutputSettings(), jobs))


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_adds_up_to_the_length_of_all(recordings, jobs):
    told = []
    list(segment_files(DEFAULT_MODEL, recordings, OutputSettings(), jobs, progress=told.append))
    assert sum(told) == pytest.approx(6.0 + 9.0 + 4.0, abs=0.001)


def test_events_are_kept_without_their_masks_and_otherwise_as_they_were():
    other = replace(EVENT, snr_db=float("nan"), score=np.float64(0.1), first_frame=2**40)
    kept = Events([EVENT])
    kept.add([other])
    assert len(kept) == 2
    assert [repr(event) for event in kept] == [repr(EVENT), repr(replace(other, score=0.1))]


@pytest.mark.parametrize("options", [[], ["--out", "tables"]])
def test_of_an_archive_one_file_at_a_time_is_kept(tmp_path, monkeypatch, options):
    """Else twenty terabytes of recordings would fill the memory with their events."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", np.zeros(800), 8000)
    earlier = []

    def segmented(*_):
        for _ in range(10):
            result = FileResult(Path("a.wav"), 0.1, Events([EVENT]))
            earlier.append(weakref.ref(result))
            yield result
            del result
            assert sum(reference() is not None for reference in earlier) <= 1

    monkeypatch.setattr("birdedge.edge.archive.segment.segment_files", segmented)
    ran = CliRunner().invoke(segment, ["a.wav", *options])
    assert ran.exit_code == 0, ran.output
    assert "10 of 10 file(s), 1.0 s of audio, 10 event(s)" in ran.output
