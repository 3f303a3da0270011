"""Checks of a test recording: level, clipping, DC offset, hum, sample rate and losses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.diagnostics.check import Check, graded_check
from birdedge.edge.diagnostics.microphone_test import MicrophoneRecording

Float32 = NDArray[np.float32]

NAMES = ("level", "clipping", "DC", "hum", "sample rate", "load")
SETTLE_S = 1.0  # at the start, when a sound server may deliver unevenly
QUIET_DBFS = -80.0
CLIPPED = 0.999  # of full scale
HARMONICS = 5  # the sixth of 50 Hz is the fifth of 60 Hz
HUM_DBFS, HUM_ABOVE_DB = -70.0, 10.0


@dataclass(frozen=True)
class Hum:
    """Mains hum: its frequency, its level, and its level above the neighbouring frequencies."""

    mains_hz: int
    level_dbfs: float
    above_db: float


def audio_checks(recording: MicrophoneRecording) -> Iterator[Check]:
    """Yield every check of a recording; only the sample rate if it is shorter than a second."""
    if len(recording.samples) < recording.sample_rate_hz:
        finding = f"{len(recording.samples)} samples arrived in {recording.arrivals[-1, 0]:.1f} s"
        yield Check("sample rate", "fail", finding, "try another cable, port or power supply")
        return
    yield level_check(recording.samples)
    samples = np.nan_to_num(recording.samples, nan=0, posinf=0, neginf=0)
    yield clipping_check(samples)
    yield offset_check(samples)
    yield hum_check(find_hum(samples, recording.sample_rate_hz))
    yield rate_check(recording)
    yield loss_check(recording)


def device_check(recording: MicrophoneRecording, model_rate_hz: int) -> Check:
    """Check that the sample rate of the microphone is at least that of the model."""
    rate_hz, channels = recording.sample_rate_hz, recording.device.channels
    finding = f"{recording.device.name}, {rate_hz} Hz, {channels} channel{'s' if channels > 1 else ''}"
    if rate_hz >= model_rate_hz:
        return Check("device", "ok", finding)
    fix = (
        f"use a microphone with at least {model_rate_hz} Hz; this one records nothing above {rate_hz // 2} Hz"
    )
    return Check("device", "warn", finding, fix)


def level_check(samples: Float32) -> Check:
    """Check for NaN, for a constant signal, and for a level that is too low."""
    if invalid := int(np.count_nonzero(~np.isfinite(samples))):
        finding = f"{invalid} of {len(samples)} samples are NaN or infinite"
        return Check("level", "fail", finding, "choose another --device or update its driver")
    if samples.min() == samples.max():
        fix = "unmute the microphone (`alsamixer`, F4) and check its plug and cable"
        return Check("level", "fail", f"every sample is {samples[0]:g}", fix)
    level = level_dbfs(samples)
    fix = "raise the capture level (`alsamixer`, F4) and check the plug" if level < QUIET_DBFS else ""
    return Check("level", "warn" if fix else "ok", f"{level:.1f} dBFS", fix)


def clipping_check(samples: Float32) -> Check:
    """Check the share of samples at full scale."""
    share = float(np.mean(np.abs(samples) >= CLIPPED))
    finding = f"{share:.3%} of the samples at full scale"
    return graded_check("clipping", share, (1e-4, 1e-2), finding, "lower the capture level (`alsamixer`, F4)")


def offset_check(samples: Float32) -> Check:
    """Check the mean of the samples."""
    offset = abs(float(np.mean(samples, dtype=np.float64)))
    fix = "check the wiring and power supply of the microphone, or use another one"
    return graded_check("DC", offset, (0.01, 0.25), f"{offset:.2%} of full scale", fix)


def hum_check(hum: Hum) -> Check:
    """Check that mains hum is either low or masked by other sound."""
    if hum.above_db < HUM_ABOVE_DB or hum.level_dbfs < HUM_DBFS:
        return Check("hum", "ok", "none at 50 or 60 Hz")
    level = f"{hum.level_dbfs:.1f} dBFS, {hum.above_db:.0f} dB above the neighbouring frequencies"
    fix = "keep the cable away from mains, try another power supply or a battery, and ground only one end"
    return Check("hum", "warn", f"{hum.mains_hz} Hz and its harmonics, {level}", fix)


def rate_check(recording: MicrophoneRecording) -> Check:
    """Check the sample rate against the system clock, as precisely as the length of the recording allows."""
    rate_hz, error_hz = measured_rate(recording.arrivals)
    nominal_hz = recording.sample_rate_hz
    deviation, error = rate_hz / nominal_hz - 1, error_hz / nominal_hz
    if not math.isfinite(deviation):
        return Check("sample rate", "warn", "too few blocks to measure it", "record longer: --record 10")
    finding = f"{rate_hz:.1f} Hz, nominally {nominal_hz} Hz: {deviation:+z.3%} within {error:.3%}"
    if error > 1e-4:
        finding += " (coarse; a longer --record is more exact)"
    fix = "try another cable, port or microphone; until then event times drift"
    return graded_check("sample rate", abs(deviation) - error, (1e-3, 1e-2), finding, fix)


def loss_check(recording: MicrophoneRecording) -> Check:
    """Check that no sample was lost, idle or with every core busy."""
    fix = "stop other programs on this machine, or raise the priority of birdedge (`Nice=-10` in its unit)"
    if recording.dropped_samples:
        return Check("load", "fail", f"{recording.dropped_samples} samples were lost", fix)
    return Check("load", "ok", f"no sample lost in {recording.loaded_s:.1f} s with every core busy")


def level_dbfs(samples: Float32) -> float:
    """Return the standard deviation in dB of full scale; a full-scale sine is at -3.0 dB."""
    return _db(float(np.var(samples, dtype=np.float64)))


def find_hum(samples: Float32, sample_rate_hz: int) -> Hum:
    """Return the stronger of 50 and 60 Hz hum, each with four harmonics, relative to 4 to 7 Hz around each line.

    Shape: `[samples]`, at least one second.
    """
    window = np.hanning(sample_rate_hz)
    scale = 2 / (sample_rate_hz * np.sum(window**2))  # so that the sum over the bins is the mean square
    centred = samples - np.mean(samples, dtype=np.float64)
    starts = range(0, len(samples) - sample_rate_hz + 1, sample_rate_hz // 2)
    spectra = [np.abs(np.fft.rfft(window * centred[at : at + sample_rate_hz])) ** 2 for at in starts]
    power = scale * np.mean(spectra, axis=0)  # bins of 1 Hz
    candidates = []
    for mains_hz in (50, 60):
        centres = mains_hz * np.arange(1, HARMONICS + 1)[:, np.newaxis]
        lines = power[centres + np.arange(-2, 3)].sum(axis=1)
        nearby = 5 * np.median(power[centres + np.array([-7, -6, -5, -4, 4, 5, 6, 7])], axis=1)
        above_db = _db(lines.sum()) - _db(nearby.sum()) if lines.any() else 0.0
        candidates.append(Hum(mains_hz, _db(np.maximum(lines - nearby, 0).sum()), above_db))
    return max(candidates, key=lambda hum: hum.level_dbfs)


def measured_rate(arrivals: NDArray[np.float64]) -> tuple[float, float]:
    """Return the slope of a line through the arrivals in samples per second, and its worst-case error.

    Shape: `[blocks, 2]`, seconds and samples received by then; the first second is ignored.
    """
    at_s, samples = arrivals[arrivals[:, 0] >= arrivals[0, 0] + SETTLE_S].T
    if len(at_s) < 3:
        return math.nan, math.inf
    centred_s = at_s - at_s.mean()
    rate_hz = float(centred_s @ samples) / float(centred_s @ centred_s)
    # Not the standard error: a sound server delivers early for some seconds, then late for some.
    return rate_hz, float(np.ptp(samples - rate_hz * centred_s) / np.ptp(at_s))


def _db(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
