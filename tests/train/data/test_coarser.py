"""Frames of several windows have the spectrogram that the recorder computes, and the labels of their windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from birdedge.edge.grid import Grid
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.train.data.class_cells import BIRD, NOT_BIRD, UNKNOWN
from birdedge.train.data.coarser import coarser_labels, coarser_level

INSECT, FROG = 1, 2


@pytest.mark.parametrize("windows", [1, 2, 4])
def test_the_level_is_that_of_the_recorder(windows: int) -> None:
    rng = np.random.default_rng(5)
    samples = rng.normal(0, 0.01, 64 * 256 + 256).astype(np.float32)
    samples[4000:9000] = 0
    expected = Spectrogram(Grid(hop=256 * windows, windows=windows)).push(samples)
    found = coarser_level(Spectrogram().push(samples), windows)
    assert found.shape == expected.shape == (64 // windows, 256)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_a_bin_is_labelled_as_in_the_windows_that_have_weight() -> None:
    target = torch.tensor([0, 1, 1, 1, 0, 0, 0, 1, 0, 1]).bool()[:, None]
    weight = torch.tensor([1, 1, 1, 1, 1, 1, 1, 0, 0, 0]).bool()[:, None]
    coarse_target, coarse_weight, _ = coarser_labels(target, weight, torch.zeros(2, 1), 2)
    assert coarse_target[:, 0].tolist() == [True, True, False, False, False]
    assert coarse_weight[:, 0].tolist() == [True, True, True, True, False]


def test_a_cell_is_a_bird_if_a_part_is_and_unknown_if_a_part_is() -> None:
    parts = [INSECT, BIRD, UNKNOWN, BIRD, UNKNOWN, FROG, FROG, UNKNOWN, INSECT, INSECT, NOT_BIRD, NOT_BIRD]
    cells = torch.tensor(parts, dtype=torch.int8)[:, None]
    labels = torch.ones(4 * len(parts), 4)
    found = coarser_labels(labels, labels, cells, 2)[2]
    assert found.dtype == torch.int8
    assert found[:, 0].tolist() == [BIRD, BIRD, UNKNOWN, UNKNOWN, INSECT, NOT_BIRD]
