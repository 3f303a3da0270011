"""The BirdSoundsDenoising set (Zhang & Li 2023, WACV; doi:10.5281/zenodo.7191406): to train on, and to score.

Its folders are {train,valid,test}/{Raw_audios,Images,Masks}; a stereo recording is there twice, as `_left` and
`_right`. Published figures count the intersection over union in four ways that differ by up to 20 points.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset
from tqdm import tqdm

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.errors import DataError, SettingsError
from birdedge.train.data.examples import Batch, Examples, shuffled
from birdedge.train.data.labels import Float32
from birdedge.train.data.pictures import SIDE, draw_picture, on_picture, read_mask, read_picture
from birdedge.train.evaluation.detectors import Detector, checkpoint_masker
from birdedge.train.evaluation.intervals import interval
from birdedge.train.training.checkpoint import load_checkpoint
from birdedge.train.training.recipe import INPUTS, Recipe

SPLITS = {"train": "train", "validation": "valid", "test": "test"}


@dataclass(frozen=True)
class Clip:
    """One picture of the set, with its mask and its sound; not all need be there."""

    image: Path
    mask: Path
    sound: Path

    @property
    def recording(self) -> str:
        """The xeno-canto number, the same for the left and the right channel."""
        number = re.search(r"XC ?(\d+)", self.mask.stem, re.IGNORECASE)
        return number[1] if number else re.sub(r"_(left|right)$", "", self.mask.stem)

    def samples(self) -> tuple[Float32, int]:
        """The channel that the picture shows, and its rate. The file may hold MP3, whatever its name says."""
        with AudioFile(self.sound) as file:
            channel = 1 if self.mask.stem.endswith("_right") and file.channels > 1 else 0
            return np.concatenate([block[:, channel] for block in file.blocks()]), file.sample_rate_hz

    def picture(self, from_image: bool) -> NDArray[np.uint8]:
        """Grey levels `[256, 256]`, time first: the set's own, or drawn from the sound."""
        return read_picture(self.image) if from_image else draw_picture(self.samples()[0])


def is_bird_sounds_denoising(folder: Path) -> bool:
    """Whether a folder has the set's layout."""
    return any((folder / part / "Masks").is_dir() for part in SPLITS.values())


def read_clips(folder: Path, split: str) -> list[Clip]:
    """The clips of a split, by name.

    Raises: DataError where there are none, or one has no mask.
    """
    part = folder / SPLITS[split]
    stems = {path.stem for kind in ("Images", "Masks") for path in (part / kind).glob("*.png")}
    clips = [
        Clip(part / "Images" / f"{s}.png", part / "Masks" / f"{s}.png", part / "Raw_audios" / f"{s}.wav")
        for s in sorted(stems)
    ]
    if not clips:
        raise DataError(
            f"{part} has no pictures; it needs Masks/*.png, with Images/*.png or Raw_audios/*.wav"
        )
    for clip in clips:
        if not clip.mask.is_file():
            raise DataError(f"{clip.image} has no mask {clip.mask}; fetch the mask, or take the image away")
    return clips


class Pictures(Dataset[Batch]):
    """Pictures `[1, 256, 256]` scaled to 0..1 with their masks, time first; all held in memory."""

    def __init__(self, clips: list[Clip], from_image: bool, what: str) -> None:
        # Read at once, so that a damaged file is known before the first step.
        self.levels = np.empty((len(clips), SIDE, SIDE), np.uint8)
        self.masks = np.empty((len(clips), SIDE, SIDE), bool)
        for i, clip in enumerate(tqdm(clips, desc=what, leave=False)):
            self.levels[i], self.masks[i] = clip.picture(from_image), read_mask(clip.mask)

    def __len__(self) -> int:
        return len(self.levels)

    def __getitem__(self, index: int) -> Batch:
        target = torch.from_numpy(self.masks[index].astype(np.float32))
        return torch.from_numpy(_as_input(self.levels[index])), target, torch.ones_like(target)


def picture_recipe(recipe: Recipe) -> Recipe:
    """The recipe with the set's pictures as its input.

    Raises: SettingsError for a network that takes another number of channels.
    """
    if recipe.network.input_channels != INPUTS["picture"]:
        raise SettingsError(
            f"recipe {recipe.name} takes {recipe.network.input_channels} channels and the pictures of "
            "BirdSoundsDenoising have 1; use recipe paper, or set input_channels = 1 in [network]"
        )
    return replace(recipe, training=replace(recipe.training, input="picture"))


def picture_examples(recipe: Recipe, folder: Path, from_image: bool, say: Callable[[str], None]) -> Examples:
    """Every picture once an epoch, in an order of the seed.

    A recording of which the other channel is validated or tested on is left out of training. Raises: DataError.
    """
    clips = {split: read_clips(folder, split) for split in SPLITS}
    tested = {clip.recording for clip in clips["test"]}
    validation = [c for c in clips["validation"] if c.recording not in tested]
    held_out = tested | {clip.recording for clip in validation}
    train = [c for c in clips["train"] if c.recording not in held_out]
    twins = len(clips["train"]) + len(clips["validation"]) - len(train) - len(validation)
    say(
        f"{len(train)} pictures to train on, {len(validation)} to validate on, {twins} left out for their twins"
    )
    of_epoch = shuffled(Pictures(train, from_image, "train"), len(train), recipe.training.seed)
    source = {
        "kind": "birds",
        "tier": "restricted",
        "source": "BirdSoundsDenoising",
        "licence": "as each recording's on xeno-canto",
        "files": len(train),
    }
    return Examples(of_epoch, Pictures(validation, from_image, "validation"), [source])


def score_bird_sounds_denoising(
    what: Detector | Path, folder: Path, split: str = "test", from_image: bool = False
) -> dict[str, Any]:
    """Foreground IoU of a split at 256 x 256, counted in the four ways of the published figures.

    `what` is a masker, which hears the sound and whose mask is drawn onto the picture, or a checkpoint, which may
    have learned from pictures. Raises: DataError, ModelError, SettingsError.
    """
    clips = read_clips(folder, split)
    name, threshold, probability = _segmenter(what, from_image)
    counts = np.empty((len(clips), 4), np.int64)  # hits, missed, false, neither
    for i, clip in enumerate(tqdm(clips, desc=split, leave=False)):
        found, truth = probability(clip) >= threshold, read_mask(clip.mask)
        counts[i] = [
            (found & truth).sum(),
            (~found & truth).sum(),
            (found & ~truth).sum(),
            (~found & ~truth).sum(),
        ]
    recordings = sorted({clip.recording for clip in clips})
    by_recording = np.zeros((len(recordings), 4))
    np.add.at(by_recording, [recordings.index(clip.recording) for clip in clips], counts)
    eights = _batches(counts, 8)
    background = eights[:, ::-1]  # neither, false, missed, hits: what the background hit, missed and claimed
    return {
        "name": name,
        "set": "BirdSoundsDenoising",
        "split": split,
        "from": "Images" if from_image else "Raw_audios",
        "threshold": round(threshold, 3),
        "pictures": len(clips),
        "recordings": len(recordings),
        "iou_batches_of_16": _rounded(_iou(_batches(counts, 16)).mean()),
        "iou_per_picture": _rounded(_iou(counts).mean()),
        "iou_pooled": _rounded(_iou(counts.sum(axis=0))),
        "iou_pooled_interval": interval(by_recording, _iou),
        "iou_bird_and_background_batches_of_8": _rounded((_iou(eights) + _iou(background)).mean() / 2),
    }


def _segmenter(what: Detector | Path, from_image: bool) -> tuple[str, float, Callable[[Clip], Float32]]:
    """Name, threshold, and what gives a clip's probabilities `[256, 256]`, time first."""
    if isinstance(what, Path):
        checkpoint = load_checkpoint(what)
        if checkpoint.recipe.training.input == "picture":

            @torch.no_grad()
            def look(clip: Clip) -> Float32:
                logits, _ = checkpoint.network(torch.from_numpy(_as_input(clip.picture(from_image)))[None])
                seen: Float32 = torch.sigmoid(logits[0]).numpy()
                return seen

            return str(what), float(checkpoint.facts["threshold"]), look
        masker = checkpoint_masker(what)
    else:
        masker = what
    if from_image:
        raise SettingsError(f"{masker.name} hears sound and cannot read pictures; leave out --images")

    def listen(clip: Clip) -> Float32:
        samples, sample_rate_hz = clip.samples()
        return on_picture(masker.run(samples, sample_rate_hz)[0], len(samples), sample_rate_hz)

    return masker.name, masker.threshold, listen


def _as_input(levels: NDArray[np.uint8]) -> Float32:
    return levels[np.newaxis].astype(np.float32) / np.float32(255)


def _batches(counts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.add.reduceat(counts, np.arange(0, len(counts), size))


def _iou(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Of hits, missed and false along the last axis; 1 where nothing was to be found and nothing was."""
    hits, union = counts[..., 0], counts[..., :3].sum(axis=-1)
    return np.asarray(np.divide(hits, union, out=np.ones(np.shape(union)), where=union > 0))


def _rounded(value: Any) -> float:
    return round(float(value), 4)
