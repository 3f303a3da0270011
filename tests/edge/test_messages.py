"""A stream also reports the regions that are not events, each with its times."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.archive.segment import segment_file
from birdedge.edge.block import Block
from birdedge.edge.messages import EventDetected, FramesReady, RegionRejected
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.sinks.recording import OutputSettings
from birdedge.edge.synthesis.demo import write_demo
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.times import ClockReading
from tests.support.rejected import rejecting
from tests.support.sources import MessageLog, ScriptedSource

RATE_HZ = 32_000
BOOT_S, UTC_S = 500.0, 1.7e9


@pytest.fixture(scope="module")
def audio() -> NDArray[np.float32]:
    return soundscape(12.0, seed=20, calls_per_minute=60).samples[:, np.newaxis]


def told(model: Model, audio: NDArray[np.float32]) -> MessageLog:
    log = MessageLog()
    now = BOOT_S + len(audio) / RATE_HZ
    block = Block(audio, arrived=ClockReading(now, UTC_S + now - BOOT_S, True))
    run(ScriptedSource([block]), Pipeline(model, RATE_HZ, 1), log, threading.Event())
    return log


def test_each_region_that_is_rejected_is_a_message_with_its_stamps(audio: NDArray[np.float32]) -> None:
    log = told(rejecting(Model(), "frog"), audio)
    rejected = log.of(RegionRejected)
    assert len(rejected) >= 5
    assert log.of(EventDetected) == []
    found = [region.onset_s for frames in log.of(FramesReady) for region in frames.output.rejected]
    assert [message.event.onset_s for message in rejected] == found
    for message in rejected:
        event = message.event
        assert (event.sound_class, event.reason) == ("frog", "other sound")
        assert message.onset.sample == round(event.onset_s * RATE_HZ)
        assert message.offset.sample == round(event.offset_s * RATE_HZ)
        assert message.onset.utc_s == pytest.approx(UTC_S + event.onset_s, abs=1e-6)
        assert message.offset.boot_s == pytest.approx(BOOT_S + event.offset_s, abs=1e-6)


def test_a_table_has_no_rejected_region(tmp_path: Path) -> None:
    write_demo(tmp_path / "demo.wav", 20.0, 3, 60.0)
    outputs = OutputSettings(tmp_path / "tables", ("csv", "jsonl"))
    found = segment_file(rejecting(Model()), tmp_path / "demo.wav", "demo", outputs)
    assert len(found.events) == 0
    assert len((tmp_path / "tables" / "demo.csv").read_text(encoding="utf-8").splitlines()) == 1
    assert (tmp_path / "tables" / "demo.jsonl").read_text(encoding="utf-8") == ""
