"""`birdedge aoef` writes the events of a recorder, an archive run, or tables."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from soundevent import io

from birdedge.edge.archive.parts import read_part
from birdedge.edge.clips.folder import companions
from birdedge.edge.companion.event_view import View
from birdedge.edge.companion.folders import find_folders
from birdedge.edge.database.event_pages import EventFilter
from birdedge.edge.database.labels import LabelledEvent, add_labels
from birdedge.edge.formats.aoef_reader import read_annotated_boxes
from birdedge.edge.formats.mask_npz import MaskFile
from tests.support.archives import do, plan, write_forest
from tests.support.heard_birds import CLIP_S, HeardBirds

PROJECT = "annotation_project.json"


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorders")
    HeardBirds(folder / "oak", 2)  # the second time without clips, since their content would be the same
    return folder


def data_of(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())["data"])


def shapes(project: Path) -> list[str]:
    return [event["geometry"]["type"] for event in data_of(project)["sound_events"]]


def test_an_export_of_a_recorder_holds_its_clips_with_events_and_labels(recorder, run_here, tmp_path):
    shown = [row for row in View(find_folders([recorder]), EventFilter()).by_source() if row.has_clip]
    event = shown[0].listed.event
    add_labels(
        recorder / "oak",
        [LabelledEvent(event.id, event.onset_sample, event.utc_s)],
        "not bird",
        "a toad",
        1.0,
    )
    clip = recorder / "oak" / str(shown[-1].listed.clip.path)
    with MaskFile(companions(clip)[1], 0.008, 0.008, 62.5, 62.5, 0.5) as mask:
        mask.push(np.full((round(CLIP_S / 0.008), 256), 255, np.uint8))
    done = run_here("aoef", recorder, "--out", "aoef")
    assert done.returncode == 0, done.stderr
    clips = {row.listed.clip.path for row in shown}
    assert done.stderr.decode() == f"{len(clips)} recording(s), {len(shown)} event(s)\n"
    dataset = io.load(tmp_path / "aoef" / "dataset.json", audio_dir=recorder, type="dataset")
    assert {
        recording.path.relative_to(recorder / "oak").as_posix() for recording in dataset.recordings
    } == clips
    project = io.load(tmp_path / "aoef" / PROJECT, audio_dir=recorder, type="annotation_project")
    annotations = [found for clip in project.clip_annotations for found in clip.sound_events]
    assert [
        (tag.value, note.message) for found in annotations for tag in found.tags for note in found.notes
    ] == [("not bird", "a toad")]
    assert set(shapes(tmp_path / "aoef" / PROJECT)) == {"BoundingBox", "Polygon"}
    boxes = [box for found in read_annotated_boxes(tmp_path / "aoef" / PROJECT).values() for box in found]
    assert len(boxes) == len(shown) - 1


def test_masks_for_tables_are_refused_for_a_recorder(recorder, run_here, tmp_path):
    done = run_here("aoef", recorder, "--masks", tmp_path, "--out", "aoef")
    assert done.returncode == 1
    assert "--masks is for tables" in done.stderr.decode()


@pytest.mark.parametrize("format", ["jsonl", "csv", "raven"])
def test_tables_with_masks_are_exported_with_outlines(demo, run_here, tmp_path, format):
    shutil.copy(demo, tmp_path / "dawn.wav")
    run_here("segment", "dawn.wav", "--out", "tables", "--masks", "masks", "--format", format)
    done = run_here("aoef", "tables", "--audio-folder", ".", "--out", "boxes")
    assert done.returncode == 0, done.stderr
    assert {*shapes(tmp_path / "boxes" / PROJECT)} == {"BoundingBox"}
    arguments = ("aoef", "tables", "--audio-folder", ".", "--masks", "masks")
    assert run_here(*arguments, "--out", "exact").returncode == 0
    assert run_here(*arguments, "--out", "simple", "--simplify", "1").returncode == 0
    assert {*shapes(tmp_path / "exact" / PROJECT)} <= {"Polygon", "MultiPolygon"}
    assert shapes(tmp_path / "exact" / PROJECT) == shapes(tmp_path / "simple" / PROJECT)
    sizes = [(tmp_path / name / PROJECT).stat().st_size for name in ("boxes", "simple", "exact")]
    assert sizes == sorted(sizes)
    assert len(data_of(tmp_path / "exact" / "model_run.json")["sound_event_predictions"]) >= 3


def test_an_export_of_an_archive_run_holds_its_finished_recordings(run_here, tmp_path):
    manifest = plan(tmp_path / "run", write_forest(tmp_path))
    do(manifest)
    (tmp_path / "oak" / "20240501_230000.wav").unlink()
    done = run_here("aoef", "run", "--audio-folder", ".", "--out", "aoef")
    assert done.returncode == 1
    assert "20240501_230000.wav does not exist" in done.stderr.decode()
    recordings = data_of(tmp_path / "aoef" / "dataset.json")["recordings"]
    assert [recording["date"] for recording in recordings] == ["2024-05-01"] * 5
    parts = [read_part(manifest.folder, unit.key) for unit in manifest.units()]
    rows = [row for part in parts if part is not None for row in part.to_pylist()]
    expected = [
        [event["onset_s"], event["low_hz"], event["offset_s"], event["high_hz"]]
        for row in rows
        if not row["recording"].endswith("20240501_230000.wav")
        for event in row["events"]
    ]
    geometries = [event["geometry"] for event in data_of(tmp_path / "aoef" / PROJECT)["sound_events"]]
    assert len(expected) >= 5
    assert {geometry["type"] for geometry in geometries} == {"BoundingBox"}
    assert sorted(geometry["coordinates"] for geometry in geometries) == [
        pytest.approx(box, abs=1e-3) for box in sorted(expected)
    ]


def test_whombat_uuids_are_used_and_no_data_set_is_written(demo, run_here, tmp_path):
    shutil.copy(demo, tmp_path / "dawn.wav")
    run_here("segment", "dawn.wav", "--out", "tables")
    uuid = "00000000-0000-0000-0000-000000000001"
    data = {"collection_type": "dataset", "recordings": [{"uuid": uuid, "path": "dawn.wav"}]}
    (tmp_path / "exported.json").write_text(json.dumps({"version": "1.1.0", "data": data}))
    done = run_here("aoef", "tables", "--audio-folder", ".", "--dataset", "exported.json", "--out", "aoef")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "aoef" / "dataset.json").exists()
    assert [recording["uuid"] for recording in data_of(tmp_path / "aoef" / PROJECT)["recordings"]] == [uuid]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere",), "nowhere does not exist"),
        (("tables",), "--audio-folder is missing"),
        (("tables", "--audio-folder", "."), "tables holds no table that names its recordings"),
        (("tables", "--audio-folder", ".", "--simplify", "-1"), "--simplify"),
    ],
)
def test_an_impossible_export_is_an_error_and_leaves_nothing_behind(run_here, tmp_path, arguments, sentence):
    (tmp_path / "tables").mkdir()
    done = run_here("aoef", *arguments, "--out", "aoef")
    assert done.returncode == 1
    assert sentence in done.stderr.decode()
    assert not list((tmp_path / "aoef").glob("*"))


def test_a_second_export_needs_force(run_here, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    (tmp_path / "a.jsonl").write_text(
        '{"file": "a.wav", "onset_s": 0.1, "offset_s": 0.2, "low_hz": 1000, "high_hz": 2000}\n'
    )
    arguments = ("aoef", "a.jsonl", "--audio-folder", ".", "--out", "aoef")
    assert run_here(*arguments).returncode == 0
    assert "exists already" in run_here(*arguments).stderr.decode()
    assert run_here(*arguments, "--force").returncode == 0
