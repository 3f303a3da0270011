"""An archive is segmented in one process or several with the same results, and stops at once when interrupted."""

from __future__ import annotations

import csv
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from birdedge.cli import birdedge
from birdedge.edge.archive.event_buffer import EventBuffer
from birdedge.edge.archive.processes import segment_files
from birdedge.edge.archive.segment import FileResult
from birdedge.edge.audio.sources import file_name
from birdedge.edge.errors import ModelMissingError, OutputError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.formats.tables import TABLE_NAMES, TableName
from birdedge.edge.mask import NO_MASK
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.sinks.recording import OutputSettings
from birdedge.edge.sinks.table_file import Table
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]
FORMATS = TABLE_NAMES
EVENT = Event(0.1, 0.4, 2000.0, 3000.0, 2500.0, 0.97, 200.0, 9.0, 12, 32, NO_MASK)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def group_is_gone(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def tiny(tmp_path: Path) -> list[Path]:
    """Ten files of a tenth of a second."""
    paths = [tmp_path / "tiny" / f"{number}.wav" for number in range(10)]
    (tmp_path / "tiny").mkdir()
    for path in paths:
        soundfile.write(path, np.zeros(800), 8000)
    return paths


def test_two_processes_write_the_same_bytes_as_one(recordings: list[Path], tmp_path: Path) -> None:
    for jobs in (1, 2):
        outputs = OutputSettings(tmp_path / f"{jobs}", FORMATS, tmp_path / f"{jobs}")
        results = list(segment_files(DEFAULT_MODEL, recordings, outputs, jobs))
        assert [result.path for result in results] == recordings
        assert all(len(result.events) and result.mask is None for result in results)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert len(contents(tmp_path / "1")) == len(recordings) * (len(FORMATS) + 1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_unreadable_file_is_reported_and_the_others_are_segmented(
    recordings: list[Path], damaged: Path, tmp_path: Path, jobs: int
) -> None:
    out = tmp_path / "out"
    paths = [recordings[0], damaged, tmp_path / "missing.wav", recordings[2]]
    results = list(segment_files(DEFAULT_MODEL, paths, OutputSettings(out, ("csv",), out), jobs))
    assert [result.path for result in results] == paths
    assert [result.error is None for result in results] == [True, False, False, True]
    assert f"{damaged} " in str(results[1].error)
    assert " at 5.997 s: export " in str(results[1].error)
    assert "does not exist" in str(results[2].error)
    assert {path.name for path in out.iterdir()} == {"site1.csv", "site1.npz", "site3.csv", "site3.npz"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_that_affects_every_file_ends_the_run(
    recordings: list[Path], tmp_path: Path, jobs: int
) -> None:
    (tmp_path / "file").write_bytes(b"")
    outputs = OutputSettings(tmp_path / "file" / "out", ("csv",))
    with pytest.raises(OutputError, match="cannot be written"):
        list(segment_files(DEFAULT_MODEL, recordings, outputs, jobs))
    with pytest.raises(ModelMissingError):
        list(segment_files("no-such", recordings, OutputSettings(), jobs))


@pytest.mark.parametrize("jobs", [1, 2])
def test_existing_results_are_refused_before_anything_is_written(
    recordings: list[Path], tmp_path: Path, jobs: int
) -> None:
    (tmp_path / "site3.csv").write_text("earlier")
    outputs = OutputSettings(tmp_path, ("csv",))
    with pytest.raises(OutputError, match=r"site3\.csv exists already: give --skip-existing .* --force"):
        next(segment_files(DEFAULT_MODEL, recordings, outputs, jobs))
    assert contents(tmp_path) == {"site3.csv": b"earlier"}
    list(segment_files(DEFAULT_MODEL, recordings, replace(outputs, force=True), jobs))
    assert contents(tmp_path)["site3.csv"] != b"earlier"


@pytest.mark.parametrize(
    ("formats", "jobs"),
    [(("csv",), 2), (("raven",), 1), (("jsonl",), 1), (("audacity",), 1), (("audacity", "raven"), 1)],
)
def test_a_skipped_recording_has_the_events_of_its_tables(
    recordings: list[Path], tmp_path: Path, formats: tuple[TableName, ...], jobs: int
) -> None:
    outputs = OutputSettings(tmp_path, formats, skip_existing=True)
    first = list(segment_files(DEFAULT_MODEL, recordings[:2], outputs))
    before = contents(tmp_path)
    results = list(segment_files(DEFAULT_MODEL, recordings, outputs, jobs))
    assert [result.skipped for result in results] == [True, True, False]
    assert before.items() <= contents(tmp_path).items()
    for one, again in zip(first, results, strict=False):
        assert again.duration_s == pytest.approx(one.duration_s)
        assert len(one.events) == len(again.events) > 0
        for event, read in zip(one.events, again.events, strict=True):
            assert (read.onset_s, read.offset_s) == pytest.approx((event.onset_s, event.offset_s), abs=1e-4)
            assert (read.low_hz, read.high_hz) == pytest.approx((event.low_hz, event.high_hz), abs=0.1)
            assert read.score == pytest.approx(event.score, abs=1e-3)
            if "audacity" not in formats:
                assert read.snr_db == pytest.approx(event.snr_db, abs=0.1)


def test_missing_results_of_a_recording_are_added(recordings: list[Path], tmp_path: Path) -> None:
    (tmp_path / "site1.csv").write_text("earlier")
    outputs = OutputSettings(tmp_path, ("csv", "raven"), tmp_path, skip_existing=True)
    (result,) = segment_files(DEFAULT_MODEL, recordings[:1], outputs)
    assert not result.skipped
    assert set(contents(tmp_path)) == {"site1.csv", "site1.selections.txt", "site1.npz"}
    assert contents(tmp_path)["site1.csv"] == b"earlier"


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("csv", "file,onset_s\na.wav,soon\n"),
        ("csv", 'file,onset_s\n"' + "a" * 200_000),
        ("jsonl", "[" * 100_000),
        ("audacity", "1.0\t2.0\tbird 0.9\n"),
    ],
)
def test_a_table_that_cannot_be_read_back_is_reported(
    recordings: list[Path], tmp_path: Path, format: TableName, text: str
) -> None:
    path = next(OutputSettings(tmp_path, (format,)).paths("site1"))
    path.write_text(text)
    outputs = OutputSettings(tmp_path, (format,), skip_existing=True)
    (result,) = segment_files(DEFAULT_MODEL, recordings[:1], outputs)
    assert f"{path.name} cannot be read as a table of birdedge" in str(result.error)


@pytest.mark.parametrize("added", [(), ("audacity",)])
@pytest.mark.parametrize("format", ["csv", "jsonl", "raven"])
def test_the_table_of_another_recording_of_the_same_name_is_not_taken_for_its_own(
    recordings: list[Path], tmp_path: Path, format: TableName, added: tuple[TableName, ...]
) -> None:
    north, south = (tmp_path / site / "dawn.wav" for site in ("north", "south"))
    for path in (north, south):
        path.parent.mkdir()
        shutil.copy(recordings[0], path)
    outputs = OutputSettings(tmp_path / "out", (format,), skip_existing=True)
    list(segment_files(DEFAULT_MODEL, [north], outputs))
    before = contents(tmp_path / "out")
    (result,) = segment_files(DEFAULT_MODEL, [south], replace(outputs, formats=(format, *added)))
    (table,) = (tmp_path / "out").iterdir()
    assert result.error == (
        f"{table} is the table of {north}, not of {south}: give another --out, or --force to replace it"
    )
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("format", ["csv", "jsonl", "raven"])
@pytest.mark.parametrize(
    "name", ["a.b.wav", "tab\tline\nfeed\r\u2028.wav", os.fsdecode(b"latin\xe9.wav"), "../link/a.wav"]
)
def test_a_recording_of_any_name_is_recognized_in_its_table(
    tmp_path: Path, format: TableName, name: str
) -> None:
    audio, out = tmp_path / "audio", tmp_path / "out"
    audio.mkdir()
    (tmp_path / "link").symlink_to(audio)
    path = audio / Path(name).name
    with path.open("wb") as file:  # soundfile itself opens no name that is not UTF-8
        soundfile.write(file, np.zeros(800), 8000, format="WAV")
    with Table(out, path.stem, format, file=file_name(path), atomic=True) as table:
        table.write(EVENT)
    outputs = OutputSettings(out, (format,), skip_existing=True)
    (result,) = segment_files(DEFAULT_MODEL, [audio / name], outputs)
    assert (result.error, result.skipped, len(result.events)) == (None, True, 1)


def test_unfinished_files_of_a_killed_process_are_removed(recordings: list[Path], tmp_path: Path) -> None:
    (tmp_path / ".birdedge-0123.part").write_text("half")
    list(segment_files(DEFAULT_MODEL, recordings[:1], OutputSettings(tmp_path, ("csv",))))
    assert set(contents(tmp_path)) == {"site1.csv"}


class Killed:
    """Kills the process that segments a certain recording, the first few times."""

    @staticmethod
    def segment(task: Any) -> FileResult:
        victim, counter = task.path.parent / "victim", task.path.parent / "kills"
        if victim.read_text() == task.stem and (left := int(counter.read_text())):
            time.sleep(0.5)
            counter.write_text(str(left - 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return FileResult(task.path, 0.1, EventBuffer([EVENT]))


@pytest.mark.parametrize(("victim", "kills"), [("0", 1), ("1", 2), ("9", 1)])
def test_a_recording_whose_process_is_killed_is_tried_once_more_alone(
    tiny: list[Path], monkeypatch: pytest.MonkeyPatch, victim: str, kills: int
) -> None:
    (tiny[0].parent / "victim").write_text(victim)
    (tiny[0].parent / "kills").write_text(str(kills))
    monkeypatch.setattr("birdedge.edge.archive.processes._Worker.segment", Killed.segment)
    results = list(segment_files(DEFAULT_MODEL, tiny, OutputSettings(), jobs=2))
    assert [result.path for result in results] == tiny
    errors = {result.path.stem: result.error for result in results if result.error}
    if kills == 1:
        assert errors == {}
    else:
        assert list(errors) == [victim]
        assert "the process that analysed it was killed twice" in str(errors[victim])


def test_recordings_that_would_share_a_name_are_refused_before_anything_is_written(
    recordings: list[Path], tmp_path: Path
) -> None:
    names = [tmp_path / "dawn.wav", tmp_path / "Dawn.wav"]
    with pytest.raises(SettingsError, match="would both be written"):
        next(segment_files(DEFAULT_MODEL, [*recordings, *names], OutputSettings(tmp_path / "out", ("csv",))))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_adds_up_to_the_total_length(recordings: list[Path], jobs: int) -> None:
    done_s: list[float] = []
    list(segment_files(DEFAULT_MODEL, recordings, OutputSettings(), jobs, progress=done_s.append))
    assert sum(done_s) == pytest.approx(6.0 + 9.0 + 4.0, abs=0.001)
    if jobs == 2:
        assert done_s == pytest.approx([6.0, 9.0, 4.0])


@pytest.mark.parametrize("jobs", [1, 2])
def test_yielded_results_are_not_kept(tiny: list[Path], jobs: int) -> None:
    earlier: list[weakref.ref[FileResult]] = []
    for result in segment_files(DEFAULT_MODEL, tiny, OutputSettings(), jobs):
        earlier.append(weakref.ref(result))
        del result
        assert sum(reference() is not None for reference in earlier) <= 1
    assert len(earlier) == len(tiny)


@pytest.mark.parametrize("options", [[], ["--out", "tables"]])
def test_the_command_keeps_the_events_of_one_file_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """Otherwise twenty terabytes of recordings would fill the memory with their events."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", np.zeros(800), 8000)
    earlier: list[weakref.ref[FileResult]] = []

    def segmented(*_arguments: Any) -> Iterator[FileResult]:
        for _ in range(10):
            result = FileResult(Path("a.wav"), 0.1, EventBuffer([EVENT]))
            earlier.append(weakref.ref(result))
            yield result
            del result
            assert sum(reference() is not None for reference in earlier) <= 1

    monkeypatch.setattr("birdedge.edge.archive.processes.segment_files", segmented)
    done = CliRunner().invoke(birdedge, ["segment", "a.wav", *options])
    assert done.exit_code == 0, done.output
    assert re.search(r"10 of 10 file\(s\), 1\.0 s of \w+, 10 event\(s\)", done.output)


def test_an_abandoned_archive_leaves_no_process(tiny: list[Path]) -> None:
    results = segment_files(DEFAULT_MODEL, tiny, OutputSettings(), jobs=2)
    next(results)
    assert multiprocessing.active_children()
    results.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("jobs", "number"), [(1, signal.SIGINT), (2, signal.SIGTERM), (2, signal.SIGHUP)])
def test_a_signal_ends_the_command_and_leaves_complete_files_to_resume_from(
    tmp_path: Path, jobs: int, number: signal.Signals
) -> None:
    samples = soundscape(20.0, 1, 60.0).samples
    for name in range(40):
        soundfile.write(tmp_path / f"{name:02}.flac", samples, 32_000)
    out = tmp_path / "out"
    command = ["segment", *sorted(tmp_path.glob("*.flac")), "--out", out, "--masks", out, "--jobs", jobs]
    process = subprocess.Popen(
        [sys.executable, "-m", "birdedge", *map(str, command)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until((out / "02.csv").exists, timeout_s=60.0)
    os.killpg(process.pid, number)  # as a terminal does, to all processes
    started_s = time.monotonic()
    _, stderr = process.communicate(timeout=30)
    assert time.monotonic() - started_s < 15
    assert process.returncode != 0
    assert "Traceback" not in stderr, stderr
    wait_until(lambda: group_is_gone(process.pid))
    names = {path.name for path in out.iterdir()}
    assert not [name for name in names if name.endswith(".part")]
    done = {name for name in names if name.endswith(".csv")}
    assert 0 < len(done) < 40
    with (out / "all.selections.txt").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    assert {f"{Path(row['Begin Path']).stem}.csv" for row in rows} <= done
    assert rows
