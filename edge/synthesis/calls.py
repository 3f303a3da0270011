"""Synthetic bird calls without background, drawn from a random generator.

The six kinds are shapes that field guides name. Pitch, duration and shape are random for each call.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError

Float64 = NDArray[np.float64]

MIN_SAMPLE_RATE_HZ = 32000  # above twice the highest partial
_MAX_PARTIAL_HZ = 14000.0


@dataclass(frozen=True, eq=False)
class Call:
    """One call without background."""

    samples: NDArray[np.float32]  # [n], with a peak of 1.0
    kind: str


def synthesize_call(
    rng: np.random.Generator, kind: str | None = None, sample_rate_hz: int = MIN_SAMPLE_RATE_HZ
) -> Call:
    """Return a call of 0.1 to 2.5 s, of a random kind by default.

    Raises:
        SettingsError: The kind is unknown, or the sample rate is below 32 kHz.
    """
    if kind is None:
        kind = KINDS[rng.integers(len(KINDS))]
    if kind not in _SYNTHESIZERS:
        raise SettingsError(f"call kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    if sample_rate_hz < MIN_SAMPLE_RATE_HZ:
        raise SettingsError(
            f"calls cannot be synthesized at {sample_rate_hz} Hz, since their partials reach 14 kHz; "
            f"use {MIN_SAMPLE_RATE_HZ} Hz or more and resample"
        )
    samples = _SYNTHESIZERS[kind](rng, sample_rate_hz)
    return Call((samples / np.abs(samples).max()).astype(np.float32), kind)


def glide(points: Float64, n: int) -> Float64:
    """Return a smooth curve of n samples through evenly spaced points (Catmull-Rom spline)."""
    before, left, right, after = (np.pad(points, 1, mode="edge")[k : len(points) - 1 + k] for k in range(4))
    slope = 0.5 * (right - before)
    bend = before - 2.5 * left + 2 * right - 0.5 * after
    twist = 0.5 * (after - before) + 1.5 * (left - right)
    position = np.linspace(0, len(points) - 1, n)
    i = np.minimum(position.astype(np.intp), len(points) - 2)
    t = position - i
    curve: Float64 = left[i] + t * (slope[i] + t * (bend[i] + t * twist[i]))
    return curve


def _samples(rng: np.random.Generator, low_s: float, high_s: float, rate: int) -> int:
    return round(rng.uniform(low_s, high_s) * rate)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def wander(rng: np.random.Generator, n: int, knots_per_s: float, rate: int) -> Float64:
    """Return a smooth random curve of n samples with unit standard deviation at its knots."""
    return glide(rng.standard_normal(2 + int(n / rate * knots_per_s)), n)


def tone(frequency_hz: Float64, rate: int) -> Float64:
    """Return a sine of time-varying frequency; both arrays `[n]`."""
    samples: Float64 = np.sin(2 * np.pi / rate * np.cumsum(frequency_hz))
    return samples


def _fade(n: int, attack: float, decay: float) -> Float64:
    """Return an envelope with raised-cosine attack and decay, given as shares of the n samples."""
    x = (np.arange(n) + 0.5) / n
    rise = np.minimum(x / attack, 1)
    fall = np.minimum((1 - x) / decay, 1)
    envelope: Float64 = np.sin(np.pi / 2 * rise) ** 2 * np.sin(np.pi / 2 * fall) ** 2
    return envelope


def _voice(rng: np.random.Generator, frequency_hz: Float64, partials_db: Float64, rate: int) -> Float64:
    """Return a tone and its overtones with the jitter and slow amplitude changes of a living source."""
    n = len(frequency_hz)
    frequency_hz = frequency_hz * np.exp2(0.006 * wander(rng, n, 40, rate))
    voice = np.zeros(n)
    for partial, level_db in enumerate(partials_db, start=1):
        if partial * frequency_hz.max() > _MAX_PARTIAL_HZ:
            break
        amplitude = np.exp(0.25 * wander(rng, n, 8, rate))
        voice += 10 ** (level_db / 20) * amplitude * tone(partial * frequency_hz, rate)
    return voice


def _faint_overtones(rng: np.random.Generator) -> Float64:
    return np.array([0.0, rng.uniform(-48, -28), rng.uniform(-60, -38)])


def _contour(rng: np.random.Generator, n: int, centre_hz: float, spread_octaves: float) -> Float64:
    """Return a pitch that moves smoothly about a centre, as in whistled songs."""
    octaves = rng.normal(0, spread_octaves, rng.integers(2, 6))
    return centre_hz * np.exp2(np.clip(glide(octaves - octaves.mean(), n), -0.7, 0.7))


def _whistle(rng: np.random.Generator, rate: int) -> Float64:
    n = _samples(rng, 0.15, 1.5, rate)
    pitch = _contour(rng, n, _log_uniform(rng, 1600, 5200), rng.uniform(0.05, 0.4))
    if rng.random() < 0.3:
        vibrato = np.sin(2 * np.pi * rng.uniform(8, 25) / rate * np.arange(n))
        pitch = pitch * np.exp2(rng.uniform(0.02, 0.08) * vibrato)
    return _voice(rng, pitch, _faint_overtones(rng), rate) * _fade(
        n, rng.uniform(0.05, 0.3), rng.uniform(0.1, 0.4)
    )


def _trill(rng: np.random.Generator, rate: int) -> Float64:
    n = _samples(rng, 0.4, 2.5, rate)
    notes_per_s = _log_uniform(rng, 8, 40) * np.exp2(glide(rng.normal(0, 0.08, 3), n))
    within_note = np.cumsum(notes_per_s) / rate % 1 / rng.uniform(0.45, 0.85)
    sounding = np.minimum(within_note, 1)
    sweep_octaves = rng.choice([-1, 1]) * rng.uniform(0.05, 0.6)
    bend_octaves = rng.uniform(-0.4, 0.4)
    shape = sweep_octaves * (sounding - 0.5) + bend_octaves * (sounding - 0.5) ** 2
    pitch = _contour(rng, n, _log_uniform(rng, 2200, 6000), 0.04) * np.exp2(shape)
    notes = np.sin(np.pi * sounding) ** rng.uniform(0.8, 2)
    return _voice(rng, pitch, _faint_overtones(rng), rate) * notes * _fade(n, rng.uniform(0.1, 0.5), 0.1)


def _harmonic(rng: np.random.Generator, rate: int) -> Float64:
    n = _samples(rng, 0.1, 0.9, rate)
    pitch = _contour(rng, n, _log_uniform(rng, 800, 2400), rng.uniform(0.08, 0.35))
    partials = int(rng.integers(2, 9))
    # The vocal tract amplifies one region of the harmonics, often above the fundamental.
    formant, slope_db = rng.uniform(1, 3), rng.uniform(5, 10)
    levels_db = -slope_db * np.abs(np.arange(1, partials + 1) - formant) + rng.normal(0, 2, partials)
    return _voice(rng, pitch, levels_db, rate) * _fade(n, rng.uniform(0.05, 0.2), rng.uniform(0.15, 0.5))


def _buzz(rng: np.random.Generator, rate: int) -> Float64:
    n = _samples(rng, 0.2, 1.3, rate)
    centre_hz = _contour(rng, n, _log_uniform(rng, 3000, 5500), 0.1)
    half_width_hz = rng.uniform(150, 600)
    noise = [wander(rng, n, 2 * half_width_hz, rate) for _ in range(2)]
    phase = 2 * np.pi / rate * np.cumsum(centre_hz)
    # Noise on both quadratures of a carrier gives a band of noise around the frequency of the carrier.
    band = noise[0] * np.cos(phase) + noise[1] * np.sin(phase) + rng.uniform(0, 2) * np.sin(phase)
    beats_per_s = rng.uniform(60, 200) * np.exp2(0.02 * wander(rng, n, 20, rate))
    beating = 1 + rng.uniform(0.7, 1) * tone(beats_per_s, rate)
    return band * beating * _fade(n, rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.2))


def _chirps(rng: np.random.Generator, rate: int) -> Float64:
    centre_hz = _log_uniform(rng, 2200, 5200)
    phrase = []
    for _ in range(rng.integers(3, 9)):
        n = _samples(rng, 0.04, 0.18, rate)
        pitch = _contour(rng, n, centre_hz * np.exp2(rng.uniform(-0.35, 0.35)), rng.uniform(0.1, 0.5))
        syllable = _voice(rng, np.clip(pitch, 1500, 8500), _faint_overtones(rng), rate)
        phrase.append(syllable * _fade(n, 0.2, 0.35) * 10 ** (rng.uniform(-8, 0) / 20))
        phrase.append(np.zeros(_samples(rng, 0.03, 0.12, rate)))
    return np.concatenate(phrase[:-1])


def _two_tone(rng: np.random.Generator, rate: int) -> Float64:
    high_hz = _log_uniform(rng, 850, 4200)
    notes = []
    for note_hz in (high_hz, high_hz * np.exp2(-rng.uniform(0.15, 0.4))):
        n = _samples(rng, 0.15, 0.5, rate)
        pitch = note_hz * np.exp2(glide(rng.normal(0, 0.015, 3), n))
        level = 10 ** (rng.uniform(-4, 0) / 20)
        notes.append(level * _voice(rng, pitch, _faint_overtones(rng), rate) * _fade(n, 0.15, 0.3))
    return np.concatenate([notes[0], np.zeros(_samples(rng, 0.03, 0.25, rate)), notes[1]])


_SYNTHESIZERS = {
    "whistle": _whistle,
    "trill": _trill,
    "harmonic": _harmonic,
    "buzz": _buzz,
    "chirps": _chirps,
    "two-tone": _two_tone,
}
KINDS = tuple(_SYNTHESIZERS)
