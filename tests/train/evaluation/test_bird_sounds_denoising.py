"""BirdSoundsDenoising is scored as its published figures are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from birdedge.edge.errors import SettingsError
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.train.cli import train
from birdedge.train.data.bird_sounds_denoising import read_clips
from birdedge.train.evaluation.bird_sounds_denoising import (
    on_picture,
    picture_figures,
    pixel_counts,
    score_bird_sounds_denoising,
)
from birdedge.train.evaluation.detectors import Detector
from birdedge.train.training.checkpoint import load_checkpoint
from tests.support.generated import mirrored_mask

RATE_HZ = 32000


def test_a_recorder_mask_drawn_on_a_picture_matches_the_mask_of_the_data_set() -> None:
    scene = soundscape(3.0, seed=5, calls_per_minute=90, snr_db=(20.0, 25.0))
    columns = (len(scene.samples) - 128) // 64 + 1
    truth = Image.fromarray(mirrored_mask(scene.mask, columns)).convert("L").resize((256, 256))
    drawn = on_picture(scene.mask.astype(np.float32), len(scene.samples), RATE_HZ) > 0.5
    expected = np.asarray(truth).T > 127
    overlap = [(d & expected).sum() / (d | expected).sum() for d in (drawn, np.roll(drawn, 2, axis=0))]
    assert overlap[0] > 0.8
    assert overlap[1] < overlap[0] - 0.2  # a shift by two columns, 23 ms, is noticed
    assert np.array_equal(drawn, drawn[:, ::-1])


def test_a_drawn_mask_is_empty_above_the_band_of_the_recorder() -> None:
    drawn = on_picture(np.ones((125, 256), np.float32), 96000, 96000)  # up to 48 kHz
    assert drawn[:, 128 - 42 : 128 + 42].all()
    assert not drawn[:, : 128 - 43].any()


def test_the_iou_is_computed_in_the_four_ways_of_the_published_figures() -> None:
    rng = np.random.default_rng(3)
    # 20 pictures of 4 recordings: batches of 16 and 4, or of 8, 8 and 4.
    recordings = [f"XC{i % 4}" for i in range(20)]
    truths = [rng.random((256, 256)) < rng.uniform(0.1, 0.6) for _ in recordings]
    found = [t ^ (rng.random((256, 256)) < 0.1) for t in truths]
    truths[3][:] = found[3][:] = False  # a picture without birds, in which none are found
    counts = np.array([pixel_counts(f, t) for f, t in zip(found, truths, strict=True)])
    figures = picture_figures("known", "test", "Images", 0.5, counts, recordings)

    def iou(a: list[np.ndarray], b: list[np.ndarray]) -> float:
        union = (np.stack(a) | np.stack(b)).sum()
        return float((np.stack(a) & np.stack(b)).sum() / union) if union else 1.0

    def batches(size: int) -> list[slice]:
        return [slice(at, at + size) for at in range(0, len(recordings), size)]

    assert figures.iou_pooled.value == pytest.approx(iou(truths, found), abs=1e-4)
    per_picture = np.mean([iou([t], [f]) for t, f in zip(truths, found, strict=True)])
    assert figures.iou_per_picture == pytest.approx(per_picture, abs=1e-4)
    per_16 = np.mean([iou(truths[b], found[b]) for b in batches(16)])
    assert figures.iou_batches_of_16 == pytest.approx(per_16, abs=1e-4)
    both = [
        (iou(truths[b], found[b]) + iou([~t for t in truths[b]], [~f for f in found[b]])) / 2
        for b in batches(8)
    ]
    assert figures.iou_bird_and_background_batches_of_8 == pytest.approx(np.mean(both), abs=1e-4)
    assert figures.iou_pooled.interval is not None
    assert figures.iou_pooled.value is not None
    low, high = figures.iou_pooled.interval
    assert low < figures.iou_pooled.value < high
    assert (figures.pictures, figures.recordings) == (20, 4)


def test_figures_of_one_recording_have_no_interval_and_keep_their_keys_in_json() -> None:
    figures = picture_figures("one", "test", "Raw_audios", 0.4567, np.array([[1, 1, 2, 12]]), ["XC1"])
    assert figures.to_dict() == {
        "name": "one",
        "set": "BirdSoundsDenoising",
        "split": "test",
        "from": "Raw_audios",
        "threshold": 0.457,
        "pictures": 1,
        "recordings": 1,
        "iou_batches_of_16": 0.25,
        "iou_per_picture": 0.25,
        "iou_pooled": 0.25,
        "iou_pooled_interval": None,
        "iou_bird_and_background_batches_of_8": 0.525,
    }


def test_the_true_masks_of_the_audio_score_nearly_one(picture_set: Path) -> None:
    """Audio, mask and picture agree in time and frequency."""
    numbers = [int(clip.recording) for clip in read_clips(picture_set, "test")]
    scenes = [
        soundscape(2.0, seed=n, calls_per_minute=90, snr_db=(20.0, 25.0), rain_db=None) for n in numbers
    ]
    masks = iter([scene.mask.astype(np.float32) for scene in scenes])
    figures = score_bird_sounds_denoising(Detector("truth", 0.5, lambda *_: (next(masks), [])), picture_set)
    assert (figures.pictures, figures.recordings) == (4, 4)
    assert figures.iou_pooled.value is not None
    assert figures.iou_pooled.value > 0.8
    assert figures.iou_bird_and_background_batches_of_8 > figures.iou_pooled.value


def test_an_audio_detector_refuses_pictures(picture_set: Path) -> None:
    detector = Detector("median", 0.5, lambda *_: (np.zeros((1, 256), np.float32), []))
    with pytest.raises(
        SettingsError, match="median takes audio and cannot read pictures; leave out --images"
    ):
        score_bird_sounds_denoising(detector, picture_set, from_image=True)


def test_the_paper_recipe_trains_on_the_set_and_is_scored_from_images_and_audio(
    picture_set: Path, tmp_path: Path
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
    folder = tmp_path / "run"
    options = ["--data", str(picture_set), "--out", str(folder), "--images"]
    done = CliRunner().invoke(train, [str(tmp_path / "small.toml"), *options], catch_exceptions=False)
    assert "4 pictures to train on, 4 to validate on, 0 left out" in done.output
    best = folder / "best.safetensors"
    assert load_checkpoint(best).recipe.training.input == "picture"
    history = json.loads((folder / "history.json").read_text())
    assert 0 <= history[0]["validation_iou"] < 1
    images, audio = (score_bird_sounds_denoising(best, picture_set, from_image=i) for i in (True, False))
    assert (images.source, audio.source) == ("Images", "Raw_audios")
    assert images.iou_pooled.value == pytest.approx(audio.iou_pooled.value, abs=0.02)
