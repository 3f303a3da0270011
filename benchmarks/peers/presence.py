"""Presence of birds in the field clips that people listened to, by birdedge and by BirdNET.

The clips are from the test split. They last 5 s and BirdNET reads whole windows of 3 s, so the last window is padded
with zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.peers import birdnet
from benchmarks.peers.agreement import birdedge_events, birdnet_scores
from birdedge.edge.models.model import Model
from birdedge.train.data.recordings import bird_heard, read_index
from birdedge.train.data.splits import held_out_recordings
from birdedge.train.evaluation.intervals import ratio_figure
from birdedge.train.evaluation.presence import presence_figures

BIRDNET_SCORES = (0.25, 0.5)


def measure_presence(data: Path) -> list[dict[str, Any]]:
    """Return the rows of `presence_rows`; none if the test split has no such clip.

    Raises:
        DataError: The folder has no index.
        subprocess.CalledProcessError: BirdNET could not be installed or failed.
    """
    recordings = held_out_recordings(read_index(data), "test")
    heard = {r.path: answer for r in recordings if (answer := bird_heard(r)) is not None}
    if not heard:
        return []
    model = Model()
    return presence_rows(
        [[event.score for event in birdedge_events(model, path)] for path in heard],
        birdnet_scores(birdnet.prepare(), [*heard], padded=True),
        [soundfile.info(path).duration / 60 for path in heard],
        [*heard.values()],
    )


def presence_rows(
    ours: Sequence[Sequence[float]],
    theirs: Sequence[Sequence[float]],
    minutes: Sequence[float],
    heard: Sequence[bool],
) -> list[dict[str, Any]]:
    """Return the figures of birdedge as shipped, then those of BirdNET by minimum score.

    The minimum scores are BIRDNET_SCORES and the score at which BirdNET has as many false alarms as birdedge.

    Args:
        ours: Scores of birdedge's events in each clip.
        theirs: Scores of BirdNET's windows in each clip.
        minutes: Duration of each clip.
        heard: Whether people heard a bird in it.
    """
    false_alarms = sum(bool(scores) for scores, bird in zip(ours, heard, strict=True) if not bird)
    without_birds = [max(scores) for scores, bird in zip(theirs, heard, strict=True) if not bird]
    by_score = (*BIRDNET_SCORES, equal_score(without_birds, false_alarms))
    return [_row(ours, 0.0, minutes, heard), *(_row(theirs, score, minutes, heard) for score in by_score)]


def equal_score(scores: Sequence[float], false_alarms: int) -> float:
    """Return the lowest score above which there are at most `false_alarms` of the scores."""
    return sorted([*scores, 0.0], reverse=True)[min(false_alarms, len(scores))]


def _row(
    scores: Sequence[Sequence[float]],
    min_score: float,
    minutes: Sequence[float],
    heard: Sequence[bool],
) -> dict[str, Any]:
    """Return the figures of the detections with a score above `min_score`."""
    birds = np.array(heard, bool)
    counts = [sum(score > min_score for score in of_clip) for of_clip in scores]
    events = np.stack([counts, minutes], axis=1)
    highest = [max(of_clip, default=0.0) for of_clip in scores]
    return {
        "min_score": min_score,
        **presence_figures(highest, birds, min_score).to_dict(),
        **ratio_figure(events[birds], decimals=1).to_dict("per_minute_with_birds"),
        **ratio_figure(events[~birds], decimals=1).to_dict("per_minute_without_birds"),
    }
