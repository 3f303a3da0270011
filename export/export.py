"""Export of a checkpoint: all forms of the network are compared before any model file is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from birdedge.edge.diagnostics.verify import STREAM_LIMIT, known_answer
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.system.atomic_file import Existing, refuse_existing, replacing
from birdedge.export.calibration import calibration_sequences
from birdedge.export.card import draft_card, model_file_bytes
from birdedge.export.equality import compare_chunkings, compare_with_torch, hard_sequences
from birdedge.export.errors import ExportError
from birdedge.export.graph import to_onnx
from birdedge.export.quality_gate import (
    SpeedComparison,
    compare_accuracy,
    compare_speed,
    gate_clips,
    refuse_loss,
)
from birdedge.export.quantize import calibrate, quantize
from birdedge.export.settings import ExportSettings, FileForm, fp32_path, model_files
from birdedge.train.evaluation.card_figures import card_figures
from birdedge.train.evaluation.datasets import read_sets
from birdedge.train.evaluation.detectors import model_detector
from birdedge.train.evaluation.scoring import evaluate
from birdedge.train.networks.unet import UNet
from birdedge.train.training.checkpoint import Checkpoint, load_checkpoint

Float32 = NDArray[np.float32]
Graphs = dict[FileForm, onnx.ModelProto]
Progress = Callable[[str], None]

FP32_FIGURES = ("torch_to_onnx", "fp32_stream_to_offline")  # the part of the report that applies to fp32


@dataclass(frozen=True)
class Exported:
    """The cards of the files that were written, and the speed of int8 and fp32 on this machine.

    The speed is not part of the cards, so that the same checkpoint gives the same bytes on any machine.
    """

    cards: dict[Path, ModelCard]
    speed: SpeedComparison | None  # None without int8


def export(
    checkpoint_path: Path,
    output: Path,
    settings: ExportSettings | None = None,
    data: Path | None = None,
    calibration: Path | None = None,
    progress: Progress = print,
    force: bool = False,
) -> Exported:
    """Write `output` and the files that belong to it.

    A quantized export writes int8 to `mine.onnx` and the same network in fp32 to `mine-fp32.onnx`. Each further number
    of frames per call adds a file like `mine-256.onnx`, and the other activation adds `mine-s8.onnx`. These files give
    equal results.

    Args:
        checkpoint_path: A checkpoint of `birdedge train`.
        output: The model file.
        settings: How to export; by default fp32 without quantization.
        data: Recordings with an index. int8 is calibrated on mixes of the validation split, and the cards get the
            figures of `evaluate`. Without it, int8 is calibrated on synthetic soundscapes and cards have no figures.
        calibration: A folder of audio to calibrate int8 on instead.
        progress: Receives progress messages.
        force: Replace existing files.

    Raises:
        ExportError: Two forms differ, int8 loses too much, or the network cannot stream. Nothing is written.
        ModelError: The checkpoint cannot be used.
        DataError: Recordings cannot be used.
        OutputError: A file cannot be written, or exists and `force` is not given.
    """
    settings = settings or ExportSettings()
    files = model_files(output, settings)
    if not force:
        refuse_existing(files)
    checkpoint = load_checkpoint(checkpoint_path)
    network = _streaming_network(checkpoint, checkpoint_path)
    hard = hard_sequences(checkpoint.recipe.grid, checkpoint.recipe.scaling)
    graphs, report = _fp32_graphs(network, settings, hard, progress)
    if settings.quantize:
        sequences, source = calibration_sequences(checkpoint, data, calibration)
        progress(f"calibrating int8 on {len(sequences)} sequences: {source}")
        int8_graphs, int8_report = _int8_graphs(network, settings, hard, sequences)
        progress("int8 stream to offline: equal")
        graphs |= int8_graphs
        report |= int8_report | {
            "calibration": source,
            "weights": "int8 a channel" if settings.per_channel else "int8 a tensor",
        }
    speed = None
    with TemporaryDirectory() as folder:
        models = {
            path: _opened(
                Path(folder) / path.name,
                graphs[form],
                draft_card(checkpoint, path.stem, form, graphs[form], settings),
            )
            for path, form in files.items()
        }
        if settings.quantize:
            fp32, int8 = models[fp32_path(output)], models[output]
            report |= _compared_accuracy(fp32, int8, data, settings.max_loss, progress)
            speed = compare_speed(fp32, int8)
            progress(f"int8 is {speed.times_faster:.2f} times as fast as fp32 on this machine")
            if speed.times_faster < 1:
                report["slower_than_fp32_at_export"] = True
                progress(
                    "int8 is slower here; run `birdedge bench` on the recorder to see which is faster there"
                )
        cards = _complete_cards(models, report, data, progress)
    _write(
        {path: model_file_bytes(graphs[files[path]], card) for path, card in cards.items()},
        "replace" if force else "refuse",
    )
    return Exported(cards, speed)


def _streaming_network(checkpoint: Checkpoint, path: Path) -> UNet:
    """Return the network of the checkpoint, or raise `ExportError` if it cannot stream."""
    if not isinstance(checkpoint.network, UNet) or checkpoint.recipe.training.input != "floor":
        raise ExportError(
            f"{path} holds the network of recipe {checkpoint.recipe.name}, which needs a whole recording or an input "
            "other than the recorder's, and so cannot stream; export a checkpoint of recipe compact"
        )
    return checkpoint.network


def _chunks(settings: ExportSettings) -> list[int]:
    """Return all frames per call that are compared, in ascending order."""
    return sorted({*settings.frames, *settings.compared_frames})


def _fp32_graphs(
    network: UNet, settings: ExportSettings, hard: Sequence[Float32], progress: Progress
) -> tuple[Graphs, dict[str, Any]]:
    """Return the fp32 graphs, which equal torch and one another, and the differences for the report."""
    chunks = _chunks(settings)
    progress(f"exporting graphs of {', '.join(map(str, chunks))} frames per call")
    graphs = {chunk: to_onnx(network, chunk, opset=settings.opset) for chunk in chunks}
    torch_to_onnx = compare_with_torch(network, graphs[chunks[0]], hard)
    stream_to_offline = compare_chunkings(graphs, hard, STREAM_LIMIT, "fp32")
    progress(f"torch to ONNX {torch_to_onnx:.1e}, fp32 stream to offline {stream_to_offline:.1e}")
    report = {"torch_to_onnx": torch_to_onnx, "fp32_stream_to_offline": stream_to_offline}
    return {FileForm("fp32", chunk): graph for chunk, graph in graphs.items()}, report


def _int8_graphs(
    network: UNet, settings: ExportSettings, hard: Sequence[Float32], sequences: Sequence[Float32]
) -> tuple[Graphs, dict[str, Any]]:
    """Return the int8 graphs of each activation, which equal one another, and the difference for the report."""
    sources = {
        chunk: to_onnx(network, chunk, channels_last=True, opset=settings.opset)
        for chunk in _chunks(settings)
    }
    ranges = calibrate(sources[settings.frames[0]], [*hard, *sequences])
    graphs: Graphs = {}
    report: dict[str, Any] = {}
    for activation in settings.activations:
        quantized = {
            chunk: quantize(source, ranges, settings.per_channel, activation)
            for chunk, source in sources.items()
        }
        report["int8_stream_to_offline"] = compare_chunkings(quantized, hard, 0.0, "int8")
        graphs |= {FileForm(activation, chunk): graph for chunk, graph in quantized.items()}
    return graphs, report


def _opened(path: Path, graph: onnx.ModelProto, card: ModelCard) -> Model:
    """Return the model as the recorder opens it, from a temporary file."""
    path.write_bytes(model_file_bytes(graph, card))
    return Model(path)


def _compared_accuracy(
    fp32: Model, int8: Model, data: Path | None, max_loss: float, progress: Progress
) -> dict[str, Any]:
    """Return the accuracy of both for the report, or raise `ExportError` if int8 loses too much."""
    clips = gate_clips(data)
    progress(f"comparing int8 with fp32 on {len(clips)} clips")
    accuracy = compare_accuracy(fp32, int8, clips)
    refuse_loss(accuracy, max_loss)
    return {"int8_against_fp32": accuracy}


def _complete_cards(
    models: Mapping[Path, Model], report: dict[str, Any], data: Path | None, progress: Progress
) -> dict[Path, ModelCard]:
    """Return the cards with figures, report and known answers, or raise `ExportError` if int8 answers differ."""
    fp32_report = {key: report[key] for key in FP32_FIGURES}
    figures: dict[str, Any] = {}
    cards = {}
    for path, model in models.items():
        precision = model.card.precision
        if data is not None and precision not in figures:  # the figures do not depend on the frames per call
            progress(f"measuring {path.name}")
            figures[precision] = card_figures(evaluate(model_detector(model), read_sets(data)))
        cards[path] = dataclasses.replace(
            model.card,
            figures=figures.get(precision, {}),
            quantization=report if precision == "int8" else fp32_report,
            answer=known_answer(model),
        )
    if len({card.answer for card in cards.values() if card.precision == "int8"}) > 1:
        raise ExportError("the int8 forms of the network differ; nothing was written: please report this")
    return cards


def _write(contents: Mapping[Path, bytes], existing: Existing) -> None:
    """Write all files, or none if one cannot be written."""
    with ExitStack() as stack:
        for path, content in contents.items():
            stack.enter_context(replacing(path, existing)).write(content)
