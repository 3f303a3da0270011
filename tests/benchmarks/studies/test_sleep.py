"""The study of sleep: a skipped call changes no bit, gates are causal and learn, and the tables count the losses."""

import numpy as np
import pytest

from benchmarks.studies.experiment import segmented
from benchmarks.studies.sleep import slept_share, threshold_that_loses
from benchmarks.studies.sleep_gate import GatedSegmenter, features, held_open, learned, memory_chunks, slept
from benchmarks.studies.sleep_sounds import FIELD_CLIP, LABELLED, QUIET, Sound, is_night
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.train.data.stft import GRID

CHUNK = 16
GATE = np.array([1, 1, 0, 1] + [0] * 20 + [1, 1] + [0] * 14, bool)


@pytest.fixture(scope="module")
def model():
    return Model()


def levels(chunks):
    return np.random.default_rng(0).normal(-5, 1, (chunks * CHUNK, GRID.bins)).astype(np.float32)


def output(segmenter):
    found = segmented(segmenter, levels(len(GATE)))
    return found.mask, found.classes


def test_skipped_calls_leave_the_output_bit_identical(model):
    always = GatedSegmenter(model, GATE, 10_000)
    asleep = GatedSegmenter(model, GATE, memory_chunks(model))
    for expected, found in zip(output(always), output(asleep), strict=True):
        assert np.array_equal(expected, found)
    assert always.slept == 0
    assert asleep.slept == slept(np.append(GATE, False), memory_chunks(model)) == (20 - 12) + (15 - 12)


def test_an_open_gate_gives_the_output_of_the_network_itself(model):
    gated = output(GatedSegmenter(model, np.ones(1, bool), memory_chunks(model)))
    settled = (memory_chunks(model) + 1) * CHUNK
    for expected, found in zip(output(Segmenter(model)), gated, strict=True):
        rows = settled * len(expected) // (len(GATE) * CHUNK)
        assert np.array_equal(expected[rows:], found[rows:])


def test_a_network_without_memory_sleeps_after_one_closed_chunk():
    assert slept(GATE, 1) == 19 + 13
    assert slept(np.zeros(5, bool), 12) == 5  # it starts asleep


def test_features_and_gate_do_not_see_later_chunks():
    x = np.random.default_rng(1).normal(size=(2, 10 * CHUNK, GRID.bins)).astype(np.float32)
    changed = x.copy()
    changed[:, 6 * CHUNK :] += 3
    a, b = features(x, CHUNK), features(changed, CHUNK)
    assert np.allclose(a[:6], b[:6], atol=1e-6)
    assert not np.allclose(a[6], b[6])
    assert held_open(np.array([0, 1, 0, 0, 0, 0, 0]), 0.5).tolist() == [False, *[True] * 4, False, False]


def test_the_gate_learns_what_no_straight_line_separates():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4000, 3)).astype(np.float32)
    is_bird = x[:, 0] * x[:, 1] > 0
    scores = learned(x, is_bird, 16)(x)
    assert np.mean((scores > 0) == is_bird) > 0.8  # a straight line reaches 0.5


def test_the_threshold_loses_at_most_the_allowed_share_and_sleep_is_counted_by_place():
    scores = np.arange(100, dtype=np.float32)[::-1]
    singing = Sound(LABELLED[0], "", levels(100), (), np.ones(100, bool), {"gate": scores})
    quiet = Sound(
        QUIET[0], FIELD_CLIP, levels(100), (), np.zeros(100, bool), {"gate": np.zeros(100, np.float32)}
    )
    threshold = threshold_that_loses([singing], "gate", 0.1)
    assert 0.05 <= 1 - held_open(scores, threshold).mean() <= 0.1
    opened = [held_open(sound.scores["gate"], threshold) for sound in (singing, quiet)]
    assert slept_share([singing, quiet], opened, 12, (FIELD_CLIP,)) == 1.0
    assert slept_share([singing, quiet], opened, 12, (LABELLED[0],)) == 0.0


@pytest.mark.parametrize(
    ("original", "night"),
    [
        ("a/Borneo_Night_03.wav", True),
        ("b/20240905_203000_03.WAV", True),
        ("b/20240905_123000.WAV", False),
        ("c", False),
    ],
)
def test_night_is_recognized_from_the_name(original, night):
    assert is_night(original) == night
