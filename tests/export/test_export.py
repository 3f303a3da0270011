"""Export on a network with random weights and lively batch norms, which hides nothing behind zeros."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from birdedge.edge.diagnostics.verify import verify_model
from birdedge.edge.errors import DataError, ExportError, ModelFileError, SettingsError
from birdedge.edge.grid import Grid
from birdedge.edge.models.card import CARD_KEY
from birdedge.edge.models.model import Model
from birdedge.edge.models.settings import InputScaling
from birdedge.edge.models.validation import with_digest
from birdedge.edge.synthesis.demo import write_demo
from birdedge.export import equality as verify
from birdedge.export import export as exporter
from birdedge.export import quality_gate as gate
from birdedge.export.export import Exported, ExportSettings, export
from birdedge.export.graph import macs_per_frame, state_names, to_onnx
from birdedge.export.quantize import calibrate, quantize, run_stream
from birdedge.export.report import report_page
from birdedge.train.evaluation.card_figures import card_figures
from birdedge.train.evaluation.datasets import read_sets
from birdedge.train.evaluation.detectors import model_detector
from birdedge.train.evaluation.scoring import evaluate
from birdedge.train.networks.unet import UNet
from birdedge.train.training.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.training.recipe import Recipe
from tests.support.generated import write_recordings

Graphs = Callable[[int, bool], onnx.ModelProto]
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


@pytest.fixture(autouse=True, scope="module")
def few_chunkings() -> Iterator[None]:
    """Each graph takes torch seconds to write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter, "OTHER_CHUNKINGS", (64,))
        yield


@pytest.fixture(scope="module")
def sequences() -> list[np.ndarray]:
    return verify.hard_sequences(Grid(), InputScaling())


@pytest.fixture(scope="module")
def graph(network: UNet) -> Graphs:
    """The network with calls of so many frames, and channels last or not; each graph is written once."""
    return cache(partial(to_onnx, network))


def test_the_graph_is_the_same_bytes_each_time_and_names_what_it_takes(network: UNet, graph: Graphs) -> None:
    model = graph(16, False)
    assert model.SerializeToString() == to_onnx(network, 16).SerializeToString()
    names = state_names(network)
    assert [i.name for i in model.graph.input] == ["frames", *names]
    assert [o.name for o in model.graph.output] == ["mask", *(f"next_{n}" for n in names)]
    assert {n.op_type for n in model.graph.node}.isdisjoint(
        {"ConvTranspose", "BatchNormalization", "LSTM", "GRU"}
    )


def test_the_cost_counted_from_the_graph_is_within_the_budget(graph: Graphs) -> None:
    for channels_last in (False, True):
        assert 150e6 < macs_per_frame(graph(16, channels_last), 16) * 125 < 200e6


def test_the_fp32_stream_equals_torch(network: UNet, graph: Graphs, sequences: list[np.ndarray]) -> None:
    assert verify.compare_with_torch(network, graph(16, False), sequences) <= 1e-4


def test_int8_is_the_same_bits_for_any_chunking(graph: Graphs, sequences: list[np.ndarray]) -> None:
    graphs = {chunk: graph(chunk, True) for chunk in (4, 16, 128)}
    ranges = calibrate(graphs[16], sequences)
    integer = {chunk: quantize(graph, ranges) for chunk, graph in graphs.items()}
    assert verify.compare_chunkings(integer, sequences, 0.0, "int8") == 0.0
    kinds = Counter(n.op_type for n in _optimized(integer[16]).graph.node)
    assert kinds["QLinearConv"] == 22
    assert kinds["Conv"] == kinds["Resize"] == 0
    # Nothing is turned about between layers, nor into floats: what is left is at the frames and the mask.
    assert kinds["Transpose"] <= 4
    assert kinds["QuantizeLinear"] == kinds["DequantizeLinear"] == 1


def test_channels_last_is_the_same_network(network: UNet, graph: Graphs, sequences: list[np.ndarray]) -> None:
    assert verify.compare_with_torch(network, graph(16, True), sequences) <= 1e-4


def test_without_shared_scales_int8_would_depend_on_the_chunking(
    graph: Graphs, sequences: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the equality above is earned by tying the scales, and that the comparison can fail."""
    monkeypatch.setattr("birdedge.export.quantize._passing_groups", lambda _: [])
    graphs = {chunk: graph(chunk, True) for chunk in (4, 128)}
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
    """A folder with one network in int8, in int8 with longer calls, and in fp32."""
    folder = tmp_path_factory.mktemp("exported")
    wanted = ExportSettings(
        quantize=True, frames=(16, 64), activations=("u8", "s8"), max_loss=1.0
    )  # random weights lose what they like
    exported = export(checkpoint, folder / "mine.onnx", wanted, say=lambda _: None)
    assert {path.name: (card.precision, card.chunk_frames) for path, card in exported.cards.items()} == {
        "mine.onnx": ("int8", 16),
        "mine-64.onnx": ("int8", 64),
        "mine-s8.onnx": ("int8", 16),
        "mine-fp32.onnx": ("fp32", 16),
    }
    assert exported.speed["times_faster"] > 0
    return folder


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
    assert all(check.passed for check in verify_model(Model(output)))


def test_calls_of_any_length_and_both_activations_give_the_same_bits(exported: Path) -> None:
    answers = [Model(exported / f"{name}.onnx").card.answer for name in ("mine", "mine-64", "mine-s8")]
    assert answers[0] == answers[1] == answers[2]
    assert len(set(answers[0])) > 20
    assert answers[0] != Model(exported / "mine-fp32.onnx").card.answer
    assert {s.dtype for s in Model(exported / "mine-s8.onnx").card.states} == {"int8"}


def test_the_same_checkpoint_gives_the_same_file(checkpoint: Path, exported: Path, tmp_path: Path) -> None:
    wanted = ExportSettings(quantize=True, frames=(16, 64), activations=("u8", "s8"), max_loss=1.0)
    export(checkpoint, tmp_path / "mine.onnx", wanted, say=lambda _: None)
    for path in exported.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_nothing_is_written_where_torch_and_onnx_differ(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faithful = to_onnx

    def unfaithful(network: UNet, chunk_frames: int, **options: Any) -> onnx.ModelProto:
        other = UNet(network.config)
        other.load_state_dict(network.state_dict())
        with torch.no_grad():
            other.head.bias += 0.01
        return faithful(other, chunk_frames, **options)

    monkeypatch.setattr(exporter, "to_onnx", unfaithful)
    with pytest.raises(ExportError, match="torch and ONNX differ"):
        export(checkpoint, tmp_path / "model.onnx", say=lambda _: None)
    assert not list(tmp_path.iterdir())


def test_int8_that_loses_too_much_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shipped weights, which find calls, with scales that leave little of them."""
    weights = Path(__file__).parents[2] / "train" / "weights" / "birdedge.safetensors"
    faithful = exporter.calibrate
    monkeypatch.setattr(
        exporter,
        "calibrate",
        lambda *a: {n: (low / 50, high / 50) for n, (low, high) in faithful(*a).items()},
    )
    with pytest.raises(
        ExportError, match=r"IoU points against fp32, more than the 0\.5 allowed; nothing was written"
    ):
        export(weights, tmp_path / "model.onnx", ExportSettings(quantize=True), say=lambda _: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("frames", [0, 6, 100_000])
def test_frames_that_no_call_can_have_are_refused(frames: int) -> None:
    with pytest.raises(SettingsError, match=f"{frames} frames a call"):
        ExportSettings(frames=(frames,))


def test_a_folder_of_sound_calibrates(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no sound"):
        export(
            checkpoint, tmp_path / "a.onnx", ExportSettings(quantize=True), None, tmp_path, say=lambda _: None
        )
    write_demo(tmp_path / "sound" / "demo.wav", 5.0, 1, 20.0)
    wanted = ExportSettings(quantize=True, per_channel=False, max_loss=1.0)
    cards = export(
        checkpoint, tmp_path / "a.onnx", wanted, None, tmp_path / "sound", say=lambda _: None
    ).cards
    quantization = cards[tmp_path / "a.onnx"].quantization
    assert quantization["calibration"] == "1 recordings"
    assert quantization["weights"] == "int8 a tensor"
    assert quantization["int8_against_fp32"]["recordings"] > 1


def test_the_report_tells_both_precisions_and_the_difference(exported: Path) -> None:
    cards = {p: Model(p).card for p in (exported / "mine.onnx", exported / "mine-fp32.onnx")}
    page = report_page(Exported(cards, {"fp32_ms_per_s": 6.0, "int8_ms_per_s": 4.0, "times_faster": 1.5}))
    iou = cards[exported / "mine.onnx"].quantization["int8_against_fp32"]["iou"]
    assert f"| iou | {iou['fp32']} | {iou['int8']} | {iou['difference']} |" in page
    assert "1.50 times as fast" in page
    assert "| mine-fp32.onnx | fp32 | 16 |" in page


def test_with_recordings_the_card_tells_what_was_measured(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "read_sets", partial(read_sets, mixes=8))
    data = write_recordings(tmp_path / "data", files=24, duration_s=5.0)
    monkeypatch.setattr(gate, "MIXES", 8)
    wanted = ExportSettings(quantize=True, max_loss=1.0)
    cards = export(checkpoint, tmp_path / "model.onnx", wanted, data, say=lambda _: None).cards
    card = cards[tmp_path / "model.onnx"]
    again = evaluate(model_detector(Model(tmp_path / "model.onnx")), read_sets(data, mixes=8))
    assert card.figures == card_figures(again)
    assert 0 <= card.figures["mixes"]["iou"] <= 1
    assert card.figures["noise"]["hours"] > 0
    assert card.quantization["int8_stream_to_offline"] == 0.0
    assert card.licence.startswith("CC BY-SA")


def test_a_card_that_contradicts_its_graph_is_refused(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported / "mine-fp32.onnx")
    card = dataclasses.replace(Model(exported / "mine-fp32.onnx").card, chunk_frames=32)
    onnx.helper.set_model_props(model, {CARD_KEY: card.to_json()})
    (tmp_path / "model.onnx").write_bytes(with_digest(model.SerializeToString()))
    with pytest.raises(ModelFileError, match="contradicts its graph"):
        Model(tmp_path / "model.onnx")


def test_run_stream_leaves_out_a_last_chunk_that_is_not_whole(
    graph: Graphs, sequences: list[np.ndarray]
) -> None:
    assert len(run_stream(graph(16, False), sequences[0][:, :40])) == 32


def _optimized(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph as onnxruntime runs it."""
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = file.name
        options.log_severity_level = 4
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(file.name)
