"""A signal ends `birdedge listen` with exit code 0 and complete tables."""

import signal
import time

import numpy as np
import pytest

from birdedge.edge.formats.mask_npz import read_mask_file
from tests.support.commands import running, write_all


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("source", ["demo", "file", "stdin"])
def test_a_signal_ends_listening_with_exit_code_0_and_complete_tables(demo, tmp_path, number, source):
    options = {"demo": ["--demo"], "file": [demo], "stdin": ["-", "--rate", "32000"]}[source]
    with running("listen", *options, "--json", "--out", "out", "--masks", "out", cwd=tmp_path) as live:
        if source == "stdin":
            write_all(live.stdin, np.zeros(32_000, "<i2").tobytes())
        assert live.stderr.readline().startswith(b"birdedge: listening to")
        time.sleep(1.5)
        live.process.send_signal(number)
        # Standard input stays open: a pipe that delivers nothing must not block the exit.
        assert live.process.wait(timeout=20) == 0
        stderr, output = live.stderr.read().decode(), live.stdout.read().decode()
    assert "Fatal" not in stderr
    assert "event(s) in" in stderr
    tables = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*.jsonl")]
    assert tables == ([output] if output or source == "file" else [])
    (masks,) = (tmp_path / "out").glob("*.npz")
    audio_s = float(stderr.rpartition(" in ")[2].split()[0])
    mask = read_mask_file(masks)
    assert len(mask.mask) * mask.hop_s == pytest.approx(audio_s, abs=0.064)
    assert not list((tmp_path / "out").glob(".*"))
