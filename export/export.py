"""A checkpoint becomes a model file, or nothing: every form is compared with every other before it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from birdedge import __version__
from birdedge.edge.diagnostics.verify import STREAM_LIMIT, known_answer
from birdedge.edge.errors import DataError, ExportError, SettingsError
from birdedge.edge.grid import Grid
from birdedge.edge.models.card import CARD_KEY, CARD_VERSION, ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.models.settings import EventSettings, InputScaling
from birdedge.edge.models.validation import with_digest
from birdedge.edge.system.atomic_file import replacing
from birdedge.export.equality import compare_chunkings, compare_with_torch, hard_sequences
from birdedge.export.graph import OPSET, graph_states, macs_per_frame, to_onnx
from birdedge.export.quality_gate import compare_accuracy, compare_speed, gate_clips, refuse_loss
from birdedge.export.quantize import calibrate, quantize
from birdedge.train.data.mixing import make_example
from birdedge.train.data.recordings import read_index
from birdedge.train.data.sound_bank import load_sound_bank
from birdedge.train.evaluation.card_figures import card_figures
from birdedge.train.evaluation.datasets import read_sets
from birdedge.train.evaluation.detectors import log_spectrogram, model_detector
from birdedge.train.evaluation.labelled_audio import audio_files, read_audio
from birdedge.train.evaluation.scoring import evaluate
from birdedge.train.networks.unet import TIME_STRIDE, UNet, past_frames
from birdedge.train.training.checkpoint import Checkpoint, load_checkpoint

Float32 = NDArray[np.float32]
CHUNK_FRAMES = 16  # 128 ms: the knee between delay and cost a frame
OTHER_CHUNKINGS = (4, 256)  # the shortest, and one long enough to stand for offline
MAX_CHUNK_FRAMES = 4096
CALIBRATION_MIXES = 24
CALIBRATION_FRAMES = 512  # of each recording of a calibration folder


@dataclass(frozen=True)
class Exported:
    """What was written, and how int8 and fp32 compare in speed on this machine (empty without int8).

    The speed is not in the cards: the same checkpoint gives the same bytes anywhere.
    """

    cards: dict[Path, ModelCard]
    speed: dict[str, float]


@dataclass(frozen=True)
class ExportSettings:
    """How a checkpoint is exported.

    `frames` a call and `activations` (`u8`, `s8`): the first is the daemon's, each further one gives a file of its own.
    """

    quantize: bool = False
    frames: tuple[int, ...] = (CHUNK_FRAMES,)
    opset: int = OPSET
    per_channel: bool = True
    activations: tuple[str, ...] = ("u8",)
    max_loss: float = 0.005  # of IoU, int8 against fp32
    min_score: float = EventSettings.min_score

    def __post_init__(self) -> None:
        if set(self.activations) - {"u8", "s8"}:
            raise SettingsError(f"activations are {self.activations}; give u8, s8 or both")
        for frames in self.frames:
            if not (TIME_STRIDE <= frames <= MAX_CHUNK_FRAMES and frames % TIME_STRIDE == 0):
                raise SettingsError(
                    f"{frames} frames a call were asked for; give multiples of {TIME_STRIDE} up to {MAX_CHUNK_FRAMES}"
                )


def export(
    checkpoint_path: Path,
    output: Path,
    settings: ExportSettings | None = None,
    data: Path | None = None,
    calibration: Path | None = None,
    say: Callable[[str], None] = print,
) -> Exported:
    """Writes `output` and the files that belong to it.

    A quantized export writes int8 to `mine.onnx` and the same network in fp32 to `mine-fp32.onnx`. Each further
    number of frames a call gives a file like `mine-256.onnx`, the other activation `mine-s8.onnx`: the same bits.

    int8 is calibrated on the sound in the folder `calibration`, or on mixes of the validation recordings of `data`, or
    on synthetic soundscapes. With `data` the cards get the figures of `evaluate`; without they say that nothing was
    measured. Progress is told by `say`.

    Raises:
        ExportError: two forms differ, int8 loses too much, or the network cannot stream; nothing is written.
        ModelError, DataError, OutputError.
    """
    settings = settings or ExportSettings()
    checkpoint = load_checkpoint(checkpoint_path)
    network = _streaming(checkpoint, checkpoint_path)
    grid, scaling = Grid(), InputScaling()
    hard = hard_sequences(grid, scaling)
    chunks = sorted({*settings.frames, *OTHER_CHUNKINGS})
    say(f"exporting graphs of {', '.join(map(str, chunks))} frames a call")
    graphs = {"fp32": {chunk: to_onnx(network, chunk, opset=settings.opset) for chunk in chunks}}
    report: dict[str, Any] = {"torch_to_onnx": compare_with_torch(network, graphs["fp32"][chunks[0]], hard)}
    report["fp32_stream_to_offline"] = compare_chunkings(graphs["fp32"], hard, STREAM_LIMIT, "fp32")
    say(
        f"torch to ONNX {report['torch_to_onnx']:.1e}, fp32 stream to offline {report['fp32_stream_to_offline']:.1e}"
    )
    if settings.quantize:
        sequences, source = _calibration(checkpoint, data, calibration)
        say(f"calibrating int8 on {len(sequences)} sequences: {source}")
        last = {chunk: to_onnx(network, chunk, channels_last=True, opset=settings.opset) for chunk in chunks}
        ranges = calibrate(last[settings.frames[0]], [*hard, *sequences])
        for activation in settings.activations:
            graphs[activation] = {
                chunk: quantize(graph, ranges, settings.per_channel, activation)
                for chunk, graph in last.items()
            }
            report["int8_stream_to_offline"] = compare_chunkings(graphs[activation], hard, 0.0, "int8")
        say("int8 stream to offline: equal")
        report |= {
            "calibration": source,
            "weights": "int8 a channel" if settings.per_channel else "int8 a tensor",
        }
    with TemporaryDirectory() as folder:
        made: dict[Path, Model] = {}
        speed: dict[str, float] = {}
        files = _files(output, settings)
        for path, (form, chunk) in files.items():
            graph = graphs[form][chunk]
            trial = Path(folder) / path.name
            precision = "fp32" if form == "fp32" else "int8"
            card = _card(network, checkpoint.facts, path.stem, precision, chunk, graph, settings)
            trial.write_bytes(_with_card(graph, card))
            made[path] = Model(trial)  # as the recorder opens it
        if settings.quantize:
            int8, fp32 = made[output], made[_fp32_beside(output)]
            clips = gate_clips(data)
            say(f"comparing int8 with fp32 on {len(clips)} clips")
            report["int8_against_fp32"] = compare_accuracy(fp32, int8, clips)
            refuse_loss(report["int8_against_fp32"], settings.max_loss)
            speed = compare_speed(fp32, int8)
            say(f"int8 is {speed['times_faster']:.2f} times as fast as fp32 on this machine")
            if speed["times_faster"] < 1:
                report["slower_than_fp32_at_export"] = True
                say("Here int8 is slower; `birdedge bench` on the recorder tells which to use there.")
        figures: dict[str, Any] = {}
        for path, model in made.items():
            precision = model.card.precision
            if data is not None and precision not in figures:  # of any frames a call they are the same
                say(f"measuring {path.name}")
                figures[precision] = card_figures(evaluate(model_detector(model), read_sets(data)))
            model.card = dataclasses.replace(
                model.card,
                figures=figures.get(precision, {}),
                quantization=report if precision == "int8" else _of_fp32(report),
                answer=known_answer(model),
            )
    if len({m.card.answer for m in made.values() if m.card.precision == "int8"}) > 1:
        raise ExportError("the int8 forms of the network differ; nothing was written: please report this")
    with ExitStack() as stack:
        for path, model in made.items():
            file = stack.enter_context(replacing(path))
            form, chunk = files[path]
            file.write(_with_card(graphs[form][chunk], model.card))
    return Exported({path: model.card for path, model in made.items()}, speed)


def _streaming(checkpoint: Checkpoint, path: Path) -> UNet:
    if not isinstance(checkpoint.network, UNet) or checkpoint.recipe.training.input != "floor":
        raise ExportError(
            f"{path} holds the network of recipe {checkpoint.recipe.name}, which sees a recording whole or "
            "another input than the recorder's, and so cannot stream; export a checkpoint of recipe compact"
        )
    return checkpoint.network


def _files(output: Path, settings: ExportSettings) -> dict[Path, tuple[str, int]]:
    """What is written: by path the form (fp32, u8, s8) and the frames a call."""
    first, *others = settings.frames
    form, *forms = settings.activations if settings.quantize else ("fp32",)
    files = {output: (form, first)}
    files |= {output.with_stem(f"{output.stem}-{chunk}"): (form, chunk) for chunk in others}
    files |= {output.with_stem(f"{output.stem}-{other}"): (other, first) for other in forms}
    return {**files, _fp32_beside(output): ("fp32", first)} if settings.quantize else files


def _fp32_beside(output: Path) -> Path:
    return output.with_stem(f"{output.stem.removesuffix('-int8')}-fp32")


def _calibration(checkpoint: Checkpoint, data: Path | None, folder: Path | None) -> tuple[list[Float32], str]:
    """Network input `[2, frames, bins]` of sound, and where it is from."""
    if folder is not None:
        sounds = audio_files(folder)
        if not sounds:
            raise DataError(
                f"{folder} holds no sound to calibrate on; give a folder of WAV, FLAC, OGG or MP3 files"
            )
        sequences = []
        for path in sounds:
            frames = log_spectrogram(*read_audio(path))[:CALIBRATION_FRAMES]
            sequences.append(checkpoint.recipe.network_input(frames))
        return sequences, f"{len(sounds)} recordings"
    if data is None:
        return [], "synthetic soundscapes"
    bank = load_sound_bank([r for r in read_index(data) if r.split == "validation"])
    mixing = checkpoint.recipe.mixing
    mixes = [make_example(bank, mixing, np.random.default_rng((2, i))) for i in range(CALIBRATION_MIXES)]
    return [mix.network_input() for mix in mixes], "mixes of validation recordings"


def _of_fp32(report: dict[str, Any]) -> dict[str, Any]:
    return {key: report[key] for key in ("torch_to_onnx", "fp32_stream_to_offline")}


def _card(
    network: UNet,
    facts: dict[str, Any],
    name: str,
    precision: str,
    chunk: int,
    graph: onnx.ModelProto,
    settings: ExportSettings,
) -> ModelCard:
    """The card before anything was measured."""
    grid = Grid()
    threshold = float(facts["threshold"])
    training_data = tuple(facts.get("training_data", ()))
    return ModelCard(
        name=name,
        card_version=CARD_VERSION,
        birdedge_version=__version__,
        precision=precision,
        grid=grid,
        scaling=InputScaling(),
        chunk_frames=chunk,
        time_stride_frames=TIME_STRIDE,
        lookahead_frames=network.config.lookahead_frames,
        past_s=past_frames(network) * grid.hop_s,
        states=graph_states(graph),
        events=EventSettings(
            low_threshold=threshold,
            high_threshold=(1 + threshold) / 2,
            min_score=settings.min_score,
        ),
        parameters=sum(p.numel() for p in network.parameters()),
        macs_per_s=round(macs_per_frame(graph, chunk) * grid.sample_rate_hz / grid.hop),
        licence=_licence(training_data),
        training_data=training_data,
    )


def _licence(training_data: tuple[dict[str, Any], ...]) -> str:
    """What the recordings allow: a share-alike one among the open ones binds the weights."""
    if not training_data:
        return "unknown: the checkpoint does not say what it was trained on"
    if any(d["tier"] != "open" for d in training_data):
        return "research weights, non-commercial (trained on restricted recordings too)"
    return "CC BY-SA 4.0 (trained on openly licensed recordings alone)"


def _with_card(graph: onnx.ModelProto, card: ModelCard) -> bytes:
    """The model file."""
    finished = onnx.ModelProto()
    finished.CopyFrom(graph)
    onnx.helper.set_model_props(finished, {CARD_KEY: card.to_json()})
    return with_digest(finished.SerializeToString(deterministic=True))
