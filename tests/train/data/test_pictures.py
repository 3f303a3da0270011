"""Pictures drawn from audio are those of BirdSoundsDenoising."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from birdedge.edge.errors import DataError
from birdedge.train.data.pictures import draw_picture, read_mask, read_picture

RATE_HZ = 32000


def test_a_tone_lies_at_its_frequency_above_and_below_the_middle() -> None:
    tone = np.sin(2 * np.pi * 4000 / RATE_HZ * np.arange(RATE_HZ)).astype(np.float32) * 0.02
    picture = draw_picture(tone)
    # 4 kHz of 32 kHz is an eighth of the picture away from its middle.
    assert sorted(np.argsort(picture[128])[-2:] // 4) == [95 // 4, 159 // 4]
    assert np.array_equal(picture[:, 10:120] > 60, picture[:, ::-1][:, 10:120] > 60)


def test_audio_too_short_for_a_picture_is_refused() -> None:
    with pytest.raises(DataError, match="127 samples are too few for a picture; give at least 128"):
        draw_picture(np.zeros(127, np.float32))


def test_a_mask_may_store_bird_as_1_or_as_255(tmp_path: Path) -> None:
    shape = np.zeros((512, 300), np.uint8)
    shape[100:200, 50:100] = 1
    for name, white in (("one", 1), ("white", 255)):
        Image.fromarray(shape * np.uint8(white)).save(tmp_path / f"{name}.png")
    masks = [read_mask(tmp_path / f"{name}.png") for name in ("one", "white")]
    assert masks[0].mean() == pytest.approx(shape.mean(), rel=0.05)
    assert np.array_equal(masks[0], masks[1])
    assert read_picture(tmp_path / "white.png").shape == (256, 256)
