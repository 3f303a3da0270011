"""The figures on speech are of the models that are shipped."""

from __future__ import annotations

import json
from hashlib import sha256

from benchmarks.studies.speech import FIGURES, MODELS, speech_table
from birdedge.edge.models.names import find_model


def test_the_stored_figures_are_of_the_shipped_models() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    assert tuple(figures) == MODELS
    for name in MODELS:
        digest = sha256(find_model(name).read_bytes()).hexdigest()
        assert figures[name]["model_sha256"] == digest, (
            "run: python -m benchmarks.studies.speech --data recordings/"
        )
    assert "| people who speak |" in speech_table()
