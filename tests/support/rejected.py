"""Rejected regions: a model that rejects every region, and regions made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from birdedge.edge.event import Event
from birdedge.edge.models.model import Model


def rejecting(model: Model, sound_class: str = "frog") -> Model:
    """Make a model take every bird for another class of sound, and reject it."""
    card = model.card
    model.card = replace(
        card, classes=(sound_class, *card.classes[1:]), events=replace(card.events, min_score=1.0)
    )
    return model


def region(onset_s: float = 1.0, **changes: Any) -> Event:
    """Return a region from 2000 to 3000 Hz that was rejected as a frog; the maximum of its mask is 0.8."""
    mask = np.full((25, 16), 204, np.uint8)
    rejected = Event(
        onset_s=onset_s,
        offset_s=onset_s + 0.2,
        low_hz=2000.0,
        high_hz=3000.0,
        peak_hz=2500.0,
        score=0.1,
        area_hz_s=100.0,
        snr_db=12.0,
        first_frame=round(onset_s / 0.008),
        first_bin=31,
        mask=mask,
        sound_class="frog",
        class_score=0.6,
        busy_10_s=0.3,
        busy_30_s=0.2,
        busy_60_s=0.1,
        alike=4,
        reason="other sound",
    )
    return replace(rejected, **changes)
