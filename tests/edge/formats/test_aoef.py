"""AOEF files, read by soundevent."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from soundevent import data, io
from soundevent.data.uuids import generate_clip_uuid, generate_recording_uuid

from birdedge.edge.errors import AudioFileMissingError, DataError, OutputError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.formats.aoef import (
    AoefEvent,
    AoefRecording,
    known_recordings,
    read_recording,
    recording_uuid,
)
from birdedge.edge.formats.aoef_files import AoefFiles, AoefSettings
from birdedge.edge.formats.event_shape import box_geometry, event_geometry
from birdedge.edge.formats.guano import guano_text, with_guano
from birdedge.edge.mask import Mask

SETTINGS = AoefSettings("oak", "birdedge-int8", "0.2.0")
START_UTC_S = 1777609867.25  # 2026-05-01T04:31:07.25Z


def an_event(onset_s: float, score: float = 0.97) -> Event:
    return Event(
        onset_s, onset_s + 0.1, 700.0, 1000.0, 812.5, score, 10.0, 6.25, 0, 0, np.zeros((0, 0), np.uint8)
    )


def a_recording(path: Path, duration_s: float = 2.0, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 0.1, round(duration_s * 8000))
    soundfile.write(path, samples, 8000)
    return path


def written(
    folder: Path, recording: AoefRecording, events: list[AoefEvent], settings: AoefSettings = SETTINGS
) -> Path:
    with AoefFiles(folder / "aoef", settings) as files:
        files.add(recording, events)
    return folder / "aoef"


def test_soundevent_reads_the_written_files(tmp_path: Path) -> None:
    audio = a_recording(tmp_path / "clips" / "a.wav")
    audio.write_bytes(with_guano(audio.read_bytes(), guano_text({"Loc Position": "52.5 13.4"})))
    inside = np.zeros((125, 40), bool)
    inside[20:40, 10:16] = True
    inside[25:30, 12:14] = False
    inside[60:64, 10:16] = inside[65:67, 10:16] = True
    mask = Mask(255 * inside.astype(np.uint8), 0.008, 0.008, 62.5, 62.5, 0.5)
    holed, divided, boxed = an_event(0.2), an_event(0.5), an_event(1.5)
    events = [
        AoefEvent(holed, event_geometry(holed, mask)),
        AoefEvent(divided, event_geometry(divided, mask), "not bird", "a toad"),
        AoefEvent(boxed, box_geometry(boxed), "other"),
    ]
    recording = read_recording(audio, tmp_path, START_UTC_S)
    folder = written(tmp_path, recording, events)

    dataset = io.load(folder / "dataset.json", audio_dir=tmp_path, type="dataset")
    (heard,) = dataset.recordings
    digest = hashlib.md5(audio.read_bytes(), usedforsecurity=False).hexdigest()
    assert (heard.uuid, heard.path, heard.hash) == (generate_recording_uuid(digest), audio, digest)
    assert (heard.duration, heard.channels, heard.samplerate) == (2.0, 1, 8000)
    assert (str(heard.date), str(heard.time)) == ("2026-05-01", "04:31:07.250000")
    assert (heard.latitude, heard.longitude) == (52.5, 13.4)

    project = io.load(folder / "annotation_project.json", audio_dir=tmp_path, type="annotation_project")
    (annotated,) = project.clip_annotations
    assert annotated.clip == data.Clip(recording=heard, start_time=0.0, end_time=2.0)
    assert annotated.clip.uuid == generate_clip_uuid(heard.uuid, 0.0, 2.0)
    assert [task.clip for task in project.tasks] == [annotated.clip]
    found = {annotation.sound_event.uuid: annotation for annotation in annotated.sound_events}
    shapes = [annotation.sound_event.geometry for annotation in found.values()]
    assert [shape.type for shape in shapes] == ["Polygon", "MultiPolygon", "BoundingBox"]
    assert [shape.coordinates for shape in shapes] == [event.geometry["coordinates"] for event in events]
    assert [len(event.geometry["coordinates"]) for event in events[:2]] == [2, 2]  # a hole, and two polygons
    assert [[tag.value for tag in annotation.tags] for annotation in found.values()] == [
        ["Aves"],
        ["not bird"],
        ["other"],
    ]
    assert [[note.message for note in annotation.notes] for annotation in found.values()] == [
        [],
        ["a toad"],
        [],
    ]
    features = next(iter(found.values())).sound_event.features
    assert {f.term.label: f.value for f in features} == {
        "birdedge_score": 0.97,
        "birdedge_peak_hz": 812.5,
        "birdedge_snr_db": 6.25,
        "birdedge_area_hz_s": 10.0,
    }

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # soundevent warns about its own code
        run = io.load(folder / "model_run.json", audio_dir=tmp_path, type="model_run")
    (predicted,) = run.clip_predictions
    assert [p.sound_event.uuid for p in predicted.sound_events] == list(found)
    assert [p.score for p in predicted.sound_events] == [0.97] * 3
    assert [p.tags[0].tag.value for p in predicted.sound_events] == ["Aves"] * 3
    assert (run.model.info.name, run.model.version) == ("birdedge-int8", "0.2.0")


def test_a_long_recording_is_divided_into_clips_that_hold_the_onsets(tmp_path: Path) -> None:
    recording = read_recording(a_recording(tmp_path / "a.wav", 5.0), tmp_path, None)
    events = [AoefEvent(one, box_geometry(one)) for one in (an_event(0.5), an_event(1.95), an_event(4.9))]
    folder = written(tmp_path, recording, events, AoefSettings("oak", "m", "0.2.0", clip_s=2.0))
    project = io.load(folder / "annotation_project.json", audio_dir=tmp_path, type="annotation_project")
    clips = [(a.clip.start_time, a.clip.end_time, len(a.sound_events)) for a in project.clip_annotations]
    assert clips == [(0.0, 2.0, 2), (2.0, 4.0, 0), (4.0, 5.0, 1)]
    assert len(project.tasks) == 3


def test_the_same_events_give_the_same_objects(tmp_path: Path) -> None:
    audio = a_recording(tmp_path / "a.wav")
    texts = []
    for name in ("one", "two"):
        recording = read_recording(audio, tmp_path, None)
        folder = written(tmp_path / name, recording, [AoefEvent(an_event(0.5), box_geometry(an_event(0.5)))])
        values = json.loads((folder / "annotation_project.json").read_text())
        del values["created_on"], values["data"]["created_on"]
        texts.append(values)
    assert texts[0] == texts[1]


def test_the_uuids_come_from_a_whombat_data_set(tmp_path: Path) -> None:
    by_path, by_digest = a_recording(tmp_path / "a.wav"), a_recording(tmp_path / "b.wav", seed=1)
    known = known_recordings(
        [
            {"uuid": "00000000-0000-0000-0000-000000000001", "path": "a.wav"},
            {
                "uuid": "00000000-0000-0000-0000-000000000002",
                "path": "elsewhere.wav",
                "hash": read_recording(by_digest, tmp_path, None).md5,
            },
        ]
    )
    assert [read_recording(path, tmp_path, None, known).uuid.int for path in (by_path, by_digest)] == [1, 2]
    with pytest.raises(SettingsError, match="is not in the data set"):
        read_recording(a_recording(tmp_path / "c.wav", seed=2), tmp_path, None, known)
    recording = read_recording(by_path, tmp_path, None, known)
    folder = written(tmp_path, recording, [], AoefSettings("oak", "m", "0.2.0", with_dataset=False))
    assert sorted(path.name for path in folder.iterdir()) == ["annotation_project.json", "model_run.json"]


def test_a_copy_of_a_recording_is_refused_and_the_others_are_written(tmp_path: Path) -> None:
    one, copy = a_recording(tmp_path / "a.wav"), a_recording(tmp_path / "b.wav")
    with AoefFiles(tmp_path / "aoef", SETTINGS) as files:
        files.add(read_recording(one, tmp_path, None), [])
        with pytest.raises(DataError, match="has the content of another"):
            files.add(read_recording(copy, tmp_path, None), [])
    dataset = io.load(tmp_path / "aoef" / "dataset.json", audio_dir=tmp_path, type="dataset")
    assert [recording.path.name for recording in dataset.recordings] == ["a.wav"]


def test_events_with_the_same_box_are_exported_once(tmp_path: Path) -> None:
    recording = read_recording(a_recording(tmp_path / "a.wav"), tmp_path, None)
    twice = [AoefEvent(an_event(0.5), box_geometry(an_event(0.5)))] * 2
    project = json.loads((written(tmp_path, recording, twice) / "annotation_project.json").read_text())[
        "data"
    ]
    assert [len(project[name]) for name in ("sound_events", "sound_event_annotations")] == [1, 1]
    assert len(project["clip_annotations"][0]["sound_events"]) == 1


def test_a_title_that_is_not_utf8_and_an_invalid_place_do_not_break_the_json(tmp_path: Path) -> None:
    audio = a_recording(tmp_path / "a.wav")
    audio.write_bytes(with_guano(audio.read_bytes(), guano_text({"Loc Position": "nan 200"})))
    recording = read_recording(audio, tmp_path, None)
    folder = written(tmp_path, recording, [], AoefSettings("v\udcf6gel", "m", "0.2.0"))
    dataset = io.load(folder / "dataset.json", audio_dir=tmp_path, type="dataset")
    assert (dataset.name, dataset.recordings[0].latitude) == ("v\\udcf6gel", None)


def test_nothing_is_written_after_an_error_and_nothing_is_replaced(tmp_path: Path) -> None:
    recording = read_recording(a_recording(tmp_path / "a.wav"), tmp_path, None)
    event = AoefEvent(an_event(0.5), {"type": object()})
    with pytest.raises(TypeError), AoefFiles(tmp_path / "aoef", SETTINGS) as files:
        files.add(recording, [event])
    assert list((tmp_path / "aoef").iterdir()) == []
    written(tmp_path, recording, [])
    with pytest.raises(OutputError, match=r"dataset.json exists already"):
        AoefFiles(tmp_path / "aoef", SETTINGS)


def test_a_recording_outside_the_audio_folder_or_missing_is_refused(tmp_path: Path) -> None:
    audio = a_recording(tmp_path / "a.wav")
    with pytest.raises(SettingsError, match="--audio-folder"):
        read_recording(audio, tmp_path / "clips", None)
    with pytest.raises(AudioFileMissingError, match="does not exist"):
        read_recording(tmp_path / "b.wav", tmp_path, None)


def test_memory_does_not_grow_with_the_events(tmp_path: Path) -> None:
    def peak_bytes(recordings: int) -> int:
        tracemalloc.start()
        with AoefFiles(tmp_path / "aoef", SETTINGS, "replace") as files:
            for number in range(recordings):
                name = f"{number}.wav"
                recording = AoefRecording(recording_uuid(name), name, name, 60.0, 1, 32_000)
                files.add(recording, [AoefEvent(one, box_geometry(one)) for one in map(an_event, range(60))])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak_bytes(1)
    few = peak_bytes(4)
    assert peak_bytes(40) < few + 100_000
    assert (tmp_path / "aoef" / "annotation_project.json").stat().st_size > 1_000_000
