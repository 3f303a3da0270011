"""Synthetic field soundscapes with the exact mask of every call.

They serve as demo, test fixture and training data. Calls and noise are synthesized separately, so that the true mask
follows from the calls without noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError
from birdedge.edge.grid import Grid
from birdedge.edge.synthesis.calls import MIN_SAMPLE_RATE_HZ, Float64
from birdedge.edge.synthesis.placement import (
    PlacedCall,
    amplitude,
    call_gains,
    place_calls,
    power_spectrogram,
    sum_calls,
)
from birdedge.edge.synthesis.weather import hiss, insects, rain, wind

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
_Source = Callable[[np.random.Generator, int, int], Float32]

_FRAMES_PER_S = 125
_VISIBLE_DB = -6.0  # visible bins of a call are above this level relative to the noise
_SMOOTHING_FRAMES = 31  # a quarter of a second: averaging time of the noise
_HEADROOM = 0.5  # maximum peak of the calls and of the noise, so that their sum is within 1
_STEP = 2.0**-23  # float32 adds multiples of this without error, and 24-bit files store them exactly


@dataclass(frozen=True)
class Truth:
    """One call of a soundscape: its kind and the bounding box of its mask, to the edges of frames and bins."""

    kind: str
    onset_s: float
    offset_s: float
    low_hz: float
    high_hz: float


@dataclass(frozen=True, eq=False)
class Soundscape:
    """A soundscape and its truth; `samples` is exactly `calls_alone + noise_alone`."""

    samples: Float32  # [n], within -1..1
    sample_rate_hz: int
    calls_alone: Float32  # [n], at their level in `samples`
    noise_alone: Float32  # [n]
    truths: tuple[Truth, ...]  # sorted by onset; without calls that the noise hides entirely
    mask: Mask  # [frames, 256]


def soundscape(
    duration_s: float = 60.0,
    seed: int = 20,
    calls_per_minute: float = 20.0,
    snr_db: tuple[float, float] = (6.0, 25.0),
    wind_db: float | None = -36.0,
    rain_db: float | None = -56.0,
    insects_db: float | None = -58.0,
    hiss_db: float | None = -72.0,
    sample_rate_hz: int = MIN_SAMPLE_RATE_HZ,
) -> Soundscape:
    """Return bird calls over wind, rain, insects and microphone hiss; the same seed gives the same soundscape.

    Calls and each kind of noise have their own random generator: omitting one leaves the others unchanged, except for
    the level of the calls, which follows the noise. Calls or noise that would peak above 0.5 are attenuated to 0.5.
    There are fewer calls than requested if no free place is left.

    The mask is on the 8 ms by 62.5 Hz grid of `Grid`. A bin is bird sound if a call is within 30 dB of its own peak
    and at most 6 dB below the noise, which is averaged over a quarter of a second.

    Args:
        duration_s: Duration.
        seed: Seed of the random generators.
        calls_per_minute: Mean number of calls per minute.
        snr_db: Range of the signal-to-noise ratio of a bird: power of the call relative to that of the noise in the
            time-frequency region of the call.
        wind_db: Level of the wind (rms, dB re full scale), None for no wind.
        rain_db: Level of the rain.
        insects_db: Level of the insects.
        hiss_db: Level of the microphone hiss.
        sample_rate_hz: Sample rate, a multiple of 125 Hz from 32 kHz.

    Raises:
        SettingsError: A setting is out of range.
    """
    levels_db = (wind_db, rain_db, insects_db, hiss_db)
    _check(duration_s, seed, calls_per_minute, snr_db, levels_db, sample_rate_hz)
    hop = sample_rate_hz // _FRAMES_PER_S
    grid = Grid(sample_rate_hz, n_fft=2 * hop, hop=hop)
    n = round(duration_s * sample_rate_hz)
    calls_rng, *noise_rngs = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5))

    noise = np.zeros(n)
    sources: list[_Source] = [wind, rain, insects, hiss]
    for make, level_db, rng in zip(sources, levels_db, noise_rngs, strict=True):
        if level_db is not None:
            noise += amplitude(level_db) * make(rng, n, sample_rate_hz)
    noise = _on_step(noise * _limiting_gain(noise))
    noise_power = power_spectrogram(noise, grid)

    placed = place_calls(calls_rng, n, round(calls_per_minute * duration_s / 60), snr_db, grid)
    gains = call_gains(placed, noise_power, grid)
    calls = sum_calls(placed, gains, n)
    gains = gains * _limiting_gain(calls)
    calls = _on_step(sum_calls(placed, gains, n))

    mask = np.zeros(noise_power.shape, bool)
    hidden_below = 10 ** (_VISIBLE_DB / 10) * _smoothed(noise_power)
    truths = []
    for p, gain in zip(placed, gains, strict=True):
        visible = p.region & (gain**2 * p.power > hidden_below[p.frames])
        mask[p.frames] |= visible
        if visible.any():
            truths.append(_truth(p, visible, grid))
    return Soundscape(
        samples=(calls + noise).astype(np.float32),
        sample_rate_hz=sample_rate_hz,
        calls_alone=calls.astype(np.float32),
        noise_alone=noise.astype(np.float32),
        truths=tuple(sorted(truths, key=lambda truth: truth.onset_s)),
        mask=mask,
    )


def _truth(placed: PlacedCall, visible: Mask, grid: Grid) -> Truth:
    """Return the bounding box of the visible bins of a call."""
    edges = np.array([-0.5, 0.5])
    frames = placed.frames.start + np.flatnonzero(visible.any(1))[[0, -1]]
    bins = np.flatnonzero(visible.any(0))[[0, -1]]
    onset_s, offset_s = grid.first_frame_s + (frames + edges) * grid.hop_s
    low_hz, high_hz = grid.low_hz + (bins + edges) * grid.bin_hz
    return Truth(placed.call.kind, float(onset_s), float(offset_s), float(low_hz), float(high_hz))


def _smoothed(power: Float64) -> Float64:
    """Return the moving average over frames, shorter at both ends; `[frames, bins]`."""
    half = _SMOOTHING_FRAMES // 2
    total = np.pad(np.cumsum(power, axis=0), ((1, 0), (0, 0)))
    frames = np.arange(len(power))
    first, last = np.maximum(frames - half, 0), np.minimum(frames + half + 1, len(power))
    mean: Float64 = (total[last] - total[first]) / (last - first)[:, None]
    return mean


def _limiting_gain(x: Float64) -> float:
    """Return the gain that limits the peak to the headroom, at most 1.0."""
    return float(min(1.0, _HEADROOM / max(np.abs(x).max(initial=0.0), _HEADROOM)))


def _on_step(x: Float64) -> Float64:
    """Round to multiples of `_STEP`."""
    steps: Float64 = np.round(x / _STEP)
    return steps * _STEP


def _check(
    duration_s: float,
    seed: int,
    calls_per_minute: float,
    snr_db: tuple[float, float],
    levels_db: tuple[float | None, ...],
    sample_rate_hz: int,
) -> None:
    for name, value in (("duration_s", duration_s), ("seed", seed), ("calls_per_minute", calls_per_minute)):
        if not (math.isfinite(value) and value >= 0):
            raise SettingsError(f"{name} is {value}; give a number of 0 or more")
    if not (math.isfinite(snr_db[0]) and math.isfinite(snr_db[1]) and snr_db[0] <= snr_db[1]):
        raise SettingsError(f"snr_db is {snr_db}; give a finite minimum and maximum, in that order")
    for level_db in levels_db:
        if level_db is not None and not -150 <= level_db <= 0:
            raise SettingsError(f"a noise level is {level_db} dB; give -150 to 0, or None for no noise")
    if sample_rate_hz < MIN_SAMPLE_RATE_HZ or sample_rate_hz % _FRAMES_PER_S:
        raise SettingsError(
            f"a soundscape cannot be synthesized at {sample_rate_hz} Hz, since its mask has 125 frames per second "
            f"up to 16 kHz; use {MIN_SAMPLE_RATE_HZ} or a higher multiple of {_FRAMES_PER_S}, and resample"
        )
