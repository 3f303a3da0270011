"""Placement of calls in a soundscape, and their levels relative to its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.grid import Grid
from birdedge.edge.synthesis.calls import KINDS, Call, Float64, synthesize_call

_REGION_DB = 30.0  # bins of a call are within this level of its peak
_QUIET_DB = -60.0  # level of the white noise that calls are relative to if there is no noise
_MIN_GAP_FRAMES, _MIN_GAP_BINS = 15, 4  # between two calls, in time or in frequency


@dataclass(frozen=True, eq=False)
class PlacedCall:
    """A call at its place in the soundscape, before its gain is known."""

    call: Call
    snr_db: float
    start_sample: int
    frames: slice
    power: Float64  # [frames, bins], at a peak amplitude of 1.0
    region: NDArray[np.bool_]  # [frames, bins]


def place_calls(
    rng: np.random.Generator, n: int, count: int, snr_db: tuple[float, float], grid: Grid
) -> list[PlacedCall]:
    """Return up to `count` calls within n samples that do not overlap in both time and frequency.

    Each bird repeats one call up to three times, at one signal-to-noise ratio from the range `snr_db`.
    """
    placed: list[PlacedCall] = []
    kinds = rng.permutation(KINDS)
    for bird in range(20 * count):
        call = synthesize_call(rng, str(kinds[bird % len(kinds)]), grid.sample_rate_hz)
        bird_snr_db = rng.uniform(*snr_db)
        period = len(call.samples) + round(rng.uniform(0.7, 4.0) * grid.sample_rate_hz)
        first_start = int(rng.integers(max(n, 1)))
        for start in range(first_start, first_start + period * int(rng.integers(1, 4)), period):
            if len(placed) == count:
                return placed
            if start + len(call.samples) <= n:
                candidate = _on_grid(call, bird_snr_db, start, n, grid)
                if not any(_overlap(candidate, other) for other in placed):
                    placed.append(candidate)
    return placed


def call_gains(placed: list[PlacedCall], noise_power: Float64, grid: Grid) -> Float64:
    """Return the gain that gives each call its signal-to-noise ratio; `[calls]`."""
    quiet = 10 ** (_QUIET_DB / 10) * 3 / 8 * grid.n_fft  # power of white noise per bin with a Hann window
    gains = []
    for p in placed:
        noise = noise_power[p.frames][p.region].mean() or quiet
        gains.append(amplitude(p.snr_db) * math.sqrt(noise / p.power[p.region].mean()))
    return np.array(gains)


def sum_calls(placed: list[PlacedCall], gains: Float64, n: int) -> Float64:
    """Return the sum of the calls with their gains; `[n]`."""
    calls = np.zeros(n)
    for p, gain in zip(placed, gains, strict=True):
        calls[p.start_sample : p.start_sample + len(p.call.samples)] += gain * p.call.samples
    return calls


def power_spectrogram(x: Float64, grid: Grid) -> Float64:
    """Return the squared STFT magnitude on the grid, with a zero-padded tail; `[frames, bins]`."""
    frames = grid.frames(len(x))
    padded = np.pad(x, (0, (frames + 1) * grid.hop - len(x) if frames else grid.n_fft))
    windows = np.lib.stride_tricks.sliding_window_view(padded, grid.n_fft)[:: grid.hop][:frames]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(grid.n_fft) / grid.n_fft)
    spectrum = np.fft.rfft(windows * hann, axis=1)[:, 1 : grid.bins + 1]
    power: Float64 = spectrum.real**2 + spectrum.imag**2
    return power


def amplitude(level_db: float) -> float:
    """Return the amplitude ratio of a level in dB."""
    return float(10 ** (level_db / 20))


def _on_grid(call: Call, snr_db: float, start: int, n: int, grid: Grid) -> PlacedCall:
    """Return a call at sample `start` of n, with its power and region on the frames that it overlaps."""
    first = max(start // grid.hop - 1, 0)
    # One hop of zeros after the call completes the last frame that overlaps it.
    samples = np.pad(call.samples.astype(np.float64), (start - first * grid.hop, grid.hop))
    power = power_spectrogram(samples, grid)[: grid.frames(n) - first]
    region = power >= power.max() / 10 ** (_REGION_DB / 10)
    return PlacedCall(call, snr_db, start, slice(first, first + len(power)), power, region)


def _overlap(a: PlacedCall, b: PlacedCall) -> bool:
    """Return whether two calls are closer than the minimum gap in both time and frequency."""
    if a.frames.start > b.frames.stop + _MIN_GAP_FRAMES or b.frames.start > a.frames.stop + _MIN_GAP_FRAMES:
        return False
    (a_low, a_high), (b_low, b_high) = (np.flatnonzero(p.region.any(0))[[0, -1]] for p in (a, b))
    return bool(a_low <= b_high + _MIN_GAP_BINS and b_low <= a_high + _MIN_GAP_BINS)
