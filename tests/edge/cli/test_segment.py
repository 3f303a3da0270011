"""`birdedge segment` writes the requested tables, and one of all recordings."""

import numpy as np
import pytest

from tests.support.commands import birdedge


def test_segment_writes_the_requested_tables_and_one_of_all_files(demo, tmp_path):
    archive, out = tmp_path / "archive", tmp_path / "out"
    (archive / "north").mkdir(parents=True)
    for name in ("a.wav", "north/b.wav"):
        (archive / name).write_bytes(demo.read_bytes())
    output, stderr = birdedge(
        "segment", archive, "--out", out, "--format", "raven", "--format", "csv", "--jobs", 2, cwd=tmp_path
    )
    assert output == ""
    assert "2 of 2 file(s), 40.0 s of audio" in stderr
    assert {path.name for path in out.iterdir()} == {
        *("a.csv", "b.csv", "a.selections.txt", "b.selections.txt", "all.selections.txt"),
    }
    rows_per_file = len((out / "a.csv").read_text(encoding="utf-8").splitlines()) - 1
    rows = (out / "all.selections.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert len(rows) == 2 * rows_per_file
    begin_s = [float(row.split("\t")[3]) for row in rows]
    assert np.subtract(begin_s[rows_per_file:], begin_s[:rows_per_file]) == pytest.approx(20.0, abs=0.001)
