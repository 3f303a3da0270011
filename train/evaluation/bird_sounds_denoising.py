"""Scores on BirdSoundsDenoising, in the four ways in which published figures count the IoU.

The four differ by up to 20 points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from birdedge.edge.errors import SettingsError
from birdedge.train.data.bird_sounds_denoising import PictureClip, picture_input, read_clips
from birdedge.train.data.labels import Float32
from birdedge.train.data.pictures import HOP, SIDE, WINDOW, read_mask
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.detectors import Detector, checkpoint_detector
from birdedge.train.evaluation.figures import Figure, PictureFigures
from birdedge.train.evaluation.intervals import interval
from birdedge.train.evaluation.labelled_audio import resampled
from birdedge.train.training.checkpoint import load_checkpoint


def score_bird_sounds_denoising(
    what: Detector | Path, folder: Path, split: str = "test", from_image: bool = False
) -> PictureFigures:
    """Return the foreground IoU on a split of the set at 256 x 256 pixels.

    Args:
        what: A detector, or the path of a checkpoint. A detector receives the audio, and its mask is drawn onto the
            picture. A checkpoint may be trained on pictures.
        folder: The set.
        split: "train", "validation" or "test".
        from_image: Use the pictures of the set instead of drawing them from the audio.

    Raises:
        DataError: A file of the set is missing or damaged.
        ModelError: The checkpoint cannot be read.
        SettingsError: `from_image` is given for a detector of audio.
    """
    clips = read_clips(folder, split)
    name, threshold, probability = _segmenter(what, from_image)
    counts = np.empty((len(clips), 4), np.int64)
    for i, clip in enumerate(tqdm(clips, desc=split, leave=False)):
        counts[i] = pixel_counts(probability(clip) >= threshold, read_mask(clip.mask))
    source = "Images" if from_image else "Raw_audios"
    return picture_figures(name, split, source, threshold, counts, [clip.recording for clip in clips])


def pixel_counts(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the number of hits, missed, false and background pixels."""
    return (
        int((found & truth).sum()),
        int((~found & truth).sum()),
        int((found & ~truth).sum()),
        int((~found & ~truth).sum()),
    )


def picture_figures(
    name: str,
    split: str,
    source: str,
    threshold: float,
    counts: NDArray[np.int64],
    recordings: Sequence[str],
) -> PictureFigures:
    """Return the IoU in four ways from the pixel counts of each picture.

    Args:
        name: Name of the detector.
        split: The split of the set.
        source: What the detector received, "Images" or "Raw_audios".
        threshold: The threshold of the detector.
        counts: `[pictures, 4]`: hits, missed, false, background.
        recordings: The recording of each picture; intervals are over recordings.
    """
    distinct = sorted(set(recordings))
    by_recording = np.zeros((len(distinct), 4))
    np.add.at(by_recording, [distinct.index(recording) for recording in recordings], counts)
    bounds = interval(by_recording, _iou)
    eights = _batches(counts, 8)
    # Background, false, missed, hits: the counts with bird and background swapped.
    background = eights[:, ::-1]
    return PictureFigures(
        name=name,
        split=split,
        source=source,
        threshold=round(threshold, 3),
        pictures=len(counts),
        recordings=len(distinct),
        iou_batches_of_16=_rounded(_iou(_batches(counts, 16)).mean()),
        iou_per_picture=_rounded(_iou(counts).mean()),
        iou_pooled=Figure(
            _rounded(_iou(counts.sum(axis=0))), None if bounds is None else (bounds[0], bounds[1])
        ),
        iou_bird_and_background_batches_of_8=_rounded((_iou(eights) + _iou(background)).mean() / 2),
    )


def on_picture(mask: Float32, samples: int, sample_rate_hz: int) -> Float32:
    """Return a mask `[frames, bins]` of the recorder's grid as a mask of the picture, which is 0 above the grid.

    Shape: `[SIDE, SIDE]`, time first.
    """
    columns = (samples - WINDOW) // HOP + 1
    centre = (np.arange(SIDE) + 0.5) / SIDE  # of each pixel, as a share of the side
    times_s = ((centre * columns - 0.5) * HOP + WINDOW / 2) / sample_rate_hz
    frequencies_hz = np.abs(centre - 0.5) * sample_rate_hz
    drawn = resampled(mask, times_s, frequencies_hz)
    drawn[:, frequencies_hz > GRID.low_hz + (GRID.bins - 0.5) * GRID.bin_hz] = 0
    return drawn


def _segmenter(
    what: Detector | Path, from_image: bool
) -> tuple[str, float, Callable[[PictureClip], Float32]]:
    """Return name, threshold, and a function of a clip that returns probabilities `[256, 256]`, time first."""
    if isinstance(what, Path):
        checkpoint = load_checkpoint(what)
        if checkpoint.recipe.training.input == "picture":

            @torch.no_grad()
            def from_picture(clip: PictureClip) -> Float32:
                logits, _, _ = checkpoint.network(
                    torch.from_numpy(picture_input(clip.picture(from_image)))[None]
                )
                probability: Float32 = torch.sigmoid(logits[0]).numpy()
                return probability

            return str(what), float(checkpoint.facts["threshold"]), from_picture
        detector = checkpoint_detector(what)
    else:
        detector = what
    if from_image:
        raise SettingsError(f"{detector.name} takes audio and cannot read pictures; leave out --images")

    def from_audio(clip: PictureClip) -> Float32:
        samples, sample_rate_hz = clip.samples()
        return on_picture(detector.run(samples, sample_rate_hz)[0], len(samples), sample_rate_hz)

    return detector.name, detector.threshold, from_audio


def _batches(counts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.add.reduceat(counts, np.arange(0, len(counts), size))


def _iou(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the IoU from hits, missed and false along the last axis; 1 if nothing was there and nothing was found."""
    hits, union = counts[..., 0], counts[..., :3].sum(axis=-1)
    return np.asarray(np.divide(hits, union, out=np.ones(np.shape(union)), where=union > 0))


def _rounded(value: Any) -> float:
    return round(float(value), 4)
