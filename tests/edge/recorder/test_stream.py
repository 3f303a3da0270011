"""Each second of a stream is in the book once: heard, or in a gap of the right cause."""

from types import SimpleNamespace

import numpy as np
import pytest
from birdedge.edge.database.store import Store

from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.models.model import Model
from birdedge.edge.monitoring.coverage import coverage
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.load_shedding import LoadLevel
from birdedge.edge.recorder.recorder import read_clocks
from birdedge.edge.recorder.stream import Stream

RATE_HZ = 32_000
SECOND = np.zeros((RATE_HZ, 1), np.float32)


def test_what_was_left_out_and_what_overran_after_it_are_two_gaps(tmp_path):
    none = ClipSettings(keep="none")
    clips = ClipWriter(tmp_path / "clips", none, lambda _: None)
    ledger = DatabaseWriter(tmp_path, "boot", read_clocks, "model")
    microphone = SimpleNamespace(
        sample_rate_hz=RATE_HZ, channels=1, device=SimpleNamespace(name="microphone")
    )
    stream = Stream(microphone, Config(clips=none), Model(), ledger, clips)
    half = LoadLevel("half of the sound", listen_s=3.0, every_s=6.0)
    for _ in range(3):
        assert not stream.is_left_out(SECOND, half)
        stream.push(SECOND)
    assert stream.is_left_out(SECOND, half)
    assert list(stream.gap(RATE_HZ // 2, "overrun"))
    stream.push(SECOND)
    stream.flush()
    ledger.close()
    clips.close()
    assert stream.sample == 5.5 * RATE_HZ
    found = coverage(Store(tmp_path), 0.0, 2e10)
    assert found.heard_s == pytest.approx(4.0)
    assert [(gap.cause, gap.length_s) for gap in found.gaps] == [("too slow", 1.0), ("overrun", 0.5)]
    assert found.gaps[1].utc_s == pytest.approx(found.gaps[0].utc_s + 1.0)
