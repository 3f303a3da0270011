"""Input that is not usable audio: one sentence on standard error, exit code 1, no traceback, no incomplete file."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.commands import BIRDEDGE, error_of, run

RATE_HZ = 32_000


def truncated(path):
    soundfile.write(path, soundscape(3.0, 2).samples, RATE_HZ)
    path.write_bytes(path.read_bytes()[:100_000])


def with_nan_at_the_end(path):
    samples = soundscape(3.0, 2).samples.copy()
    samples[-10] = np.nan
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")


def of_infinities(path):
    soundfile.write(path, np.full(RATE_HZ, np.inf, np.float32), RATE_HZ, subtype="FLOAT")


def of_a_rate_too_low(path):
    soundfile.write(path, np.zeros(1000, np.float32), 4000)


BAD_FILES = {
    "missing": (lambda _: None, "does not exist"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "zero-length": (lambda path: soundfile.write(path, np.zeros(0), RATE_HZ), "contains no samples"),
    "not audio": (lambda path: path.write_text("a poem", encoding="utf-8"), "not a supported audio file"),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 50), "not a supported audio file"),
    "truncated": (truncated, "damaged or truncated"),
    "NaN": (with_nan_at_the_end, "NaN or infinity"),
    "infinite": (of_infinities, "NaN or infinity"),
    "rate": (of_a_rate_too_low, "sample rate of 4000 Hz"),
    "directory": (Path.mkdir, "is a directory"),
    "pipe": (os.mkfifo, "not a regular file"),
}
DAMAGED_LATE = ("truncated", "NaN")  # events before the damage are already printed


@pytest.mark.parametrize("kind", [kind for kind in BAD_FILES if kind not in DAMAGED_LATE])
def test_listen_rejects_an_unusable_file(failing, tmp_path, kind):
    make, error = BAD_FILES[kind]
    make(tmp_path / "bad.wav")
    assert error in failing("listen", "bad.wav", "--fast", "--table", "--out", "out", "--masks", "out")


@pytest.mark.parametrize("kind", [kind for kind in BAD_FILES if kind != "directory"])
def test_segment_rejects_an_unusable_file(failing, tmp_path, kind):
    make, error = BAD_FILES[kind]
    make(tmp_path / "bad.wav")
    assert error in failing("segment", "bad.wav", "--out", "out", "--masks", "out")


@pytest.mark.parametrize("kind", BAD_FILES)
def test_plot_rejects_an_unusable_file(failing, tmp_path, kind):
    make, error = BAD_FILES[kind]
    make(tmp_path / "bad.wav")
    assert error in failing("plot", "bad.wav")


@pytest.mark.parametrize("kind", BAD_FILES)
def test_why_rejects_an_unusable_file(failing, tmp_path, kind):
    make, error = BAD_FILES[kind]
    make(tmp_path / "bad.wav")
    assert error in failing("why", "bad.wav")


@pytest.mark.parametrize("kind", DAMAGED_LATE)
def test_listen_prints_the_events_before_the_damage_and_writes_no_table(tmp_path, kind):
    make, error = BAD_FILES[kind]
    make(tmp_path / "bad.wav")
    done = run(
        *BIRDEDGE, "listen", "bad.wav", "--fast", "--json", "--out", "out", "--masks", "out", cwd=tmp_path
    )
    assert done.returncode == 1
    last_line = done.stderr.decode().splitlines()[-1]
    assert last_line.startswith("Error: bad.wav ")
    assert error in last_line
    assert all("onset_s" in json.loads(line) for line in done.stdout.decode().splitlines())
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_segment_reports_a_bad_file_and_segments_the_others(good, tmp_path, jobs):
    shutil.copy(good, tmp_path / "also.wav")
    with_nan_at_the_end(tmp_path / "bad.wav")
    done = run(
        *(*BIRDEDGE, "segment", "good.wav", "bad.wav", "also.wav", "--out", "out", "--jobs", jobs),
        cwd=tmp_path,
    )
    assert "bad.wav" in error_of(done)
    assert "2 of 3 file(s), 6.0 s of audio" in done.stderr.decode()
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"good.csv", "also.csv", "all.selections.txt"}


def test_a_folder_without_recordings_is_an_error(failing, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "contains no audio file" in failing("segment", "folder")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--rate", 32000, "--sample-format", "s16"), "did you mean 's16le'"),
        (("--rate", 32000, "--channels", 0), "at least 1"),
        (("--rate", 32000, "--channel", 7), "channel 7"),
        (("--rate", 1), "8000 to 384000 Hz"),
        (("--rate", "x"), "--rate is 'x'; give a whole number"),
        ((), "give it with --rate"),
    ],
)
def test_raw_pcm_with_a_wrong_option_is_an_error(failing, arguments, error):
    assert error in failing("listen", "-", *arguments, "--out", "out", stdin=bytes(64_000))


@pytest.mark.parametrize("stdin", [b"", b"\x00"])
def test_a_pipe_without_a_complete_sample_is_an_error(failing, stdin):
    error = failing("listen", "-", "--rate", 32000, "--json", "--out", "out", "--masks", "out", stdin=stdin)
    assert f"ended after {len(stdin)} bytes" in error


def test_a_closed_standard_input_is_an_error(tmp_path):
    done = run("sh", "-c", f"exec {' '.join(BIRDEDGE)} listen - --rate 32000 <&-", cwd=tmp_path)
    assert "standard input is closed" in error_of(done)
