"""Scores of a detector on labelled files: the sounds that it finds, and its events in files without birds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from birdedge.edge.event import Event
from birdedge.train.evaluation.detectors import Detector
from birdedge.train.evaluation.event_scores import MIN_IOUS, count_covered, count_events, count_found
from birdedge.train.evaluation.figures import NoiseFigures, NoiseKindFigures, RecallFigures
from birdedge.train.evaluation.intervals import ratio_figure, share_figure
from birdedge.train.evaluation.labelled_audio import LabelledFile, read_audio


@dataclass(frozen=True, eq=False)
class FileScore:
    """The events of a detector in one labelled file."""

    file: LabelledFile
    events: list[Event]
    duration_s: float

    @property
    def highest(self) -> float:
        """The highest score of an event, 0 without events."""
        return max((event.score for event in self.events), default=0.0)


def score_files(detector: Detector, files: Sequence[LabelledFile], name: str) -> list[FileScore]:
    """Return the events of each file of the set `name`."""
    scored = []
    for file in tqdm(files, desc=f"{detector.name}: {name}", leave=False):
        samples, rate_hz = read_audio(file.path)
        _, events = detector.run(samples, rate_hz)
        scored.append(FileScore(file, events, len(samples) / rate_hz))
    return scored


def recall_figures(scored: Sequence[FileScore]) -> RecallFigures:
    """Return the recall of labelled sounds. Precision is unknown: unlabelled events may be birds too."""
    rows = []
    for one in scored:
        events, boxes = one.events, one.file.boxes
        counts = count_events(events, boxes)
        rows.append((counts.true, count_covered(events, boxes), count_found(events, boxes), *counts.matched))
    table = np.array(rows, float)
    return RecallFigures(
        recordings=len(scored),
        labels=int(table[:, 0].sum()),
        covered=ratio_figure(table[:, [1, 0]]),
        found=ratio_figure(table[:, [2, 0]]),
        recall={min_iou: ratio_figure(table[:, [i, 0]]) for i, min_iou in enumerate(MIN_IOUS, 3)},
    )


def noise_figures(scored: Sequence[FileScore]) -> NoiseFigures:
    """Return the false events per hour of recordings without birds, in all and by kind of noise."""
    rows, rows_of_kind = [], defaultdict(list)
    for one in scored:
        rows.append((len(one.events), one.duration_s / 3600))
        rows_of_kind[one.file.noise].append(rows[-1])
    false_events, hours = np.sum(rows, axis=0)
    kinds = {}
    for kind, found in sorted(rows_of_kind.items()):
        count, kind_hours = np.sum(found, axis=0)
        kinds[kind] = NoiseKindFigures(round(count / kind_hours, 1), int(count), round(60 * kind_hours, 2))
    return NoiseFigures(
        recordings=len(scored),
        false_events=int(false_events),
        hours=round(float(hours), 3),
        per_hour=ratio_figure(rows, decimals=1),
        recordings_with_events=share_figure([bool(one.events) for one in scored]),
        kinds=kinds,
    )
