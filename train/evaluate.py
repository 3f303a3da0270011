"""How well a model file does on recordings it has not learned from, by the recorder's own pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from tqdm import tqdm

from birdedge.edge.audio_file import AudioFile
from birdedge.edge.errors import DataError
from birdedge.edge.event import Event
from birdedge.edge.listening import listen
from birdedge.edge.model import Model
from birdedge.edge.pipeline import Pipeline
from birdedge.train.bank import load_bank
from birdedge.train.metrics import MaskScores
from birdedge.train.mixing import Mixing, make_example
from birdedge.train.recordings import read_index

Float32 = NDArray[np.float32]
MIX_SEED = 1
SNR_BANDS_DB = ((-10, 0), (0, 10), (10, 25))


def run_model(model: Model, samples: Float32, sample_rate_hz: int) -> tuple[Float32, list[Event]]:
    """Mask `[frames, bins]` as probabilities, and events."""
    pipeline = Pipeline(model, sample_rate_hz, 1)
    found = list(listen(pipeline, iter([(0, samples[:, np.newaxis])])))
    mask = np.concatenate([f.mask for f in found]).astype(np.float32) / np.float32(255)
    return mask, [event for f in found for event in f.events]


def evaluate(model: Model, data: Path, split: str = "test", mixes: int = 200) -> dict[str, Any]:
    """Figures by set; IoU at the card's threshold, pooled over all bins of a set.

    `painted`: forest recordings painted by hand. `mixes`: unseen birds in unseen noise. `noise`: unseen
    recordings without birds. Raises: DataError where the folder lacks what is needed.
    """
    painted = score_painted(model, data / "painted")
    mixed = score_mixes(model, data, split, mixes)
    figures: dict[str, Any] = {"threshold": round(model.card.threshold, 3), "split": split}
    if painted:
        total = MaskScores()
        for scores in painted.values():
            total += scores
        per_clip = {name: round(s.iou(model.card.threshold), 4) for name, s in painted.items()}
        figures["painted"] = {
            **_row(total, model),
            "per_recording": round(float(np.mean(list(per_clip.values()))), 4),
        }
        figures["painted"] |= per_clip
    figures["mixes"] = _row(mixed["all"], model)
    for low, high in SNR_BANDS_DB:
        figures[f"mixes_{low}_to_{high}_db"] = _row(mixed[f"{low}..{high}"], model)
    figures["noise"] = count_false_events(model, data, split)
    return figures


def score_painted(model: Model, folder: Path) -> dict[str, MaskScores]:
    """Scores on masks painted by hand: PNG beside FLAC, row r at 31.25 r Hz, column t at (t + 1) * 16 ms."""
    from matplotlib.image import imread

    result = {}
    for picture in sorted(folder.glob("*.png")):
        samples, rate_hz = soundfile.read(picture.with_suffix(".flac"), dtype="float32")
        truth = np.asarray(imread(picture))
        truth = (truth if truth.ndim == 2 else truth[..., 0]).T > 0.5  # [columns, rows]
        mask, _ = run_model(model, samples, rate_hz)
        column_s = (256 * np.arange(truth.shape[0]) + 256) / 16000
        row_hz = 31.25 * np.arange(truth.shape[1])
        scores = MaskScores()
        scores.add(resampled(mask, model, column_s, row_hz), truth)
        result[picture.stem] = scores
    return result


def resampled(mask: Float32, model: Model, times_s: NDArray[Any], frequencies_hz: NDArray[Any]) -> Float32:
    """The mask at other times and frequencies, linear between its own; 0 below the first bin's half."""
    grid = model.card.grid
    frame = np.clip((times_s - grid.first_frame_s) / grid.hop_s, 0, len(mask) - 1)
    bin_ = np.clip((frequencies_hz - grid.low_hz) / grid.bin_hz, 0, grid.bins - 1)
    t, b = np.floor(frame).astype(int), np.floor(bin_).astype(int)
    t1, b1 = np.minimum(t + 1, len(mask) - 1), np.minimum(b + 1, grid.bins - 1)
    wt, wb = (frame - t)[:, None], (bin_ - b)[None, :]
    top = mask[np.ix_(t, b)] * (1 - wb) + mask[np.ix_(t, b1)] * wb
    bottom = mask[np.ix_(t1, b)] * (1 - wb) + mask[np.ix_(t1, b1)] * wb
    return np.asarray(top * (1 - wt) + bottom * wt, np.float32)


def score_mixes(
    model: Model, data: Path, split: str, count: int, mixing: Mixing | None = None
) -> dict[str, MaskScores]:
    """Scores on a fixed list of mixes of unseen recordings, by signal-to-noise ratio."""
    mixing = mixing or Mixing()
    bank = load_bank([r for r in read_index(data) if r.split == split])
    result = {"all": MaskScores(), **{f"{low}..{high}": MaskScores() for low, high in SNR_BANDS_DB}}
    for index in tqdm(range(count), desc="mixes", leave=False):
        example = make_example(bank, mixing, np.random.default_rng((MIX_SEED, index)))
        mask, _ = run_model(model, example.samples, model.card.grid.sample_rate_hz)
        scores = MaskScores()
        scores.add(mask[: len(example.target)], example.target, example.weight)
        result["all"] += scores
        for low, high in SNR_BANDS_DB:
            if low <= example.snr_db < high:
                result[f"{low}..{high}"] += scores
    return result


def count_false_events(model: Model, data: Path, split: str) -> dict[str, Any]:
    """Events in recordings of the split that hold no birds."""
    files = [r for r in read_index(data) if r.kind == "noise" and r.split == split]
    if not files:
        raise DataError(f"{data} has no bird-free recordings in the {split} split")
    events, heard_s = 0, 0.0
    for recording in tqdm(files, desc="noise", leave=False):
        with AudioFile(recording.path) as file:
            pipeline = Pipeline(model, file.sample_rate_hz, file.channels)
            for found in listen(pipeline, ((0, block) for block in file.blocks())):
                events += len(found.events)
            heard_s += pipeline.heard_samples / file.sample_rate_hz
    return {
        "false_events": events,
        "hours": round(heard_s / 3600, 3),
        "per_hour": round(events / heard_s * 3600, 1),
    }


def figures_page(figures: dict[str, Any]) -> str:
    """The figures as lines of text."""
    lines = []
    for name, value in figures.items():
        shown = "  ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        lines.append(f"{name:<20} {shown}")
    return "\n".join(lines)


def _row(scores: MaskScores, model: Model) -> dict[str, float]:
    threshold = model.card.threshold
    return {
        "iou": round(scores.iou(threshold), 4),
        "dice": round(scores.dice(threshold), 4),
        "pr_auc": round(scores.pr_auc(), 4),
        "best_iou": round(scores.iou(scores.best_threshold()), 4),
        "at": round(scores.best_threshold(), 3),
    }
