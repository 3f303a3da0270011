"""Models and audio in which a few seconds hold many events."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, LIGHT_MODEL
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.pipelines import CALLS_RATE_HZ, sensitive


@pytest.fixture(scope="package", params=[DEFAULT_MODEL, LIGHT_MODEL, "birdedge-fp32"])
def sensitive_model(request: pytest.FixtureRequest) -> Model:
    """A model of each grid and precision, with low thresholds; other forms of a network give the same bits."""
    return sensitive(Model(request.param))


@pytest.fixture(scope="package")
def int8() -> Model:
    """The default model, with low thresholds."""
    return sensitive(Model("birdedge-int8"))


@pytest.fixture(scope="package")
def calls() -> NDArray[np.float32]:
    """8 s with calls at 32 kHz."""
    scene = soundscape(8.0, seed=5, calls_per_minute=60.0)
    assert scene.sample_rate_hz == CALLS_RATE_HZ
    return scene.samples
