"""What quantization costs and gains: int8 against fp32 on the same sound, and on the same processor in turns."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.diagnostics.speed import measure
from birdedge.edge.errors import ExportError
from birdedge.edge.models.model import Model
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.train.data.stft import GRID
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


def gate_clips(data: Path | None) -> list[MaskedClip]:
    """Mixes of validation recordings, or soundscapes of the generator where there are no recordings."""
    if data is not None:
        return validation_mixes(data, MIXES)
    clips = []
    for seed in range(SCENES):
        scene = soundscape(SCENE_S, seed=100 + seed, calls_per_minute=60)
        times_s = centres(GRID.first_frame_s, GRID.hop_s, len(scene.mask))
        frequencies_hz = centres(GRID.low_hz, GRID.bin_hz, GRID.bins)
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
    """IoU and event F1 of both at their threshold; int8 less fp32 with the 95 % interval of its paired bootstrap."""
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
    for index, least in enumerate(MIN_IOUS):
        rows = np.array([[*_events(a, index), *_events(b, index)] for a, b in pairs], float)
        figures[f"event_f1_at_{least}"] = _difference(
            rows, lambda sums: sums[..., 0] / np.maximum(sums[..., 1], 1)
        )
    return figures


def refuse_loss(figures: dict[str, Any], max_loss: float) -> None:
    """Raises: ExportError where int8 loses more IoU than allowed."""
    loss = -figures["iou"]["difference"]
    if loss > max_loss:
        raise ExportError(
            f"int8 loses {100 * loss:.2f} IoU points against fp32, more than the {100 * max_loss:g} allowed; "
            "nothing was written: calibrate on sound like that which will be listened to (--calibration), keep "
            "per-channel weights, export without --quantize, or allow more with --largest-loss"
        )


def compare_speed(fp32: Model, int8: Model) -> dict[str, float]:
    """CPU milliseconds of the network alone a second of sound, and how many times faster int8 is; runs alternate."""
    costs = measure([fp32, int8], MEASURED_S)
    ratios = [a / b for a, b in zip(costs[0].turns, costs[1].turns, strict=True)]
    return {
        "fp32_ms_per_s": round(1000 * costs[0].median_s, 3),
        "int8_ms_per_s": round(1000 * costs[1].median_s, 3),
        "times_faster": round(statistics.median(ratios), 2),
    }


def _bins(score: ClipScore) -> Float64:
    return np.concatenate([score.scores.bird, score.scores.background]).astype(np.float64)


def _events(score: ClipScore, index: int) -> tuple[float, float]:
    return 2.0 * score.events.matched[index], float(score.events.true + score.events.found)


def _difference(rows: Float64, figure: Any) -> dict[str, Any]:
    """Of `rows [recordings, 2 k]`, first k of fp32."""
    half = rows.shape[1] // 2
    total = rows.sum(axis=0)
    fp32, int8 = (float(figure(part)) for part in (total[:half], total[half:]))
    bounds = interval(rows, lambda sums: figure(sums[..., half:]) - figure(sums[..., :half]))
    values = {"fp32": fp32, "int8": int8, "difference": int8 - fp32}
    return {**{k: round(v, 4) if np.isfinite(v) else None for k, v in values.items()}, "interval": bounds}
