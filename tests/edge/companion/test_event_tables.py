"""A view exported as a table has exactly the view's events, with times in the files that hold their sound."""

from __future__ import annotations

import csv
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
import soundfile

from birdedge.edge.companion.event_tables import table_lines
from birdedge.edge.companion.event_view import ShownEvent, View
from birdedge.edge.companion.folders import find_folders
from birdedge.edge.database.event_pages import EventFilter
from birdedge.edge.database.labels import mark_clips
from birdedge.edge.formats.event_reader import read_events
from birdedge.edge.formats.tables import TABLE_NAMES, TableName
from tests.support.heard_birds import CLIP_S, SCENE_S, START_UTC_S, HeardBirds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorders")
    HeardBirds(folder / "oak")
    HeardBirds(folder / "beech", 2, START_UTC_S + 3.0)
    return folder


def view(folder: Path, **settings: float) -> View:
    return View(find_folders([folder]), EventFilter(**settings))  # type: ignore[arg-type]


def table(of: View, format: TableName, path: Path) -> Path:
    path.write_text("".join(table_lines(of, format)), encoding="utf-8")
    return path


@pytest.mark.parametrize("format", TABLE_NAMES)
def test_a_table_holds_exactly_the_events_of_the_view(
    folder: Path, tmp_path: Path, format: TableName
) -> None:
    of = view(folder, min_score=0.99, high_hz=3000.0)
    events = list(read_events(table(of, format, tmp_path / "table"), format))
    shown = list(of.everything())
    assert 5 < len(events) == len(shown) < len(list(view(folder).everything()))
    assert sorted((event.low_hz, round(event.score, 3)) for event in events) == sorted(
        (round(row.listed.event.low_hz, 1), round(row.listed.event.score, 3)) for row in shown
    )


def test_times_count_from_the_start_of_the_clip_that_holds_the_sound(folder: Path, tmp_path: Path) -> None:
    rows = list(csv.DictReader(table(view(folder), "csv", tmp_path / "table").open()))
    shown = list(view(folder).everything())
    assert [row["onset_utc"][:23] for row in rows] == [iso(row) for row in shown]
    for row, of in zip(rows, shown, strict=True):
        onset_s = float(row["onset_s"])
        if of.listed.clip is None:
            assert row["file"] == "microphone"
            assert onset_s == pytest.approx(of.listed.event.utc_s % 86_400, abs=1e-3)
        else:
            assert row["file"] == str(of.source.path / of.listed.clip.path)
            first_s = (of.listed.event.onset_sample - of.listed.clip.first_sample) / of.listed.sample_rate_hz
            assert onset_s == pytest.approx(first_s, abs=1e-3)
            assert 0 <= onset_s < soundfile.info(row["file"]).duration
    assert {row["file"] == "microphone" for row in rows} == {True, False}


def iso(shown: ShownEvent) -> str:
    time = datetime.fromtimestamp(round(shown.listed.event.utc_s, 3), UTC)
    return time.isoformat(timespec="milliseconds")[:23]


def test_a_raven_table_lists_the_clips_as_one_sequence(folder: Path, tmp_path: Path) -> None:
    path = table(view(folder), "raven", tmp_path / "table")
    rows = list(csv.DictReader(path.open(), delimiter="\t"))
    assert [int(row["Selection"]) for row in rows] == list(range(1, len(rows) + 1))
    begins: dict[str, float] = {}
    at_s = 0.0
    for row in rows:
        file = row["Begin Path"]
        if file not in begins:
            begins[file] = at_s
            at_s += soundfile.info(file).duration if file != "microphone" else 0.0
        assert float(row["Begin Time (s)"]) == pytest.approx(
            begins[file] + float(row["File Offset (s)"]), abs=2e-4
        )
        assert row["Begin File"] == Path(file).name
    files = list(begins)
    assert files[-1] == "microphone"
    assert len(files) == 1 + (2 + 1) * -(-SCENE_S // CLIP_S)
    assert begins["microphone"] == pytest.approx(3 * SCENE_S)


def test_a_deleted_clip_is_not_named_in_a_table(tmp_path: Path) -> None:
    oak = HeardBirds(tmp_path / "oak", 1)
    of = view(tmp_path)
    (path, *_) = {shown.listed.clip.path for shown in of.everything()}
    mark_clips(oak.folder, [path], "deleted", 1.0)
    files = {json.loads(line)["file"] for line in table_lines(of, "jsonl") if line}
    assert str(oak.folder / path) not in files
    assert "microphone" in files


def test_an_empty_view_is_a_table_without_rows(folder: Path) -> None:
    of = view(folder, min_score=2.0)
    assert ["".join(table_lines(of, name)).count("\n") for name in TABLE_NAMES] == [1, 0, 1, 0]


@pytest.mark.parametrize("format", TABLE_NAMES)
def test_memory_does_not_grow_with_the_table(
    tmp_path: Path, format: TableName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birdedge.edge.companion.event_view.BATCH_EVENTS", 20)
    HeardBirds(tmp_path / "oak", 1)
    peaks = []
    for repeat in (1, 8):
        of = View(find_folders([tmp_path]) * repeat, EventFilter())
        tracemalloc.start()
        for _ in table_lines(of, format):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 400_000
