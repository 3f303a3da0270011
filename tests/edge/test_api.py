"""The public API is complete, typed, and loaded when it is first used."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

import birdedge.edge
from birdedge.edge.audio.sources import array_source
from birdedge.edge.messages import EventDetected, Message
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.commands import ENVIRONMENT, run_python


@pytest.mark.parametrize("name", birdedge.edge.__all__)
def test_each_name_of_the_api_can_be_imported(name: str) -> None:
    assert getattr(birdedge.edge, name).__name__ == name


def test_the_api_has_the_documented_names() -> None:
    assert {"Model", "Pipeline", "Event", "Mask", "Grid", "segment", "run", "read_config"} <= set(
        birdedge.edge.__all__
    )


def test_an_unknown_name_is_an_import_error() -> None:
    with pytest.raises(AttributeError, match=r"'birdedge\.edge' has no attribute 'segments'"):
        _ = birdedge.edge.segments
    assert "ImportError" in run_python(
        "try:\n    from birdedge.edge import segments\nexcept ImportError as error:\n    print(type(error).__name__)",
        ENVIRONMENT,
    )


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("numpy", "onnxruntime", "soundfile", "soxr", "click", "sounddevice")
    code = f"import sys, birdedge.edge\nprint([name for name in {heavy!r} if name in sys.modules])"
    assert run_python(code, ENVIRONMENT) == "[]\n"


def test_a_lightweight_name_does_not_load_onnxruntime() -> None:
    code = "import sys\nfrom birdedge.edge import Event, Grid, Mask\nprint('onnxruntime' in sys.modules)"
    assert run_python(code, ENVIRONMENT) == "False\n"


def test_segment_gives_events_with_masks_in_five_lines(tmp_path: Path) -> None:
    scene = soundscape(6.0, 1, 60.0)
    soundfile.write(tmp_path / "dawn.flac", scene.samples, scene.sample_rate_hz, subtype="PCM_24")
    code = """
from birdedge.edge import segment

result = segment("dawn.flac")
for event in result.events:
    assert event.mask.shape[0] > 0 and event.mask.any()
    print(event.onset_s, event.low_hz, event.high_hz, event.score)
assert result.mask.mask.shape[1] == 256
"""
    lines = run_python(code, ENVIRONMENT, cwd=tmp_path).splitlines()
    assert lines
    for line in lines:
        onset_s, low_hz, high_hz, score = map(float, line.split())
        assert 0 <= onset_s < 6
        assert 0 < low_hz < high_hz <= 16_000
        assert 0 < score <= 1


def test_a_user_defined_sink_gets_the_events_of_any_source() -> None:
    class Onsets:
        def __init__(self) -> None:
            self.onsets_s: list[float] = []

        def write(self, message: Message) -> None:
            if isinstance(message, EventDetected):
                self.onsets_s.append(message.onset.elapsed_s)

        def close(self) -> None:
            """Nothing is open."""

    scene = soundscape(6.0, 1, 60.0)
    model = birdedge.edge.Model("birdedge-int8")
    source = array_source(np.asarray(scene.samples), scene.sample_rate_hz)
    sink = Onsets()
    pipeline = birdedge.edge.Pipeline(model, source.sample_rate_hz, source.channels)
    birdedge.edge.run(source, pipeline, sink, threading.Event())
    assert sink.onsets_s
    assert all(0 <= onset_s < 6 for onset_s in sink.onsets_s)
