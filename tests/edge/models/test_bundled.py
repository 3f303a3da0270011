"""The accuracy of the bundled networks on audio without birds: the only test that a worse network would fail."""

import numpy as np
import pytest

from benchmarks.report.model_card import models_in_order
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.synthesis.soundscape import soundscape


@pytest.mark.parametrize("weather_seed", range(5))
def test_wind_rain_and_insects_alone_yield_no_events(weather_seed):
    scene = soundscape(seed=100 + weather_seed, calls_per_minute=0)
    for model in models_in_order():  # each network once, not each of its variants
        pipeline = Pipeline(model, scene.sample_rate_hz, 1)
        assert pipeline.push(scene.samples[:, np.newaxis]).events == []
        assert pipeline.flush().events == []
