"""How well a masker does on sound it has not learned from: one table of figures, each with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from birdedge.edge.event import Event
from birdedge.train.evaluation.calibration import calibration_error, reliability
from birdedge.train.evaluation.datasets import EvaluationSets
from birdedge.train.evaluation.detectors import Detector
from birdedge.train.evaluation.event_scores import MIN_IOUS, EventCounts, count_events, covered
from birdedge.train.evaluation.intervals import interval
from birdedge.train.evaluation.labelled import LabelledFile, MaskedClip, read_sound, resampled
from birdedge.train.evaluation.level_robustness import level_sensitivity
from birdedge.train.training.metrics import STEPS, MaskScores, average_precision, dice_of, iou_curve, step_of

Float64 = NDArray[np.float64]
SNR_BANDS_DB = ((-10, 0), (0, 10), (10, 25))
LEVEL_CLIPS = 20
NAMED_RECORDINGS = 10  # sets of up to so many list each recording


@dataclass(frozen=True, eq=False)
class ClipScore:
    """How a masker did on one clip."""

    clip: MaskedClip
    scores: MaskScores
    events: EventCounts


def evaluate(masker: Detector, sets: EvaluationSets) -> dict[str, Any]:
    """Figures by set, plain values for JSON.

    IoU, Dice and events at the masker's own threshold, the best one beside it; `..._interval` is the 95 %
    bootstrap interval over the recordings of the set (in mixes: over the mixes). See each `..._figures`.
    """
    return figures_of(masker, sets, score_sets(masker, sets))


def score_sets(masker: Detector, sets: EvaluationSets) -> dict[str, list[ClipScore]]:
    """Each masked clip scored, by set."""
    return {
        name: [score_clip(masker, clip) for clip in tqdm(clips, desc=f"{masker.name}: {name}", leave=False)]
        for name, clips in sets.masked.items()
    }


def figures_of(masker: Detector, sets: EvaluationSets, scored: dict[str, list[ClipScore]]) -> dict[str, Any]:
    """The figures of a masker whose clips are scored."""
    figures: dict[str, Any] = {
        "name": masker.name,
        "threshold": round(masker.threshold, 3),
        "split": sets.split,
    }
    for name, clips in scored.items():
        figures[name] = mask_figures(clips, masker.threshold)
        if name == "mixes":
            for low, high in SNR_BANDS_DB:
                band = [c for c in clips if low <= c.clip.snr_db < high]
                if band:
                    figures[f"mixes_{low}_to_{high}_db"] = mask_figures(band, masker.threshold)
    for name, files in sets.positives.items():
        figures[name] = recall_figures(masker, files)
    if sets.noise:
        figures["noise"] = noise_figures(masker, sets.noise)
    if sets.masked:
        figures["levels"] = {
            name: level_sensitivity(masker, clips[:LEVEL_CLIPS])
            for name, clips in sets.masked.items()
            if name != "focal"
        }
        figures["calibration"] = {name: _calibration(clips) for name, clips in scored.items()}
    return figures


def score_clip(masker: Detector, clip: MaskedClip) -> ClipScore:
    """Bins counted, events matched with the connected parts of the target."""
    mask, events = masker.run(clip.samples, clip.sample_rate_hz)
    scores = MaskScores()
    scores.add(resampled(mask, clip.times_s, clip.frequencies_hz), clip.target, clip.weight)
    doubtful = None if clip.weight is None else [_mostly_untold(e, clip.weight) for e in events]
    return ClipScore(clip, scores, count_events(events, clip.boxes, doubtful))


def mask_figures(clips: Sequence[ClipScore], threshold: float) -> dict[str, Any]:
    """IoU, Dice and PR-AUC pooled; the mean IoU of recordings that hold birds; event F1 at each least box IoU."""
    total = pooled(clips)
    step = step_of(threshold)
    with_birds = [c for c in clips if c.scores.bird.any()]
    ious = {c.clip.name: c.scores.iou(threshold) for c in with_birds}
    histograms = [np.concatenate([c.scores.bird, c.scores.background]) for c in clips]

    def split(sums: Float64) -> tuple[Float64, Float64]:
        return sums[..., :STEPS], sums[..., STEPS:]

    figures: dict[str, Any] = {"recordings": len(clips)}
    for name, value, of_sums in (
        ("iou", total.iou(threshold), lambda sums: iou_curve(*split(sums))[..., step]),
        ("dice", total.dice(threshold), lambda sums: dice_of(iou_curve(*split(sums))[..., step])),
        ("pr_auc", total.pr_auc(), lambda sums: average_precision(*split(sums))),
    ):
        figures |= _with_interval(name, value, histograms, of_sums)
    figures["best_iou"] = round(total.iou(total.best_threshold()), 4)
    figures["at"] = round(total.best_threshold(), 3)
    if ious:
        mean = float(np.mean(list(ious.values())))
        counts = [(iou, 1.0) for iou in ious.values()]
        figures |= _with_interval("per_recording", mean, counts, _share)
    for i, least in enumerate(MIN_IOUS):
        rows = np.array([(2 * c.events.matched[i], c.events.true + c.events.found) for c in clips], float)
        figures |= _with_interval(f"event_f1_at_{least}", _share(rows.sum(axis=0)), rows, _share)
    if len(clips) <= NAMED_RECORDINGS:
        figures["each"] = {name: round(iou, 4) for name, iou in ious.items()}
    return figures


def recall_figures(masker: Detector, files: Sequence[LabelledFile]) -> dict[str, Any]:
    """Recall alone, since what is not labelled may be a bird too.

    `recall_at_x`: labels that have an event of their own with a box IoU of x (of time alone, where labels have no
    band). `covered`: labels of which events in their band hold at least half the time, however many share one.
    """
    rows = []
    for file in tqdm(files, desc=f"{masker.name}: labels", leave=False):
        _, events = masker.run(*read_sound(file.path))
        found = count_events(events, file.boxes)
        rows.append((found.true, covered(events, file.boxes), *found.matched))
    table = np.array(rows, float)
    figures: dict[str, Any] = {"recordings": len(files), "labels": int(table[:, 0].sum())}
    for i, name in enumerate(("covered", *(f"recall_at_{least}" for least in MIN_IOUS)), 1):
        counts = table[:, [i, 0]]
        figures |= _with_interval(name, _share(counts.sum(axis=0)), counts, _share)
    return figures


def noise_figures(masker: Detector, files: Sequence[LabelledFile]) -> dict[str, Any]:
    """Events where there is no bird, an hour, in all and by kind of noise."""
    rows, kinds = [], defaultdict(list)
    for file in tqdm(files, desc=f"{masker.name}: noise", leave=False):
        samples, rate_hz = read_sound(file.path)
        _, events = masker.run(samples, rate_hz)
        rows.append((len(events), len(samples) / rate_hz / 3600))
        kinds[file.noise].append(rows[-1])
    events_and_hours = np.sum(rows, axis=0)
    figures: dict[str, Any] = {
        "recordings": len(files),
        "false_events": int(events_and_hours[0]),
        "hours": round(float(events_and_hours[1]), 3),
    }
    figures |= _with_interval("per_hour", _share(events_and_hours), rows, _share, 1)
    figures["kinds"] = {}
    for kind, found in sorted(kinds.items()):
        count, hours = np.sum(found, axis=0)
        figures["kinds"][kind] = {
            "per_hour": round(count / hours, 1),
            "false_events": int(count),
            "minutes": round(60 * hours, 2),
        }
    return figures


def pooled(clips: Sequence[ClipScore]) -> MaskScores:
    """All bins of all clips."""
    total = MaskScores()
    for clip in clips:
        total += clip.scores
    return total


def _calibration(clips: Sequence[ClipScore]) -> dict[str, Any]:
    rows = reliability(pooled(clips))
    table = [
        [round(r.mean_probability, 4), round(r.bird_share, 4), r.count] if r.count else [None, None, 0]
        for r in rows
    ]
    return {"error": round(calibration_error(rows), 4), "mean_probability_bird_share_bins": table}


def _mostly_untold(event: Event, weight: NDArray[np.bool_]) -> bool:
    frames, bins = event.mask.shape
    told = weight[event.first_frame : event.first_frame + frames, event.first_bin : event.first_bin + bins]
    inside = event.mask[: len(told)] > 0
    return bool((told & inside).sum() < 0.5 * inside.sum())


def _share(sums: Any) -> Any:
    """First count over second, NaN where there is none."""
    sums = np.asarray(sums, np.float64)
    return np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0)


def _with_interval(
    name: str, value: Any, counts: Any, figure: Callable[[Float64], Any], decimals: int = 4
) -> dict[str, Any]:
    """The figure, and its interval where there is one; a figure that does not exist is None."""
    row: dict[str, Any] = {name: round(float(value), decimals) if np.isfinite(value) else None}
    bounds = interval(counts, figure)
    if bounds is not None:
        row[f"{name}_interval"] = [round(bound, decimals) for bound in bounds]
    return row
