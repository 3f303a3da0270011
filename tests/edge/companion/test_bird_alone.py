"""The isolated bird of a live feed equals the output of the recorder's denoiser, bit for bit."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.block import Block
from birdedge.edge.companion.bird_alone import BirdAlone
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.sinks.live import LiveSink
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.system.live_socket import AUDIO_ON, LiveServer
from tests.support.live import Watched, connected, of_kind
from tests.support.pipelines import denoised, pushed
from tests.support.sources import ScriptedSource

RATE_HZ = 32_000


def test_the_bird_alone_equals_the_denoised_audio_of_the_recorder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    model, server = Model("birdedge-int8"), LiveServer(tmp_path)
    pcm = (soundscape(8, 7, calls_per_minute=50).samples * 32768).round().clip(-32768, 32767)
    samples = (pcm / 32768).astype(np.float32)
    client = connected(tmp_path)
    client.send(AUDIO_ON)
    watched = Watched(LiveSink(server, lambda: model.card, "", True), client)
    blocks = [Block(samples[at : at + 4096, np.newaxis]) for at in range(0, len(samples), 4096)]
    run(ScriptedSource(blocks), Pipeline(model, RATE_HZ, 1), watched, threading.Event())
    server.close()
    bird = BirdAlone(of_kind(watched.taken, "state")[0])
    alone = np.frombuffer(b"".join(bird.push(packet) for packet in watched.taken), "<i2")
    pipeline = Pipeline(model, RATE_HZ, 1, denoised=True)
    offline = denoised([*pushed(pipeline, samples, 4096), pipeline.flush()])[:, 0]
    assert len(alone) > 7.5 * RATE_HZ
    assert np.abs(alone).max() > 500
    np.testing.assert_allclose(alone, 32768 * offline[: len(alone)], atol=1.0)
