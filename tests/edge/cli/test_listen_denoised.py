"""`birdedge listen --denoised` writes what `denoise` returns for the whole recording."""

import time

import numpy as np
import pytest
import soundfile

from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.denoise import denoise
from tests.support.commands import BIRDEDGE, run, running, write_all


@pytest.mark.parametrize("kind", ["wav", "flac", "raw"])
def test_denoised_audio_is_written_to_a_file_or_to_standard_output(demo, tmp_path, kind):
    target = "-" if kind == "raw" else f"denoised.{kind}"
    done = run(*BIRDEDGE, "listen", demo, "--fast", "--denoised", target, "--masks", "masks", cwd=tmp_path)
    stderr = done.stderr.decode()
    assert done.returncode == 0, stderr
    samples, rate_hz = soundfile.read(demo, dtype="float32", always_2d=True)
    masks, card = read_mask_file(tmp_path / "masks" / "demo.npz"), Model().card
    whole = denoise(samples, rate_hz, masks.mask, card.grid, threshold=card.threshold)
    if kind == "raw":
        written = np.frombuffer(done.stdout, "<i2")
        assert "events are not printed" in stderr
    else:
        written = soundfile.read(tmp_path / target, dtype="int16")[0]
        assert len(done.stdout.splitlines()) >= 3
    np.testing.assert_array_equal(written, np.rint(32768 * whole[:, 0]))
    assert np.abs(written).max() > 100
    assert "event(s) in 20.0 s of audio" in stderr


def test_denoised_audio_of_a_pipe_is_in_the_file_at_once_and_survives_a_kill(demo, tmp_path):
    samples, rate_hz = soundfile.read(demo, dtype="int16")
    with running("listen", "-", "--rate", rate_hz, "--denoised", "denoised.wav", cwd=tmp_path) as live:
        write_all(live.stdin, samples[: 10 * rate_hz].astype("<i2").tobytes())
        path, deadline_s = tmp_path / "denoised.wav", time.monotonic() + 30
        while not path.exists() or path.stat().st_size < 2 * 9 * rate_hz:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        live.process.kill()
    assert 9 <= len(soundfile.read(path)[0]) / rate_hz < 10
