"""Standard output that is closed, full, a terminal or a pipe with a reader that stops reading."""

import os
import subprocess
from pathlib import Path

import pytest

from birdedge.edge.formats.mask_npz import read_mask_file
from tests.support.commands import BIRDEDGE, ENVIRONMENT, error_of, run, running


def test_tables_are_written_if_standard_output_is_closed(good, tmp_path):
    done = run("sh", "-c", f"exec {' '.join(BIRDEDGE)} listen {good} --fast --out out >&-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "out" / "good.csv").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_an_error(tmp_path):
    done = run("sh", "-c", f"exec {' '.join(BIRDEDGE)} inspect >/dev/full", cwd=tmp_path)
    assert "standard output cannot be written: No space left" in error_of(done)


@pytest.mark.parametrize("command", [("listen", "--fast", "--json"), ("segment",)])
def test_a_reader_that_stops_ends_the_command_without_an_error(demo, tmp_path, command):
    with running(command[0], demo, *command[1:], cwd=tmp_path) as live:
        live.stdout.close()
        stderr = live.stderr.read().decode()
        assert live.process.wait(timeout=30) == 0
    assert "Error" not in stderr
    assert "Traceback" not in stderr


def test_raw_pcm_is_not_written_to_a_terminal(demo, tmp_path):
    reader, terminal = os.openpty()
    done = subprocess.run(
        [*BIRDEDGE, "listen", demo, "--fast", "--denoised", "-"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=terminal,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(terminal)
    os.close(reader)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: the denoised audio is meant for another program; pipe it to one")


def test_a_reader_of_raw_pcm_that_stops_ends_the_command_without_an_error(demo, tmp_path):
    done = subprocess.run(
        f"set -o pipefail; {' '.join(BIRDEDGE)} listen {demo} --fast --denoised - --out out | head -c 1000",
        shell=True,
        executable="/bin/bash",
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, len(done.stdout)) == (0, 1000), done.stderr
    assert b"Error" not in done.stderr
    assert (tmp_path / "out" / "demo.jsonl").exists()


def test_a_reader_that_stops_leaves_complete_tables(demo, tmp_path):
    subprocess.run(
        f"{' '.join(BIRDEDGE)} listen {demo} --fast --json --out out --masks out | head -n 1",
        shell=True,
        cwd=tmp_path,
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
        timeout=30,
    )
    mask = read_mask_file(tmp_path / "out" / "demo.npz")
    assert 0 < len(mask.mask) * mask.hop_s < 20.0
    assert len((tmp_path / "out" / "demo.jsonl").read_text(encoding="utf-8").splitlines()) >= 1
