"""The study of persistence: occupancy is causal, loops are as requested, and the regression finds known effects."""

import numpy as np
import pytest

from benchmarks.studies.persistence import RENDITIONS, JudgedRegion, cross_validated, looped, occupancy, table
from birdedge.train.data.stft import GRID


def test_occupancy_counts_only_the_frames_before_a_region():
    mask = np.zeros((2000, GRID.bins), np.float32)
    mask[1000:1250, 10] = 0.9
    mask[1250:, 10] = 1.0
    bins = np.zeros(GRID.bins, bool)
    bins[10:12] = True
    assert occupancy(mask, 1250, bins, 1250 * GRID.hop_s) == pytest.approx(250 / 1250 / 2)
    assert occupancy(mask, 0, bins, 10.0) == 0.0


@pytest.mark.parametrize("recorded", [1000, 400_000])
def test_a_loop_has_the_requested_length_and_level(recorded):
    rng = np.random.default_rng(1)
    samples = (3000 * rng.standard_normal(recorded)).astype(np.int16)
    loop = looped(samples, 100_000, rng)
    assert len(loop) == 100_000
    assert np.sqrt(np.mean(loop**2)) == pytest.approx(1.0, abs=0.05)


def test_the_regression_uses_a_feature_that_separates_and_does_not_see_the_scene_it_scores():
    rng = np.random.default_rng(2)
    scene = np.repeat(np.arange(40), 10)
    is_bird = rng.random(400) < 0.5
    x = np.column_stack([rng.standard_normal(400), np.where(is_bird, 1.0, -1.0) + rng.standard_normal(400)])
    scores = cross_validated(x, is_bird, scene)
    assert np.mean(scores[is_bird]) > np.mean(scores[~is_bird]) + 2
    # Labels that depend only on the scene cannot be learned.
    random = cross_validated(rng.standard_normal((400, 1)), np.isin(scene, range(20)), scene)
    assert abs(np.mean(random[:200]) - np.mean(random[200:])) < 0.5


def test_the_table_gives_the_share_of_birds_above_the_false_events():
    regions = [
        JudgedRegion(n, kind, False, (float(n % 7), 0.1, 0.1))
        for n, kind in enumerate(["insect", "frog", "other"] * 40)
    ]
    for n, kind in enumerate([*RENDITIONS] * 20):
        regions.append(JudgedRegion(n, kind, True, (9.0 if kind == "sparse" else -1.0, 0.2, 0.2)))
    text = table(regions, 40)
    assert "| log odds | 1.00 | 0.00 | 1.00 | 0.00 |" in text
