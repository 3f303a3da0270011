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
from birdedge.edge.spectrogram import Grid
from birdedge.edge.synth_calls import KINDS, MIN_SAMPLE_RATE_HZ, Call, Float64, synthesize_call, tone, wander

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
    sources: list[_Source] = [wind, rain, insects, _hiss]
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


def wind(rng: np.random.Generator, n: int, sample_rate_hz: int = MIN_SAMPLE_RATE_HZ) -> Float32:
    """Gusts whose power falls as 1/f^2, mostly under 800 Hz, and the leaves they rustle; [n], rms 1."""
    gust = np.exp(0.6 * wander(rng, n, 0.5, sample_rate_hz) + 0.2 * wander(rng, n, 4, sample_rate_hz))
    rumble = _noise(rng, n, sample_rate_hz, lambda f: f / (f**2 + 40**2))
    leaves = _noise(rng, n, sample_rate_hz, lambda f: (f > 300) / (1 + (f / 2500) ** 2))
    return _unit_rms(gust * rumble + 0.03 * gust**2 * leaves).astype(np.float32)


def rain(rng: np.random.Generator, n: int, sample_rate_hz: int = MIN_SAMPLE_RATE_HZ) -> Float32:
    """Hiss that swells slowly, and some 25 drops a second that click or plop nearby; [n], rms 1."""
    hiss = _noise(rng, n, sample_rate_hz, lambda f: (f + 500) ** 0.3 / (1 + (f / 11000) ** 4))
    shower = np.exp(0.3 * wander(rng, n, 0.2, sample_rate_hz)) * hiss
    for _ in range(rng.poisson(25 * n / sample_rate_hz)):
        drop = _drop(rng, sample_rate_hz)
        after = shower[rng.integers(n) :]
        after[: len(drop)] += drop[: len(after)]
    return _unit_rms(shower).astype(np.float32)


def insects(rng: np.random.Generator, n: int, sample_rate_hz: int = MIN_SAMPLE_RATE_HZ) -> Float32:
    """One to three crickets or katydids, narrow bands from 3 to 12 kHz that never pause; [n], rms 1."""
    chorus = np.zeros(n)
    for _ in range(rng.integers(1, 4)):
        voice = _cricket if rng.random() < 0.6 else _katydid
        loudness = rng.uniform(0.3, 1) * np.exp(0.15 * wander(rng, n, 0.3, sample_rate_hz))
        chorus += loudness * voice(rng, n, sample_rate_hz)
    return _unit_rms(chorus).astype(np.float32)


def _cricket(rng: np.random.Generator, n: int, rate: int) -> Float64:
    """A tone pulsed as steadily as a clock."""
    carrier_hz = rng.uniform(3000, 8000) * (1 + 0.002 * wander(rng, n, 2, rate))
    pulse = tone(np.full(n, rng.uniform(15, 60)), rate)
    return tone(carrier_hz, rate) * (0.2 + np.maximum(pulse, 0))


def _katydid(rng: np.random.Generator, n: int, rate: int) -> Float64:
    """A narrow band of noise."""
    centre_hz, width_hz = rng.uniform(6000, 11000), rng.uniform(150, 400)
    return _unit_rms(_noise(rng, n, rate, lambda f: np.exp(-(((f - centre_hz) / width_hz) ** 2))))


def _drop(rng: np.random.Generator, rate: int) -> Float64:
    """A click on a leaf, or one in four times the ringing bubble of a drop on water."""
    loudness = rng.lognormal(1.0, 0.7)
    time_s = np.arange(rate // 50) / rate
    if rng.random() < 0.25:
        ring = np.sin(2 * np.pi * rng.uniform(900, 5000) * time_s)
        return loudness * ring * np.exp(-time_s / rng.uniform(0.001, 0.003))
    return loudness * rng.standard_normal(len(time_s)) * np.exp(-time_s / rng.uniform(0.0001, 0.0006))


def _hiss(rng: np.random.Generator, n: int, _rate: int) -> Float32:
    return rng.standard_normal(n).astype(np.float32)


def _noise(rng: np.random.Generator, n: int, rate: int, gain: Callable[[Float64], Float64]) -> Float64:
    """Gaussian noise whose amplitude spectrum follows `gain` of hertz; [n], rms 1."""
    size = 1 << max(n, 512).bit_length()
    shape = gain(np.arange(size // 2 + 1, dtype=np.float64) * rate / size)
    spectrum = np.fft.rfft(rng.standard_normal(size)) * shape / math.sqrt(np.mean(shape**2))
    noise: Float64 = np.fft.irfft(spectrum, size)[:n]
    return noise


def _unit_rms(x: Float64) -> Float64:
    return x / math.sqrt(np.mean(x**2)) if len(x) else x


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
