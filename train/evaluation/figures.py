"""The figures of an evaluation, as dataclasses, and their form in JSON.

Values are rounded as they are reported. `to_dict` gives plain values for JSON, tables and model cards: a figure is a
key, its 95 % interval the key `<figure>_interval`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One figure with its 95 % interval; either is None if it does not exist, as for an empty set."""

    value: float | None
    interval: tuple[float, float] | None = None

    def to_dict(self, name: str) -> dict[str, Any]:
        """Return the figure under its name, and its interval if it has one."""
        bounds = {} if self.interval is None else {f"{name}_interval": list(self.interval)}
        return {name: self.value, **bounds}


@dataclass(frozen=True)
class PhraseFigures:
    """The share of phrases with an event near them: of all, and of those centred below or above 1200 Hz."""

    phrases: int
    found: Figure
    below_1200_hz: Figure
    above_1200_hz: Figure

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        table: dict[str, Any] = {"phrases": self.phrases, **self.found.to_dict("phrases_found")}
        table |= self.below_1200_hz.to_dict("phrases_found_below_1200_hz")
        return table | self.above_1200_hz.to_dict("phrases_found_above_1200_hz")


@dataclass(frozen=True)
class MaskFigures:
    """How well masks match the labels of a set, at the detector's threshold.

    `iou`, `dice` and `pr_auc` are pooled over all bins. `per_recording` is the mean IoU of recordings with birds.
    `event_f1` is keyed by the minimum IoU of the boxes of an event and a label. `event_recall` is the share of labels
    with an event, at an IoU of 0.3, of all labels and of those with the centre of their band below or above 1200 Hz.
    `each` holds the IoU of each recording, for small sets. `phrases` exist only in scenes.
    """

    recordings: int
    iou: Figure
    dice: Figure
    pr_auc: Figure
    best_iou: float
    best_threshold: float
    per_recording: Figure | None
    event_f1: Mapping[float, Figure]
    event_recall: Figure
    event_recall_below_1200_hz: Figure
    event_recall_above_1200_hz: Figure
    each: Mapping[str, float] | None
    phrases: PhraseFigures | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        table: dict[str, Any] = {"recordings": self.recordings}
        table |= self.iou.to_dict("iou") | self.dice.to_dict("dice") | self.pr_auc.to_dict("pr_auc")
        table |= {"best_iou": self.best_iou, "at": self.best_threshold}
        if self.per_recording is not None:
            table |= self.per_recording.to_dict("per_recording")
        for min_iou, figure in self.event_f1.items():
            table |= figure.to_dict(f"event_f1_at_{min_iou}")
        table |= self.event_recall.to_dict("event_recall")
        table |= self.event_recall_below_1200_hz.to_dict("event_recall_below_1200_hz")
        table |= self.event_recall_above_1200_hz.to_dict("event_recall_above_1200_hz")
        if self.phrases is not None:
            table |= self.phrases.to_dict()
        if self.each is not None:
            table["each"] = dict(self.each)
        return table


@dataclass(frozen=True)
class RecallFigures:
    """How many labelled sounds are found, in recordings where other birds may be unlabelled.

    `covered` is the share of labels with half their time inside events of their band, `found` the share with an event
    near them, and `recall` the share with an event of their own, by the minimum IoU of the boxes.
    """

    recordings: int
    labels: int
    covered: Figure
    found: Figure
    recall: Mapping[float, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        table: dict[str, Any] = {"recordings": self.recordings, "labels": self.labels}
        table |= self.covered.to_dict("covered") | self.found.to_dict("found")
        for min_iou, figure in self.recall.items():
            table |= figure.to_dict(f"recall_at_{min_iou}")
        return table


@dataclass(frozen=True)
class NoiseKindFigures:
    """False events in one kind of noise."""

    per_hour: float
    false_events: int
    minutes: float


@dataclass(frozen=True)
class NoiseFigures:
    """False events in recordings without birds; `recordings_with_events` is the share with at least one."""

    recordings: int
    false_events: int
    hours: float
    per_hour: Figure
    recordings_with_events: Figure
    kinds: Mapping[str, NoiseKindFigures]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "recordings": self.recordings,
            "false_events": self.false_events,
            "hours": self.hours,
            **self.per_hour.to_dict("per_hour"),
            **self.recordings_with_events.to_dict("recordings_with_events"),
            "kinds": {kind: dataclasses.asdict(figures) for kind, figures in self.kinds.items()},
        }


@dataclass(frozen=True)
class PresenceFigures:
    """Whether field clips have an event where people heard a bird, and none where they heard no bird.

    `recall` is the share of clips with a bird that have an event; `false_alarms` is the same share of clips without a
    bird. `roc_auc` is how often a clip with a bird has a higher score than one without; the score of a clip is the
    highest of its events.
    """

    clips_with_birds: int
    clips_without_birds: int
    recall: Figure
    false_alarms: Figure
    roc_auc: Figure

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "clips_with_birds": self.clips_with_birds,
            "clips_without_birds": self.clips_without_birds,
            **self.recall.to_dict("recall"),
            **self.false_alarms.to_dict("false_alarms"),
            **self.roc_auc.to_dict("roc_auc"),
        }


@dataclass(frozen=True)
class LevelFigures:
    """Pooled IoU of the same audio by its level in dB."""

    iou: Mapping[int, float]

    @property
    def max_change(self) -> float:
        """The highest IoU minus the lowest."""
        return round(max(self.iou.values()) - min(self.iou.values()), 4)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        levels = {f"{level_db:+d}" if level_db else "0": iou for level_db, iou in self.iou.items()}
        return {**levels, "max_change": self.max_change}


@dataclass(frozen=True)
class CalibrationFigures:
    """The expected calibration error, and `(mean probability, share of bird bins, bins)` per tenth of 0..1."""

    error: float
    tenths: tuple[tuple[float | None, float | None, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"error": self.error, "mean_probability_bird_share_bins": [list(row) for row in self.tenths]}


@dataclass(frozen=True)
class EvaluationFigures:
    """All figures of one detector, by the name of the set."""

    name: str
    threshold: float
    split: str
    masks: Mapping[str, MaskFigures]
    recall: Mapping[str, RecallFigures]
    noise: NoiseFigures | None
    presence: PresenceFigures | None
    levels: Mapping[str, LevelFigures]
    calibration: Mapping[str, CalibrationFigures]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with the sets next to each other."""
        table: dict[str, Any] = {"name": self.name, "threshold": self.threshold, "split": self.split}
        table |= {name: masks.to_dict() for name, masks in self.masks.items()}
        table |= {name: recall.to_dict() for name, recall in self.recall.items()}
        if self.noise is not None:
            table["noise"] = self.noise.to_dict()
        if self.presence is not None:
            table["presence"] = self.presence.to_dict()
        if self.masks:
            table["levels"] = {name: figures.to_dict() for name, figures in self.levels.items()}
            table["calibration"] = {name: figures.to_dict() for name, figures in self.calibration.items()}
        return table


@dataclass(frozen=True)
class PictureFigures:
    """Foreground IoU on pictures of BirdSoundsDenoising, counted in the four ways of the published figures."""

    name: str
    split: str
    source: str  # Images or Raw_audios
    threshold: float
    pictures: int
    recordings: int
    iou_batches_of_16: float
    iou_per_picture: float
    iou_pooled: Figure
    iou_bird_and_background_batches_of_8: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        interval = self.iou_pooled.interval
        return {
            "name": self.name,
            "set": "BirdSoundsDenoising",
            "split": self.split,
            "from": self.source,
            "threshold": self.threshold,
            "pictures": self.pictures,
            "recordings": self.recordings,
            "iou_batches_of_16": self.iou_batches_of_16,
            "iou_per_picture": self.iou_per_picture,
            "iou_pooled": self.iou_pooled.value,
            "iou_pooled_interval": None if interval is None else list(interval),
            "iou_bird_and_background_batches_of_8": self.iou_bird_and_background_batches_of_8,
        }


Figures = EvaluationFigures | PictureFigures
