"""`birdedge serve` in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.commands import BIRDEDGE, ENVIRONMENT


class Serving(NamedTuple):
    """A dashboard that runs: its process, and its URL, which ends with a slash."""

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return int(self.url.split(":")[2].split("/")[0])


@contextmanager
def serving(*arguments: object, cwd: Path, listen: str = "127.0.0.1:0") -> Iterator[Serving]:
    """Serve at a free port until the end of the block."""
    command = [*BIRDEDGE, "serve", *map(str, arguments), "--listen", listen]
    process = subprocess.Popen(
        command, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        url = process.stdout.readline().strip()
        assert url, process.communicate()[1]
        yield Serving(process, url)
    finally:
        process.terminate()
        process.communicate(timeout=20)
