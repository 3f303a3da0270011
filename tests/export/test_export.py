"""Exported files open on the recorder, give equal results, and are written only if all variants agree."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from birdedge.edge.diagnostics.verify import verify_model
from birdedge.edge.grid import Grid
from birdedge.edge.models.model import Model
from birdedge.export.errors import ExportError
from birdedge.export.export import export
from birdedge.export.graph import to_onnx
from birdedge.export.quantize import calibrate
from birdedge.export.settings import ExportSettings
from birdedge.train.evaluation.card_figures import card_figures
from birdedge.train.evaluation.datasets import read_sets
from birdedge.train.evaluation.detectors import checkpoint_detector, model_detector
from birdedge.train.evaluation.scoring import evaluate
from birdedge.train.networks.registry import build_network
from birdedge.train.networks.unet import UNet
from birdedge.train.training.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.training.recipe import Recipe, Training, read_recipe
from tests.support.exports import FACTS, INT8_SETTINGS, Export
from tests.support.generated import write_recordings

WEIGHTS = Path(__file__).parents[2] / "train" / "weights" / "birdedge.safetensors"


def test_an_export_writes_one_file_per_form(exported: Path) -> None:
    cards = {path.name: Model(path).card for path in exported.iterdir()}
    assert {name: (card.precision, card.chunk_frames) for name, card in cards.items()} == {
        "mine.onnx": ("int8", 16),
        "mine-64.onnx": ("int8", 64),
        "mine-s8.onnx": ("int8", 16),
        "mine-fp32.onnx": ("fp32", 16),
    }


@pytest.mark.parametrize(
    ("name", "precision"), [("mine", "int8"), ("mine-64", "int8"), ("mine-fp32", "fp32")]
)
def test_an_exported_file_opens_on_the_recorder(
    checkpoint: Path, exported: Path, name: str, precision: str
) -> None:
    output = exported / f"{name}.onnx"
    card = Model(output).card
    assert (card.name, card.precision) == (name, precision)
    assert card.threshold == 0.4
    assert card.parameters == sum(p.numel() for p in load_checkpoint(checkpoint).network.parameters())
    assert card.past_s == pytest.approx(167 * 0.008)
    assert output.stat().st_size <= {"int8": 300_000, "fp32": 900_000}[precision]
    assert all(check.state == "ok" for check in verify_model(Model(output)))


def test_calls_of_any_length_and_both_activations_give_the_same_bits(exported: Path) -> None:
    answers = [Model(exported / f"{name}.onnx").card.answer for name in ("mine", "mine-64", "mine-s8")]
    assert answers[0] == answers[1] == answers[2]
    assert len(set(answers[0])) > 20
    assert answers[0] != Model(exported / "mine-fp32.onnx").card.answer
    assert {s.dtype for s in Model(exported / "mine-s8.onnx").card.states} == {"int8"}


def test_the_same_checkpoint_gives_the_same_files(checkpoint: Path, exported: Path, tmp_path: Path) -> None:
    export(checkpoint, tmp_path / "mine.onnx", INT8_SETTINGS, progress=lambda _: None)
    for path in exported.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_nothing_is_written_if_torch_and_onnx_differ(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfaithful(network: UNet, chunk_frames: int, **options: Any) -> onnx.ModelProto:
        other = UNet(network.config)
        other.load_state_dict(network.state_dict())
        assert other.head.bias is not None
        with torch.no_grad():
            other.head.bias.add_(0.01)
        return to_onnx(other, chunk_frames, **options)

    monkeypatch.setattr("birdedge.export.export.to_onnx", unfaithful)
    settings = ExportSettings(compared_frames=(64,))
    with pytest.raises(ExportError, match="torch and ONNX differ"):
        export(checkpoint, tmp_path / "model.onnx", settings, progress=lambda _: None)
    assert not list(tmp_path.iterdir())


def test_int8_that_loses_too_much_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped weights, which find calls, with quantization ranges that are far too small."""

    def too_narrow(*arguments: Any) -> dict[str, tuple[float, float]]:
        return {n: (low / 50, high / 50) for n, (low, high) in calibrate(*arguments).items()}

    monkeypatch.setattr("birdedge.export.export.calibrate", too_narrow)
    settings = ExportSettings(quantize=True, compared_frames=())
    with pytest.raises(
        ExportError, match=r"IoU points against fp32, more than the 0\.5 allowed; nothing was written"
    ):
        export(WEIGHTS, tmp_path / "model.onnx", settings, progress=lambda _: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("one_level")
def test_with_recordings_the_card_has_the_figures_measured_by_evaluate(
    checkpoint: Path, export_once: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birdedge.export.export.read_sets", partial(read_sets, mixes=2))
    monkeypatch.setattr("birdedge.export.quality_gate.MIXES", 2)
    data = write_recordings(tmp_path / "data", files=24, duration_s=5.0)
    settings = ExportSettings(quantize=True, max_loss=1.0, compared_frames=(64,))
    path = tmp_path / "model.onnx"
    card = export_once(checkpoint, path, settings, data).cards[path]
    again = evaluate(model_detector(Model(path)), read_sets(data, mixes=2))
    assert card.figures == card_figures(again)
    assert 0 <= card.figures["mixes"]["iou"] <= 1
    assert card.figures["noise"]["hours"] > 0
    assert card.quantization["int8_stream_to_offline"] == 0.0
    assert card.quantization["calibration"] == "mixes of validation recordings"
    assert card.licence.startswith("CC-BY-SA")


def test_a_network_with_two_windows_per_frame_gets_a_card_with_its_grid(
    network: UNet, tmp_path: Path
) -> None:
    path, checkpoint = tmp_path / "model.onnx", tmp_path / "two.safetensors"
    recipe = Recipe(network=network.config, training=Training(windows_per_frame=2))
    save_checkpoint(checkpoint, network.state_dict(), recipe, FACTS)
    card = export(checkpoint, path, ExportSettings(compared_frames=()), progress=lambda _: None).cards[path]
    assert card.grid == Grid(hop=512, windows=2)
    assert (card.scaling.rise_frames, card.scaling.fall_frames) == (187.5, 18.75)  # 3 s and 0.3 s
    assert card.past_s == pytest.approx(167 * 0.016)
    samples = np.random.default_rng(1).normal(0, 0.1, 3 * 32_000).astype(np.float32)
    streamed, _ = model_detector(Model(path)).run(samples, 32_000)
    whole, _ = checkpoint_detector(checkpoint).run(samples, 32_000)
    assert streamed.shape == whole.shape == (374, 256)  # as many frames per second as with one window
    np.testing.assert_allclose(streamed, whole, rtol=0, atol=0.003)  # a mask of the recorder has 256 steps


@pytest.mark.parametrize("name", ["paper", "segnet"])
def test_a_network_that_cannot_stream_is_refused(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, build_network(recipe.network).state_dict(), recipe, {"threshold": 0.5})
    with pytest.raises(
        ExportError, match=rf"holds the network of recipe {name}, which needs a whole recording"
    ):
        export(path, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
