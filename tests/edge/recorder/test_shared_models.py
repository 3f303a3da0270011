"""Sources share model sessions; an overloaded source falls back to other models, which have their own thresholds."""

from __future__ import annotations

import gc
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.models.model import Model
from birdedge.edge.models.names import ARCHIVE_MODEL, DEFAULT_MODEL, SMALL_MODEL, bundled_models
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.recorder.shared_models import SharedModels
from birdedge.edge.synthesis.soundscape import soundscape


def test_min_score_of_the_configuration_applies_to_the_configured_network() -> None:
    models = SharedModels()
    configured = models.open(DEFAULT_MODEL, 0.5)
    assert (configured.card.events.min_score, configured.card.events.follow_score) == (0.5, 0.5)
    assert models.open_fallback(ARCHIVE_MODEL, configured).card.events == configured.card.events
    assert models.open_fallback(SMALL_MODEL, configured).card == Model(SMALL_MODEL).card


def test_a_model_is_opened_once_and_each_user_has_its_own_minimum_score() -> None:
    models = SharedModels()
    first, second = models.open(DEFAULT_MODEL, 0.5), models.open(DEFAULT_MODEL)
    assert first.session is second.session
    assert (first.card.events.min_score, second.card) == (0.5, Model(DEFAULT_MODEL).card)


def test_a_replaced_file_is_reopened_and_an_unused_session_is_freed(tmp_path: Path) -> None:
    models, path = SharedModels(), tmp_path / "model.onnx"
    shutil.copy(bundled_models()[DEFAULT_MODEL], path)
    old = models.open(str(path))
    path.unlink()
    shutil.copy(bundled_models()[SMALL_MODEL], path)
    assert models.open(str(path)).card.name != old.card.name
    del old
    gc.collect()
    assert len(models._sessions) == 0


def test_threads_sharing_a_session_get_the_same_masks_as_sequential_runs() -> None:
    models = SharedModels()
    sounds = [soundscape(10.0, seed).samples for seed in range(4)]

    def mask(samples: NDArray[np.float32]) -> NDArray[np.uint8]:
        pipeline = Pipeline(models.open(DEFAULT_MODEL), 32_000, 1)
        steps = [pipeline.push(samples[at : at + 1600, None]).mask for at in range(0, len(samples), 1600)]
        return np.concatenate([*steps, pipeline.flush().mask])

    alone = [mask(samples) for samples in sounds]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(mask, sounds))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)
