"""Scores by the recorder's own pipeline, on sound whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.errors import DataError
from birdedge.edge.model import Model
from birdedge.edge.soundscape import soundscape
from birdedge.train import evaluate as module
from birdedge.train.evaluate import (
    count_false_events,
    evaluate,
    figures_page,
    resampled,
    run_model,
    score_painted,
)
from tests.generated import COLUMNS, write_recordings


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings"), files=24, duration_s=5.0)


def test_a_mask_resampled_to_its_own_grid_is_itself(model: Model) -> None:
    mask = np.random.default_rng(1).random((40, 256), np.float32)
    grid = model.card.grid
    times_s = grid.first_frame_s + grid.hop_s * np.arange(40)
    np.testing.assert_allclose(
        resampled(mask, model, times_s, grid.low_hz + grid.bin_hz * np.arange(256)), mask, atol=1e-5
    )


def test_between_frames_and_bins_a_mask_is_linear(model: Model) -> None:
    mask = np.zeros((2, 256), np.float32)
    mask[1, 10] = 1.0
    grid = model.card.grid
    halfway_s = np.array([grid.first_frame_s + 0.5 * grid.hop_s])
    value = resampled(mask, model, halfway_s, np.array([grid.low_hz + 10.5 * grid.bin_hz]))
    assert value.item() == pytest.approx(0.25)


def test_the_true_mask_scores_nearly_one_on_a_painted_picture(
    model: Model, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So time and frequency of picture and mask mean the same; a shift of three frames costs a good part of it."""
    truth = soundscape(5.0, seed=7, calls_per_minute=60, snr_db=(20.0, 25.0)).mask.astype(np.float32)
    scores = {}
    for shift in (0, 3):
        monkeypatch.setattr(module, "run_model", lambda *_, s=shift: (np.roll(truth, s, axis=0), []))
        scores[shift] = score_painted(model, recordings / "painted")["painted-0001"].iou(0.5)
    assert scores[0] > 0.85
    assert scores[3] < scores[0] - 0.15


def test_the_bundled_model_finds_clear_calls_and_little_else(model: Model) -> None:
    scene = soundscape(20.0, seed=31, calls_per_minute=40, snr_db=(18.0, 25.0))
    mask, events = run_model(model, scene.samples, scene.sample_rate_hz)
    assert mask.shape == scene.mask.shape
    found = mask >= model.card.threshold
    recall = (found & scene.mask).sum() / scene.mask.sum()
    print(
        f"recall of exact bins {recall:.2f}, {found.mean():.3f} of the plane marked, {scene.mask.mean():.3f} true"
    )
    assert recall > 0.6
    assert found.mean() < 5 * scene.mask.mean()
    assert len(events) >= 5


def test_figures_cover_each_set_and_are_the_same_each_time(model: Model, recordings: Path) -> None:
    figures = evaluate(model, recordings, "test", mixes=12)
    assert figures == evaluate(model, recordings, "test", mixes=12)
    assert {"painted", "mixes", "noise"} <= figures.keys()
    assert figures["threshold"] == round(model.card.threshold, 3)
    assert figures["painted"]["per_recording"] == figures["painted"]["painted-0001"]
    assert "per_hour" in figures_page(figures)


def test_a_split_without_noise_is_said_to_lack_it(model: Model, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "bird.wav", np.zeros(32000), 32000)
    row = ["bird.wav", "birds", "open", "CC0", "generator", "bird.wav", "", "", "40"]
    (tmp_path / "index.tsv").write_text("\t".join(COLUMNS) + "\n" + "\t".join(row) + "\n")
    with pytest.raises(DataError, match="no bird-free recordings in the test split"):
        count_false_events(model, tmp_path, "test")


def test_the_bundled_model_keeps_its_promise_on_the_real_recordings(model: Model, shared_data: Path) -> None:
    """Painted >= 0.50 and mixes of unseen recordings >= 0.55, measured again here, as the card says."""
    figures = evaluate(model, shared_data, "test")
    print(figures_page(figures))
    assert figures["painted"]["iou"] >= 0.50
    assert figures["mixes"]["iou"] >= 0.55
    for name in ("painted", "mixes"):
        assert figures[name]["iou"] == pytest.approx(model.card.figures[name]["iou"], abs=0.01)
