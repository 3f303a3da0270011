"""The tables of a run: events by site and date, seconds heard by hour, and one Raven table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from birdedge.edge.archive import event_dataset
from birdedge.edge.archive.finish import FinishedCounts, finish
from birdedge.edge.archive.manifest import Manifest, write_manifest
from birdedge.edge.archive.parts import RecordingRow, read_part, write_part
from birdedge.edge.archive.units import PlannedFile
from birdedge.edge.errors import DataError, DiskError, StoreError
from birdedge.edge.event import Event
from birdedge.edge.mask import NO_MASK
from birdedge.edge.system.folder_lock import FolderLock
from tests.edge.archive.test_manifest import MODEL, SETTINGS
from tests.support.archives import in_killed_child
from tests.support.disks import full, small_disk

MAY_2024_S = 1714521600.0  # 2024-05-01T00:00:00Z
DAY_S = 86400.0
EVENT = Event(0.1, 0.4, 2000.0, 3000.0, 2500.0, 0.97, 200.0, 9.0, 12, 32, NO_MASK)
NAMES = {"events", "coverage.parquet", "all.selections.txt"}


def events(*onsets_s: float) -> tuple[Event, ...]:
    return tuple(replace(EVENT, onset_s=onset_s, offset_s=onset_s + 0.5) for onset_s in onsets_s)


def made(folder: Path, rows: Sequence[tuple[str, RecordingRow]], per_unit: int = 1) -> Manifest:
    """Make a run with these rows, each with its site."""
    size_bytes = 86_400_000 // per_unit
    files = [PlannedFile(row.recording, site, size_bytes, "1") for site, row in rows]
    manifest = write_manifest(folder, SETTINGS, MODEL, files)
    by_name = {row.recording: row for _, row in rows}
    for unit in manifest.units():
        assert len(unit.files) == per_unit
        write_part(folder, unit.key, [by_name[file.name] for file in unit.files], SETTINGS.fingerprint)
    return manifest


FOREST = (
    (
        "oak",
        RecordingRow(
            "/a/1.wav", MAY_2024_S + DAY_S - 1800, 3600.0, events=events(10.0, 1799.9, 1800.0, 3599.0)
        ),
    ),
    ("elm", RecordingRow("/a/2.wav", MAY_2024_S + 5.5, 60.0)),
    ("elm", RecordingRow("/a/3.wav", None, 60.0, events=events(1.0))),
    ("Ö 3/x=y", RecordingRow("/a/4.wav", MAY_2024_S, 30.0, 5.0, events=events(2.0))),
    ("oak", RecordingRow("/a/5.wav", MAY_2024_S, error="/a/5.wav is empty")),
    ("oak", RecordingRow("/a/6.wav", MAY_2024_S, 30.0, events=events(3.0, 4.0))),
)


@pytest.fixture(params=[1, 3])
def forest_run(tmp_path: Path, request: pytest.FixtureRequest) -> Manifest:
    return made(tmp_path / "forest-run", FOREST, request.param)


def tables(folder: Path) -> dict[str, bytes]:
    paths = [
        *(folder / "events").rglob("*.parquet"),
        folder / "coverage.parquet",
        folder / "all.selections.txt",
    ]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.exists()}


def test_events_are_in_folders_by_site_and_utc_date(forest_run: Manifest) -> None:
    assert finish(forest_run) == FinishedCounts(6, 1, 8, 3780.0)
    root = forest_run.folder / "events"
    names = {
        str(path.relative_to(root)): pq.ParquetFile(path).metadata.num_rows
        for path in root.rglob("*.parquet")
    }
    assert names == {
        "site=oak/date=2024-05-01/part-0.parquet": 4,
        "site=oak/date=2024-05-02/part-0.parquet": 2,
        "site=elm/date=__HIVE_DEFAULT_PARTITION__/part-0.parquet": 1,
        "site=Ö 3%2Fx%3Dy/date=2024-05-01/part-0.parquet": 1,
    }


def test_the_schema_is_the_documented_one_and_metadata_name_the_model(forest_run: Manifest) -> None:
    finish(forest_run)
    path = forest_run.folder / "events" / "site=oak" / "date=2024-05-01" / "part-0.parquet"
    schema = pq.read_schema(path)
    assert {field.name: str(field.type) for field in schema} == {
        "recording": "dictionary<values=string, indices=int32, ordered=0>",
        "recording_start": "timestamp[us, tz=UTC]",
        "onset_s": "double",
        "offset_s": "double",
        **dict.fromkeys(("low_hz", "high_hz", "peak_hz", "score", "area_hz_s", "snr_db"), "float"),
        "polygon": "binary",
        "label": "string",
    }
    assert schema.metadata[b"model"] == b"m"
    assert schema.metadata[b"model_sha256"].decode() == SETTINGS.model_sha256
    assert schema.metadata[b"birdedge_fingerprint"].decode() == SETTINGS.fingerprint


EXPECTED_SITES = [
    ("elm", None, 1),
    ("oak", "2024-05-01", 4),
    ("oak", "2024-05-02", 2),
    ("Ö 3/x=y", "2024-05-01", 1),
]


def test_duckdb_reads_sites_and_dates(forest_run: Manifest) -> None:
    finish(forest_run)
    rows = duckdb.sql(
        f"SELECT site, CAST(date AS VARCHAR), count(*) FROM read_parquet("
        f"'{forest_run.folder}/events/**/*.parquet', hive_partitioning = true) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert rows == EXPECTED_SITES


def test_polars_reads_sites_and_dates(forest_run: Manifest) -> None:
    finish(forest_run)
    frame = pl.read_parquet(f"{forest_run.folder}/events/**/*.parquet", hive_partitioning=True)
    counted = frame.group_by("site", pl.col("date").cast(pl.String)).len().sort("site", "date")
    assert counted.rows() == EXPECTED_SITES


def test_coverage_has_the_seconds_heard_per_hour(forest_run: Manifest) -> None:
    finish(forest_run)
    table = pq.read_table(forest_run.folder / "coverage.parquet")
    rows = [
        (
            row["site"],
            row["recording"],
            row["hour"] and row["hour"].strftime("%d %H"),
            row["heard_s"],
            row["events"],
        )
        for row in table.to_pylist()
    ]
    assert rows == [
        ("oak", "/a/1.wav", "01 23", 1800.0, 2),
        ("oak", "/a/1.wav", "02 00", 1800.0, 2),
        ("elm", "/a/2.wav", "01 00", 60.0, 0),
        ("elm", "/a/3.wav", None, 60.0, 1),
        ("Ö 3/x=y", "/a/4.wav", "01 00", 30.0, 1),
        ("oak", "/a/5.wav", "01 00", 0.0, 0),
        ("oak", "/a/6.wav", "01 00", 30.0, 2),
    ]
    assert [row for row in table["error"].to_pylist() if row] == ["/a/5.wav is empty"]


def test_the_raven_table_has_all_recordings_that_could_be_read(forest_run: Manifest) -> None:
    finish(forest_run)
    with (forest_run.folder / "all.selections.txt").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [(row["Begin Path"], row["Begin Time (s)"], row["File Offset (s)"]) for row in rows] == [
        ("/a/1.wav", "10.0000", "10.0000"),
        ("/a/1.wav", "1799.9000", "1799.9000"),
        ("/a/1.wav", "1800.0000", "1800.0000"),
        ("/a/1.wav", "3599.0000", "3599.0000"),
        ("/a/3.wav", "3661.0000", "1.0000"),
        ("/a/4.wav", "3722.0000", "2.0000"),
        ("/a/6.wav", "3753.0000", "3.0000"),
        ("/a/6.wav", "3754.0000", "4.0000"),
    ]
    assert rows[0]["Begin UTC"] == "2024-05-01T23:30:10.000Z"


def test_events_that_do_not_fit_into_memory_are_written_early_and_none_is_lost(
    forest_run: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_dataset, "MAX_ROWS", 2)
    finish(forest_run)
    assert len(list((forest_run.folder / "events" / "site=oak" / "date=2024-05-01").iterdir())) == 2
    test_duckdb_reads_sites_and_dates(forest_run)


def test_finishing_again_gives_the_same_bytes_and_no_other_files(forest_run: Manifest) -> None:
    finish(forest_run)
    before = tables(forest_run.folder)
    finish(forest_run)
    assert tables(forest_run.folder) == before
    names = {path.name for path in forest_run.folder.iterdir()}
    assert names == {*NAMES, "manifest.parquet", "model.onnx", "parts", "finish.lock"}
    finish(forest_run, raven=False)
    assert not (forest_run.folder / "all.selections.txt").exists()


def test_the_tables_of_a_real_run_have_its_events(complete: Manifest) -> None:
    counts = finish(complete)
    assert (counts.files, counts.failed) == (6, 0)
    parts = [read_part(complete.folder, unit.key) for unit in complete.units()]
    lists = [found for part in parts for found in part.column("events").to_pylist()]
    found = sum(map(len, lists))
    assert counts.events == found > 10
    frame = pl.read_parquet(f"{complete.folder}/events/**/*.parquet")
    assert len(frame) == found
    coverage = pl.read_parquet(complete.folder / "coverage.parquet")
    assert coverage["events"].sum() == found
    assert coverage["heard_s"].sum() == pytest.approx(10.5)


def test_an_incomplete_run_is_refused_unless_partial_is_given(forest_run: Manifest) -> None:
    unit = next(forest_run.units())
    next((forest_run.folder / "parts").rglob(f"{unit.key}*")).unlink()
    with pytest.raises(
        DataError, match=r"is not complete: [13] of 6 recording\(s\) are left; .* or give --partial"
    ):
        finish(forest_run)
    assert finish(forest_run, partial=True).files == 6 - len(unit.files)


def test_only_one_process_writes_the_tables(forest_run: Manifest) -> None:
    lock = FolderLock(forest_run.folder, "finish.lock")
    with pytest.raises(StoreError, match="is in use by another birdedge"):
        finish(forest_run)
    lock.release()


def test_a_finish_killed_at_any_moment_leaves_complete_tables(tmp_path: Path) -> None:
    manifest = made(tmp_path / "run", FOREST)
    finish(manifest)
    expected = tables(manifest.folder)
    after = 0
    is_killed = True
    while is_killed:
        after += 1
        is_killed = in_killed_child(lambda: finish(manifest), after)
        assert tables(manifest.folder).items() <= expected.items()
    assert after > 5
    assert tables(manifest.folder) == expected
    assert not list(manifest.folder.glob(".birdedge-*"))


def test_a_full_disk_is_a_one_sentence_error_and_leaves_the_earlier_tables(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        manifest = made(disk / "run", FOREST)
        finish(manifest)
        before = tables(manifest.folder)
        with full(disk), pytest.raises(DiskError, match=r"cannot be written \(.*No space left on device"):
            finish(manifest)
        assert tables(manifest.folder) == before
