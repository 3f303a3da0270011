"""The streaming network gives the same bits however the stream is divided, and survives NaN."""

import ctypes
from typing import cast

import numpy as np
import pytest

from birdedge.edge.models.model import Model
from birdedge.edge.models.names import bundled_models
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.synthesis.soundscape import soundscape

PUSHES = (1, 7, 16, 17, 100)


@pytest.fixture(scope="module", params=sorted(bundled_models()))
def model(request):
    return Model(request.param)


@pytest.fixture(scope="module")
def frames():
    """Log-magnitude frames of 10 s with calls."""
    spectrogram = Spectrogram()
    return np.concatenate([spectrogram.push(soundscape(10.0, seed=3).samples), spectrogram.flush()])


def masks(segmenter, frames, pushed):
    pieces = [segmenter.push(frames[at : at + pushed]).mask for at in range(0, len(frames), pushed)]
    return np.concatenate([*pieces, segmenter.flush().mask])


class NanMask:
    """A model whose mask has a NaN in some calls, given by their numbers."""

    def __init__(self, model, calls):
        self.card, self.session = model.card, self
        self._session, self._calls, self._call = model.session, calls, 0

    def io_binding(self):
        return WatchedBinding(self._session.io_binding())

    def run_with_iobinding(self, watched):
        self._session.run_with_iobinding(watched.binding)
        if self._call in self._calls:
            watched.mask[0, 3, 5] = np.nan
        self._call += 1


class WatchedBinding:
    """An onnxruntime binding, and the array to which it writes the mask."""

    def __init__(self, binding):
        self.binding = binding
        self.bind_input = binding.bind_input

    def bind_output(self, name, device, device_id, dtype, shape, address):
        self.binding.bind_output(name, device, device_id, dtype, shape, address)
        if name == "mask":
            self.mask = np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_float)), shape)


@pytest.mark.parametrize("pushed", PUSHES)
def test_any_division_into_pushes_gives_the_masks_of_one_push(model, frames, pushed):
    whole = masks(Segmenter(model), frames, len(frames))
    parts = masks(Segmenter(model), frames, pushed)
    assert whole.shape == parts.shape == frames.shape
    if model.card.precision == "int8":
        np.testing.assert_array_equal(parts, whole)
    else:
        np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-5)


def test_probabilities_are_between_0_and_1_and_high_for_calls(model, frames):
    mask = masks(Segmenter(model), frames, len(frames))
    assert mask.min() >= 0
    assert 0.5 < mask.max() <= 1


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33])
def test_the_output_has_as_many_frames_as_the_input(model, frames, count):
    segmenter = Segmenter(model)
    pushed, flushed = segmenter.push(frames[:count]), segmenter.flush()
    assert len(pushed) + len(flushed) == count
    for part in (pushed, flushed):
        assert part.mask.shape == part.level.shape == part.floor.shape
    np.testing.assert_array_equal(np.concatenate([pushed.level, flushed.level]), frames[:count])


def test_a_mask_comes_out_after_the_lookahead_and_the_rest_of_its_chunk(model, frames):
    segmenter, card = Segmenter(model), model.card
    given = np.cumsum([len(segmenter.push(frames[t : t + 1])) for t in range(100)])
    heard = np.arange(1, 101)
    expected = np.maximum(0, heard // card.chunk_frames * card.chunk_frames - card.lookahead_frames)
    np.testing.assert_array_equal(given, expected)


def test_a_second_flush_gives_nothing(model, frames):
    segmenter = Segmenter(model)
    segmenter.push(frames[:50])
    assert len(segmenter.flush()) > 0
    assert len(segmenter.flush()) == 0


@pytest.mark.parametrize("end", ["flush", "reset"])
def test_flush_and_reset_start_a_new_stream(model, frames, end):
    segmenter = Segmenter(model)
    first = masks(segmenter, frames, 100)
    segmenter.push(frames[:333])
    getattr(segmenter, end)()
    np.testing.assert_array_equal(masks(segmenter, frames, 100), first)


def test_two_segmenters_of_one_model_are_independent(model, frames):
    alone = masks(Segmenter(model), frames, 100)
    one, other = Segmenter(model), Segmenter(model)
    pieces = []
    for at in range(0, len(frames), 100):
        other.push(frames[::-1][at : at + 100])
        pieces.append(one.push(frames[at : at + 100]).mask)
    np.testing.assert_array_equal(np.concatenate([*pieces, one.flush().mask]), alone)


def test_a_chunk_with_a_nan_mask_is_empty_and_resets_the_states(model, frames):
    chunk, lookahead = model.card.chunk_frames, model.card.lookahead_frames
    segmenter = Segmenter(cast(Model, NanMask(model, {2})))
    mask = masks(segmenter, frames, 64)
    assert segmenter.nonfinite_chunks == 1
    assert len(mask) == len(frames)
    assert np.isfinite(mask).all()
    broken = slice(2 * chunk - lookahead, 3 * chunk - lookahead)
    assert (mask[broken] == 0).all()
    np.testing.assert_array_equal(mask[: broken.start], masks(Segmenter(model), frames, 64)[: broken.start])
    # The following chunk starts a new stream, whose first masks would be for frames before its start.
    restarted = masks(Segmenter(model), frames[3 * chunk :], 64)
    np.testing.assert_array_equal(mask[3 * chunk :], restarted)


def test_every_chunk_with_a_nan_mask_is_counted(model, frames):
    segmenter = Segmenter(cast(Model, NanMask(model, {0, 1, 3})))
    masks(segmenter, frames, 64)
    assert segmenter.nonfinite_chunks == 3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_nan_or_infinite_level_affects_one_chunk_and_not_the_stream(model, frames, value):
    chunk = model.card.chunk_frames
    spoiled = frames.copy()
    spoiled[2 * chunk + 2, 100] = value
    segmenter = Segmenter(model)
    with np.errstate(invalid="ignore"):
        mask = masks(segmenter, spoiled, 64)
    assert segmenter.nonfinite_chunks == 1
    assert np.isfinite(mask).all()
    np.testing.assert_array_equal(mask[3 * chunk :], masks(Segmenter(model), frames[3 * chunk :], 64))
