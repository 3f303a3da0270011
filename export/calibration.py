"""Network input on which int8 is calibrated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import DataError
from birdedge.train.data.coarser import coarser_level
from birdedge.train.data.mixing import make_example
from birdedge.train.data.recordings import read_index
from birdedge.train.data.sound_bank import load_sound_bank
from birdedge.train.evaluation.detectors import log_spectrogram
from birdedge.train.evaluation.labelled_audio import audio_files, read_audio
from birdedge.train.training.checkpoint import Checkpoint

Float32 = NDArray[np.float32]

MIXES = 24
FRAMES_PER_FILE = 512


def calibration_sequences(
    checkpoint: Checkpoint, data: Path | None, folder: Path | None
) -> tuple[list[Float32], str]:
    """Return sequences of network input `[2, frames, bins]`, and a description of their source for the card.

    Args:
        checkpoint: Its recipe scales the input and mixes recordings.
        data: Recordings with an index, whose validation split is mixed as in training.
        folder: Audio files that are used instead of `data`.

    Raises:
        DataError: The folder has no audio files, or the recordings cannot be read.
    """
    recipe = checkpoint.recipe
    if folder is not None:
        paths = audio_files(folder)
        if not paths:
            raise DataError(
                f"{folder} has no audio files to calibrate on; give a folder of WAV, FLAC, OGG or MP3 files"
            )
        sequences = []
        for path in paths:
            frames = log_spectrogram(*read_audio(path), recipe.grid)[:FRAMES_PER_FILE]
            sequences.append(recipe.network_input(frames))
        return sequences, f"{len(paths)} recordings"
    if data is None:
        return [], "synthetic soundscapes"
    bank = load_sound_bank([r for r in read_index(data) if r.split == "validation"])
    mixes = [make_example(bank, recipe.mixing, np.random.default_rng((2, i))) for i in range(MIXES)]
    levels = [coarser_level(mix.log_spectrogram(), recipe.grid.windows) for mix in mixes]
    return [recipe.network_input(level) for level in levels], "mixes of validation recordings"
