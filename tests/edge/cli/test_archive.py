"""`birdedge archive` from plan to status; an error is one sentence and exit code 1."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from birdedge.cli import birdedge as group
from birdedge.edge.archive import units
from tests.support.commands import BIRDEDGE, ENVIRONMENT, error_of, run
from tests.support.waiting import wait_until


def call(*arguments: object) -> Result:
    # Up to click 8.1, standard error is part of the output unless it is separated.
    apart: dict[str, Any] = (
        {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    )
    return CliRunner(**apart).invoke(group, ["archive", *map(str, arguments)])


def printed(result: Result) -> str:
    return result.stderr + result.stdout


@pytest.fixture
def forest(tmp_path: Path) -> Path:
    folder = tmp_path / "forest" / "oak"
    folder.mkdir(parents=True)
    samples = np.sin(0.5 * np.arange(64_000))
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", samples, 32_000)
    (folder / "notes.txt").touch()
    return folder.parent


def test_a_run_goes_from_plan_to_status(forest: Path, tmp_path: Path) -> None:
    planned = call("plan", forest, "--out", tmp_path / "run")
    assert planned.exit_code == 0
    assert printed(planned) == (
        "birdedge: left out: 1 file(s) that are no audio\n3 file(s), 384.1 kB, 1 unit(s)\n"
    )
    before = call("status", tmp_path / "run")
    assert before.exit_code == 1
    assert before.stdout.splitlines()[1:] == [
        "done       0 of 3 file(s), 0.0 kB of 384.1 kB",
        "errors     0 file(s)",
        "left       3 file(s), no rate: nothing was completed in the last ten minutes",
    ]
    (forest / "oak" / "1.wav").write_bytes(b"text")
    done = call("run", tmp_path / "run")
    assert done.exit_code == 1
    assert "1.wav is not a supported audio file: give WAV, FLAC, OGG or MP3\n" in printed(done)
    assert "3 of 3 file(s), 1 with errors, 0.0 h of audio, " in printed(done)
    after = call("status", tmp_path / "run")
    assert after.exit_code == 0
    assert after.stdout.splitlines()[1:] == [
        "done       3 of 3 file(s), 384.1 kB of 384.1 kB",
        "errors     1 file(s)",
        "left       nothing",
    ]
    values = json.loads(call("status", tmp_path / "run", "--json").stdout)
    assert (values["model"], values["done_files"], values["error_files"]) == ("birdedge-int8-256", 3, 1)
    assert call("status", tmp_path / "run", "--errors").stdout.count("\n") == 1
    finished = call("finish", tmp_path / "run")
    assert finished.exit_code == 0
    assert printed(finished) == "3 file(s), 0.0 h of audio, 0 event(s), 1 with errors\n"
    assert (tmp_path / "run" / "coverage.parquet").exists()
    again = call("run", tmp_path / "run")
    assert (again.exit_code, printed(again)) == (0, "nothing is left to do\n")
    assert call("run", tmp_path / "run", "--retry-errors", "-q").exit_code == 1


def test_unreadable_sources_are_reported_and_the_others_are_planned(forest: Path, tmp_path: Path) -> None:
    planned = call("plan", forest, tmp_path / "missing", "--out", tmp_path / "run", "-q")
    assert planned.exit_code == 1
    assert (
        printed(planned)
        == f"Error: {tmp_path}/missing cannot be read (No such file or directory): check the path\n"
    )
    assert (tmp_path / "run" / "manifest.parquet").exists()


def test_planning_other_sources_keeps_the_earlier_recordings_until_they_are_replaced(
    forest: Path, tmp_path: Path
) -> None:
    elm = forest / "elm"
    (forest / "oak").rename(elm)
    other = tmp_path / "other.wav"
    (elm / "2.wav").rename(other)
    assert printed(call("plan", elm, "--out", tmp_path / "run")).endswith("2 file(s), 256.1 kB, 1 unit(s)\n")
    assert printed(call("plan", other, "--out", tmp_path / "run")) == (
        "3 file(s), 384.1 kB, 1 unit(s); 2 planned earlier and not in SOURCE, which --replace leaves out\n"
    )
    assert (
        printed(call("plan", other, "--out", tmp_path / "run", "--replace"))
        == "1 file(s), 128.0 kB, 1 unit(s)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("plan", "--out", "run"), "SOURCE is missing: give folders, files, URLs, or --files-from"),
        (("plan", "forest"), "Missing option '--out'"),
        (("plan", "notes", "--out", "run"), "there is no recording to plan"),
        (("plan", "forest", "--out", "run", "--model", "no-such"), "there is no model 'no-such'"),
        (("plan", "forest", "--out", "run", "--timezone", "Moon"), "--timezone is 'Moon'; give an IANA name"),
        (("plan", "forest", "--out", "run", "--min-score", "2"), "2.0 is not in the range 0<=x<=1"),
        (("plan", "forest", "--out", "file/run"), "cannot be written"),
        (("plan", "odd://a", "--out", "run"), "odd://a cannot be used"),
        (("plan", "--files-from", "none", "--out", "run"), "the list none cannot be read"),
        (("run", "forest"), "forest is not an archive run: make one with birdedge archive plan"),
        (("run", "planned", "--shard", "x"), "--shard is 'x'; give I/N, such as 1/50"),
        (("run", "planned", "--shard", "3/2"), "--shard is 3/2; give 1/N to N/N"),
        (
            ("run", "planned", "--jobs", "2", "--dask", "a"),
            "--dask-scheduler-file exclude one another",
        ),
        (("run", "planned", "--dask-scheduler-file", "no.json"), "the scheduler file no.json does not exist"),
        (("run", "planned", "--jobs", "0"), "0 is not in the range x>=1"),
        (("status", "forest"), "forest is not an archive run"),
        (("finish", "planned"), "planned is not complete: 3 of 3 recording(s) are left"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_a_one_sentence_error(
    forest: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").touch()
    call("plan", forest, "--out", "planned", "-q")
    result = call(*arguments)
    assert result.exit_code != 0
    assert sentence in (printed(result) + str(result.exception)).replace("\n", " ")
    assert not (tmp_path / "run" / "manifest.parquet").exists()


def test_a_changed_setting_is_a_one_sentence_error_with_exit_code_1(forest: Path, tmp_path: Path) -> None:
    call("plan", forest, "--out", tmp_path / "run")
    done = run(*BIRDEDGE, "archive", "plan", forest, "--out", "run", "--min-score", "0.5", cwd=tmp_path)
    assert "was planned with min_score None and not 0.5: give another folder for --out" in error_of(done)


def test_without_dask_the_error_says_how_to_install_it(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("plan", forest, "--out", tmp_path / "run", "-q")
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "birdedge.edge.archive.dask_jobs", raising=False)
    result = call("run", tmp_path / "run", "--dask", "tcp://a:1")
    assert str(result.exception).startswith("--dask needs distributed, which is not installed: pip install ")


def test_the_segment_command_does_not_load_the_archive_packages(forest: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "birdedge", "segment", forest / "oak" / "0.wav"]
    stderr = run(*command, cwd=tmp_path).stderr.decode()
    assert "birdedge.edge.archive.processes" in stderr
    assert not any(f" {name}\n" in stderr for name in ("pyarrow", "fsspec", "distributed"))


def test_workers_end_when_their_command_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "forest"
    folder.mkdir()
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", np.zeros(600 * 8000, np.int16), 8_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "UNIT_S", 1.0)
        call("plan", folder, "--out", tmp_path / "run", "-q")
    process = subprocess.Popen(
        [*BIRDEDGE, "archive", "run", tmp_path / "run", "--jobs", "2", "-q"],
        env=ENVIRONMENT,
        start_new_session=True,
    )
    try:
        wait_until(lambda: len(_workers(process.pid)) > 2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until(lambda: not _workers(process.pid))
    finally:
        for pid in _workers(process.pid):
            os.kill(pid, signal.SIGKILL)


def _workers(session: int) -> list[int]:
    """Return the processes of a session except its first: the workers, and the process that cleans up after them."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session != int(entry.name) and fields[0] != "Z":
            found.append(int(entry.name))
    return found
