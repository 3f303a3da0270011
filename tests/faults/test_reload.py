"""SIGHUP: the daemon reads its configuration again, and records the audio lost meanwhile as a gap."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.daemon import GAP_TOLERANCE_S, Daemon


def test_a_new_configuration_is_applied_and_an_invalid_one_is_ignored(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    with Daemon(breakable_microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        daemon.hear(song)
        daemon.reload("modell = 'x'\n")
        daemon.wait_for("did you mean 'model'?; the configuration stays as it was")
        daemon.wait_for("listening to", times=2)
        daemon.reload("min_score = 0.8\nmodel = 'birdedge-fp32'\ntables = ['csv']\n")
        daemon.wait_for("tables: takes effect when birdedge restarts")
        daemon.wait_for("with birdedge-fp32")
        daemon.hear(song)
        daemon.stop()
    reloads = [gap for gap in daemon.gaps() if gap.cause == "restart"]
    assert len(reloads) == 2
    assert all(gap.known_s < 2 for gap in reloads)


def test_the_denoised_file_keeps_its_timing_through_a_lost_device_and_a_reload(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    microphone, path = breakable_microphone, tmp_path / "denoised.flac"
    with Daemon(microphone, tmp_path, f"denoised = '{path}'\n") as daemon:
        daemon.wait_for("listening to")
        daemon.hear(song)
        microphone.kill()
        daemon.wait_for("trying again")
        time.sleep(2)
        microphone.start()
        daemon.wait_for("again after")
        daemon.hear(song)
        daemon.reload()
        daemon.wait_for("the configuration was read again")
        daemon.wait_for(", 1 channel(s), with birdedge-int8", times=2)
        daemon.hear(song)
        duration_before_end_s = soundfile.info(path).duration
        daemon.stop()
    found = daemon.coverage()
    assert {gap.cause for gap in found.gaps} == {"device lost", "restart"}
    samples, rate_hz = soundfile.read(path)
    duration_s = len(samples) / rate_hz
    assert duration_before_end_s < duration_s == pytest.approx(found.expected_s, abs=GAP_TOLERANCE_S)
    (lost,) = [gap for gap in found.gaps if gap.cause == "device lost"]
    began_s = daemon.rows(
        """SELECT began_s + offset_s FROM heard JOIN boot_of_stream USING (stream) JOIN clock_lines USING (boot)
        WHERE until_s IS NULL"""
    )[0][0]
    first = round((lost.utc_s - began_s) * rate_hz)
    end = first + round(lost.length_s * rate_hz)
    tolerance = round(GAP_TOLERANCE_S * rate_hz)
    assert not samples[first + tolerance : end - tolerance].any()
    assert min(np.abs(samples[:first]).max(), np.abs(samples[end:]).max()) > 0.001
