"""Folders of synthetic recordings in the layouts that training reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from matplotlib.image import imsave
from numpy.typing import NDArray
from PIL import Image

from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.indexes import Row, index_row, write_index

RATE_HZ = 32000


def write_recordings(folder: Path, files: int = 16, duration_s: float = 6.0) -> Path:
    """Write `files` bird and `files` noise recordings, openly licensed, and a painted soundscape; return `folder`."""
    rows: list[Row] = []
    for kind in ("birds", "noise", "painted"):
        (folder / kind).mkdir(parents=True)
    for i in range(files):
        scene = soundscape(duration_s, seed=100 + i, calls_per_minute=60, rain_db=None)
        for kind, samples, snr_db in (("birds", scene.calls_alone, 45.0), ("noise", scene.noise_alone, 10.0)):
            name = f"{kind}/{kind}-{i:02d}.flac"
            soundfile.write(folder / name, samples, RATE_HZ)
            known = {"kind": kind, "licence": "CC0", "source": "generator", "species": f"{kind} {i}"}
            rows.append(index_row(name, native_hz=str(RATE_HZ), snr90_db=str(snr_db), **known))
    _write_painted(folder / "painted" / "painted-0001", duration_s)
    return write_index(folder, rows)


def write_noise(path: Path, duration_s: float = 1.0, rate_hz: int = 16000) -> Path:
    """Write a recording of white noise; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, int(duration_s * rate_hz)), rate_hz)
    return path


def _write_painted(stem: Path, duration_s: float) -> None:
    """Write it at 16 kHz: row r is 31.25 r Hz, column t is (256 t + 256) / 16000 s, as in the hand-painted set."""
    scene = soundscape(duration_s, seed=7, calls_per_minute=60, snr_db=(20.0, 25.0))
    soundfile.write(stem.with_suffix(".flac"), scene.samples[::2], RATE_HZ // 2)
    column_frames = np.round(
        ((256 * np.arange(int(duration_s * 62.5) - 1) + 256) / 16000 - 0.008) / 0.008
    ).astype(int)
    row_bins = np.clip(np.round(np.arange(256) / 2 - 1).astype(int), 0, None)
    painted = scene.mask[np.ix_(column_frames, row_bins)].T
    imsave(stem.with_suffix(".png"), painted, cmap="gray")


def write_bird_sounds_denoising(folder: Path, clips: int = 4, duration_s: float = 2.0) -> Path:
    """Write a set in the layout of BirdSoundsDenoising with `clips` pictures per split; return `folder`.

    Clip 0 of each split is MP3 inside its .wav; the last two clips of train are the channels of one recording.
    """
    number = 100000
    for split in ("train", "valid", "test"):
        for kind in ("Raw_audios", "Images", "Masks"):
            (folder / split / kind).mkdir(parents=True)
        for i in range(clips):
            number += 1
            scene = soundscape(
                duration_s, seed=number, calls_per_minute=90, snr_db=(20.0, 25.0), rain_db=None
            )
            twin = split == "train" and i >= clips - 2
            names = {clips - 2: "XC199999_left", clips - 1: "XC199999_right"} if twin else {}
            stem = names.get(i, f"XC{number}")
            sound = folder / split / "Raw_audios" / f"{stem}.wav"
            if i == 0:
                soundfile.write(sound, scene.samples, RATE_HZ, format="MP3", subtype="MPEG_LAYER_III")
            elif twin:  # stereo, the other channel is silent
                channels = [scene.samples, np.zeros_like(scene.samples)]
                soundfile.write(sound, np.stack(channels[:: 1 if i == clips - 2 else -1], axis=1), RATE_HZ)
            else:
                soundfile.write(sound, scene.samples, RATE_HZ)
            picture = np.clip(two_sided_magnitude(scene.samples), 0, 1)
            mask = mirrored_mask(scene.mask, picture.shape[1])
            for kind, shown in (("Images", picture), ("Masks", mask)):
                levels = np.round(shown * 255.0).astype(np.uint8)
                Image.fromarray(levels).save(folder / split / kind / f"{stem}.png")
    return folder


def two_sided_magnitude(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return `[1024, frames]`, row 511 at 0 Hz, by the full Fourier transform of each frame."""
    columns = [
        np.fft.fft(samples[at : at + 128] * np.hamming(128), 1024) for at in range(0, len(samples) - 127, 64)
    ]
    return np.abs(np.roll(np.stack(columns, axis=1), 511, axis=0))


def mirrored_mask(mask: NDArray[np.bool_], columns: int) -> NDArray[np.bool_]:
    """Return a mask on the recorder's grid at 32 kHz as a mask of the picture, `[1024, columns]`."""
    frames = np.round(((64 * np.arange(columns) + 64) / RATE_HZ - 0.008) / 0.008).astype(int)
    hertz = np.abs(np.arange(1024) - 511.5) * RATE_HZ / 1024
    bins = np.clip(np.round(hertz / 62.5).astype(int) - 1, 0, 255)
    return mask[np.ix_(np.clip(frames, 0, len(mask) - 1), bins)].T
