"""The real daemon on a real PortAudio microphone that a test breaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from birdedge.edge.database.connection import reading
from birdedge.edge.monitoring.coverage import Coverage, coverage

ROOT = Path(__file__).parents[2]
BIRDEDGE = (sys.executable, "-m", "birdedge")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


class Daemon:
    """`birdedge listen --out` as systemd would run it; ended when the block is left."""

    def __init__(self, microphone, folder: Path, config: str = "", prefix=(), path=ROOT):
        self.out, self.log = folder / "out", folder / "log"
        self._config = folder / "config.toml"
        # Less sure events count too: what is tried here is not how well birds are told from the rest.
        self._config.write_text(f"min_score = 0.8\n{config}", encoding="utf-8")
        self._environment = {**ENVIRONMENT, **microphone.environment}
        self._environment["PYTHONPATH"] = (
            f"{path}{os.pathsep}{ROOT}"  # where a test's sitecustomize.py may lie
        )
        self._prefix = prefix
        self.start()

    def start(self):
        """Begin, or begin again."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._prefix, *BIRDEDGE, "listen", "--json", "--config", self._config, "--out", self.out],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        """All that it printed until now."""
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, text: str, timeout_s: float = 30.0, times: int = 1):
        """Until it has said so."""
        until_s = time.monotonic() + timeout_s
        while self.said().count(text) < times:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < until_s, f"{text!r} was not said:\n{self.said()}"
            time.sleep(0.05)

    def stop(self):
        """As systemd stops it; it must end well."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.said()
        assert "Traceback" not in self.said(), self.said()

    def resident_bytes(self) -> int:
        """Memory at the moment."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def coverage(self) -> Coverage:
        """Return the coverage that its database shows."""
        with reading(self.out) as db:
            return coverage(db, 0.0, time.time())

    def gaps(self) -> list[tuple[str, float]]:
        """Cause and length in seconds of each gap."""
        return [(gap.cause, gap.length_s) for gap in self.coverage().gaps]

    def rows(self, query: str) -> list[tuple[float, ...]]:
        """Return the rows of a SELECT on its database."""
        with reading(self.out) as db:
            return db.execute(query).fetchall()

    def events(self) -> list[tuple[float, ...]]:
        """UTC of each event's onset, in its database."""
        return self.rows("SELECT utc_s, uncertainty_s, score FROM events ORDER BY utc_s")

    def printed(self) -> list[dict[str, object]]:
        """The events that it printed."""
        return [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]
