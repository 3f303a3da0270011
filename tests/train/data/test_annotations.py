"""Annotation tables are read by their columns, and unusable lines are refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from birdedge.edge.errors import DataError
from birdedge.train.data.annotations import Box, read_annotations, read_audacity, read_boxes, read_raven


def test_annotations_are_read_by_file_with_or_without_a_band(tmp_path: Path) -> None:
    table = tmp_path / "annotations.tsv"
    rows = ["file\tonset_s\toffset_s\tlow_hz\thigh_hz\tlabel", "boxes/a.ogg\t1.5\t2\t900\t3000\tsong"]
    rows += ["boxes/a.ogg\t3\t4\t\t\t", "notes/b.ogg\t0\t0\t0\t0\t"]
    table.write_text("\n".join(rows), encoding="utf-8")
    boxes = read_annotations(table)
    assert boxes.keys() == {tmp_path / "boxes" / "a.ogg", tmp_path / "notes" / "b.ogg"}
    first, second = boxes[tmp_path / "boxes" / "a.ogg"]
    assert first == Box(1.5, 2.0, 900.0, 3000.0)
    assert (second.onset_s, second.offset_s) == (3.0, 4.0)
    assert math.isnan(second.low_hz)
    assert math.isnan(second.high_hz)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a.wav\tsoon\t1\t2\t3", "line 2: onset_s is 'soon'; it must be a number"),
        ("a.wav\t1\t0.5\t2\t3", "line 2: the box ends before it begins"),
        ("a.wav\t1", "line 2 ends before offset_s"),
        ("a.wav\t\t1\t2\t3", "line 2: the box ends before it begins"),
    ],
)
def test_an_unusable_annotation_is_refused_with_its_line_number(
    tmp_path: Path, row: str, sentence: str
) -> None:
    table = tmp_path / "annotations.tsv"
    table.write_text(f"file\tonset_s\toffset_s\tlow_hz\thigh_hz\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        read_annotations(table)


def test_a_table_that_lacks_a_column_or_a_file_that_is_not_a_table_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "a.txt"
    table.write_text("Begin Time (s)\n0.1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"lacks the column 'End Time \(s\)'"):
        read_raven(table)
    table.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_raven(table)


def project(*events: tuple[dict[str, object], list[int]], path: str = "audio/forest/a.wav") -> str:
    """Return an annotation project with these geometries and tags, as Whombat exports it."""
    data = {
        "collection_type": "annotation_project",
        "tags": [
            {"id": 0, "key": "species", "value": "Turdus merula"},
            {"id": 1, "key": "birdedge_label", "value": "not bird"},
        ],
        "recordings": [{"uuid": "R", "path": path}],
        "clips": [{"uuid": "C", "recording": "R"}],
        "clip_annotations": [{"uuid": "K", "clip": "C"}],
        "sound_events": [
            {"uuid": f"S{number}", "recording": "R", "geometry": geometry}
            for number, (geometry, _) in enumerate(events)
        ],
        "sound_event_annotations": [
            {"uuid": f"A{number}", "sound_event": f"S{number}", "tags": tags}
            for number, (_, tags) in enumerate(events)
        ],
    }
    return json.dumps({"version": "1.1.0", "data": data})


def test_whombat_annotations_give_boxes_unless_they_are_not_birds(tmp_path: Path) -> None:
    ring = [[1.0, 2000.0], [1.4, 2000.0], [1.4, 3500.0], [1.0, 3500.0], [1.0, 2000.0]]
    other = [[time_s + 1, hz + 500] for time_s, hz in ring]
    (tmp_path / "forest").mkdir()
    (tmp_path / "forest" / "a.wav").touch()
    (tmp_path / "annotations.json").write_text(
        project(
            ({"type": "TimeInterval", "coordinates": [3.0, 3.5]}, []),
            ({"type": "MultiPolygon", "coordinates": [[ring], [other]]}, [0]),
            ({"type": "BoundingBox", "coordinates": [0.1, 900.0, 0.2, 1000.0]}, [0]),
            ({"type": "Polygon", "coordinates": [ring]}, [1]),
        )
    )
    (boxes,) = read_boxes(tmp_path).values()
    assert [*read_boxes(tmp_path)] == [tmp_path / "forest" / "a.wav"]
    assert boxes[:2] == (Box(0.1, 0.2, 900.0, 1000.0), Box(1.0, 2.4, 2000.0, 4000.0))
    assert (boxes[2].onset_s, boxes[2].offset_s, math.isnan(boxes[2].low_hz)) == (3.0, 3.5, True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "cannot be read as AOEF"),
        ("[]", "is not AOEF"),
        ('{"data": {"collection_type": "dataset"}}', "holds no annotations"),
        (project(({"type": "Polygon", "coordinates": []}, [])), "is not AOEF"),
        (project(({"type": "BoundingBox", "coordinates": [0, 1, 2, 3]}, [7])), "is not AOEF"),
        (project(({"type": "BoundingBox", "coordinates": ["a", 1, 2, 3]}, [])), "is not AOEF"),
        (project(({"type": "TimeStamp", "coordinates": math.nan}, [])), "cannot be read as AOEF"),
        ("[" * 100_000, "cannot be read as AOEF"),
    ],
)
def test_a_file_that_is_not_a_project_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(DataError, match=sentence):
        read_boxes(tmp_path)


def test_an_audacity_label_track_gives_boxes_with_or_without_a_band(tmp_path: Path) -> None:
    (tmp_path / "a.labels.txt").write_text(
        "1.5\t2\tblackbird\n\\\t900\t3000\n3\t4\t\n5\t6\twren\n\\\t-1\t-1\n"
    )
    banded, *others = read_boxes(tmp_path, [tmp_path / "a.wav"])[tmp_path / "a.wav"]
    assert banded == Box(1.5, 2.0, 900.0, 3000.0)
    assert [(box.onset_s, box.offset_s, math.isnan(box.low_hz)) for box in others] == [
        (3, 4, True),
        (5, 6, True),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\\\t1\t2\n", "line 1 is a band without a label"),
        ("1\tsoon\tx\n", "line 1: offset_s is 'soon'"),
        ("1\t2\tx\n\\\t900\n", "line 2 ends before high_hz"),
        ("2\t1\tx\n", "line 1: the box ends before it begins"),
    ],
)
def test_an_unusable_label_is_refused_with_its_line_number(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=sentence):
        read_audacity(tmp_path / "a.txt")
