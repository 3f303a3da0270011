"""Voices are detected by the class map alone, whatever the mask marks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.grid import Grid
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline import voice
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.segmenter import SegmenterOutput
from birdedge.edge.pipeline.voice import VoiceDetector
from birdedge.edge.sound_classes import VOICE
from tests.support.models import short_frames_card
from tests.support.pipelines import pushed

FRAMES = 500


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return short_frames_card()


def segmented(
    card: ModelCard,
    rows: slice = slice(0, 0),
    columns: slice = slice(0, 8),
    logit: float = 4.0,
    loud: float = 3.0,
) -> SegmenterOutput:
    """Return frames without a mask, in which some cells are loud and classified as voice."""
    level = np.zeros((FRAMES, 256), np.float32)
    classes = np.zeros((FRAMES // 4, 64, len(card.classes)), np.float32)
    classes[..., 0] = 2.0
    level[rows.start * 4 : rows.stop * 4, columns.start * 4 : columns.stop * 4] = loud
    classes[rows, columns, card.classes.index(VOICE)] = logit
    return SegmenterOutput(np.zeros((FRAMES, 256), np.float32), level, np.zeros_like(level), classes)


def test_a_voice_is_detected_until_a_second_after_its_end(card: ModelCard) -> None:
    heard = VoiceDetector(card).push(segmented(card, slice(20, 40)))
    frames = np.flatnonzero(heard)
    assert (frames[0], frames[-1] + 1) == (80, 160 + 30 * 4)  # 8 cells of one row are enough
    assert heard[80 : 160 + 30 * 4].all()


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": slice(0, 0)},
        {"rows": slice(20, 21), "columns": slice(0, 4)},  # too few cells
        {"rows": slice(20, 40), "logit": 1.0},  # probably a bird
        {"rows": slice(20, 40), "loud": 0.5},
        {"rows": slice(20, 40), "columns": slice(20, 40)},  # above 4 kHz
    ],
)
def test_other_sounds_are_not_detected_as_a_voice(card: ModelCard, changes: dict[str, Any]) -> None:
    assert not VoiceDetector(card).push(segmented(card, **changes)).any()


@pytest.mark.parametrize(
    ("windows", "cells", "heard"), [(1, 4, False), (1, 5, True), (2, 2, False), (2, 3, True)]
)
def test_a_voice_is_as_long_in_longer_frames(card: ModelCard, windows: int, cells: int, heard: bool) -> None:
    card = replace(card, grid=Grid(hop=256 * windows, windows=windows))
    frames = segmented(card, slice(20, 21), slice(0, cells))
    assert VoiceDetector(card).push(frames).any() == heard


def test_a_few_cells_among_many_other_loud_ones_are_not_a_voice(card: ModelCard) -> None:
    frames = segmented(card, slice(20, 22))
    frames.level[:] = 3.0
    assert not VoiceDetector(card).push(frames).any()


def test_a_model_without_the_voice_class_detects_no_voice(card: ModelCard) -> None:
    frames = segmented(card, slice(20, 40))
    other = replace(card, classes=tuple(name.replace(VOICE, "noise") for name in card.classes))
    assert VoiceDetector(other).push(frames).tolist() == [False] * FRAMES


@pytest.mark.parametrize("block", [509, 4096, 65_536])
def test_any_division_into_blocks_gives_the_same_voices(
    int8: Model, calls: NDArray[np.float32], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice, "MIN_PROBABILITY", 0.0)  # everything loud below 4 kHz counts

    def voices(block: int) -> NDArray[np.bool_]:
        pipeline = Pipeline(int8, 32_000, 1, voice=True)
        outputs = [*pushed(pipeline, calls, block), pipeline.flush()]
        found = [output.voice for output in outputs if output.voice is not None]
        assert [len(voice) for voice in found] == [len(output.mask) for output in outputs]
        return np.concatenate(found)

    whole = voices(len(calls))
    assert 0.1 < whole.mean() < 0.9
    np.testing.assert_array_equal(voices(block), whole)


def test_frames_of_a_gap_have_no_voice(int8: Model, calls: NDArray[np.float32]) -> None:
    pipeline = Pipeline(int8, 32_000, 1, voice=True)
    outputs = [*pushed(pipeline, calls[:100_000], 4096), pipeline.gap(40_000), pipeline.flush()]
    assert all(output.voice is not None and len(output.voice) == len(output.mask) for output in outputs)


def test_voices_are_not_detected_by_default(int8: Model, calls: NDArray[np.float32]) -> None:
    assert all(output.voice is None for output in pushed(Pipeline(int8, 32_000, 1), calls, 65_536))
