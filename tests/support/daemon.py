"""The real daemon on a real PortAudio microphone, for tests that break something under it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.database.connection import reading
from birdedge.edge.gap import Gap
from birdedge.edge.monitoring.coverage import Coverage, coverage
from tests.support.commands import BIRDEDGE, ENVIRONMENT, ROOT

SHORT_CLIPS = """
[clips]
before_s = 0.3
after_s = 0.3
min_duration_s = 0.5
max_duration_s = 2.0
min_free_mb = 0.0
[retention]
min_free_mb = 0.0
"""
# The ends of a gap are known to within 0.03 s on an idle machine, but a machine that runs tests may be busy.
GAP_TOLERANCE_S = 0.25


class Daemon:
    """`birdedge listen --out` as systemd runs it; killed at the end of the block.

    Args:
        microphone: the microphone that the daemon listens to; None if it listens to something else.
        folder: holds the configuration, the log, and the folder `out` that the daemon writes to.
        config: TOML that follows `min_score`.
        prefix: words of the command before `birdedge`.
        path: a folder for `PYTHONPATH`, where a test may write a `sitecustomize.py`.
        environment: more variables.
        stdout: standard output, in place of the log.
        as_json: print events as JSON.
        source: more words of the command, which name what it listens to.

    Attributes:
        out: the folder that the daemon writes to.
        process: the process of the latest start.
    """

    process: subprocess.Popen[bytes]

    def __init__(
        self,
        microphone: VirtualMicrophone | None,
        folder: Path,
        config: str = "",
        prefix: Sequence[str] = (),
        path: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        stdout: int | None = None,
        as_json: bool = True,
        source: Sequence[str] = (),
    ) -> None:
        self.out = folder / "out"
        self._microphone, self._prefix, self._stdout = microphone, prefix, stdout
        self._format = ["--json"] if as_json else []
        self._source = source
        self._log, self._config = folder / "log", folder / "config.toml"
        # A low threshold gives many events: these tests do not measure how well birds are detected.
        self._config.write_text(f"min_score = 0.8\n{config}", encoding="utf-8")
        self._environment = {**ENVIRONMENT, **(environment or {})}
        if microphone is not None:
            self._environment |= microphone.environment
        self._environment["PYTHONPATH"] = f"{path}{os.pathsep}{ROOT}"
        self.start()

    def start(self) -> None:
        """Start the daemon, for the first time or again."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *self._prefix,
                    *BIRDEDGE,
                    "listen",
                    *self._format,
                    "--config",
                    self._config,
                    "--out",
                    self.out,
                    *self._source,
                ],
                env=self._environment,
                stdout=log if self._stdout is None else self._stdout,
                stderr=log,
            )

    def __enter__(self) -> Daemon:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()

    def log_text(self) -> str:
        """Return everything printed since the first start."""
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, text: str, timeout_s: float = 30.0, times: int = 1) -> None:
        """Wait until a text was printed `times` times."""

        def printed() -> bool:
            if self.log_text().count(text) >= times:
                return True
            assert self.process.poll() is None, self.log_text()
            return False

        self._wait_until(printed, f"{text!r} was printed", timeout_s)

    def hear(self, recording: Path) -> None:
        """Play a recording; at least one event must be printed within 10 s of its end."""
        assert self._microphone is not None
        before = len(self.printed_events())
        self._microphone.play(recording)
        self._wait_until(lambda: len(self.printed_events()) > before, "an event was printed", 10.0)

    def stop(self) -> None:
        """Stop the daemon as systemd does; it must exit with code 0 and without a traceback."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log_text()
        assert "Traceback" not in self.log_text(), self.log_text()

    def reload(self, config: str | None = None) -> None:
        """Send SIGHUP, after replacing the complete configuration if one is given."""
        if config is not None:
            self._config.write_text(config, encoding="utf-8")
        self.process.send_signal(signal.SIGHUP)

    def status(self) -> subprocess.CompletedProcess[str]:
        """Run `birdedge status` on the folder."""
        return subprocess.run(
            [*BIRDEDGE, "status", self.out],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def wait_until_healthy(self) -> None:
        """Wait until `birdedge status` finds nothing that needs a person."""
        self._wait_until(lambda: self.status().returncode == 0, "the status is healthy", 20.0, every_s=0.5)

    def resident_bytes(self) -> int:
        """Return the memory that the process uses now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def clips(self) -> set[Path]:
        """Return the clips on the disk."""
        return set((self.out / "clips").rglob("*.flac"))

    def coverage(self) -> Coverage:
        """Return the coverage that the database shows."""
        with reading(self.out) as db:
            return coverage(db, 0.0, time.time())

    def gaps(self, since_utc_s: float = 0.0) -> list[Gap]:
        """Return the gaps in the database that began after a time."""
        return [gap for gap in self.coverage().gaps if gap.utc_s > since_utc_s]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        with reading(self.out) as db:
            return db.execute(query).fetchall()

    def onsets_utc_s(self) -> list[float]:
        """Return the onset of each event in the database, earliest first."""
        return [utc_s for (utc_s,) in self.rows("SELECT utc_s FROM events ORDER BY utc_s")]

    def printed_events(self) -> list[dict[str, Any]]:
        """Return the events that were printed."""
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    def _wait_until(
        self, condition: Callable[[], bool], what: str, timeout_s: float, every_s: float = 0.05
    ) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, f"{what}: not within {timeout_s} s\n{self.log_text()}"
            time.sleep(every_s)
