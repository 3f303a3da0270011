"""The BirdSoundsDenoising layout: read, trained on and scored as its published figures are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from birdedge.edge.errors import DataError, SettingsError
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.train.cli import train
from birdedge.train.data.bird_sounds_denoising import (
    is_bird_sounds_denoising,
    picture_examples,
    picture_recipe,
    read_clips,
)
from birdedge.train.data.pictures import draw_picture, read_mask, read_picture
from birdedge.train.evaluation.bird_sounds_denoising import on_picture, score_bird_sounds_denoising
from birdedge.train.evaluation.cli import evaluate as evaluate_command
from birdedge.train.evaluation.detectors import Detector
from birdedge.train.training.checkpoint import load_checkpoint
from birdedge.train.training.loop import train as run
from birdedge.train.training.recipe import read_recipe
from tests.support.generated import mirrored_mask, write_bird_sounds_denoising

RATE_HZ = 32000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bird_sounds_denoising(tmp_path_factory.mktemp("set") / "BirdSoundsDenoising")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """One to break."""
    shutil.copytree(folder, tmp_path / "set")
    return tmp_path / "set"


def test_the_layout_is_recognised_and_another_is_not(folder: Path, tmp_path: Path) -> None:
    assert is_bird_sounds_denoising(folder)
    assert not is_bird_sounds_denoising(folder / "train")
    assert not is_bird_sounds_denoising(tmp_path / "nowhere")


def test_a_picture_drawn_from_the_sound_is_the_image_within_a_grey_level(folder: Path) -> None:
    for clip in read_clips(folder, "train")[1:]:
        drawn, image = (clip.picture(from_image).astype(int) for from_image in (False, True))
        assert drawn.shape == (256, 256)
        assert image.max() > 100
        assert np.abs(drawn - image).max() <= 1


def test_an_mp3_inside_a_wav_is_heard(folder: Path) -> None:
    clip = read_clips(folder, "test")[0]
    assert clip.sound.read_bytes()[:4] != b"RIFF"
    samples, sample_rate_hz = clip.samples()
    assert (len(samples), sample_rate_hz) == (2 * RATE_HZ, RATE_HZ)
    drawn, image = (clip.picture(from_image).ravel() for from_image in (False, True))
    assert np.corrcoef(drawn, image)[0, 1] > 0.95


def test_left_and_right_are_two_channels_of_one_recording(folder: Path) -> None:
    left, right = read_clips(folder, "train")[-2:]
    assert left.mask.stem == "XC199999_left"
    assert left.recording == right.recording == "199999"
    # The other channel of either is silent.
    assert min(np.abs(clip.samples()[0]).max() for clip in (left, right)) > 0.01


def test_a_tone_lies_at_its_frequency_above_and_below_the_middle() -> None:
    tone = np.sin(2 * np.pi * 4000 / RATE_HZ * np.arange(RATE_HZ)).astype(np.float32) * 0.02
    picture = draw_picture(tone)
    # 4 kHz of 32 kHz is an eighth of the picture away from its middle.
    assert sorted(np.argsort(picture[128])[-2:] // 4) == [95 // 4, 159 // 4]
    assert np.array_equal(picture[:, 10:120] > 60, picture[:, ::-1][:, 10:120] > 60)


def test_a_mask_of_the_recorder_is_drawn_where_the_sets_own_is() -> None:
    scene = soundscape(3.0, seed=5, calls_per_minute=90, snr_db=(20.0, 25.0))
    columns = (len(scene.samples) - 128) // 64 + 1
    truth = Image.fromarray(mirrored_mask(scene.mask, columns)).convert("L").resize((256, 256))
    drawn = on_picture(scene.mask.astype(np.float32), len(scene.samples), RATE_HZ) > 0.5
    wanted = np.asarray(truth).T > 127
    overlap = [(d & wanted).sum() / (d | wanted).sum() for d in (drawn, np.roll(drawn, 2, axis=0))]
    assert overlap[0] > 0.8
    assert overlap[1] < overlap[0] - 0.2  # so two columns, 23 ms, would be seen
    assert np.array_equal(drawn, drawn[:, ::-1])


def test_above_the_recorders_band_there_is_nothing() -> None:
    drawn = on_picture(np.ones((125, 256), np.float32), 96000, 96000)  # up to 48 kHz
    assert drawn[:, 128 - 42 : 128 + 42].all()
    assert not drawn[:, : 128 - 43].any()


def test_the_four_ways_of_counting_are_those_of_the_published_figures(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    module = "birdedge.train.data.bird_sounds_denoising"
    clips = read_clips(folder, "test") * 5  # 20 pictures: batches of 16 and 4, of 8, 8 and 4
    truths = [rng.random((256, 256)) < rng.uniform(0.1, 0.6) for _ in clips]
    found = [t ^ (rng.random((256, 256)) < 0.1) for t in truths]
    truths[3][:] = found[3][:] = False  # a picture without birds, in which none are found
    drawn, heard = iter(truths), iter(found)
    monkeypatch.setattr(f"{module}.read_clips", lambda *_: clips)
    monkeypatch.setattr(f"{module}.read_mask", lambda _: next(drawn))
    monkeypatch.setattr(f"{module}.on_picture", lambda *_: next(heard).astype(np.float32))
    scored = score_bird_sounds_denoising(Detector("known", 0.5, lambda *_: (np.zeros(1), [])), folder)

    def iou(a: list[np.ndarray], b: list[np.ndarray]) -> float:
        union = (np.stack(a) | np.stack(b)).sum()
        return (np.stack(a) & np.stack(b)).sum() / union if union else 1.0

    def batches(size: int) -> list[slice]:
        return [slice(at, at + size) for at in range(0, len(clips), size)]

    assert scored["iou_pooled"] == pytest.approx(iou(truths, found), abs=1e-4)
    per_picture = np.mean([iou([t], [f]) for t, f in zip(truths, found, strict=True)])
    assert scored["iou_per_picture"] == pytest.approx(per_picture, abs=1e-4)
    per_16 = np.mean([iou(truths[b], found[b]) for b in batches(16)])
    assert scored["iou_batches_of_16"] == pytest.approx(per_16, abs=1e-4)
    both = [
        (iou(truths[b], found[b]) + iou([~t for t in truths[b]], [~f for f in found[b]])) / 2
        for b in batches(8)
    ]
    assert scored["iou_bird_and_background_batches_of_8"] == pytest.approx(np.mean(both), abs=1e-4)
    low, high = scored["iou_pooled_interval"]
    assert low < scored["iou_pooled"] < high
    assert (scored["pictures"], scored["recordings"]) == (20, 4)


def test_the_true_masks_of_the_sound_score_nearly_one(folder: Path) -> None:
    """So sound, mask and picture mean the same time and frequency."""
    numbers = [int(clip.recording) for clip in read_clips(folder, "test")]
    scenes = [
        soundscape(2.0, seed=n, calls_per_minute=90, snr_db=(20.0, 25.0), rain_db=None) for n in numbers
    ]
    masks = iter([scene.mask.astype(np.float32) for scene in scenes])
    scored = score_bird_sounds_denoising(Detector("truth", 0.5, lambda *_: (next(masks), [])), folder)
    assert scored["iou_pooled"] > 0.8
    assert scored["iou_bird_and_background_batches_of_8"] > scored["iou_pooled"]


def test_the_paper_recipe_trains_on_the_set_and_is_scored_from_images_and_sounds(
    folder: Path, tmp_path: Path
) -> None:
    text = "".join(
        f"[{table}]\n{settings}\n"
        for table, settings in (
            ("network", 'system = "fcn"\ninput_channels = 1\nchannels = [8, 8, 8, 8, 8]'),
            ("augmentation", "rotation_degrees = 5\nscaling = 0.1"),
            ("training", 'input = "unit"\nbatch = 2\nworkers = 0\nepochs = 1\nprecision = "32-true"'),
        )
    )
    (tmp_path / "small.toml").write_text(text)
    arguments = [
        str(tmp_path / "small.toml"),
        "--data",
        str(folder),
        "--out",
        str(tmp_path / "run"),
        "--images",
    ]
    done = CliRunner().invoke(train, arguments, catch_exceptions=False)
    assert "4 pictures to train on, 4 to validate on, 0 left out for their twins" in done.output
    best = tmp_path / "run" / "best.safetensors"
    assert load_checkpoint(best).recipe.training.input == "picture"
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert 0 <= history[0]["validation_iou"] < 1
    from_images, from_sounds = (
        score_bird_sounds_denoising(best, folder, from_image=i) for i in (True, False)
    )
    assert (from_images["from"], from_sounds["from"]) == ("Images", "Raw_audios")
    assert from_images["iou_pooled"] == pytest.approx(from_sounds["iou_pooled"], abs=0.02)


def test_a_recording_that_is_tested_on_is_not_learned_from(copy: Path) -> None:
    for kind, suffix in (("Images", "png"), ("Masks", "png"), ("Raw_audios", "wav")):
        shutil.copy(
            copy / "train" / kind / f"XC199999_left.{suffix}",
            copy / "test" / kind / f"XC199999_left.{suffix}",
        )
    said: list[str] = []
    examples = picture_examples(picture_recipe(read_recipe("paper")), copy, True, said.append)
    assert said == ["2 pictures to train on, 4 to validate on, 2 left out for their twins"]
    assert examples.training_data[0]["files"] == 2
    x, target, weight = examples.of_epoch(1)[0]
    assert x.shape == (1, 256, 256)
    assert 0 <= x.min() < x.max() <= 1
    assert target.shape == weight.shape == (256, 256)
    assert torch.equal(weight, torch.ones(256, 256))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tier": "open"}, r"is BirdSoundsDenoising, neither open nor mixed; leave out --tier and --cache"),
        ({"cache": Path("kept")}, r"leave out --tier and --cache"),
    ],
)
def test_options_of_mixes_are_refused(
    folder: Path, tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        run(read_recipe("paper"), folder, tmp_path / "run", say=lambda _: None, **options)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_pictures_gives_no_images(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="is not BirdSoundsDenoising and has no pictures; leave out --images"
    ):
        run(read_recipe("paper"), tmp_path, tmp_path / "run", say=lambda _: None, from_images=True)


def test_a_missing_mask_is_named(copy: Path) -> None:
    (copy / "test" / "Masks" / "XC100010.png").unlink()
    with pytest.raises(DataError, match=r"XC100010.png has no mask .*Masks/XC100010.png; fetch the mask"):
        read_clips(copy, "test")


@pytest.mark.parametrize("kept_bytes", [0, 20, 2000])
def test_a_damaged_image_is_named(copy: Path, kept_bytes: int) -> None:
    path = copy / "train" / "Images" / "XC100001.png"
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(DataError, match=r"XC100001.png cannot be read as a picture \(.*; fetch it again"):
        picture_examples(picture_recipe(read_recipe("paper")), copy, True, lambda _: None)


def test_an_empty_part_is_named(copy: Path) -> None:
    shutil.rmtree(copy / "valid")
    with pytest.raises(DataError, match=r"valid has no pictures; it needs Masks/\*.png"):
        read_clips(copy, "validation")


def test_a_sound_too_short_for_a_picture_is_refused() -> None:
    with pytest.raises(DataError, match="a sound of 127 samples makes no picture"):
        draw_picture(np.zeros(127, np.float32))


def test_a_mask_of_ones_and_one_of_white_are_the_same(tmp_path: Path) -> None:
    shape = np.zeros((512, 300), np.uint8)
    shape[100:200, 50:100] = 1
    for name, white in (("one", 1), ("white", 255)):
        Image.fromarray(shape * np.uint8(white)).save(tmp_path / f"{name}.png")
    masks = [read_mask(tmp_path / f"{name}.png") for name in ("one", "white")]
    assert masks[0].mean() == pytest.approx(shape.mean(), rel=0.05)
    assert (masks[0] ^ masks[1]).mean() < 0.01
    assert read_picture(tmp_path / "white.png").shape == (256, 256)


def test_a_recipe_of_two_channels_and_a_listener_given_images_are_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"recipe compact takes 2 channels .*; use recipe paper"):
        picture_recipe(read_recipe("compact"))
    with pytest.raises(
        SettingsError, match=r"known hears sound and cannot read pictures; leave out --images"
    ):
        score_bird_sounds_denoising(
            Detector("known", 0.5, lambda *_: (np.zeros(1), [])), folder, from_image=True
        )


def test_the_evaluate_command_prints_the_four_ways(folder: Path) -> None:
    done = CliRunner().invoke(evaluate_command, ["--data", str(folder), "--json"])
    (figures,) = json.loads(done.stdout)
    assert figures["set"] == "BirdSoundsDenoising"
    assert figures["pictures"] == 4
    assert 0.0 <= figures["iou_pooled"] <= 1.0
    refused = CliRunner().invoke(evaluate_command, ["--data", str(folder), "--page", "x.html"])
    assert isinstance(refused.exception, SettingsError)
