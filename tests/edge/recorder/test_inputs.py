"""An input that cannot start again is kept for as long as it is to be opened alike, and is then ended."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.recorder.config import Config, source_config
from birdedge.edge.recorder.inputs import SourceInput
from birdedge.edge.recorder.source_settings import SourceSettings
from tests.support.waiting import wait_until


@pytest.fixture
def night(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "night.wav", np.zeros(60 * 16_000), 16_000)
    return tmp_path / "night.wav"


def config_of(path: Path, **settings: object) -> Config:
    source = SourceSettings("pond", path=str(path), **settings)  # type: ignore[arg-type]
    return source_config(Config(source=(source,)), "pond")


@pytest.mark.parametrize(
    "changed",
    [{"gain_db": 6.0}, {"site": "oak"}, {"latitude_deg": 52.0, "longitude_deg": 13.0}, {"channel": 0}],
)
def test_a_change_of_what_is_done_with_the_audio_keeps_the_input(
    night: Path, changed: dict[str, object]
) -> None:
    make, before = SourceInput(threading.Event()), threading.active_count()
    stream = make(config_of(night))
    stream.open()
    again = make(config_of(night, **changed))
    again.open()
    assert again is stream
    assert threading.active_count() == before + 1  # two threads would share what arrives
    make(config_of(night.with_name("other.wav")))  # ends it


def test_an_input_that_is_replaced_is_no_longer_read(night: Path) -> None:
    make, before = SourceInput(threading.Event()), threading.active_count()
    stream = make(config_of(night))
    stream.open()
    assert make(config_of(night.with_name("other.wav"))) is not stream
    wait_until(lambda: threading.active_count() == before, 5.0)
