"""Field soundscapes from a seed, with the exact mask of every call.

The demo of `birdedge listen`, the fixture of the tests, and training material whose truth is known: since
calls and weather are made apart, a bin is bird where the calls alone say so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError
from birdedge.edge.grid import Grid
from birdedge.edge.synthesis.calls import KINDS, MIN_SAMPLE_RATE_HZ, Call, Float64, synthesize_call
from birdedge.edge.synthesis.weather import hiss, insects, rain, wind

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
_Source = Callable[[np.random.Generator, int, int], Float32]

_FRAMES_PER_S = 125
_REGION_DB = 30.0  # a call's own bins lie within this of its peak
_VISIBLE_DB = -6.0  # and stand above this over the noise
_SMOOTHING_FRAMES = 31  # a quarter of a second, over which the noise is averaged
_QUIET_DB = -60.0  # white noise over which calls get their level where there is no noise at all
_HEADROOM = 0.5  # highest peak of the calls and of the noise, so that their sum stays within 1
_STEP = 2.0**-23  # on multiples of this float32 adds without error, and a 24-bit file loses nothing


@dataclass(frozen=True)
class Truth:
    """One call of a soundscape: its kind and the box about its mask, to the edges of frames and bins."""

    kind: str
    onset_s: float
    offset_s: float
    low_hz: float
    high_hz: float


@dataclass(frozen=True, eq=False)
class Soundscape:
    """A soundscape and all that is known of it; `samples` is exactly `calls_alone + noise_alone`."""

    samples: Float32  # [n], within -1..1
    sample_rate_hz: int
    calls_alone: Float32  # [n], at the level they have in samples
    noise_alone: Float32  # [n]
    truths: tuple[Truth, ...]  # by onset; a call that the noise hides entirely has none
    mask: Mask  # [frames, 256]


@dataclass(frozen=True, eq=False)
class _Placed:
    call: Call
    snr_db: float
    start: int  # sample
    frames: slice
    power: Float64  # [frames, bins], at the call's own peak of 1.0
    region: Mask  # [frames, bins]


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
    """Birds over wind, rain, insects and microphone hiss; the same seed gives the same soundscape.

    Noise levels are rms in dB re full scale, None for absent. Each bird's signal-to-noise ratio is drawn from
    `snr_db`: power of the call over that of the noise inside the call's own time-frequency region. Calls and
    each noise have random streams of their own: leaving one out changes no other, but for the level of the
    calls, which follows the noise. Calls, or noise, that would peak above 0.5 are turned down to it. Where no
    free place is left, fewer calls are made.

    The mask lies on the 8 ms by 62.5 Hz grid of `Grid`. A bin is bird where a call is within 30 dB of its own
    peak and no more than 6 dB below the noise averaged over a quarter of a second.

    Raises SettingsError for a setting that cannot be.
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
            noise += _amplitude(level_db) * make(rng, n, sample_rate_hz)
    noise = _on_step(noise * _turn_down(noise))
    noise_power = _power(noise, grid)

    placed = _place(calls_rng, n, round(calls_per_minute * duration_s / 60), snr_db, grid)
    gains = _gains(placed, noise_power, grid)
    calls = _sum_of(placed, gains, n)
    gains = gains * _turn_down(calls)
    calls = _on_step(_sum_of(placed, gains, n))

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


def _place(
    rng: np.random.Generator, n: int, count: int, snr_db: tuple[float, float], grid: Grid
) -> list[_Placed]:
    """Birds that each sing one call a few times over, no two at once in one band."""
    placed: list[_Placed] = []
    kinds = rng.permutation(KINDS)
    for bird in range(20 * count):
        call = synthesize_call(rng, str(kinds[bird % len(kinds)]), grid.sample_rate_hz)
        bird_snr_db = rng.uniform(*snr_db)
        period = len(call.samples) + round(rng.uniform(0.7, 4.0) * grid.sample_rate_hz)
        start = int(rng.integers(max(n, 1)))
        for song_start in range(start, start + period * int(rng.integers(1, 4)), period):
            if len(placed) == count:
                return placed
            if song_start + len(call.samples) <= n:
                song = _on_grid(call, bird_snr_db, song_start, n, grid)
                if not any(_collide(song, other) for other in placed):
                    placed.append(song)
    return placed


def _on_grid(call: Call, snr_db: float, start: int, n: int, grid: Grid) -> _Placed:
    first = max(start // grid.hop - 1, 0)
    # A hop of zeros after the call gives the last frame that still touches it.
    samples = np.pad(call.samples.astype(np.float64), (start - first * grid.hop, grid.hop))
    power = _power(samples, grid)[: grid.frames(n) - first]
    region = power >= power.max() / 10 ** (_REGION_DB / 10)
    return _Placed(call, snr_db, start, slice(first, first + len(power)), power, region)


def _collide(a: _Placed, b: _Placed) -> bool:
    near_frames, near_bins = _FRAMES_PER_S // 8, 4
    if a.frames.start > b.frames.stop + near_frames or b.frames.start > a.frames.stop + near_frames:
        return False
    (a_low, a_high), (b_low, b_high) = (np.flatnonzero(p.region.any(0))[[0, -1]] for p in (a, b))
    return bool(a_low <= b_high + near_bins and b_low <= a_high + near_bins)


def _gains(placed: list[_Placed], noise_power: Float64, grid: Grid) -> Float64:
    """What brings each call to its signal-to-noise ratio; [calls]."""
    quiet = 10 ** (_QUIET_DB / 10) * 3 / 8 * grid.n_fft  # power of white noise under a Hann window, a bin
    gains = []
    for p in placed:
        noise = noise_power[p.frames][p.region].mean() or quiet
        gains.append(_amplitude(p.snr_db) * math.sqrt(noise / p.power[p.region].mean()))
    return np.array(gains)


def _sum_of(placed: list[_Placed], gains: Float64, n: int) -> Float64:
    calls = np.zeros(n)
    for p, gain in zip(placed, gains, strict=True):
        calls[p.start : p.start + len(p.call.samples)] += gain * p.call.samples
    return calls


def _truth(placed: _Placed, visible: Mask, grid: Grid) -> Truth:
    edges = np.array([-0.5, 0.5])
    frames = placed.frames.start + np.flatnonzero(visible.any(1))[[0, -1]]
    bins = np.flatnonzero(visible.any(0))[[0, -1]]
    onset_s, offset_s = grid.first_frame_s + (frames + edges) * grid.hop_s
    low_hz, high_hz = grid.low_hz + (bins + edges) * grid.bin_hz
    return Truth(placed.call.kind, float(onset_s), float(offset_s), float(low_hz), float(high_hz))


def _power(x: Float64, grid: Grid) -> Float64:
    """Squared STFT magnitude on the grid, the tail padded with zeros; [frames, bins]."""
    frames = grid.frames(len(x))
    padded = np.pad(x, (0, (frames + 1) * grid.hop - len(x) if frames else grid.n_fft))
    windows = np.lib.stride_tricks.sliding_window_view(padded, grid.n_fft)[:: grid.hop][:frames]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(grid.n_fft) / grid.n_fft)
    spectrum = np.fft.rfft(windows * hann, axis=1)[:, 1 : grid.bins + 1]
    power: Float64 = spectrum.real**2 + spectrum.imag**2
    return power


def _smoothed(power: Float64) -> Float64:
    """Mean over the frames about each frame, fewer at the ends; [frames, bins]."""
    half = _SMOOTHING_FRAMES // 2
    total = np.pad(np.cumsum(power, axis=0), ((1, 0), (0, 0)))
    frames = np.arange(len(power))
    first, last = np.maximum(frames - half, 0), np.minimum(frames + half + 1, len(power))
    mean: Float64 = (total[last] - total[first]) / (last - first)[:, None]
    return mean


def _amplitude(level_db: float) -> float:
    return float(10 ** (level_db / 20))


def _turn_down(x: Float64) -> float:
    """The gain that keeps a peak within the headroom, 1.0 where it does."""
    return float(min(1.0, _HEADROOM / max(np.abs(x).max(initial=0.0), _HEADROOM)))


def _on_step(x: Float64) -> Float64:
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
            raise SettingsError(f"The soundscape's {name} is {value}; give a number of 0 or more.")
    if not (math.isfinite(snr_db[0]) and math.isfinite(snr_db[1]) and snr_db[0] <= snr_db[1]):
        raise SettingsError(
            f"The soundscape's snr_db is {snr_db}; give a finite lowest and highest, in that order."
        )
    for level_db in levels_db:
        if level_db is not None and not -150 <= level_db <= 0:
            raise SettingsError(
                f"A noise level of {level_db} dB was asked for; give -150 to 0, or None for absent."
            )
    if sample_rate_hz < MIN_SAMPLE_RATE_HZ or sample_rate_hz % _FRAMES_PER_S:
        raise SettingsError(
            f"A soundscape cannot be made at {sample_rate_hz} Hz, since its mask has 125 frames a second "
            f"up to 16 kHz; use {MIN_SAMPLE_RATE_HZ} or a higher multiple of {_FRAMES_PER_S}, and resample."
        )
