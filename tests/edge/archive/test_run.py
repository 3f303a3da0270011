"""An archive run gives the same bytes however it is divided, and loses nothing when it is interrupted at any moment."""

from __future__ import annotations

import os
import shutil
import time
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from birdedge import __version__
from birdedge.edge.archive import run as module
from birdedge.edge.archive import worker
from birdedge.edge.archive.manifest import Manifest, read_manifest
from birdedge.edge.archive.parts import PARTS, done_units, part_paths, read_part
from birdedge.edge.archive.pool import killed_twice
from birdedge.edge.archive.run import Shard, run_here, work_of
from birdedge.edge.archive.segment import FileResult, segment, segment_or_report
from birdedge.edge.archive.status import archive_status, error_sentences
from birdedge.edge.errors import DataError, DiskError, SettingsError
from birdedge.edge.models.model import Model
from tests.support.archives import do, in_killed_child, parts, plan
from tests.support.disks import full, small_disk
from tests.support.poison import Poison


def test_a_part_has_the_events_that_segment_finds(complete: Manifest) -> None:
    events = 0
    for unit in complete.units():
        (row,) = read_part(complete.folder, unit.key).to_pylist()
        result = segment(unit.files[0].path)
        assert row["recording"] == unit.files[0].path
        assert row["heard_s"] == result.duration_s
        assert row["error"] is None
        assert (
            row["recording_start"].isoformat() == f"2024-05-01T23:0{Path(row['recording']).stem[-3]}:00+00:00"
        )
        assert [(e["onset_s"], e["offset_s"]) for e in row["events"]] == [
            (e.onset_s, e.offset_s) for e in result.events
        ]
        assert [e["score"] for e in row["events"]] == pytest.approx([e.score for e in result.events])
        events += len(result.events)
    assert events > 10


def test_two_processes_and_two_shards_write_the_same_bytes_as_one_process(
    complete: Manifest, forest: Path, tmp_path: Path
) -> None:
    two = plan(tmp_path / "jobs", forest)
    assert sum(counts.files for counts in do(two, jobs=2)) == 6
    assert parts(two.folder) == parts(complete.folder)
    shards = plan(tmp_path / "shards", forest)
    assert sum(counts.files for number in (1, 2) for counts in do(shards, shard=Shard(number, 2))) == 6
    assert parts(shards.folder) == parts(complete.folder)


@pytest.mark.parametrize("shard_count", [1, 2, 7])
def test_shards_are_disjoint_and_complete(complete: Manifest, shard_count: int) -> None:
    shards = [
        work_of(complete, done_units(Path("none")), Shard(n + 1, shard_count)) for n in range(shard_count)
    ]
    keys = [unit.key for work in shards for unit in work.units()]
    assert sorted(keys) == sorted(unit.key for unit in complete.units())


@pytest.mark.parametrize(("number", "shard_count"), [(0, 2), (3, 2), (1, 0)])
def test_a_shard_that_does_not_exist_is_refused(number: int, shard_count: int) -> None:
    with pytest.raises(SettingsError, match="give 1/N to N/N"):
        Shard(number, shard_count)


def test_a_shard_is_parsed_from_text() -> None:
    assert Shard.from_text("2/7") == Shard(2, 7)
    for text in ("7", "a/7", "2/", "2/7/9"):
        with pytest.raises(SettingsError, match="give I/N, such as 1/50"):
            Shard.from_text(text)


def test_finished_units_are_not_run_again(complete: Manifest) -> None:
    before = parts(complete.folder)
    times = [path.stat().st_mtime_ns for path in (complete.folder / PARTS).rglob("*.parquet")]
    assert do(complete) == []
    assert parts(complete.folder) == before
    assert [path.stat().st_mtime_ns for path in (complete.folder / PARTS).rglob("*.parquet")] == times


# --- errors ---------------------------------------------------------------------------------------------------------


def test_an_unreadable_recording_is_a_row_with_its_error_and_can_be_retried(
    forest: Path, tmp_path: Path
) -> None:
    shutil.copytree(forest, tmp_path / "forest")
    whole = next((tmp_path / "forest" / "oak").iterdir())
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    manifest = plan(tmp_path / "run", tmp_path / "forest", unit_s=900.0)
    (counts,) = do(manifest)
    sentence = f"{whole} is damaged or truncated: "
    assert (counts.files, len(counts.errors)) == (6, 1)
    assert counts.errors[0].startswith(sentence)
    assert list(error_sentences(manifest, done_units(manifest.folder))) == list(counts.errors)
    status = archive_status(manifest)
    assert (status.done_files, status.error_files, status.is_complete) == (6, 1, True)
    (unit,) = manifest.units()
    rows = read_part(manifest.folder, unit.key).to_pylist()
    assert [row["recording_start"].hour for row in rows] == [23] * 6  # even the damaged file's, from its name
    assert [row["error"] is None for row in rows] == [row["recording"] != str(whole) for row in rows]
    assert do(manifest) == []  # errors are done, until they are retried
    (again,) = do(manifest, retry_errors=True)
    assert again.errors == counts.errors

    whole.write_bytes(content)  # copied again, so not the file that was planned
    (again,) = do(manifest, retry_errors=True)
    assert again.errors == (f"{whole} has changed since it was planned: plan again",)
    manifest = plan(tmp_path / "run", tmp_path / "forest", unit_s=900.0)
    (counts,) = do(manifest)
    assert counts.errors == ()
    assert archive_status(manifest).error_files == 0


def test_a_name_that_is_not_unicode_is_written_escaped(forest: Path, tmp_path: Path) -> None:
    (tmp_path / "forest").mkdir()
    bad, cut = (os.fsdecode(name) for name in (b"20240501_230000_\xff.wav", b"\xfe.wav"))
    shutil.copy(next((forest / "oak").iterdir()), tmp_path / "forest" / bad)
    (tmp_path / "forest" / cut).write_bytes(b"text")
    manifest = plan(tmp_path / "run", tmp_path / "forest", unit_s=900.0)
    (counts,) = do(manifest)
    assert counts.files == 2
    assert [error.partition(" is not a supported")[0] for error in counts.errors] == [
        f"{tmp_path}/forest/\\udcfe.wav"
    ]
    (unit,) = manifest.units()
    rows = read_part(manifest.folder, unit.key).to_pylist()
    assert [Path(row["recording"]).name for row in rows] == ["20240501_230000_\\udcff.wav", "\\udcfe.wav"]


def test_a_defect_is_reported_as_an_error_of_its_recording(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def defective(model: Model, path: Path, *rest: Any) -> FileResult:
        if path.stem.endswith("_230200"):
            raise ZeroDivisionError("division by zero\nand more")
        return segment_or_report(model, path, *rest)

    monkeypatch.setattr(worker, "segment_or_report", defective)
    errors = [error for counts in do(plan(tmp_path / "run", forest)) for error in counts.errors]
    assert errors == [
        f"{forest}/oak/20240501_230200.wav could not be analysed (ZeroDivisionError: division by zero): "
        "report this defect"
    ]


def test_a_retry_that_succeeds_replaces_the_part_with_errors(forest: Path, tmp_path: Path) -> None:
    shutil.copytree(forest, tmp_path / "forest")
    (path,) = (tmp_path / "forest" / "oak").glob("*_230000.wav")
    manifest = plan(tmp_path / "run", path)
    path.rename(tmp_path / "away.wav")
    (counts,) = do(manifest)
    assert counts.errors == (f"{path} does not exist: check the path",)
    (tmp_path / "away.wav").rename(path)
    (unit,) = manifest.units()
    done, errors = part_paths(manifest.folder, unit.key)
    content = errors.read_bytes()
    assert do(manifest, retry_errors=True)[0].errors == ()
    assert done.exists()
    assert not errors.exists()
    errors.write_bytes(content)  # as if the process had been killed between the two steps
    assert do(manifest, retry_errors=True) == []
    assert archive_status(manifest).error_files == 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_retry_keeps_the_results_of_recordings_that_are_away_now(
    forest: Path, tmp_path: Path, jobs: int
) -> None:
    shutil.copytree(forest, tmp_path / "forest")
    bad = tmp_path / "forest" / "elm" / "0.wav"
    bad.parent.mkdir(exist_ok=True)
    bad.write_bytes(b"text")
    manifest = plan(tmp_path / "run", tmp_path / "forest", unit_s=900.0)
    (before,) = do(manifest)
    (unit,) = manifest.units()
    rows = read_part(manifest.folder, unit.key).to_pylist()
    assert before.events > 0
    (tmp_path / "forest").rename(tmp_path / "away")
    (again,) = do(manifest, retry_errors=True, jobs=jobs)
    assert (again.files, again.events, again.heard_s) == (before.files, before.events, before.heard_s)
    assert again.errors == (f"{bad} does not exist: check the path",)
    after = read_part(manifest.folder, unit.key).to_pylist()
    assert [row for row in after if row["error"] is None] == [row for row in rows if row["error"] is None]


def test_a_changed_model_is_refused(forest: Path, tmp_path: Path) -> None:
    manifest = plan(tmp_path / "run", forest)
    with (manifest.folder / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(DataError, match="is not the model birdedge-int8-256 that the run was planned with"):
        do(manifest)
    assert parts(manifest.folder) == {}
    with pytest.raises(SettingsError, match=r"min_score None and not 0\.5"):
        plan(tmp_path / "run", forest, min_score=0.5)


# --- interruptions --------------------------------------------------------------------------------------------------


def test_killed_workers_lose_nothing_and_the_recording_that_kills_them_is_an_error(
    complete: Manifest, forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(forest, tmp_path / "forest")
    oak = sorted((tmp_path / "forest" / "oak").glob("*.wav"))
    elm = sorted((tmp_path / "forest" / "elm").glob("*.wav"))
    elm[0].with_suffix(".once").touch()
    oak[1].with_suffix(".poison").touch()
    manifest = plan(tmp_path / "run", *elm, tmp_path / "forest" / "oak", unit_s=6.0)
    assert [len(unit.files) for unit in manifest.units()] == [3, 3]
    monkeypatch.setattr(module, "do_unit", Poison.do_unit)
    monkeypatch.setattr(module, "segment_planned", Poison.segment_planned)
    counts = do(manifest, jobs=2)
    assert sum(c.files for c in counts) == 6
    assert [error for c in counts for error in c.errors] == [killed_twice(oak[1])]
    rows = [row for unit in manifest.units() for row in read_part(manifest.folder, unit.key).to_pylist()]
    assert [row["recording"] for row in rows if row["error"] is None] == [
        str(path) for path in (*elm, *oak) if path != oak[1]
    ]
    expected = {
        Path(row["recording"]).name: row["events"]
        for unit in complete.units()
        for row in read_part(complete.folder, unit.key).to_pylist()
    }
    for row in rows:
        assert row["error"] or row["events"] == expected[Path(row["recording"]).name]


def test_a_plan_and_run_killed_at_any_moment_can_be_resumed(forest: Path, tmp_path: Path) -> None:
    sources = sorted((forest / "elm").iterdir())[1:]
    folder = tmp_path / "run"

    def plan_and_do() -> None:
        do(plan(folder, *sources))

    plan_and_do()  # also opens the model
    expected = parts(folder)
    for after in count(1):
        shutil.rmtree(folder)
        is_killed = in_killed_child(plan_and_do, after)
        assert parts(folder).items() <= expected.items()
        plan_and_do()
        assert parts(folder) == expected
        if not is_killed:
            break
    assert after > 10


def test_unfinished_files_of_a_killed_process_are_deleted_an_hour_later(complete: Manifest) -> None:
    folder = next((complete.folder / PARTS).iterdir())
    recent, old = folder / ".birdedge-1.part", folder / ".birdedge-2.part"
    recent.write_text("half")
    old.write_text("half")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    assert len(done_units(complete.folder).keys) == 6
    assert recent.exists()
    assert not old.exists()
    recent.unlink()


def test_a_full_disk_ends_the_run_with_a_one_sentence_error_and_loses_nothing(
    complete: Manifest, forest: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        manifest = plan(disk / "run", forest)
        work = work_of(manifest, done_units(manifest.folder))
        units_done = run_here(work, 1)
        next(units_done)
        with full(disk), pytest.raises(DiskError, match=r"cannot be written \(No space left on device\)"):
            list(units_done)
        assert len(parts(manifest.folder)) == 1
        do(manifest)
        assert parts(manifest.folder) == parts(complete.folder)


def test_a_damaged_part_is_a_one_sentence_error(complete: Manifest, tmp_path: Path) -> None:
    shutil.copytree(complete.folder, tmp_path / "run")
    manifest = read_manifest(tmp_path / "run")
    key = next(manifest.units()).key
    part_paths(manifest.folder, key)[0].write_bytes(b"PAR1")
    with pytest.raises(
        DataError, match=r"\.parquet cannot be read .*: delete it, and run birdedge archive run again"
    ):
        read_part(manifest.folder, key)


def test_parts_state_which_run_they_belong_to(complete: Manifest) -> None:
    path = next((complete.folder / PARTS).rglob("*.parquet"))
    assert pq.read_metadata(path).metadata[b"birdedge_fingerprint"].decode() == complete.settings.fingerprint
    assert complete.settings.version == __version__
