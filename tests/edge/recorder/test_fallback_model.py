"""An overloaded recorder falls back to other models, each with thresholds for its own network."""

from __future__ import annotations

from birdedge.edge.models.model import Model
from birdedge.edge.models.names import ARCHIVE_MODEL, DEFAULT_MODEL, SMALL_MODEL
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.recorder import _open_fallback, _open_model


def test_min_score_of_the_configuration_is_for_the_configured_network() -> None:
    configured = _open_model(DEFAULT_MODEL, Config(min_score=0.5))
    assert configured.card.events.min_score == 0.5
    assert _open_fallback(ARCHIVE_MODEL, configured).card.events.min_score == 0.5
    assert _open_fallback(SMALL_MODEL, configured).card == Model(SMALL_MODEL).card
