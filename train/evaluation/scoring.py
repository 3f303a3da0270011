"""Scores of a detector on recordings that it has not been trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from birdedge.edge.event import Event
from birdedge.train.evaluation.calibration import calibration_figures
from birdedge.train.evaluation.datasets import EvaluationSets
from birdedge.train.evaluation.detectors import Detector
from birdedge.train.evaluation.event_scores import MIN_IOUS, EventCounts, count_covered, count_events
from birdedge.train.evaluation.figures import (
    EvaluationFigures,
    MaskFigures,
    NoiseFigures,
    NoiseKindFigures,
    RecallFigures,
)
from birdedge.train.evaluation.intervals import figure_of_sums, ratio_figure
from birdedge.train.evaluation.labelled_audio import LabelledFile, MaskedClip, read_audio, resampled
from birdedge.train.evaluation.level_robustness import level_figures
from birdedge.train.training.metrics import STEPS, MaskScores, average_precision, dice_of, iou_curve, step_of

Float64 = NDArray[np.float64]
SNR_BANDS_DB = ((-10, 0), (0, 10), (10, 25))
LEVEL_CLIPS = 20
MAX_NAMED_RECORDINGS = 10  # larger sets do not list the IoU of each recording


@dataclass(frozen=True, eq=False)
class ClipScore:
    """The scores of a detector on one clip."""

    clip: MaskedClip
    scores: MaskScores
    events: EventCounts


def evaluate(detector: Detector, sets: EvaluationSets) -> EvaluationFigures:
    """Return the figures of a detector on all sets.

    IoU, Dice and events are at the detector's own threshold. Intervals are bootstrapped over the recordings of a set,
    for mixes over the mixes.
    """
    return figures_of(detector, sets, score_sets(detector, sets))


def score_sets(detector: Detector, sets: EvaluationSets) -> dict[str, list[ClipScore]]:
    """Return the scores of each masked clip, by set."""
    return {
        name: [
            score_clip(detector, clip) for clip in tqdm(clips, desc=f"{detector.name}: {name}", leave=False)
        ]
        for name, clips in sets.masked.items()
    }


def figures_of(
    detector: Detector, sets: EvaluationSets, scored: Mapping[str, Sequence[ClipScore]]
) -> EvaluationFigures:
    """Return the figures of a detector with its masked clips already scored."""
    masks: dict[str, MaskFigures] = {}
    for name, clips in scored.items():
        masks[name] = mask_figures(clips, detector.threshold)
        if name == "mixes":
            for low_db, high_db in SNR_BANDS_DB:
                band = [c for c in clips if low_db <= c.clip.snr_db < high_db]
                if band:
                    masks[f"mixes_{low_db}_to_{high_db}_db"] = mask_figures(band, detector.threshold)
    return EvaluationFigures(
        name=detector.name,
        threshold=round(detector.threshold, 3),
        split=sets.split,
        masks=masks,
        recall={name: recall_figures(detector, files) for name, files in sets.positives.items()},
        noise=noise_figures(detector, sets.noise) if sets.noise else None,
        levels={
            name: level_figures(detector, clips[:LEVEL_CLIPS])
            for name, clips in sets.masked.items()
            if name != "focal"
        },
        calibration={name: calibration_figures(pooled(clips)) for name, clips in scored.items()},
    )


def score_clip(detector: Detector, clip: MaskedClip) -> ClipScore:
    """Return the bins counted by probability, and the events matched with the boxes of the target."""
    mask, events = detector.run(clip.samples, clip.sample_rate_hz)
    scores = MaskScores()
    scores.add(resampled(mask, clip.times_s, clip.frequencies_hz), clip.target, clip.weight)
    doubtful = None if clip.weight is None else [_mostly_unlabelled(e, clip.weight) for e in events]
    return ClipScore(clip, scores, count_events(events, clip.boxes, doubtful))


def mask_figures(clips: Sequence[ClipScore], threshold: float) -> MaskFigures:
    """Return the figures of masked clips at a threshold."""
    total = pooled(clips)
    step = step_of(threshold)
    ious = {c.clip.name: c.scores.iou(threshold) for c in clips if c.scores.bird.any()}
    histograms = [np.concatenate([c.scores.bird, c.scores.background]) for c in clips]

    def split(sums: Float64) -> tuple[Float64, Float64]:
        return sums[..., :STEPS], sums[..., STEPS:]

    def iou(sums: Float64) -> Float64:
        return iou_curve(*split(sums))[..., step]

    event_f1 = {}
    for i, min_iou in enumerate(MIN_IOUS):
        rows = [(2 * c.events.matched[i], c.events.true + c.events.found) for c in clips]
        event_f1[min_iou] = ratio_figure(rows)
    return MaskFigures(
        recordings=len(clips),
        iou=figure_of_sums(total.iou(threshold), histograms, iou),
        dice=figure_of_sums(total.dice(threshold), histograms, lambda sums: dice_of(iou(sums))),
        pr_auc=figure_of_sums(total.pr_auc(), histograms, lambda sums: average_precision(*split(sums))),
        best_iou=round(total.iou(total.best_threshold()), 4),
        best_threshold=round(total.best_threshold(), 3),
        per_recording=ratio_figure([(value, 1.0) for value in ious.values()]) if ious else None,
        event_f1=event_f1,
        each={name: round(value, 4) for name, value in ious.items()}
        if len(clips) <= MAX_NAMED_RECORDINGS
        else None,
    )


def recall_figures(detector: Detector, files: Sequence[LabelledFile]) -> RecallFigures:
    """Return the recall of labelled sounds. Precision is unknown: unlabelled events may be birds too."""
    rows = []
    for file in tqdm(files, desc=f"{detector.name}: labels", leave=False):
        _, events = detector.run(*read_audio(file.path))
        counts = count_events(events, file.boxes)
        rows.append((counts.true, count_covered(events, file.boxes), *counts.matched))
    table = np.array(rows, float)
    return RecallFigures(
        recordings=len(files),
        labels=int(table[:, 0].sum()),
        covered=ratio_figure(table[:, [1, 0]]),
        recall={min_iou: ratio_figure(table[:, [i, 0]]) for i, min_iou in enumerate(MIN_IOUS, 2)},
    )


def noise_figures(detector: Detector, files: Sequence[LabelledFile]) -> NoiseFigures:
    """Return the false events per hour of recordings without birds, in all and by kind of noise."""
    rows, rows_of_kind = [], defaultdict(list)
    for file in tqdm(files, desc=f"{detector.name}: noise", leave=False):
        samples, rate_hz = read_audio(file.path)
        _, events = detector.run(samples, rate_hz)
        rows.append((len(events), len(samples) / rate_hz / 3600))
        rows_of_kind[file.noise].append(rows[-1])
    false_events, hours = np.sum(rows, axis=0)
    kinds = {}
    for kind, found in sorted(rows_of_kind.items()):
        count, kind_hours = np.sum(found, axis=0)
        kinds[kind] = NoiseKindFigures(round(count / kind_hours, 1), int(count), round(60 * kind_hours, 2))
    return NoiseFigures(
        recordings=len(files),
        false_events=int(false_events),
        hours=round(float(hours), 3),
        per_hour=ratio_figure(rows, decimals=1),
        kinds=kinds,
    )


def pooled(clips: Sequence[ClipScore]) -> MaskScores:
    """Return the scores of all bins of all clips."""
    total = MaskScores()
    for clip in clips:
        total += clip.scores
    return total


def _mostly_unlabelled(event: Event, weight: NDArray[np.bool_]) -> bool:
    """Return whether less than half of an event's bins have a weight."""
    frames, bins = event.mask.shape
    labelled = weight[
        event.first_frame : event.first_frame + frames, event.first_bin : event.first_bin + bins
    ]
    inside = event.mask[: len(labelled)] > 0
    return bool((labelled & inside).sum() < 0.5 * inside.sum())
