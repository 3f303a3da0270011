"""birdedge needs no network."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.commands import ROOT, birdedge

NO_NETWORK = """
import socket
def refuse(*arguments, **_):
    raise AssertionError(f"the network was used: {arguments}")
socket.getaddrinfo = socket.create_connection = refuse
connect = socket.socket.connect
socket.socket.connect = lambda self, to: connect(self, to) if self.family == socket.AF_UNIX else refuse(to)
"""


def test_a_recording_is_segmented_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    birdedge("demo", "demo.wav", "--duration", 10, cwd=tmp_path, environment=environment)
    events, _ = birdedge("segment", "demo.wav", cwd=tmp_path, environment=environment)
    assert events.count("\n") >= 1
    birdedge("listen", "demo.wav", "--fast", "--out", "out", cwd=tmp_path, environment=environment)
