"""Annotation tables are read by their columns, and unusable lines are refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from birdedge.edge.errors import DataError
from birdedge.train.data.annotations import Box, read_annotations, read_raven


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
def test_an_unusable_annotation_is_refused_with_its_line(tmp_path: Path, row: str, sentence: str) -> None:
    table = tmp_path / "annotations.tsv"
    table.write_text(f"file\tonset_s\toffset_s\tlow_hz\thigh_hz\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        read_annotations(table)


def test_a_table_without_a_column_or_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "a.txt"
    table.write_text("Begin Time (s)\n0.1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"lacks the column 'End Time \(s\)'"):
        read_raven(table)
    table.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_raven(table)
