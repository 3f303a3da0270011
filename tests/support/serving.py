"""`birdedge serve` in a separate process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.commands import BIRDEDGE, ENVIRONMENT


class Serving(NamedTuple):
    """A running dashboard: its process, its URL, which ends with a slash, and its log."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self.url.split(":")[2].split("/")[0])


@contextmanager
def serving(*arguments: object, cwd: Path, listen: str = "127.0.0.1:0") -> Iterator[Serving]:
    """Serve on a free port until the end of the block."""
    command = [*BIRDEDGE, "serve", *map(str, arguments), "--listen", listen]
    environment = {**os.environ, **ENVIRONMENT}  # a test may have changed the former
    log = cwd / "serve.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=file, text=True
        )
    try:
        url = process.stdout.readline().strip()
        assert url, log.read_text()
        yield Serving(process, url, log)
    finally:
        process.terminate()
        process.communicate(timeout=20)
