"""Comparison of int8 with fp32: accuracy on the same audio, and speed in alternating runs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.diagnostics.speed import measure
from birdedge.edge.grid import Grid
from birdedge.edge.models.model import Model
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.export.errors import ExportError
from birdedge.train.evaluation.datasets import validation_mixes
from birdedge.train.evaluation.detectors import model_detector
from birdedge.train.evaluation.event_scores import MIN_IOUS
from birdedge.train.evaluation.intervals import interval
from birdedge.train.evaluation.labelled_audio import MaskedClip, centres
from birdedge.train.evaluation.scoring import ClipScore, score_clip
from birdedge.train.training.metrics import STEPS, iou_curve, step_of

Float64 = NDArray[np.float64]
MIXES = 96
SCENES, SCENE_S = 6, 10.0
MEASURED_S = 2.0


@dataclass(frozen=True)
class SpeedComparison:
    """CPU time of the network alone, in milliseconds per second of audio."""

    fp32_ms_per_s: float
    int8_ms_per_s: float
    times_faster: float  # median ratio of fp32 to int8


def gate_clips(data: Path | None) -> list[MaskedClip]:
    """Return mixes of the validation recordings in `data`, or synthetic soundscapes without `data`."""
    if data is not None:
        return validation_mixes(data, MIXES)
    grid = Grid()
    clips = []
    for seed in range(SCENES):
        scene = soundscape(SCENE_S, seed=100 + seed, calls_per_minute=60)
        times_s = centres(grid.first_frame_s, grid.hop_s, len(scene.mask))
        frequencies_hz = centres(grid.low_hz, grid.bin_hz, grid.bins)
        clips.append(
            MaskedClip(
                f"soundscape {seed}",
                scene.samples,
                scene.sample_rate_hz,
                scene.mask,
                None,
                times_s,
                frequencies_hz,
            )
        )
    return clips


def compare_accuracy(fp32: Model, int8: Model, clips: list[MaskedClip]) -> dict[str, Any]:
    """Return IoU and event F1 of both, and their differences (int8 minus fp32) with 95 % paired bootstrap intervals."""
    scored = {
        name: [score_clip(model_detector(m), c) for c in clips]
        for name, m in (("fp32", fp32), ("int8", int8))
    }
    step = step_of(fp32.card.threshold)
    pairs = list(zip(scored["fp32"], scored["int8"], strict=True))
    figures: dict[str, Any] = {"recordings": len(clips)}

    def iou(sums: Float64) -> Float64:
        return iou_curve(sums[..., :STEPS], sums[..., STEPS:])[..., step]

    rows = np.array([np.concatenate([_bins(a), _bins(b)]) for a, b in pairs])
    figures["iou"] = _difference(rows, iou)
    for index, min_iou in enumerate(MIN_IOUS):
        rows = np.array([[*_events(a, index), *_events(b, index)] for a, b in pairs], float)
        figures[f"event_f1_at_{min_iou}"] = _difference(
            rows, lambda sums: sums[..., 0] / np.maximum(sums[..., 1], 1)
        )
    return figures


def refuse_loss(figures: dict[str, Any], max_loss: float) -> None:
    """Refuse an int8 model that is too inaccurate.

    Raises:
        ExportError: int8 loses more than `max_loss` of IoU.
    """
    loss = -figures["iou"]["difference"]
    if loss > max_loss:
        raise ExportError(
            f"int8 loses {100 * loss:.2f} IoU points against fp32, more than the {100 * max_loss:g} allowed; "
            "nothing was written: calibrate on audio from the recorder's site (--calibration), keep per-channel "
            "weights, export without --quantize, or allow more with --max-loss"
        )


def compare_speed(fp32: Model, int8: Model) -> SpeedComparison:
    """Return the CPU time of both, measured in alternating runs."""
    costs = measure([fp32, int8], MEASURED_S)
    ratios = [a / b for a, b in zip(costs[0].turns, costs[1].turns, strict=True)]
    return SpeedComparison(
        fp32_ms_per_s=round(1000 * costs[0].median_s, 3),
        int8_ms_per_s=round(1000 * costs[1].median_s, 3),
        times_faster=round(statistics.median(ratios), 2),
    )


def _bins(score: ClipScore) -> Float64:
    """Return the histograms of probability of a clip, over bird bins and background bins."""
    return np.concatenate([score.scores.bird, score.scores.background]).astype(np.float64)


def _events(score: ClipScore, index: int) -> tuple[float, float]:
    """Return numerator and denominator of the event F1 of a clip."""
    return 2.0 * score.events.matched[index], float(score.events.true + score.events.found)


def _difference(rows: Float64, figure: Any) -> dict[str, Any]:
    """Return a figure of fp32 and int8, and their difference, from `rows [recordings, 2 k]`: k counts of each."""
    half = rows.shape[1] // 2
    total = rows.sum(axis=0)
    fp32, int8 = (float(figure(part)) for part in (total[:half], total[half:]))
    bounds = interval(rows, lambda sums: figure(sums[..., half:]) - figure(sums[..., :half]))
    values = {"fp32": fp32, "int8": int8, "difference": int8 - fp32}
    return {**{k: round(v, 4) if np.isfinite(v) else None for k, v in values.items()}, "interval": bounds}
