"""Tables and JSON have UTC where it is known, and other programs read the tables."""

import csv
import json
from datetime import datetime, timedelta

import crowsetta
import pytest

from tests.support.commands import birdedge, events

NAME = "SMA01234_20240501_043000.wav"
START = datetime.fromisoformat("2024-05-01T02:30:00+00:00")


@pytest.fixture
def named(demo, tmp_path):
    path = tmp_path / NAME
    path.write_bytes(demo.read_bytes())
    return path


def off_s(row):
    """Return the difference between the UTC of an event and its position in the recording."""
    pairs = ((row["onset_utc"], row["onset_s"]), (row["offset_utc"], row["offset_s"]))
    return max(
        abs((datetime.fromisoformat(time) - START - timedelta(seconds=float(s))).total_seconds())
        for time, s in pairs
    )


@pytest.mark.parametrize("command", [("segment",), ("listen", "--fast", "--json")])
@pytest.mark.parametrize("option", [("--timezone", "Europe/Berlin"), ("--start", "2024-05-01T02:30:00Z")])
def test_json_has_the_utc_of_each_event(named, tmp_path, command, option):
    found = events(birdedge(*command, named, *option, cwd=tmp_path)[0])
    assert found
    assert max(map(off_s, found)) <= 0.0011
    assert all(event["onset_utc"].endswith("Z") for event in found)


def test_unknown_utc_is_null(named, tmp_path):
    found = events(birdedge("segment", named, cwd=tmp_path)[0])
    assert {event["onset_utc"] for event in found} == {event["offset_utc"] for event in found} == {None}


def test_all_tables_have_the_utc_of_each_event_even_for_skipped_recordings(named, tmp_path):
    options = ("--timezone", "Europe/Berlin", "--format", "csv", "--format", "raven", "--format", "jsonl")
    for again in ((), ("--skip-existing",)):
        birdedge("segment", named, "--out", "out", *options, *again, cwd=tmp_path)
        with (tmp_path / "out" / NAME.replace(".wav", ".csv")).open(newline="") as table:
            rows = list(csv.DictReader(table))
        assert max(map(off_s, rows)) <= 0.0011
        lines = (tmp_path / "out" / NAME.replace(".wav", ".jsonl")).read_text().splitlines()
        assert max(off_s(json.loads(line)) for line in lines) <= 0.0011
        for name in (NAME.replace(".wav", ".selections.txt"), "all.selections.txt"):
            with (tmp_path / "out" / name).open(newline="") as table:
                selections = list(csv.DictReader(table, delimiter="\t"))
            assert [row["Begin UTC"] for row in selections] == [row["onset_utc"] for row in rows]
            assert {row["Begin File"] for row in selections} == {NAME}


def test_the_start_of_several_recordings_is_an_error(failing, good, tmp_path):
    (tmp_path / "again.wav").write_bytes(good.read_bytes())
    error = failing("segment", "good.wav", "again.wav", "--start", "2024-05-01T02:30:00Z")
    assert "applies to one recording, and 2 were given" in error
    assert "apply to a file" in failing("listen", "--demo", "--timezone", "UTC")


def test_crowsetta_reads_the_raven_tables(named, tmp_path):
    birdedge("segment", named, "--out", "out", "--format", "raven", "--format", "csv", cwd=tmp_path)
    with (tmp_path / "out" / NAME.replace(".wav", ".csv")).open(newline="") as table:
        rows = list(csv.DictReader(table))
    for name in (NAME.replace(".wav", ".selections.txt"), "all.selections.txt"):
        boxes = crowsetta.formats.bbox.Raven.from_file(tmp_path / "out" / name).to_bbox()
        assert [box.label for box in boxes] == ["bird"] * len(rows)
        for box, row in zip(boxes, rows, strict=True):
            assert (box.onset, box.offset) == pytest.approx((float(row["onset_s"]), float(row["offset_s"])))
            assert (box.low_freq, box.high_freq) == pytest.approx(
                (float(row["low_hz"]), float(row["high_hz"]))
            )
