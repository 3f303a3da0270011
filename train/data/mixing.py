"""Examples mixed on the fly: birds added to noise, with the mask that a careful person would paint.

Since each bird is added to known noise, its mask follows from the energies of both: a bin is bird where the bird lies
within 35 dB of its peak and stands out of the noise. Barely visible parts and echoes get weight 0: the loss ignores
them. Each cell of 4 frames and 4 bins also has a class of sound: the bird's, or that of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import ndimage

from birdedge.edge.errors import SettingsError
from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.sound_classes import SOUND_CLASSES
from birdedge.edge.synthesis.calls import synthesize_call
from birdedge.edge.synthesis.weather import insects, rain, wind
from birdedge.train.data.acoustics import Bird, from_afar, through_microphone
from birdedge.train.data.labels import PEAK_RANGE_DB, Bool, Float32, Paint, paint, smooth_power
from birdedge.train.data.sound_bank import BoxedRecording, Int16, Noise, SoundBank
from birdedge.train.data.stft import GRID, magnitude
from birdedge.train.networks.unet import CLASS_BINS, TIME_STRIDE

Int8 = NDArray[np.int8]
RATE_HZ = GRID.sample_rate_hz
# The eye sees a spot that stands out, and a fainter texture that continues: Gaussian sigma in frames and bins.
SPOT = (1.0, 0.6)
TEXTURE = (8.0, 1.2)
CELL_FRAMES, CELL_BINS = TIME_STRIDE, CLASS_BINS  # the plane of classes has the cells of the class map
BIRD, UNKNOWN, NOT_BIRD = 0, -1, -2  # classes of a cell; the others are numbers of SOUND_CLASSES
DEEP_OCTAVES = (-1.6, -0.6)
MIN_VISIBLE_BINS = 16  # in noise, smaller patches are not painted


@dataclass(frozen=True)
class Mixing:
    """How examples are drawn. Probabilities are 0..1; SNR is the power of bird over noise inside the bird's mask."""

    frames: int = 512
    snr_low_db: float = -10.0
    snr_high_db: float = 25.0
    level_low_db: float = -65.0  # rms of the mix, 0 dB is full scale
    level_high_db: float = -12.0
    empty: float = 0.25  # probability of a mix without birds
    as_recorded: float = 0.25  # probability of a crop of a focal recording instead of a mix
    boxed: float = 0.0  # probability of a crop with boxes, which has classes and no mask
    unlabelled: float = 0.0  # probability of a crop of an unlabelled recording, for teachers
    synthetic_bird: float = 0.1
    synthetic_noise: float = 0.25
    renditions: int = 1  # a bird is heard up to this many times
    reverb: float = 0.45
    distance: float = 0.5
    band_limit: float = 0.35
    pitch_octaves: float = 0.35
    noise_pitch_octaves: float = 0.0  # of recorded noise: insects and frogs of other sizes
    deep: float = 0.0  # probability that a bird is pitched down by DEEP_OCTAVES, to owls and bitterns
    visible_db: float = 2.0  # bird over noise from which a spot is visible
    visible_texture_db: float = -5.0  # the same for a patch of many frames
    doubt_db: float = 5.0  # down to this far below visible, a bin is doubtful
    gap_frames: int = 6
    gap_bins: int = 5
    margin_frames: int = 2
    margin_bins: int = 1

    def __post_init__(self) -> None:
        if self.frames < CELL_FRAMES or self.frames % CELL_FRAMES:
            raise SettingsError(
                f"frames is {self.frames}; it must be a multiple of {CELL_FRAMES}, at least {CELL_FRAMES}"
            )

    @property
    def samples(self) -> int:
        """Number of samples in `frames` frames without padding."""
        return (self.frames - 1) * GRID.hop + GRID.n_fft

    @property
    def style(self) -> Paint:
        """The painted convention of the targets."""
        return Paint(self.gap_frames, self.gap_bins, self.margin_frames, self.margin_bins)


@dataclass(frozen=True, eq=False)
class Example:
    """Audio with its target. The loss ignores bins of weight 0.

    Shape: `samples [n]`, `target` and `weight` `[frames, bins]`, `sounds` `[frames / 4, bins / 4]`.
    """

    samples: Float32
    target: Bool
    weight: Bool
    sounds: Int8  # BIRD, another class, UNKNOWN or NOT_BIRD
    snr_db: float  # of the loudest bird; inf: as recorded, -inf: no bird, NaN: unlabelled
    visible: tuple[Bool, ...] = ()  # the visible bins of each mixed bird, `[frames, bins]`

    def log_spectrogram(self) -> Float32:
        """Return the log magnitude `[frames, bins]` as the recorder computes it."""
        return Spectrogram(GRID).push(self.samples)[: len(self.target)]

    def network_input(self) -> Float32:
        """Return the network input `[2, frames, bins]` as the recorder computes it."""
        return NetworkInput().push(self.log_spectrogram())[0]


def make_example(sound_bank: SoundBank, mixing: Mixing, rng: np.random.Generator) -> Example:
    """Return one example; the same state of `rng` gives the same example."""
    n = mixing.samples
    visible: tuple[Bool, ...] = ()
    cutoff_hz = draw_cutoff_hz(mixing, rng)
    target, weight = (np.zeros((mixing.frames, GRID.bins), bool) for _ in range(2))
    sounds, noise_class = _cells(mixing, UNKNOWN), None
    # No draw for a share of 0: the mixes of a seed do not depend on unlabelled recordings.
    labelled = not (mixing.unlabelled and sound_bank.unlabelled and rng.random() < mixing.unlabelled)
    if not labelled:
        samples = _crop(sound_bank.unlabelled[rng.integers(len(sound_bank.unlabelled))], n, rng)
        snr_db = np.nan
    elif sound_bank.boxed_recordings and mixing.boxed and rng.random() < mixing.boxed:
        boxed = sound_bank.boxed_recordings[rng.integers(len(sound_bank.boxed_recordings))]
        samples, sounds = _draw_boxed(boxed, mixing, rng)
        labelled, snr_db = False, np.inf
    elif sound_bank.focal_recordings and rng.random() < mixing.as_recorded:
        samples, target, weight = _draw_focal(sound_bank, mixing, rng)
        # Its classes stay unknown: they would teach what kind of clip holds birds, not what a bird is.
        snr_db = np.inf
    else:
        noise, noise_class, noise_cutoff_hz = draw_noise(sound_bank, mixing, rng)
        # Birds are limited as the noise is, or the limit would give them away.
        if noise_cutoff_hz is not None:
            cutoff_hz = min(noise_cutoff_hz, cutoff_hz or noise_cutoff_hz)
        samples, weight = noise.copy(), np.ones_like(target)
        snr_db = -np.inf
        if rng.random() >= mixing.empty:
            count = int(rng.choice([1, 2, 3, 4], p=[0.45, 0.3, 0.17, 0.08]))
            birds = [draw_bird(sound_bank, mixing, rng) for _ in range(count)]
            samples, target, weight, visible, snr_db = mix_birds(noise, birds, mixing, rng)
    samples = through_microphone(samples, cutoff_hz, rng)
    if cutoff_hz is not None and labelled:
        cutoff_bin = int(cutoff_hz / GRID.bin_hz)
        weight[:, max(0, cutoff_bin - 4) :] |= True
        target[:, cutoff_bin:] = False
    if noise_class is not None:
        sounds = _classified(target, weight, noise_class)
    rms = float(np.sqrt(np.mean(samples**2))) + 1e-9
    samples = samples * np.float32(10 ** (rng.uniform(mixing.level_low_db, mixing.level_high_db) / 20) / rms)
    samples = np.clip(samples, -1.0, 1.0).astype(np.float32)
    if rng.random() < 0.5:  # most recorders store 16 bits
        samples = np.round(samples * 32767.0).astype(np.float32) / np.float32(32767.0)
    return Example(samples[:n], target, weight, sounds, float(snr_db), visible)


def mix_birds(
    noise: Float32, birds: list[Bird], mixing: Mixing, rng: np.random.Generator
) -> tuple[Float32, Bool, Bool, tuple[Bool, ...], float]:
    """Return the mix of noise and birds at random SNRs, its target and weight, and the highest SNR in dB.

    The fourth value is what is visible of each bird.
    """
    noise_power = smooth_power(magnitude(noise)[: mixing.frames], 4.0, 3.0)
    heard = np.zeros_like(noise)
    visible = np.zeros((mixing.frames, GRID.bins), bool)
    faint = np.zeros_like(visible)
    each: list[Bool] = []
    best_snr_db = -np.inf
    for bird in birds:
        level = magnitude(bird.direct)[: mixing.frames]
        power = smooth_power(level, *SPOT)
        core = power > power.max() * _ratio(-PEAK_RANGE_DB)
        if power.max() <= 0 or core.sum() < 4:
            continue
        snr_db = rng.uniform(mixing.snr_low_db, mixing.snr_high_db)
        gain = _ratio(snr_db) * (noise_power[core].mean() + np.float32(1e-9)) / power[core].mean()
        spot = power * (gain * _ratio(-mixing.visible_db))
        texture = smooth_power(level, *TEXTURE) * (gain * _ratio(-mixing.visible_texture_db))
        contrast = np.maximum(spot, texture) / noise_power
        seen = core & (contrast > 1.0)
        each.append(seen)
        visible |= seen
        faint |= core & (contrast > _ratio(-mixing.doubt_db))
        heard += bird.heard * np.sqrt(gain)
        best_snr_db = max(best_snr_db, snr_db)
    target = painted(visible, mixing.style)
    # The echo after a call is neither bird nor background: no two people paint it alike.
    echo = smooth_power(magnitude(heard)[: mixing.frames], *SPOT)
    doubtful = faint | (echo > noise_power * _ratio(mixing.visible_texture_db))
    return noise + heard, target, target | ~paint(doubtful, mixing.style), tuple(each), best_snr_db


def draw_noise(
    sound_bank: SoundBank, mixing: Mixing, rng: np.random.Generator
) -> tuple[Float32, int, float | None]:
    """Return `mixing.samples` of recorded or synthetic noise with the hiss of a recorder, at an rms near 1.

    Returns:
        The noise, the class of its sounds, and the highest frequency that its sample rate leaves, None for no limit.
    """
    n, cutoff_hz = mixing.samples, None
    if rng.random() < mixing.synthetic_noise:
        noise, name = _draw_weather(n, rng)
    else:
        recorded = _draw_recorded(sound_bank, rng)
        name = recorded.sound_class
        noise, cutoff_hz = _pitched(recorded, n, mixing.noise_pitch_octaves, rng)
        if rng.random() < 0.3:
            other = _draw_recorded(sound_bank, rng)
            added = _unit(_crop(other.samples, n, rng)) * np.float32(10 ** (rng.uniform(-15, 5) / 20))
            noise = _unit(noise) + added
            name = name if other.sound_class == name else None
    noise = _unit(noise)
    # A recorder is never silent: it adds white or pinkish hiss of its own.
    hiss = rng.standard_normal(n).astype(np.float32)
    if rng.random() < 0.5:
        hiss = np.cumsum(hiss - hiss.mean(), dtype=np.float64).astype(np.float32) * 0.02 + hiss * 0.3
    noise = noise + _unit(hiss) * np.float32(10 ** (rng.uniform(-45, -12) / 20))
    return noise, NOT_BIRD if name is None else SOUND_CLASSES.index(name), cutoff_hz


def draw_bird(sound_bank: SoundBank, mixing: Mixing, rng: np.random.Generator) -> Bird:
    """Return a phrase of an isolated bird or a synthetic call, pitched, placed in time and at some distance."""
    n = mixing.samples
    if rng.random() < mixing.synthetic_bird:
        phrase = synthesize_call(rng).samples
    else:
        isolated = sound_bank.isolated_birds[rng.integers(len(sound_bank.isolated_birds))]
        start, stop = isolated.phrases[rng.integers(len(isolated.phrases))]
        stop = min(max(stop, start + int(rng.uniform(0.3, 4.0) * RATE_HZ)), start + n, len(isolated.samples))
        phrase = isolated.samples[start:stop].astype(np.float32)
        octaves = rng.uniform(-mixing.pitch_octaves, mixing.pitch_octaves)
        deep = mixing.deep > 0 and rng.random() < mixing.deep
        if deep:
            octaves = rng.uniform(*DEEP_OCTAVES)
        if deep or rng.random() < 0.6:
            phrase = soxr.resample(phrase, RATE_HZ * 2.0**octaves, RATE_HZ, quality="LQ")
    phrase = phrase[:n]
    bird = np.zeros(n, np.float32)
    for _ in range(rng.integers(1, mixing.renditions + 1) if mixing.renditions > 1 else 1):
        at = int(rng.integers(-min(len(phrase), n) // 4, n - min(len(phrase), n) // 2))
        first, stop = max(0, at), min(n, at + len(phrase))
        bird[first:stop] = phrase[first - at : stop - at]
    return from_afar(bird, rng.random() < mixing.distance, rng.random() < mixing.reverb, rng)


def draw_cutoff_hz(mixing: Mixing, rng: np.random.Generator) -> float | None:
    """Return the highest frequency that a low sample rate or a codec leaves, None for no limit."""
    if rng.random() >= mixing.band_limit:
        return None
    return float(rng.choice([8000.0, 11025.0, 12000.0, rng.uniform(6000.0, 15500.0)]))


def _draw_focal(
    sound_bank: SoundBank, mixing: Mixing, rng: np.random.Generator
) -> tuple[Float32, Bool, Bool]:
    """Return samples, target and weight of a crop of a focal recording, padded with silence."""
    focal = sound_bank.focal_recordings[rng.integers(len(sound_bank.focal_recordings))]
    first = int(rng.integers(max(1, len(focal.tight) - mixing.frames)))
    samples = focal.samples[first * GRID.hop :][: mixing.samples].astype(np.float32)
    tight, doubtful = (m[first : first + mixing.frames] for m in (focal.tight, focal.doubtful))
    missing = mixing.frames - len(tight)
    tight, doubtful = (np.pad(m, ((0, missing), (0, 0))) for m in (tight, doubtful))
    samples = np.pad(samples, (0, mixing.samples - len(samples)))
    target = paint(tight, mixing.style)
    return samples, target, target | ~paint(doubtful, mixing.style)


def _draw_boxed(boxed: BoxedRecording, mixing: Mixing, rng: np.random.Generator) -> tuple[Float32, Int8]:
    """Return samples and classes of a crop around a random box, padded with silence; outside boxes all is unknown."""
    samples, sounds = np.zeros(mixing.samples, np.float32), _cells(mixing, UNKNOWN)
    box = boxed.boxes[rng.integers(len(boxed.boxes))]
    length_s = mixing.samples / RATE_HZ
    # The box lies in the crop, or the crop in a longer box.
    first_s, last_s = sorted((box.offset_s - length_s, box.onset_s))
    start_s = max(0.0, rng.uniform(first_s, last_s))
    crop = boxed.samples[int(start_s * RATE_HZ) :][: mixing.samples]
    samples[: len(crop)] = crop
    cell_s, cell_hz = CELL_FRAMES * GRID.hop_s, CELL_BINS * GRID.bin_hz
    for one in boxed.boxes:
        rows = slice(*(max(0, round((t - start_s) / cell_s)) for t in (one.onset_s, one.offset_s)))
        columns = slice(int(one.low_hz / cell_hz), int(one.high_hz / cell_hz) + 1)
        sounds[rows, columns] = BIRD
    return samples, sounds


def _cells(mixing: Mixing, value: int) -> Int8:
    """Return a plane of one class."""
    return np.full((mixing.frames // CELL_FRAMES, GRID.bins // CELL_BINS), value, np.int8)


def _classified(target: Bool, weight: Bool, sound_class: int) -> Int8:
    """Return BIRD where a cell touches the target, UNKNOWN where a bin has no weight, and elsewhere the class."""
    rows, columns = (n // size for n, size in zip(target.shape, (CELL_FRAMES, CELL_BINS), strict=True))
    shape = rows, CELL_FRAMES, columns, CELL_BINS
    known = np.where(weight.reshape(shape).all(axis=(1, 3)), sound_class, UNKNOWN)
    return np.where(target.reshape(shape).any(axis=(1, 3)), BIRD, known).astype(np.int8)


def _draw_recorded(sound_bank: SoundBank, rng: np.random.Generator) -> Noise:
    """Return a noise of a random kind: a kind with four times the recordings is drawn twice as often."""
    kinds = list(sound_bank.noises.values())
    share = np.sqrt([len(kind) for kind in kinds])
    kind = kinds[rng.choice(len(kinds), p=share / share.sum())]
    return kind[rng.integers(len(kind))]


def _pitched(
    recorded: Noise, n: int, octaves: float, rng: np.random.Generator
) -> tuple[Float32, float | None]:
    """Return `n` samples of a noise at a pitch up to `octaves` higher or lower, and the highest frequency in them."""
    if not octaves or rng.random() < 0.4:
        return _crop(recorded.samples, n, rng), recorded.cutoff_hz
    ratio = 2.0 ** rng.uniform(-octaves, octaves)
    crop = _crop(recorded.samples, int(n * ratio) + RATE_HZ // 10, rng)
    cutoff_hz = ratio * (recorded.cutoff_hz or RATE_HZ / 2)
    samples: Float32 = soxr.resample(crop, RATE_HZ * ratio, RATE_HZ, quality="LQ")[:n]
    return samples, cutoff_hz if cutoff_hz < RATE_HZ / 2 else None


def _draw_weather(n: int, rng: np.random.Generator) -> tuple[Float32, str | None]:
    """Return rain, wind and insects, or hiss, and their class, None if they are of several classes.

    Rain is frequent because its drops resemble the shortest calls, hiss because a quiet forest has nothing else.
    """
    kinds = ["rain", "wind and rain", "wind", "insects", "all three", "hiss"]
    kind = str(rng.choice(kinds, p=[0.15, 0.15, 0.05, 0.15, 0.25, 0.25]))
    if kind == "hiss":
        return rng.standard_normal(n, np.float32), "weather"
    parts = {"wind": wind, "rain": rain, "insects": insects}
    noise = np.zeros(n, np.float32)
    for name, make in parts.items():
        if name in kind or kind == "all three":
            noise += _unit(make(rng, n)) * np.float32(10 ** (rng.uniform(-20, 0) / 20))
    return noise, {"insects": "insect", "all three": None}.get(kind, "weather")


def painted(visible: Bool, style: Paint) -> Bool:
    """Return closed shapes around the visible bins, without those around fewer than MIN_VISIBLE_BINS."""
    shapes = paint(visible, style)
    patches, count = ndimage.label(shapes)
    bins = ndimage.sum_labels(visible, patches, np.arange(count + 1))
    return np.asarray((bins >= MIN_VISIBLE_BINS)[patches] & shapes)


def _crop(samples: Int16, n: int, rng: np.random.Generator) -> Float32:
    """Return `n` samples from a random start, repeated if there are fewer."""
    if len(samples) < n:
        samples = np.tile(samples, -(-n // len(samples)))
    start = int(rng.integers(len(samples) - n + 1))
    return samples[start : start + n].astype(np.float32)


def _unit(samples: Float32) -> Float32:
    return samples / np.float32(np.sqrt(np.mean(samples**2)) + 1e-6)


def _ratio(db: float) -> np.float32:
    return np.float32(10 ** (db / 10))
