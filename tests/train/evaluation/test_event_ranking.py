"""Ranked events are right or wrong by their labels, and the highest scores come first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.train.evaluation import event_ranking
from birdedge.train.evaluation.detectors import Detector, events_of
from birdedge.train.evaluation.event_ranking import RankedEvent, best_and_worst
from birdedge.train.evaluation.file_scores import FileScore
from birdedge.train.evaluation.labelled_audio import LabelledFile, MaskedClip
from birdedge.train.evaluation.scoring import ClipScore, score_clip
from tests.support.oracles import CLIPS, SETTINGS

NOISE = LabelledFile(Path("rain.flac"), noise="rain")


def region(frame: int, frames: int = 20, probability: float = 1.0) -> NDArray[np.float32]:
    mask = np.zeros((100, 256), np.float32)
    mask[frame : frame + frames, 50:80] = probability
    return mask


def events(mask: NDArray[np.float32]) -> list[Event]:
    return events_of(mask, mask, mask, SETTINGS)


def scored(
    truth: NDArray[np.float32], found: NDArray[np.float32], weight: NDArray[np.bool_] | None = None
) -> ClipScore:
    clip = dataclasses.replace(CLIPS[0], target=truth > 0, weight=weight)
    return score_clip(Detector("m", 0.5, lambda *_: (found, events(found))), clip)


def frames(ranked: list[RankedEvent]) -> list[int]:
    return [one.event.first_frame for one in ranked]


def test_an_event_is_right_from_an_iou_of_a_half_and_wrong_below_it_or_in_noise() -> None:
    found = np.maximum(region(10, probability=0.8), region(70, probability=0.9))
    clip = scored(np.maximum(region(14), region(60)), found)
    best, worst = best_and_worst([clip], [FileScore(NOISE, events(region(30)), 1.0)])
    assert frames(best) == [10]
    assert best[0].iou == pytest.approx(16 / 24, abs=0.03)
    assert frames(worst) == [30, 70]  # by score
    assert worst[0].origin is NOISE
    assert np.isnan(worst[0].iou)
    assert isinstance(worst[1].origin, MaskedClip)
    assert worst[1].iou == pytest.approx(10 / 30, abs=0.03)


def test_an_event_in_unlabelled_bins_is_neither_right_nor_wrong() -> None:
    labelled = np.ones((100, 256), bool)
    labelled[50:] = False
    clip = scored(region(10), np.maximum(region(10), region(60)), labelled)
    best, worst = best_and_worst([clip], [])
    assert (frames(best), worst) == ([10], [])


def test_only_the_highest_scores_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_ranking, "COUNT", 2)
    clips = [scored(region(10), region(10, probability=p)) for p in (0.7, 0.9, 0.8)]
    best, _ = best_and_worst(clips, [])
    assert [one.event.score for one in best] == pytest.approx([0.9, 0.8], abs=0.003)
