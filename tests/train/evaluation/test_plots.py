"""The picture of a clip shows the chosen part."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.image import imread

from birdedge.train.evaluation.detectors import events_of
from birdedge.train.evaluation.labelled_audio import MaskedClip, centres
from birdedge.train.evaluation.plots import draw_clip
from tests.support.oracles import SETTINGS


def test_an_event_is_drawn_only_if_its_part_of_the_clip_is_shown() -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, 20 * 32_000).astype(np.float32)
    target = np.zeros((2, 256), bool)
    clip = MaskedClip("c", samples, 32_000, target, None, np.array((0.0, 20.0)), centres(62.5, 62.5, 256))
    mask = np.zeros((2400, 256), np.float32)
    found = mask.copy()
    found[2250:2300, 50:80] = 1.0  # 18.0 to 18.4 s
    events = events_of(found, found, found, SETTINGS)
    boxed = {}
    for shown_s in ((0.0, 15.0), (17.0, 30.0)):
        picture = imread(io.BytesIO(draw_clip(clip, mask, events, 0.5, "", shown_s, size_in=(5, 2))))
        assert picture.shape[:2] == (180, 450)
        # Inside the axes only the white box has more blue than the colours of the spectrogram, which end at 0.75.
        boxed[shown_s] = (picture[30:120, 60:430, 2] > 0.78).sum()
    assert boxed[0.0, 15.0] == 0
    assert boxed[17.0, 30.0] > 20
