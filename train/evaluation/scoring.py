"""Scores of a detector on recordings that it has not been trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from birdedge.edge.event import Event
from birdedge.train.evaluation.calibration import calibration_figures
from birdedge.train.evaluation.datasets import EvaluationSets
from birdedge.train.evaluation.detectors import Detector
from birdedge.train.evaluation.event_scores import (
    LOW_CALL_HZ,
    MIN_IOUS,
    EventCounts,
    count_events,
    count_found,
)
from birdedge.train.evaluation.figures import EvaluationFigures, MaskFigures, PhraseFigures
from birdedge.train.evaluation.file_scores import FileScore, noise_figures, recall_figures, score_files
from birdedge.train.evaluation.intervals import figure_of_sums, ratio_figure
from birdedge.train.evaluation.labelled_audio import MaskedClip, resampled
from birdedge.train.evaluation.level_robustness import level_figures
from birdedge.train.evaluation.presence import presence_figures
from birdedge.train.training.metrics import STEPS, MaskScores, average_precision, dice_of, iou_curve, step_of

Float64 = NDArray[np.float64]
SNR_BANDS_DB = ((-10, 0), (0, 10), (10, 25))
LEVEL_CLIPS = 20
MAX_NAMED_RECORDINGS = 10  # larger sets do not list the IoU of each recording


@dataclass(frozen=True, eq=False)
class ClipScore:
    """The scores of a detector on one clip, and the events that it found."""

    clip: MaskedClip
    scores: MaskScores
    events: EventCounts
    found: list[Event]


@dataclass(frozen=True, eq=False)
class SetScores:
    """The scores of a detector on the sets of an `EvaluationSets`."""

    masked: dict[str, list[ClipScore]]
    positives: dict[str, list[FileScore]]
    noise: list[FileScore]
    presence: list[FileScore]


def evaluate(detector: Detector, sets: EvaluationSets) -> EvaluationFigures:
    """Return the figures of a detector on all sets.

    IoU, Dice and events are at the detector's own threshold. Intervals are bootstrapped over the recordings of a set;
    for mixes, over the mixes.
    """
    return figures_of(detector, sets, score_sets(detector, sets))


def score_sets(detector: Detector, sets: EvaluationSets) -> SetScores:
    """Return the scores of each masked clip and of each labelled file."""
    return SetScores(
        masked=score_masked(detector, sets),
        positives={name: score_files(detector, files, name) for name, files in sets.positives.items()},
        noise=score_files(detector, sets.noise, "noise"),
        presence=score_files(detector, sets.presence, "presence"),
    )


def score_masked(detector: Detector, sets: EvaluationSets) -> dict[str, list[ClipScore]]:
    """Return the scores of each masked clip, by set."""
    return {
        name: [
            score_clip(detector, clip) for clip in tqdm(clips, desc=f"{detector.name}: {name}", leave=False)
        ]
        for name, clips in sets.masked.items()
    }


def figures_of(detector: Detector, sets: EvaluationSets, scored: SetScores) -> EvaluationFigures:
    """Return the figures of a detector with all sets already scored."""
    masks: dict[str, MaskFigures] = {}
    for name, clips in scored.masked.items():
        masks[name] = mask_figures(clips, detector.threshold)
        if name == "mixes":
            for low_db, high_db in SNR_BANDS_DB:
                band = [c for c in clips if low_db <= c.clip.snr_db < high_db]
                if band:
                    masks[f"mixes_{low_db}_to_{high_db}_db"] = mask_figures(band, detector.threshold)
    highest = [one.highest for one in scored.presence]
    heard = [one.file.bird_heard is True for one in scored.presence]
    return EvaluationFigures(
        name=detector.name,
        threshold=round(detector.threshold, 3),
        split=sets.split,
        masks=masks,
        recall={name: recall_figures(files) for name, files in scored.positives.items()},
        noise=noise_figures(scored.noise) if scored.noise else None,
        presence=presence_figures(highest, heard) if scored.presence else None,
        levels={
            name: level_figures(detector, clips[:LEVEL_CLIPS])
            for name, clips in sets.masked.items()
            if name != "focal"
        },
        calibration={name: calibration_figures(pooled(clips)) for name, clips in scored.masked.items()},
    )


def score_clip(detector: Detector, clip: MaskedClip) -> ClipScore:
    """Return the bins counted by probability, and the events matched with the boxes of the target."""
    mask, events = detector.run(clip.samples, clip.sample_rate_hz)
    scores = MaskScores()
    scores.add(resampled(mask, clip.times_s, clip.frequencies_hz), clip.target, clip.weight)
    doubtful = [mostly_unlabelled(event, clip) for event in events]
    return ClipScore(clip, scores, count_events(events, clip.boxes, doubtful), events)


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

    low = np.array([(c.events.low_matched, c.events.low_true) for c in clips])
    all_ = np.array([(c.events.matched[0], c.events.true) for c in clips])
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
        event_recall=ratio_figure(all_),
        event_recall_below_1200_hz=ratio_figure(low),
        event_recall_above_1200_hz=ratio_figure(all_ - low),
        each={name: round(value, 4) for name, value in ious.items()}
        if len(clips) <= MAX_NAMED_RECORDINGS
        else None,
        phrases=_phrase_figures(clips),
    )


def _phrase_figures(clips: Sequence[ClipScore]) -> PhraseFigures | None:
    """Return how many phrases are found, or None if no clip has its birds labelled separately."""
    rows = []
    for clip in clips:
        phrases = clip.clip.phrases
        deep = [phrase for phrase in phrases if phrase.low_hz + phrase.high_hz < 2 * LOW_CALL_HZ]
        rows.append(
            [count_found(clip.found, phrases), len(phrases), count_found(clip.found, deep), len(deep)]
        )
    table = np.array(rows)
    if not len(table) or not table[:, 1].any():
        return None
    all_, low = table[:, :2], table[:, 2:]
    return PhraseFigures(
        phrases=int(table[:, 1].sum()),
        found=ratio_figure(all_),
        below_1200_hz=ratio_figure(low),
        above_1200_hz=ratio_figure(all_ - low),
    )


def pooled(clips: Sequence[ClipScore]) -> MaskScores:
    """Return the scores of all bins of all clips."""
    total = MaskScores()
    for clip in clips:
        total += clip.scores
    return total


def mostly_unlabelled(event: Event, clip: MaskedClip) -> bool:
    """Return whether less than half of an event's bins have a weight."""
    if clip.weight is None:
        return False
    frames, bins = event.mask.shape
    labelled = clip.weight[
        event.first_frame : event.first_frame + frames, event.first_bin : event.first_bin + bins
    ]
    inside = event.mask[: len(labelled)] > 0
    return bool((labelled & inside).sum() < 0.5 * inside.sum())
