"""The events with the highest scores, right and wrong, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from birdedge.edge.event import Event
from birdedge.train.evaluation.event_scores import box_iou, matched_pairs
from birdedge.train.evaluation.file_scores import FileScore
from birdedge.train.evaluation.labelled_audio import LabelledFile, MaskedClip
from birdedge.train.evaluation.scoring import ClipScore, mostly_unlabelled

MIN_IOU = 0.5
COUNT = 20


@dataclass(frozen=True, eq=False)
class RankedEvent:
    """An event, where it was found, and the highest IoU of its box with a label (NaN in a file without birds)."""

    event: Event
    origin: MaskedClip | LabelledFile
    iou: float


def best_and_worst(
    clips: Sequence[ClipScore], noise: Sequence[FileScore]
) -> tuple[list[RankedEvent], list[RankedEvent]]:
    """Return the right and the wrong events with the highest scores, COUNT of each.

    An event is right if it matches a label with an IoU of at least MIN_IOU. It is wrong if it matches none, unless most
    of its bins are unlabelled.
    """
    right: list[RankedEvent] = []
    wrong = [RankedEvent(event, one.file, float("nan")) for one in noise for event in one.events]
    for one in clips:
        iou = box_iou(one.found, one.clip.boxes)
        matched = set(matched_pairs(iou, MIN_IOU)[0].tolist())
        for i, event in enumerate(one.found):
            ranked = RankedEvent(event, one.clip, float(iou[i].max(initial=0.0)))
            if i in matched:
                right.append(ranked)
            elif not mostly_unlabelled(event, one.clip):
                wrong.append(ranked)
    return _highest(right), _highest(wrong)


def _highest(events: list[RankedEvent]) -> list[RankedEvent]:
    return sorted(events, key=lambda ranked: -ranked.event.score)[:COUNT]
