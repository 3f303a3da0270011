"""A model file and the checkpoint that it was exported from are the same detector."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch

from birdedge.edge.models.model import Model
from birdedge.edge.synthesis.soundscape import Soundscape, soundscape
from birdedge.train.evaluation.detectors import checkpoint_detector, model_detector
from birdedge.train.networks.unet import UNet, UNetConfig
from birdedge.train.training.checkpoint import save_checkpoint
from birdedge.train.training.recipe import Recipe

WEIGHTS = Path(__file__).parents[3] / "train" / "weights" / "birdedge.safetensors"


@pytest.fixture(scope="module")
def scene() -> Soundscape:
    return soundscape(6.0, seed=31, calls_per_minute=60, snr_db=(18.0, 25.0))


def test_the_bundled_fp32_model_and_its_weights_give_the_same_masks(scene: Soundscape) -> None:
    model, checkpoint = model_detector(Model("birdedge-fp32")), checkpoint_detector(WEIGHTS)
    assert checkpoint.threshold == pytest.approx(model.threshold)
    masks, events = zip(*(m.run(scene.samples, 32000) for m in (model, checkpoint)), strict=True)
    assert masks[0].shape == masks[1].shape == scene.mask.shape
    assert masks[0].max() > 0.9
    # The model's mask is stored in steps of 1/255.
    np.testing.assert_allclose(masks[0], masks[1], atol=0.51 / 255)
    assert len(events[0]) == len(events[1]) > 0
    for one, other in zip(*events, strict=True):
        assert (one.onset_s, one.low_hz) == pytest.approx((other.onset_s, other.low_hz), abs=0.02)


def test_a_checkpoint_puts_another_sample_rate_on_the_same_grid(scene: Soundscape) -> None:
    detector = checkpoint_detector(WEIGHTS)
    whole, _ = detector.run(scene.samples, 32000)
    up, _ = detector.run(soxr.resample(scene.samples, 32000, 48000), 48000)
    assert up.shape == whole.shape
    assert np.abs(up - whole).mean() < 0.01


@pytest.mark.parametrize("lookahead_frames", [0, 16])
@pytest.mark.parametrize("samples", [1, 511, 512, 513, 5000])
def test_a_checkpoint_gives_a_row_per_frame_for_any_lookahead(
    tmp_path: Path, lookahead_frames: int, samples: int
) -> None:
    torch.manual_seed(1)
    config = UNetConfig(lookahead_frames=lookahead_frames)
    recipe = dataclasses.replace(Recipe(), network=config)
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, UNet(config).state_dict(), recipe, {"threshold": 0.5})
    mask, _ = checkpoint_detector(path).run(np.zeros(samples, np.float32), 32000)
    assert mask.shape == (1 + max(0, -(-(samples - 512) // 256)), 256)
