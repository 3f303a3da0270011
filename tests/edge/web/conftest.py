"""The folder of a recorder, with audio, events and a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.streams import Clocks, MessageStream, kill, started


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A recorder that listened for a minute, lost its microphone, and was killed."""
    clocks = Clocks()
    folder = tmp_path / "oak"
    folder.mkdir()
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(60.0, every_s=10.0)
    stream.break_off()
    kill(run_log)
    return folder
