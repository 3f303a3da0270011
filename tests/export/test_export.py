"""Export on a network with random weights and lively batch norms, which hides nothing behind zeros."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from birdedge.edge.card import CARD_KEY
from birdedge.edge.errors import ExportError, ModelFileError
from birdedge.edge.model import Model
from birdedge.edge.noise_floor import InputScaling
from birdedge.edge.spectrogram import Grid
from birdedge.export import exporter, verify
from birdedge.export.exporter import export
from birdedge.export.graph import macs_per_frame, state_names, to_onnx
from birdedge.export.quantize import calibrate, quantize, run_stream
from birdedge.train.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.evaluation.card_figures import card_figures
from birdedge.train.evaluation.evaluate import evaluate
from birdedge.train.evaluation.maskers import model_masker
from birdedge.train.evaluation.sets import read_sets
from birdedge.train.recipe import Recipe
from birdedge.train.unet import UNet
from tests.generated import write_recordings

FACTS = {
    "threshold": 0.4,
    "training_data": [{"kind": "birds", "tier": "open", "source": "generator", "licence": "CC0", "files": 3}],
}


@pytest.fixture(scope="module")
def network() -> UNet:
    torch.manual_seed(4)
    network = UNet()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0.0, 0.3)
            module.running_mean.normal_(0.0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
    torch.nn.init.normal_(network.place)
    return network.eval()


@pytest.fixture(scope="module")
def checkpoint(network: UNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "random.safetensors"
    save_checkpoint(path, network.state_dict(), Recipe(), FACTS)
    return path


@pytest.fixture(scope="module")
def sequences() -> list[np.ndarray]:
    return verify.hard_sequences(Grid(), InputScaling())


def test_the_graph_is_the_same_bytes_each_time_and_names_what_it_takes(network: UNet) -> None:
    graph = to_onnx(network, 16)
    assert graph.SerializeToString() == to_onnx(network, 16).SerializeToString()
    names = state_names(network)
    assert [i.name for i in graph.graph.input] == ["frames", *names]
    assert [o.name for o in graph.graph.output] == ["mask", *(f"next_{n}" for n in names)]
    assert {n.op_type for n in graph.graph.node}.isdisjoint(
        {"ConvTranspose", "BatchNormalization", "LSTM", "GRU"}
    )


def test_the_cost_counted_from_the_graph_is_within_the_budget(network: UNet) -> None:
    assert 150e6 < macs_per_frame(to_onnx(network, 16), 16) * 125 < 200e6


def test_the_fp32_stream_equals_torch(network: UNet, sequences: list[np.ndarray]) -> None:
    assert verify.compare_with_torch(network, to_onnx(network, 16), sequences) <= 1e-4


def test_int8_is_the_same_bits_for_any_chunking(network: UNet, sequences: list[np.ndarray]) -> None:
    graphs = {chunk: to_onnx(network, chunk) for chunk in (4, 16, 128)}
    ranges = calibrate(graphs[16], sequences)
    integer = {chunk: quantize(graph, ranges) for chunk, graph in graphs.items()}
    assert verify.compare_chunkings(integer, sequences, 0.0, "int8") == 0.0
    kinds = {n.op_type for n in _optimized(integer[16]).graph.node}
    assert "QLinearConv" in kinds
    assert "Conv" not in kinds


def test_without_shared_scales_int8_would_depend_on_the_chunking(
    network: UNet, sequences: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the equality above is earned by tying the scales, and that the comparison can fail."""
    monkeypatch.setattr("birdedge.export.quantize._passing_groups", lambda _: [])
    graphs = {chunk: to_onnx(network, chunk) for chunk in (4, 128)}
    ranges = calibrate(graphs[4], sequences)
    untied = {
        n: (low * 1.1, high * 1.3) if n.startswith("state_") else (low, high)
        for n, (low, high) in ranges.items()
    }
    integer = {chunk: quantize(graph, untied) for chunk, graph in graphs.items()}
    with pytest.raises(ExportError, match="differs from offline"):
        verify.compare_chunkings(integer, sequences, 0.0, "int8")


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with int8.onnx and fp32.onnx."""
    folder = tmp_path_factory.mktemp("exported")
    for precision in ("int8", "fp32"):
        card = export(checkpoint, folder / f"{precision}.onnx", precision == "int8", say=lambda _: None)
        assert card.precision == precision
    return folder


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_an_exported_file_opens_on_the_recorder(checkpoint: Path, exported: Path, precision: str) -> None:
    output = exported / f"{precision}.onnx"
    card = Model(output).card
    assert card.precision == precision
    assert card.threshold == 0.4
    assert card.parameters == sum(p.numel() for p in load_checkpoint(checkpoint).network.parameters())
    assert card.past_s == pytest.approx(167 * 0.008)
    assert output.stat().st_size <= {"int8": 300_000, "fp32": 900_000}[precision]
    assert {p.name for p in exported.iterdir()} == {"int8.onnx", "fp32.onnx"}


def test_the_same_checkpoint_gives_the_same_file(checkpoint: Path, exported: Path, tmp_path: Path) -> None:
    export(checkpoint, tmp_path / "int8.onnx", True, say=lambda _: None)
    assert (tmp_path / "int8.onnx").read_bytes() == (exported / "int8.onnx").read_bytes()


def test_nothing_is_written_where_torch_and_onnx_differ(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faithful = to_onnx

    def unfaithful(network: UNet, chunk_frames: int) -> onnx.ModelProto:
        other = UNet(network.config)
        other.load_state_dict(network.state_dict())
        with torch.no_grad():
            other.head.bias += 0.01
        return faithful(other, chunk_frames)

    monkeypatch.setattr(exporter, "to_onnx", unfaithful)
    with pytest.raises(ExportError, match="torch and ONNX differ"):
        export(checkpoint, tmp_path / "model.onnx", False, say=lambda _: None)
    assert not list(tmp_path.iterdir())


def test_with_recordings_the_card_tells_what_was_measured(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "read_sets", partial(read_sets, mixes=8))
    data = write_recordings(tmp_path / "data", files=24, duration_s=5.0)
    card = export(checkpoint, tmp_path / "model.onnx", True, data, say=lambda _: None)
    again = evaluate(model_masker(Model(tmp_path / "model.onnx")), read_sets(data, mixes=8))
    assert card.figures == card_figures(again)
    assert 0 <= card.figures["mixes"]["iou"] <= 1
    assert card.figures["noise"]["hours"] > 0
    assert card.quantization["int8_stream_to_offline"] == 0.0
    assert card.licence.startswith("CC BY-SA")


def test_a_card_that_contradicts_its_graph_is_refused(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported / "fp32.onnx")
    card = dataclasses.replace(Model(exported / "fp32.onnx").card, chunk_frames=32)
    onnx.helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelFileError, match="contradicts its graph"):
        Model(tmp_path / "model.onnx")


def test_run_stream_leaves_out_a_last_chunk_that_is_not_whole(
    network: UNet, sequences: list[np.ndarray]
) -> None:
    assert len(run_stream(to_onnx(network, 16), sequences[0][:, :40])) == 32


def _optimized(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph as onnxruntime runs it."""
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = file.name
        options.log_severity_level = 4
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(file.name)
