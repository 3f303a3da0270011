"""Samples in memory are drawn with the events that the pipeline finds in them."""

from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.plots.samples import draw_samples
from birdedge.edge.synthesis.soundscape import soundscape


def test_samples_are_drawn_and_their_events_counted(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="birdedge[plot] is not installed")
    scene, model = soundscape(10.0, 2, 30.0), Model()
    pipeline = Pipeline(model, scene.sample_rate_hz, 1)
    outputs = pipeline.push(scene.samples[:, np.newaxis]), pipeline.flush()
    expected = sum(len(output.events) for output in outputs)
    assert expected >= 1
    path = tmp_path / "a.png"
    assert draw_samples(path, model, scene.samples, scene.sample_rate_hz, "microphone") == expected
    assert path.read_bytes().startswith(b"\x89PNG")
