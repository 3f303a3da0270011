"""Several sources in one daemon: a fault in one does not affect the others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.database.connection import reading
from birdedge.edge.gap import Gap
from birdedge.edge.monitoring.coverage import coverage
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.commands import BIRDEDGE, run
from tests.support.daemon import SHORT_CLIPS, Daemon
from tests.support.service_manager import ServiceManager, service_manager
from tests.support.stream_servers import StreamServer, stream_server
from tests.support.waiting import wait_until

SOUND = soundscape(20.0, 1).samples[::2]  # at 16 kHz
FAILING_ANALYSIS = """
import threading
from pathlib import Path
from birdedge.edge.pipeline.segmenter import Segmenter

call = Segmenter.call

def call_unless_told(self):
    if Path({flag!r}).exists() and threading.current_thread().name == "source:barn":
        raise ZeroDivisionError("told to")
    call(self)

Segmenter.call = call_unless_told
"""


@pytest.fixture
def manager() -> Iterator[ServiceManager]:
    with service_manager() as listening:
        yield listening


def gaps(folder: Path) -> list[Gap]:
    with reading(folder) as db:
        return list(coverage(db, 0.0, time.time()).gaps)


def status_of(folder: Path) -> dict[str, Any]:
    done = run(*BIRDEDGE, "status", folder, "--json", cwd=folder)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def states_of(status: dict[str, Any]) -> dict[str, str]:
    return {name: table["state"] for name, table in status["sources"].items()}


def source(name: str, heard: str) -> str:
    return f"[[source]]\nname = '{name}'\n{heard}\n"


def test_a_fault_in_one_source_does_not_affect_the_others(tmp_path: Path, manager: ServiceManager) -> None:
    flag, site, out = tmp_path / "fail", tmp_path / "site", tmp_path / "out"
    site.mkdir()
    out.mkdir()
    (out / "cellar").touch()  # in place of the folder of its database
    (site / "sitecustomize.py").write_text(FAILING_ANALYSIS.format(flag=str(flag)), encoding="utf-8")
    with ExitStack() as stack:
        oak, barn = (stack.enter_context(stream_server(StreamServer(SOUND))) for _ in range(2))
        config = (
            source("oak", f"url = '{oak.url}'\nsite = 'the oak'")
            + source("barn", f"url = '{barn.url}'")
            + source("pond", "demo = true")
        )
        lost = source("attic", f"path = '{tmp_path / 'missing.wav'}'") + source("cellar", "demo = true")
        daemon = stack.enter_context(
            Daemon(None, tmp_path, SHORT_CLIPS + config + lost, path=site, environment=manager.environment)
        )
        daemon.wait_for("listening to", times=3)
        daemon.wait_for("missing.wav")
        daemon.wait_for("cellar")
        wait_until(lambda: len(daemon.printed_events()) > 5, 30.0)
        oak.stop()
        daemon.wait_for("cannot be reached")
        flag.touch()
        daemon.wait_for("the recorder of source barn failed: ZeroDivisionError('told to')")
        fed_since_s = time.monotonic()
        time.sleep(2)
        flag.unlink()
        oak.start()
        daemon.wait_for("again after")
        daemon.wait_for(barn.url, times=2)
        wait_until(lambda: manager.fed(fed_since_s) > 0, 10.0)
        states = {"attic": "no_device", "barn": "listening", "oak": "listening", "pond": "listening"}
        # The database is written once per second.
        wait_until(lambda: states_of(status_of(out)) == states, 20.0)
        status = status_of(out)
        assert not status["healthy"]
        assert status["sources"]["oak"]["site"] == "the oak"

        daemon.reload("min_score = 0.8\n" + source("pond", "demo = true") + source("new", "demo = true"))
        daemon.wait_for("listening to 'demo'", times=3)
        states |= {"attic": "stopped", "barn": "stopped", "oak": "stopped", "new": "listening"}
        wait_until(lambda: states_of(status_of(out)) == states, 20.0)
        daemon.process.terminate()
        assert daemon.process.wait(30) == 0
    assert [gap.cause for gap in gaps(out / "pond")] == ["restart"]
    assert {gap.cause for gap in gaps(out / "oak")} == {"stream lost"}
    assert [gap.cause for gap in gaps(out / "barn")] == ["stopped"]
    for name in ("oak", "pond"):
        assert list((out / name).glob("*.csv")), name
        assert list((out / name / "clips").rglob("*.flac")), name
