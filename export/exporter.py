"""A checkpoint becomes a model file, or nothing: every form is compared with every other before it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from birdedge import __version__
from birdedge.edge.card import CARD_KEY, CARD_VERSION, ModelCard, State
from birdedge.edge.errors import ExportError
from birdedge.edge.events import EventSettings
from birdedge.edge.files import replacing
from birdedge.edge.model import Model
from birdedge.edge.noise_floor import InputScaling
from birdedge.edge.spectrogram import Grid
from birdedge.export.graph import macs_per_frame, state_names, to_onnx
from birdedge.export.quantize import calibrate, quantize
from birdedge.export.verify import STREAM_LIMIT, compare_chunkings, compare_with_torch, hard_sequences
from birdedge.train.bank import load_bank
from birdedge.train.checkpoint import Checkpoint, load_checkpoint
from birdedge.train.evaluation.card_figures import card_figures
from birdedge.train.evaluation.evaluate import evaluate
from birdedge.train.evaluation.maskers import model_masker
from birdedge.train.evaluation.sets import read_sets
from birdedge.train.mixing import make_example
from birdedge.train.recordings import read_index
from birdedge.train.unet import TIME_STRIDE, UNet, past_frames

Float32 = NDArray[np.float32]
CHUNK_FRAMES = 16  # 128 ms: the knee between delay and cost a frame
OTHER_CHUNKINGS = (4, 256)  # the shortest, and one long enough to stand for offline
CALIBRATION_MIXES = 24


def export(
    checkpoint_path: Path,
    output: Path,
    quantized: bool,
    data: Path | None = None,
    name: str | None = None,
    lowest_score: float = EventSettings.lowest_score,
    say: Callable[[str], None] = print,
) -> ModelCard:
    """Writes `output` and returns its card.

    With `data`, int8 is calibrated on mixes of its validation recordings and the card gets the figures of `evaluate`;
    without, it is calibrated on synthetic soundscapes and the card says that nothing was measured.

    Raises:
        ExportError: two forms differ, or the network cannot stream; nothing is written.
        ModelError, DataError, OutputError.
    """
    checkpoint = load_checkpoint(checkpoint_path)
    grid, scaling = Grid(), InputScaling()
    network = checkpoint.network
    if not isinstance(network, UNet) or checkpoint.recipe.training.input != "floor":
        raise ExportError(
            f"{checkpoint_path} holds the network of recipe {checkpoint.recipe.name}, which sees a recording whole or "
            "another input than the recorder's, and so cannot stream; export a checkpoint of recipe compact"
        )
    hard = hard_sequences(grid, scaling)
    model = to_onnx(network, CHUNK_FRAMES)
    report: dict[str, Any] = {"torch_to_onnx": compare_with_torch(network, model, hard)}
    graphs = {CHUNK_FRAMES: model, **{chunk: to_onnx(network, chunk) for chunk in OTHER_CHUNKINGS}}
    report["fp32_stream_to_offline"] = compare_chunkings(graphs, hard, STREAM_LIMIT, "fp32")
    say(
        f"torch to ONNX {report['torch_to_onnx']:.1e}, fp32 stream to offline {report['fp32_stream_to_offline']:.1e}"
    )
    macs = round(macs_per_frame(model, CHUNK_FRAMES) * grid.sample_rate_hz / grid.hop)
    if quantized:
        sequences = [*hard, *_calibration(checkpoint, data)]
        say(f"calibrating int8 on {len(sequences)} sequences")
        ranges = calibrate(model, sequences)
        integer = {chunk: quantize(graph, ranges) for chunk, graph in graphs.items()}
        report["int8_stream_to_offline"] = compare_chunkings(integer, hard, 0.0, "int8")
        report["calibration"] = "mixes of validation recordings" if data else "synthetic soundscapes"
        report["weights"], report["activations"] = "int8 a channel", "uint8 a tensor"
        model = integer[CHUNK_FRAMES]
        say("int8 stream to offline: equal")
    card = _card(
        network, checkpoint.facts, name or output.stem, grid, scaling, macs, quantized, report, lowest_score
    )
    with TemporaryDirectory() as folder:
        trial = Path(folder) / output.name
        trial.write_bytes(_with_card(model, card).SerializeToString())
        opened = Model(trial)  # as the recorder opens it
        if data is not None:
            say("measuring the model file")
            figures = evaluate(model_masker(opened), read_sets(data))
            card = dataclasses.replace(card, figures=card_figures(figures))
    with replacing(output) as file:
        file.write(_with_card(model, card).SerializeToString())
    return card


def _calibration(checkpoint: Checkpoint, data: Path | None) -> list[Float32]:
    if data is None:
        return []
    bank = load_bank([r for r in read_index(data) if r.split == "validation"])
    mixing = checkpoint.recipe.mixing
    return [
        make_example(bank, mixing, np.random.default_rng((2, i))).network_input()
        for i in range(CALIBRATION_MIXES)
    ]


def _card(
    network: UNet,
    facts: dict[str, Any],
    name: str,
    grid: Grid,
    scaling: InputScaling,
    macs_per_s: int,
    quantized: bool,
    report: dict[str, Any],
    lowest_score: float,
) -> ModelCard:
    threshold = float(facts["threshold"])
    training_data = tuple(facts.get("training_data", ()))
    names = state_names(network)
    return ModelCard(
        name=name,
        card_version=CARD_VERSION,
        birdedge_version=__version__,
        precision="int8" if quantized else "fp32",
        grid=grid,
        scaling=scaling,
        chunk_frames=CHUNK_FRAMES,
        time_stride_frames=TIME_STRIDE,
        lookahead_frames=network.config.lookahead_frames,
        past_s=past_frames(network) * grid.hop_s,
        states=tuple(State(n, (1, *shape)) for n, shape in zip(names, network.state_shapes(), strict=True)),
        events=EventSettings(
            keep_threshold=threshold, start_threshold=(1 + threshold) / 2, lowest_score=lowest_score
        ),
        parameters=sum(p.numel() for p in network.parameters()),
        macs_per_s=macs_per_s,
        licence=_licence(training_data),
        training_data=training_data,
        quantization=report,
    )


def _licence(training_data: tuple[dict[str, Any], ...]) -> str:
    """What the recordings allow: a share-alike one among the open ones binds the weights."""
    if not training_data:
        return "unknown: the checkpoint does not say what it was trained on"
    if any(d["tier"] != "open" for d in training_data):
        return "research weights, non-commercial (trained on restricted recordings too)"
    return "CC BY-SA 4.0 (trained on openly licensed recordings alone)"


def _with_card(model: onnx.ModelProto, card: ModelCard) -> onnx.ModelProto:
    finished = onnx.ModelProto()
    finished.CopyFrom(model)
    onnx.helper.set_model_props(finished, {CARD_KEY: card.to_json()})
    return finished
