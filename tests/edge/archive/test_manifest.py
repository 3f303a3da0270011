"""The manifest of a run: complete or absent, for one model and one group of settings, of any length."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from birdedge.edge.archive import manifest as module
from birdedge.edge.archive import manifest_rows, units
from birdedge.edge.archive.manifest import (
    MANIFEST,
    ArchiveSettings,
    check_version,
    read_manifest,
    read_model,
    write_manifest,
)
from birdedge.edge.archive.manifest_rows import keys_of
from birdedge.edge.archive.units import PlannedFile
from birdedge.edge.errors import DataError, SettingsError

MODEL = b"model"
SETTINGS = ArchiveSettings("m", "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4")
QUARTER_BYTES = 86_400_000


def planned(count: int, size_bytes: int = QUARTER_BYTES) -> Iterator[PlannedFile]:
    for number in range(count):
        yield PlannedFile(
            f"/forest/oak{number // 1000}/{number:07}.wav", f"oak{number // 1000}", size_bytes, "1"
        )


def test_a_manifest_survives_a_round_trip(tmp_path: Path) -> None:
    bad = PlannedFile(os.fsdecode(b"/forest/\xff.wav"), "oak", 5, "2")
    files = [*planned(5), bad]
    written = write_manifest(tmp_path, SETTINGS, MODEL, files)
    read = read_manifest(tmp_path)
    assert read == written
    assert [file for unit in read.units() for file in unit.files] == files
    assert (read.totals.files, read.totals.units, read.totals.size_bytes) == (6, 6, 5 * QUARTER_BYTES + 5)
    assert len({unit.key for unit in read.units()}) == 6
    assert read_model(tmp_path, SETTINGS).read_bytes() == MODEL


def test_rows_are_chosen_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_FILES", 4)
    manifest = write_manifest(tmp_path, SETTINGS, MODEL, planned(10))
    batches = list(manifest.batches())
    assert len(batches) > 1
    last = keys_of(batches[-1])[-1]
    chosen = [keys_of(batch) == last for batch in batches]
    (unit,) = manifest.units(chosen)
    assert unit.files[0].path.endswith("0000009.wav")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"min_score": 0.5}, "min_score None and not 0.5"),
        ({"channel": 1}, "channel None and not 1"),
        ({"timezone": "UTC"}, "timezone None and not UTC"),
        ({"model_sha256": "1234"}, "model_sha256 9372.* and not 1234"),
        ({"version": "9.9"}, r"version .* and not 9\.9"),
    ],
)
def test_a_folder_keeps_one_model_and_one_set_of_settings(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    write_manifest(tmp_path, SETTINGS, MODEL, planned(1))
    before = (tmp_path / MANIFEST).read_bytes()
    with pytest.raises(SettingsError, match=f"was planned with {sentence}: give another folder"):
        write_manifest(tmp_path, replace(SETTINGS, **change), b"other", planned(2))
    assert (tmp_path / MANIFEST).read_bytes() == before
    assert (tmp_path / "model.onnx").read_bytes() == MODEL


def test_planning_again_adds_recordings_and_keeps_the_keys_of_the_others(
    tmp_path: Path,
) -> None:
    before = [unit.key for unit in write_manifest(tmp_path, SETTINGS, MODEL, planned(5)).units()]
    after = [unit.key for unit in write_manifest(tmp_path, SETTINGS, MODEL, planned(7)).units()]
    assert after[:5] == before


def test_recordings_that_are_not_planned_again_stay_planned_unless_they_are_left_out(tmp_path: Path) -> None:
    first = write_manifest(tmp_path, SETTINGS, MODEL, planned(5))
    before = {unit.files: unit.key for unit in first.units()}
    changed = PlannedFile("/forest/oak0/0000003.wav", "oak0", QUARTER_BYTES, "2")
    added = PlannedFile("/forest/elm/1.wav", "elm", QUARTER_BYTES, "1")
    second = write_manifest(tmp_path, SETTINGS, MODEL, [added, changed])
    assert read_manifest(tmp_path) == second
    assert (second.totals.files, second.totals.earlier_files) == (6, 4)
    after = {unit.files: unit.key for unit in second.units()}
    assert [files for (files,) in after] == [
        added,
        changed,
        *(f for f in planned(5) if f.path != changed.path),
    ]
    assert all(before[files] == key for files, key in after.items() if files in before)
    third = write_manifest(tmp_path, SETTINGS, MODEL, [added], keep_earlier=False)
    assert (third.totals.files, third.totals.earlier_files) == (1, 0)


def test_a_changed_model_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, SETTINGS, MODEL, planned(1))
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(DataError, match=r"model\.onnx is not the model m that the run was planned with"):
        read_model(tmp_path, SETTINGS)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(DataError, match=r"model\.onnx cannot be read \(No such file"):
        read_model(tmp_path, SETTINGS)


def test_another_version_is_refused() -> None:
    check_version(SETTINGS)
    with pytest.raises(SettingsError, match=r"planned by birdedge 0\.0, and this is "):
        check_version(replace(SETTINGS, version="0.0"))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"text" * 100])
def test_a_damaged_manifest_is_a_one_sentence_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(
        DataError,
        match=r"manifest\.parquet cannot be read .*: delete it, and run birdedge archive plan again",
    ):
        read_manifest(tmp_path)


def test_a_parquet_file_that_is_not_a_manifest_is_a_one_sentence_error(tmp_path: Path) -> None:
    import pyarrow as pa

    pq.write_table(pa.table({"a": [1]}), tmp_path / MANIFEST)
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_folder_without_a_run_is_a_one_sentence_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not an archive run: make one with birdedge archive plan SOURCE"):
        read_manifest(tmp_path)


def test_nothing_to_plan_leaves_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no recording to plan"):
        write_manifest(tmp_path, SETTINGS, MODEL, [])
    assert not (tmp_path / MANIFEST).exists()


def test_an_interrupted_plan_leaves_the_earlier_manifest(tmp_path: Path) -> None:
    write_manifest(tmp_path, SETTINGS, MODEL, planned(1))

    def interrupted() -> Iterator[PlannedFile]:
        yield from planned(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_manifest(tmp_path, SETTINGS, MODEL, interrupted())
    assert read_manifest(tmp_path).totals.files == 1
    assert {path.name for path in tmp_path.iterdir()} == {MANIFEST, "model.onnx"}


def test_a_long_manifest_is_written_and_read_in_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (module, manifest_rows, units):
        monkeypatch.setattr(place, "BLOCK_FILES", 500)
    peaks = []
    for count in (2_000, 12_000):
        tracemalloc.start()
        manifest = write_manifest(tmp_path, SETTINGS, MODEL, planned(count))
        assert sum(len(unit.files) for unit in manifest.units()) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 16 bytes are kept to recognize each recording, briefly twice that; as a Python object it would take 600.
    assert peaks[1] - peaks[0] < 10_000 * 100


def test_keys_that_end_with_zeros_are_not_shortened() -> None:
    keys = np.array([b"a" * 15 + b"\0", b"a" * 16], "S16")
    assert len(np.unique(keys)) == 2
