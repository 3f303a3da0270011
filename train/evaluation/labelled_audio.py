"""Labelled audio to score detectors on: clips with masks, and files with boxes or without birds."""

from __future__ import annotations

import dataclasses
import glob
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from tqdm import tqdm

from birdedge.edge.archive.files import FoundRecordings, recordings_in
from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.file_types import SUFFIXES
from birdedge.edge.errors import AudioError, DataError
from birdedge.train.data.annotations import Box
from birdedge.train.data.labels import Bool, Float32, close_gaps
from birdedge.train.data.mixed_birds import painted
from birdedge.train.data.mixing import make_example
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.sound_bank import SoundBank
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.event_scores import boxes_of_mask

Float64 = NDArray[np.float64]
# Recorded birds in recorded noise, nothing synthetic; the label convention keeps its defaults.
TEST_MIXING = Mixing(empty=0.0, as_recorded=0.0, synthetic_bird=0.0, synthetic_noise=0.0)
FOCAL_MIXING = Mixing(as_recorded=1.0)
# Half a minute of one to four singers, each heard up to eight times, that a person would see in the spectrogram.
SCENE_MIXING = dataclasses.replace(
    TEST_MIXING, frames=3752, renditions=8, deep=0.2, snr_low_db=0.0, snr_high_db=20.0
)
PHRASE_GAP_FRAMES = 40
MIX_SEED, FOCAL_SEED, SCENE_SEED = 1, 3, 4


@dataclass(frozen=True, eq=False)
class MaskedClip:
    """Audio with known bird bins.

    Bins of weight 0 are unlabelled; without a weight, all are labelled. `times_s` and `frequencies_hz` are the centres
    of evenly spaced frames and bins.

    Shape: `samples [n]`; `target` and `weight` `[len(times_s), len(frequencies_hz)]`.
    """

    name: str
    samples: Float32
    sample_rate_hz: int
    target: Bool
    weight: Bool | None
    times_s: Float64
    frequencies_hz: Float64
    snr_db: float = float("nan")  # of the loudest bird in a mix
    birds: tuple[Bool, ...] = ()  # the target of each bird, if known separately

    @cached_property
    def boxes(self) -> list[Box]:
        """The boxes of the events that the target makes."""
        return boxes_of_mask(self.target, self.times_s, self.frequencies_hz)

    @cached_property
    def phrases(self) -> list[Box]:
        """The boxes of the phrases of each bird; notes up to PHRASE_GAP_FRAMES apart are one phrase."""
        step_s, step_hz = (np.diff(axis[:2])[0] for axis in (self.times_s, self.frequencies_hz))
        found = []
        for target in self.birds:
            sung = close_gaps(np.any(target, axis=1, keepdims=True), PHRASE_GAP_FRAMES, 0)[:, 0]
            for (span,) in ndimage.find_objects(ndimage.label(sung)[0]):
                bins = np.flatnonzero(target[span].any(axis=0))
                times_s, hz = self.times_s[span], self.frequencies_hz[bins]
                onset_s, offset_s = times_s[0] - step_s / 2, times_s[-1] + step_s / 2
                found.append(Box(onset_s, offset_s, hz[0] - step_hz / 2, hz[-1] + step_hz / 2))
        return found


@dataclass(frozen=True)
class LabelledFile:
    """A recording with labelled sounds, possibly among unlabelled ones, or a recording without birds.

    `noise` is the kind of noise of a recording without birds. `bird_heard` is whether people heard a bird in a field
    clip.
    """

    path: Path
    boxes: tuple[Box, ...] = ()
    noise: str = ""
    bird_heard: bool | None = None


def read_audio(path: Path) -> tuple[Float32, int]:
    """Return mono samples at the file's own rate, and the rate.

    Raises:
        AudioFileError: The file is not audio.
        AudioFileMissingError: There is no such file.
    """
    with AudioFile(path) as file:
        blocks = [block.mean(axis=1) for block in file.blocks()]
        return np.nan_to_num(np.concatenate(blocks)), file.sample_rate_hz


def bird_free_clip(file: LabelledFile) -> MaskedClip:
    """Return a recording without birds as a clip in which no bin is bird.

    Raises:
        AudioFileError: The file is not audio.
        AudioFileMissingError: There is no such file.
    """
    samples, rate_hz = read_audio(file.path)
    times_s = np.array((0.0, len(samples) / rate_hz))
    frequencies_hz = centres(GRID.low_hz, GRID.bin_hz, GRID.bins)
    nothing = np.zeros((len(times_s), GRID.bins), bool)
    return MaskedClip(file.path.name, samples, rate_hz, nothing, None, times_s, frequencies_hz)


def painted_clips(folder: Path) -> list[MaskedClip]:
    """Return the hand-painted clips of a folder: a PNG next to each audio file, white is bird.

    Row r of the picture is 31.25 r Hz, column t is (t + 1) * 16 ms.

    Raises:
        DataError: A picture cannot be read or has no audio file.
    """
    from matplotlib.image import imread

    clips = []
    for picture in sorted(folder.glob("*.png")):
        try:
            pixels = np.asarray(imread(picture))
        except (OSError, SyntaxError) as error:  # SyntaxError: a damaged PNG
            raise DataError(
                f"{picture} cannot be read as a picture ({error}); give the painted mask as a complete PNG"
            ) from error
        target = (pixels if pixels.ndim == 2 else pixels[..., 0]).T > 0.5
        samples, rate_hz = read_audio(_audio_of(picture))
        times_s, frequencies_hz = centres(0.016, 0.016, len(target)), centres(0.0, 31.25, target.shape[1])
        clips.append(MaskedClip(picture.stem, samples, rate_hz, target, None, times_s, frequencies_hz))
    return clips


def mixed_clips(
    sound_bank: SoundBank, count: int, mixing: Mixing = TEST_MIXING, seed: int = MIX_SEED
) -> list[MaskedClip]:
    """Return a fixed list of mixes: clip i depends only on the sound bank and (seed, i)."""
    times_s = centres(GRID.first_frame_s, GRID.hop_s, mixing.frames)
    frequencies_hz = centres(GRID.low_hz, GRID.bin_hz, GRID.bins)
    clips = []
    for index in tqdm(range(count), desc="mixing", leave=False):
        example = make_example(sound_bank, mixing, np.random.default_rng((seed, index)))
        clips.append(
            MaskedClip(
                f"{seed}-{index:03}",
                example.samples,
                GRID.sample_rate_hz,
                example.target,
                example.weight,
                times_s,
                frequencies_hz,
                example.snr_db,
                tuple(painted(seen, mixing.style) for seen in example.visible)
                if mixing.renditions > 1
                else (),
            )
        )
    return clips


def centres(first: float, step: float, count: int) -> Float64:
    """Return the centres of `count` evenly spaced frames or bins."""
    return np.asarray(first + step * np.arange(count), np.float64)


def audio_files(folder: Path) -> list[Path]:
    """Return the audio files below a folder that `birdedge segment` would read, in order.

    Raises:
        DataError: The folder or files in it cannot be read.
    """
    found = FoundRecordings()
    paths = sorted(recordings_in(folder, found))
    errors = list(found.errors)
    for path in paths:
        try:
            AudioFile(path).close()
        except AudioError as error:
            errors.append(str(error))
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise DataError(f"{errors[0]}{more}; repair or move what cannot be read")
    return paths


def resampled(mask: Float32, times_s: Float64, frequencies_hz: Float64) -> Float32:
    """Return a mask of the recorder's grid at other times and frequencies, by linear interpolation."""
    frame = np.clip((times_s - GRID.first_frame_s) / GRID.hop_s, 0, len(mask) - 1)
    bin_ = np.clip((frequencies_hz - GRID.low_hz) / GRID.bin_hz, 0, GRID.bins - 1)
    t, b = np.floor(frame).astype(int), np.floor(bin_).astype(int)
    t1, b1 = np.minimum(t + 1, len(mask) - 1), np.minimum(b + 1, GRID.bins - 1)
    wt, wb = (frame - t)[:, None], (bin_ - b)[None, :]
    top = mask[np.ix_(t, b)] * (1 - wb) + mask[np.ix_(t, b1)] * wb
    bottom = mask[np.ix_(t1, b)] * (1 - wb) + mask[np.ix_(t1, b1)] * wb
    return np.asarray(top * (1 - wt) + bottom * wt, np.float32)


def _audio_of(picture: Path) -> Path:
    siblings = sorted(picture.parent.glob(f"{glob.escape(picture.stem)}.*"))
    found = next((path for path in siblings if path.suffix.lower() in SUFFIXES and path.is_file()), None)
    if found is None:
        raise DataError(
            f"{picture} has no audio file next to it; give {picture.stem}.flac, .wav, .ogg or .mp3"
        )
    return found
