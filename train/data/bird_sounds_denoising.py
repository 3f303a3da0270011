"""The BirdSoundsDenoising set as training data (Zhang & Li 2023, WACV; doi:10.5281/zenodo.7191406).

Its folders are {train,valid,test}/{Raw_audios,Images,Masks}. A stereo recording appears twice, as `_left` and
`_right`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from tqdm import tqdm

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.errors import DataError, SettingsError
from birdedge.train.data.batch import Batch
from birdedge.train.data.class_cells import CELL_BINS, CELL_FRAMES, UNKNOWN
from birdedge.train.data.examples import Examples, shuffled
from birdedge.train.data.labels import Float32
from birdedge.train.data.pictures import SIDE, Bytes, draw_picture, read_mask, read_picture
from birdedge.train.training.recipe import INPUTS, Recipe

SPLIT_FOLDERS = {"train": "train", "validation": "valid", "test": "test"}


@dataclass(frozen=True)
class PictureClip:
    """The files of one picture of the set. Image or audio may be missing."""

    image: Path
    mask: Path
    audio: Path

    @property
    def recording(self) -> str:
        """The xeno-canto number, which the left and the right channel share."""
        number = re.search(r"XC ?(\d+)", self.mask.stem, re.IGNORECASE)
        return number[1] if number else re.sub(r"_(left|right)$", "", self.mask.stem)

    def samples(self) -> tuple[Float32, int]:
        """Return the samples of the channel in the picture, and their rate. The .wav file may contain MP3."""
        with AudioFile(self.audio) as file:
            channel = 1 if self.mask.stem.endswith("_right") and file.channels > 1 else 0
            return np.concatenate([block[:, channel] for block in file.blocks()]), file.sample_rate_hz

    def picture(self, from_image: bool) -> Bytes:
        """Return grey levels `[256, 256]`, time first: read from the image, or drawn from the audio."""
        return read_picture(self.image) if from_image else draw_picture(self.samples()[0])


def is_bird_sounds_denoising(folder: Path) -> bool:
    """Return whether a folder has the layout of the set."""
    return any((folder / part / "Masks").is_dir() for part in SPLIT_FOLDERS.values())


def read_clips(folder: Path, split: str) -> list[PictureClip]:
    """Return the clips of a split, ordered by name.

    Raises:
        DataError: The split has no clips, or a clip has no mask.
    """
    part = folder / SPLIT_FOLDERS[split]
    stems = {path.stem for kind in ("Images", "Masks") for path in (part / kind).glob("*.png")}
    clips = [
        PictureClip(
            part / "Images" / f"{stem}.png",
            part / "Masks" / f"{stem}.png",
            part / "Raw_audios" / f"{stem}.wav",
        )
        for stem in sorted(stems)
    ]
    if not clips:
        raise DataError(
            f"{part} has no pictures; it needs Masks/*.png, with Images/*.png or Raw_audios/*.wav"
        )
    for clip in clips:
        if not clip.mask.is_file():
            raise DataError(f"{clip.image} has no mask {clip.mask}; fetch the mask or delete the image")
    return clips


class Pictures(Dataset[Batch]):
    """Pictures `[1, 256, 256]` scaled to 0..1 with their masks, time first, all held in memory."""

    def __init__(self, clips: list[PictureClip], from_image: bool, description: str) -> None:
        # Read all files now, so that a damaged one is reported before the first step.
        self.levels = np.empty((len(clips), SIDE, SIDE), np.uint8)
        self.masks = np.empty((len(clips), SIDE, SIDE), bool)
        for i, clip in enumerate(tqdm(clips, desc=description, leave=False)):
            self.levels[i], self.masks[i] = clip.picture(from_image), read_mask(clip.mask)

    def __len__(self) -> int:
        return len(self.levels)

    def __getitem__(self, index: int) -> Batch:
        target = torch.from_numpy(self.masks[index].astype(np.float32))
        sounds = torch.full((SIDE // CELL_FRAMES, SIDE // CELL_BINS), UNKNOWN, dtype=torch.int8)
        x = torch.from_numpy(picture_input(self.levels[index]))
        return Batch(x, target, torch.ones_like(target), sounds)


def picture_input(levels: Bytes) -> Float32:
    """Return grey levels as network input: `[frames, bins]` -> `[1, frames, bins]`, 0..1."""
    return levels[np.newaxis].astype(np.float32) / np.float32(255)


def picture_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe with pictures as its input.

    Raises:
        SettingsError: The network takes a different number of channels.
    """
    if recipe.network.input_channels != INPUTS["picture"]:
        raise SettingsError(
            f"recipe {recipe.name} takes {recipe.network.input_channels} channels but the pictures of "
            "BirdSoundsDenoising have 1; use recipe paper, or set input_channels = 1 in [network]"
        )
    return replace(recipe, training=replace(recipe.training, input="picture"))


def picture_examples(recipe: Recipe, folder: Path, from_image: bool, say: Callable[[str], None]) -> Examples:
    """Return examples in which each picture appears once per epoch, in an order set by the seed.

    A recording is excluded from training if its other channel is in the validation or test split.

    Raises:
        DataError: A file is missing or damaged.
    """
    clips = {split: read_clips(folder, split) for split in SPLIT_FOLDERS}
    tested = {clip.recording for clip in clips["test"]}
    validation = [c for c in clips["validation"] if c.recording not in tested]
    held_out = tested | {clip.recording for clip in validation}
    train = [c for c in clips["train"] if c.recording not in held_out]
    left_out = len(clips["train"]) + len(clips["validation"]) - len(train) - len(validation)
    say(
        f"{len(train)} pictures to train on, {len(validation)} to validate on, {left_out} left out because their "
        "other channel is held out"
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
