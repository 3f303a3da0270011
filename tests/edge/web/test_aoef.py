"""The export of a view for Whombat."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.companion.event_view import View
from birdedge.edge.companion.folders import find_folders
from birdedge.edge.database.event_pages import EventFilter
from birdedge.edge.web.pages import aoef
from tests.support.heard_birds import HeardBirds
from tests.support.web import browser


@pytest.fixture(scope="module")
def oak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return HeardBirds(tmp_path_factory.mktemp("recorders") / "oak", 2).folder


def data_of(answer: bytes, name: str) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(answer)) as archive:
        return dict(json.loads(archive.read(name))["data"])


def test_the_export_holds_the_events_of_the_view_that_have_a_clip(oak: Path) -> None:
    answer = browser(oak).get("/events/export/aoef?min_score=0.99&high_hz=3000")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="birdedge-aoef.zip"'
    wanted = EventFilter(min_score=0.99, high_hz=3000.0)
    shown = [row for row in View(find_folders([oak]), wanted).by_source() if row.has_clip]
    project = data_of(answer.content, "annotation_project.json")
    assert len(project["sound_events"]) == len(shown) > 2
    paths = {recording["path"] for recording in data_of(answer.content, "dataset.json")["recordings"]}
    assert paths == {row.listed.clip.path for row in shown if row.listed.clip}


def test_an_unreadable_clip_is_named_and_the_others_are_exported(oak: Path, tmp_path: Path) -> None:
    shutil.copytree(oak, tmp_path / "oak")
    damaged = sorted((tmp_path / "oak" / "clips").rglob("*.flac"))[0]
    damaged.write_bytes(b"")
    answer = browser(tmp_path / "oak").get("/events/export/aoef")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (problem,) = archive.read("left_out.txt").decode().splitlines()
    assert damaged.name in problem
    assert len(data_of(answer.content, "dataset.json")["recordings"]) > 0


def test_a_view_without_clips_is_a_one_sentence_error(oak: Path) -> None:
    answer = browser(oak).get("/events/export/aoef?class=frog")
    assert answer.status_code == 503
    assert "no event of this view has a clip" in answer.text


def test_one_export_runs_at_a_time(oak: Path) -> None:
    aoef._exports.acquire_nowait()
    try:
        assert browser(oak).get("/events/export/aoef").status_code == 503
    finally:
        aoef._exports.release()
    assert browser(oak).get("/events/export/aoef").status_code == 200
