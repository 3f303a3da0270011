"""Sound for the daemon."""

import subprocess

import pytest

from tests.support.daemon import BIRDEDGE, ENVIRONMENT


@pytest.fixture(scope="session")
def song(tmp_path_factory):
    """Six seconds with a call every second, as the demo has them."""
    path = tmp_path_factory.mktemp("song") / "song.wav"
    subprocess.run(
        [*BIRDEDGE, "demo", path, "--duration", "6", "--calls", "50", "--seed", "7"],
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return path
