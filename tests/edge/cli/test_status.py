"""`birdedge status` shows a recorder, and fails for a folder without one."""

import json

import pytest

from tests.support.commands import birdedge


def test_status_shows_a_recorder_that_has_stopped(virtual_microphone, tmp_path):
    birdedge(
        "listen", "--out", "out", "--duration", 2, cwd=tmp_path, environment=virtual_microphone.environment
    )
    page, _ = birdedge("status", "out", cwd=tmp_path, exit_code=1)
    assert page.startswith("stopped")
    status = json.loads(birdedge("status", "out", "--json", cwd=tmp_path, exit_code=1)[0])
    assert (status["state"], status["healthy"]) == ("stopped", False)
    # Clock readings limit the time heard and vary by a fraction of a millisecond.
    assert status["heard_s"] == pytest.approx(2, abs=0.05)


def test_status_of_a_folder_without_a_recorder_is_an_error(failing):
    assert "birdedge listen --out" in failing("status", "missing")
