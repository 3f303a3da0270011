"""`birdedge plot` draws a part of a recording."""

import numpy as np
import pytest
import soundfile

from birdedge.edge.models.model import Model
from tests.support.commands import birdedge
from tests.support.rejected import rejecting


def test_plot_writes_a_png_named_after_the_recording(demo, tmp_path):
    output, _ = birdedge("plot", demo, "--start", 2, "--duration", 5, cwd=tmp_path)
    assert output.startswith("demo.png: ")
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_rejected_regions_are_drawn_and_counted_on_request(demo, tmp_path, run_here, monkeypatch):
    pytest.importorskip("matplotlib", reason="birdedge[plot] is not installed")
    monkeypatch.setattr("birdedge.edge.models.model.Model", lambda name: rejecting(Model(name)))
    plain = run_here("plot", demo, "-o", "plain.png").stdout.decode()
    grey = run_here("plot", demo, "-o", "grey.png", "--rejected").stdout.decode()
    assert plain == "plain.png: 0 event(s)\n"
    assert grey.startswith("grey.png: 0 event(s), ")
    assert int(grey.split()[3]) >= 3
    assert (tmp_path / "plain.png").read_bytes() != (tmp_path / "grey.png").read_bytes()


def test_channels_that_cancel_each_other_are_reported(tmp_path):
    tone = 0.1 * np.sin(2 * np.pi * 3000 * np.arange(64_000) / 32_000)
    soundfile.write(tmp_path / "opposite.wav", np.column_stack([tone, -tone]), 32_000)
    _, errors = birdedge("plot", "opposite.wav", cwd=tmp_path)
    assert "Warning: opposite.wav: " in errors
    assert "--channel" in errors
