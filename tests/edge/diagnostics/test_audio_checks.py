"""The audio checks measure known signals."""

import numpy as np
import pytest

from birdedge.edge.audio.devices import InputDevice
from birdedge.edge.diagnostics.audio_checks import (
    audio_checks,
    clipping_check,
    device_check,
    find_hum,
    hum_check,
    level_check,
    level_dbfs,
    loss_check,
    measured_rate,
    offset_check,
    rate_check,
)
from birdedge.edge.diagnostics.microphone_test import MicrophoneRecording
from tests.support.tones import noise, sine

RATE_HZ = 48_000


def regular_arrivals(rate_hz, seconds=10.0, block_samples=2400):
    """Return arrivals of blocks at this rate, without jitter."""
    samples = block_samples * np.arange(1, round(seconds * rate_hz / block_samples) + 1)
    return np.stack([samples / rate_hz, samples], axis=1)


def recording(samples=None, arrivals=None, rate_hz=RATE_HZ, **changed):
    device = InputDevice("USB Audio", "ALSA", 1, rate_hz, True, 0)
    settings = {"loaded_s": 4.0, "dropped_samples": 0} | changed
    return MicrophoneRecording(
        device,
        rate_hz,
        noise(-50) if samples is None else samples,
        regular_arrivals(rate_hz) if arrivals is None else arrivals,
        **settings,
    )


def test_level_is_the_root_mean_square_about_the_mean():
    full_scale = sine(1000, -3.0103)
    assert np.abs(full_scale).max() == pytest.approx(1, abs=1e-4)
    assert level_dbfs(full_scale) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(sine(1000, -60) + np.float32(0.2)) == pytest.approx(-60, abs=0.05)
    assert level_dbfs(np.zeros(10, np.float32)) == -np.inf


@pytest.mark.parametrize(("dbfs", "state"), [(-79, "ok"), (-81, "warn")])
def test_a_level_below_minus_80_dbfs_is_a_warning(dbfs, state):
    check = level_check(noise(dbfs))
    assert check.state == state
    assert check.finding == f"{dbfs}.0 dBFS"
    assert ("alsamixer" in check.fix) == (state == "warn")


@pytest.mark.parametrize("value", [0, 0.25])
def test_a_constant_signal_fails(value):
    check = level_check(np.full(RATE_HZ, value, np.float32))
    assert (check.state, check.finding) == ("fail", f"every sample is {value}")


def test_nan_and_infinity_fail_and_do_not_affect_the_other_checks():
    samples = sine(1000, -20)
    samples[5:8] = [np.nan, np.inf, -np.inf]
    level, clipping, offset, *_ = audio_checks(recording(samples))
    assert level.state == "fail"
    assert level.finding.startswith(f"3 of {len(samples)} samples")
    assert (clipping.state, offset.state) == ("ok", "ok")


@pytest.mark.parametrize(("clipped", "state"), [(0, "ok"), (19, "ok"), (20, "warn"), (1921, "fail")])
def test_the_share_of_clipped_samples_is_measured(clipped, state):
    samples = sine(1000, -20)
    assert len(samples) == 192_000
    samples[:clipped:2], samples[1:clipped:2] = 1, -1
    check = clipping_check(samples)
    assert check.state == state
    assert float(check.finding.partition("%")[0]) == pytest.approx(100 * clipped / 192_000, abs=0.0006)


@pytest.mark.parametrize(("offset", "state"), [(0.009, "ok"), (-0.02, "warn"), (0.3, "fail")])
def test_the_dc_offset_is_measured(offset, state):
    check = offset_check(sine(1000, -20) + np.float32(offset))
    assert (check.state, check.finding) == (state, f"{abs(offset):.2%} of full scale")


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("mains_hz", [50, 60])
def test_hum_of_a_known_level_is_found_in_noise(mains_hz, rate_hz):
    lines = sum(sine(mains_hz * k, dbfs, rate_hz=rate_hz) for k, dbfs in ((1, -50), (2, -56), (3, -54)))
    hum = find_hum(lines + noise(-50, rate_hz=rate_hz) + np.float32(0.1), rate_hz)
    assert hum.mains_hz == mains_hz
    assert hum.level_dbfs == pytest.approx(10 * np.log10(10**-5 + 10**-5.6 + 10**-5.4), abs=0.3)
    check = hum_check(hum)
    assert check.state == "warn"
    assert f"{mains_hz} Hz" in check.finding


@pytest.mark.parametrize("deviation", [-0.004, 0.004])
def test_hum_at_a_slightly_wrong_frequency_is_measured(deviation):
    lines = sum(sine(50 * k * (1 + deviation), -50) for k in range(1, 6))
    hum = find_hum(lines + noise(-50), RATE_HZ)
    assert hum.mains_hz == 50
    assert hum.level_dbfs == pytest.approx(-50 + 10 * np.log10(5), abs=0.5)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(2 * RATE_HZ, np.float32),
        noise(-20),
        np.cumsum(noise(-60)),  # like wind, -6 dB per octave
        sine(440, -20) + noise(-50),
        sine(50, -90) + noise(-110),
    ],
    ids=["silence", "white noise", "wind", "a tone", "inaudible hum"],
)
def test_other_signals_are_not_reported_as_hum(samples):
    assert hum_check(find_hum(samples, RATE_HZ)).state == "ok"


@pytest.mark.parametrize(
    ("deviation", "state"), [(0, "ok"), (-0.0009, "ok"), (0.0012, "warn"), (-0.009, "warn"), (0.011, "fail")]
)
def test_the_sample_rate_is_measured_from_the_arrivals(deviation, state):
    arrivals = regular_arrivals(RATE_HZ * (1 + deviation))
    rate_hz, error_hz = measured_rate(arrivals)
    assert rate_hz == pytest.approx(RATE_HZ * (1 + deviation), rel=1e-9)
    assert error_hz < 0.001
    check = rate_check(recording(arrivals=arrivals))
    assert check.state == state
    assert f"{100 * deviation:+.3f}%" in check.finding
    assert "coarse" not in check.finding


@pytest.mark.parametrize("seconds", [3, 8, 60])
def test_the_true_rate_is_within_the_reported_error_if_arrivals_are_irregular(seconds):
    arrivals = regular_arrivals(RATE_HZ, seconds)
    print("seed 11")
    arrivals[:, 0] += np.random.default_rng(11).uniform(0, 0.02, len(arrivals))
    arrivals[len(arrivals) // 2 :, 0] += 0.005  # the sound server falls behind
    rate_hz, error_hz = measured_rate(arrivals)
    assert 0 < abs(rate_hz - RATE_HZ) < error_hz < RATE_HZ * 0.03 / (seconds - 1.1)
    check = rate_check(recording(arrivals=arrivals))
    assert check.state == "ok"
    assert "coarse" in check.finding


def test_a_burst_in_the_first_second_does_not_affect_the_rate():
    arrivals = regular_arrivals(RATE_HZ)
    arrivals[:, 1] += 10_000 * (arrivals[:, 0] > 0.5)
    assert measured_rate(arrivals)[0] == pytest.approx(RATE_HZ, rel=1e-9)


def test_a_recording_shorter_than_a_second_fails_in_one_check():
    (check,) = audio_checks(recording(samples=noise(-50, 0.1), arrivals=np.array([[4.0, 4800.0]])))
    assert (check.name, check.state) == ("sample rate", "fail")
    assert check.finding == "4800 samples arrived in 4.0 s"


@pytest.mark.parametrize(("lost", "state"), [({}, "ok"), ({"dropped_samples": 480}, "fail")])
def test_lost_samples_fail(lost, state):
    assert loss_check(recording(**lost)).state == state


def test_a_microphone_with_a_lower_rate_than_the_model_is_a_warning():
    assert device_check(recording(), 32_000).finding == "USB Audio, 48000 Hz, 1 channel"
    check = device_check(recording(rate_hz=16_000), 32_000)
    assert check.state == "warn"
    assert "8000 Hz" in check.fix
