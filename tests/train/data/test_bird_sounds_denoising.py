"""The BirdSoundsDenoising layout is read, and trained on without its held-out recordings."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from birdedge.edge.errors import DataError, SettingsError
from birdedge.train.data.bird_sounds_denoising import (
    is_bird_sounds_denoising,
    picture_examples,
    picture_recipe,
    read_clips,
)
from birdedge.train.data.class_cells import UNKNOWN
from birdedge.train.training.recipe import read_recipe

RATE_HZ = 32000


@pytest.fixture
def copy(picture_set: Path, tmp_path: Path) -> Path:
    """A copy of the set that a test may change."""
    shutil.copytree(picture_set, tmp_path / "set")
    return tmp_path / "set"


def test_only_the_layout_of_the_data_set_is_recognised(picture_set: Path, tmp_path: Path) -> None:
    assert is_bird_sounds_denoising(picture_set)
    assert not is_bird_sounds_denoising(picture_set / "train")
    assert not is_bird_sounds_denoising(tmp_path / "nowhere")


def test_a_picture_drawn_from_the_audio_matches_the_image_within_a_grey_level(picture_set: Path) -> None:
    for clip in read_clips(picture_set, "train")[1:]:
        drawn, image = (clip.picture(from_image).astype(int) for from_image in (False, True))
        assert drawn.shape == (256, 256)
        assert image.max() > 100
        assert np.abs(drawn - image).max() <= 1


def test_an_mp3_file_named_wav_is_read(picture_set: Path) -> None:
    clip = read_clips(picture_set, "test")[0]
    assert clip.audio.read_bytes()[:4] != b"RIFF"
    samples, sample_rate_hz = clip.samples()
    assert (len(samples), sample_rate_hz) == (2 * RATE_HZ, RATE_HZ)
    drawn, image = (clip.picture(from_image).ravel() for from_image in (False, True))
    assert np.corrcoef(drawn, image)[0, 1] > 0.95


def test_left_and_right_are_two_channels_of_one_recording(picture_set: Path) -> None:
    left, right = read_clips(picture_set, "train")[-2:]
    assert left.mask.stem == "XC199999_left"
    assert left.recording == right.recording == "199999"
    # The other channel of each is silent.
    assert min(np.abs(clip.samples()[0]).max() for clip in (left, right)) > 0.01


def test_a_test_recording_is_not_used_for_training(copy: Path) -> None:
    for kind, suffix in (("Images", "png"), ("Masks", "png"), ("Raw_audios", "wav")):
        shutil.copy(
            copy / "train" / kind / f"XC199999_left.{suffix}",
            copy / "test" / kind / f"XC199999_left.{suffix}",
        )
    said: list[str] = []
    examples = picture_examples(picture_recipe(read_recipe("paper")), copy, True, said.append)
    (line,) = said
    assert line.startswith("2 pictures to train on, 4 to validate on, 2 left out because their other channel")
    assert examples.training_data[0]["files"] == 2
    x, target, weight, sounds, _ = examples.of_epoch(1)[0]
    assert x.shape == (1, 256, 256)
    assert 0 <= x.min() < x.max() <= 1
    assert target.shape == weight.shape == (256, 256)
    assert torch.equal(weight, torch.ones(256, 256))
    assert torch.equal(sounds, torch.full((64, 64), UNKNOWN))


def test_a_recipe_with_two_channels_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"recipe compact takes 2 channels .*; use recipe paper"):
        picture_recipe(read_recipe("compact"))


def test_the_error_names_a_missing_mask(copy: Path) -> None:
    (copy / "test" / "Masks" / "XC100010.png").unlink()
    with pytest.raises(DataError, match=r"XC100010.png has no mask .*Masks/XC100010.png; fetch the mask"):
        read_clips(copy, "test")


@pytest.mark.parametrize("kept_bytes", [0, 20, 2000])
def test_the_error_names_a_damaged_image(copy: Path, kept_bytes: int) -> None:
    path = copy / "train" / "Images" / "XC100001.png"
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(DataError, match=r"XC100001.png cannot be read as a picture \(.*; fetch it again"):
        picture_examples(picture_recipe(read_recipe("paper")), copy, True, lambda _: None)


def test_the_error_names_an_empty_part(copy: Path) -> None:
    shutil.rmtree(copy / "valid")
    with pytest.raises(DataError, match=r"valid has no pictures; it needs Masks/\*.png"):
        read_clips(copy, "validation")
