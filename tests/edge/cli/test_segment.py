"""`birdedge segment` writes the requested tables, and one of all recordings."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.commands import birdedge, running
from tests.support.waiting import wait_until


def test_segment_writes_the_requested_tables_and_a_combined_one(demo, tmp_path):
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


def test_an_interrupted_command_resumes_and_completes_its_combined_table(demo, tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(demo.read_bytes())
    command = ("segment", "a.wav", "b.wav", "--out", "out", "--format", "raven")
    birdedge(*command, cwd=tmp_path)
    combined = tmp_path / "out" / "all.selections.txt"
    whole = combined.read_text(encoding="utf-8")
    (tmp_path / "out" / "b.selections.txt").unlink()  # as if it had been interrupted
    combined.write_text("".join(whole.splitlines(keepends=True)[:3]), encoding="utf-8")
    before = (tmp_path / "out" / "a.selections.txt").stat().st_ino
    _, stderr = birdedge(*command, "--skip-existing", cwd=tmp_path)
    assert "2 of 2 file(s), 40.0 s of audio" in stderr
    assert stderr.endswith(", 1 skipped\n")
    assert combined.read_text(encoding="utf-8") == whole
    assert (tmp_path / "out" / "a.selections.txt").stat().st_ino == before


def test_the_combined_tables_of_two_archives_are_both_kept(demo, tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(demo.read_bytes())
        birdedge("segment", name, "--out", "out", cwd=tmp_path)
    birdedge("segment", "b.wav", "--out", "out", "--skip-existing", cwd=tmp_path)
    names = ("all.selections.txt", "all-2.selections.txt", "all-3.selections.txt")
    assert [(tmp_path / "out" / name).exists() for name in names] == [True] * 3
    assert "a.wav" in (tmp_path / "out" / names[0]).read_text(encoding="utf-8")


def test_a_killed_worker_loses_no_file(demo, tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.wav").symlink_to(demo)
    with running(
        "segment", *sorted(tmp_path.glob("*.wav")), "--out", "out", "--jobs", 2, cwd=tmp_path
    ) as live:
        wait_until((tmp_path / "out" / "0.csv").exists, timeout_s=60)
        children = Path(f"/proc/{live.process.pid}/task/{live.process.pid}/children").read_text().split()
        workers = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(int(workers[0]), signal.SIGKILL)
        _, stderr = live.process.communicate(timeout=60)
    assert live.process.returncode == 0, stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"{number}.csv" for number in range(6)),
        "all.selections.txt",
    }


def test_skip_existing_needs_results_to_skip(failing):
    assert "--skip-existing keeps the results in --out" in failing("segment", "good.wav", "--skip-existing")


def test_files_are_read_from_a_list_and_an_empty_folder_gives_exit_code_1(demo, tmp_path):
    for name in ("a.wav", "b.aif", "more/._c.wav", "more/c.WAV", "empty/call.m4a"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(demo.read_bytes())
    _, stderr = birdedge(
        *("segment", "--files-from", "-", "a.wav", "--out", "out"),
        cwd=tmp_path,
        stdin=b"b.aif\0more\0empty\0",
        exit_code=1,
    )
    assert "3 of 3 file(s)" in stderr
    assert (
        "left out: 1 .m4a file(s), which cannot be read: convert them with ffmpeg, 1 file(s) of macOS"
        in stderr
    )
    assert "Error: empty contains no audio file" in stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("a.csv", "b.csv", "c.csv", "all.selections.txt"),
    }


def test_several_lists_are_all_read(demo, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.wav").write_bytes(demo.read_bytes())
    (tmp_path / "list").write_text("a.wav\n", encoding="utf-8")
    lists = ("--files-from", "list", "--files-from", "-")
    birdedge("segment", *lists, "--out", "out", cwd=tmp_path, stdin=b"b.wav\nc.wav\n")
    assert {path.stem for path in (tmp_path / "out").glob("*.csv")} == {"a", "b", "c"}


def test_the_raven_table_has_the_number_of_the_channel(tmp_path):
    samples = np.zeros((32_000 * 6, 2), np.float32)
    samples[:, 1] = soundscape(6.0, 5, calls_per_minute=60.0).samples
    soundfile.write(tmp_path / "stereo.wav", samples, 32_000)
    birdedge("segment", "stereo.wav", "--channel", 1, "--out", "out", "--format", "raven", cwd=tmp_path)
    for name in ("stereo", "all"):
        lines = (tmp_path / "out" / f"{name}.selections.txt").read_text(encoding="utf-8").splitlines()
        assert len(lines) > 1
        assert {line.split("\t")[2] for line in lines[1:]} == {"2"}


def test_a_warning_names_the_file_and_does_not_change_the_exit_code(demo, tmp_path):
    data = bytearray(demo.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = (32_000).to_bytes(4, "little")
    (tmp_path / "stale.wav").write_bytes(data)
    _, stderr = birdedge("segment", "stale.wav", "--out", "out", cwd=tmp_path)
    assert "Warning: stale.wav holds more sound than its header says: 20.0 s instead of" in stderr
    assert "1 of 1 file(s), 20.0 s of audio" in stderr
    _, stderr = birdedge("listen", "stale.wav", "--fast", "--json", cwd=tmp_path)
    assert "birdedge: stale.wav holds more sound" in stderr
