"""Sound to mix from, held in memory: birds standing alone, birds as recorded, and all that is not a bird."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import scipy.fft
import soundfile
import soxr
from numpy.typing import NDArray
from scipy import ndimage

from birdedge.edge.errors import DataError
from birdedge.edge.grid import Grid
from birdedge.train.data.labels import Bool, Float32, focal_mask, isolated_mask, paint
from birdedge.train.data.recordings import Recording

Int16 = NDArray[np.int16]
GRID = Grid()
UNLABELLED = ("soundscapes", "boxes")  # kinds without masks
MIN_UNLABELLED_S = 0.5
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(GRID.n_fft) / GRID.n_fft)).astype(np.float32)
MERGE_FRAMES = 40  # notes closer than this belong to one phrase
CLEAN_DB = 25.0  # focal recordings under this are not trusted to label themselves
MAX_COVER = 0.15  # a mask that covers more of the plane than this has caught the background


@dataclass(frozen=True, eq=False)
class IsolatedBird:
    """A bird alone: all else is silence. `phrases` are `(start, stop)` in samples."""

    samples: Int16
    phrases: list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Focal:
    """A bird as recorded, with its tight mask and the bins of which that cannot be told."""

    samples: Int16
    tight: Bool
    doubtful: Bool


@dataclass
class Bank:
    """What `mixing` draws from."""

    songs: list[IsolatedBird] = field(default_factory=list)
    focals: list[Focal] = field(default_factory=list)
    noises: list[Int16] = field(default_factory=list)
    unlabelled: list[Int16] = field(default_factory=list)  # nobody has said where a bird is


def load_bank(recordings: Iterable[Recording], unlabelled: bool = False) -> Bank:
    """Reads the lasso, birds, notes and noise recordings given; the other kinds are passed over.

    With `unlabelled`, the kinds of `UNLABELLED` too, and the birds whose mask cannot be told from the sound itself.
    """
    bank = Bank()
    for recording in recordings:
        if recording.kind in ("birds", "lasso", "notes"):
            samples, focals = read_mono(recording), len(bank.focals)
            _add_birds(bank, recording, samples)
            if unlabelled and recording.kind == "birds" and len(bank.focals) == focals:
                _add_unlabelled(bank, samples)
        elif unlabelled and recording.kind in UNLABELLED:
            _add_unlabelled(bank, read_mono(recording))
        elif recording.kind == "noise" and len(samples := read_mono(recording)) >= GRID.n_fft:
            bank.noises.append(to_int16(samples))
    if not bank.songs or not bank.noises:
        raise DataError(
            f"the recordings give {len(bank.songs)} usable bird sounds and {len(bank.noises)} noises; "
            "training needs at least one of each"
        )
    return bank


def read_mono(recording: Recording) -> Float32:
    """Samples at the grid's rate, channels averaged."""
    try:
        samples, rate_hz = soundfile.read(recording.path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise DataError(f"{recording.path} cannot be read as audio: {error}") from error
    mono: Float32 = samples.mean(axis=1)
    if rate_hz != GRID.sample_rate_hz:
        mono = soxr.resample(mono, rate_hz, GRID.sample_rate_hz)
    return mono


def magnitude(samples: Float32) -> Float32:
    """|STFT| `[frames, bins]` on the recorder's grid, the last frame padded with zeros.

    For masks, where the recorder's own spectrogram would do the same in three times the time.
    """
    frames = -(-max(0, len(samples) - GRID.n_fft) // GRID.hop) + 1
    level: Float32 = np.abs(scipy.fft.rfft(_windows(samples, frames), axis=1)[:, 1 : GRID.bins + 1])
    return level


def to_int16(samples: Float32) -> Int16:
    """Half the memory, at a peak of 0.5: the level is drawn anew in each mix."""
    peak = float(np.abs(samples).max(initial=1e-9))
    return np.round(samples * (16000.0 / peak)).astype(np.int16)


def _add_birds(bank: Bank, recording: Recording, samples: Float32) -> None:
    if len(samples) < GRID.n_fft or not samples.any():
        return
    level = magnitude(samples)
    if recording.kind == "lasso":
        tight = isolated_mask(level)
        if tight.mean() > 0.2:
            return  # so noisy that the threshold fills the lasso
    elif recording.kind == "birds" and not recording.snr_db >= CLEAN_DB:
        return
    else:
        tight, doubtful = focal_mask(level)
        if not 0.001 < tight.mean() < MAX_COVER:
            return
        if recording.kind == "birds":
            bank.focals.append(Focal(to_int16(samples), tight, doubtful))
    shape = paint(tight)
    phrases = _phrases(np.any(shape, axis=1), len(samples))
    if phrases:
        bank.songs.append(IsolatedBird(to_int16(gate(samples, shape)), phrases))


def _add_unlabelled(bank: Bank, samples: Float32) -> None:
    if len(samples) > MIN_UNLABELLED_S * GRID.sample_rate_hz:
        bank.unlabelled.append(to_int16(samples))


def _phrases(active: Bool, samples: int) -> list[tuple[int, int]]:
    joined = ndimage.binary_closing(np.pad(active, MERGE_FRAMES), np.ones(MERGE_FRAMES, bool))
    spans = ndimage.find_objects(ndimage.label(joined[MERGE_FRAMES:-MERGE_FRAMES])[0])
    hop, n_fft = GRID.hop, GRID.n_fft
    return [(s.start * hop, min(s.stop * hop + n_fft, samples)) for (s,) in spans if s.stop - s.start >= 4]


def _windows(samples: Float32, frames: int) -> Float32:
    """The first `frames` windows of the grid, `[frames, n_fft]`, the last padded with zeros."""
    padded = np.pad(samples, (0, max(0, (frames - 1) * GRID.hop + GRID.n_fft - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, GRID.n_fft)[:: GRID.hop][:frames]
    windowed: Float32 = windows * HANN
    return windowed


def gate(samples: Float32, shape: Bool) -> Float32:
    """The part of the sound inside `shape [frames, bins]`, by inverse STFT with softened edges."""
    frames, hop = len(shape), GRID.hop
    spectrum = np.fft.rfft(_windows(samples, frames), axis=1)
    soft = ndimage.gaussian_filter(shape.astype(np.float32), 1.0)
    spectrum[:, 1 : GRID.bins + 1] *= soft
    spectrum[:, 0] = 0
    pieces = np.fft.irfft(spectrum, axis=1)
    # Hann windows at half overlap add up to one.
    out = np.zeros((frames + 1) * hop)
    out[: frames * hop] += pieces[:, :hop].ravel()
    out[hop:] += pieces[:, hop:].ravel()
    return out[: len(samples)].astype(np.float32)
