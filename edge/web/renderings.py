"""Pictures and sounds that are made from clips on demand, one at a time, and kept for a while."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import anyio
from starlette.exceptions import HTTPException

from birdedge.edge.companion.rendering import SUFFIXES, Rendering

MAX_BYTES = 32_000_000  # total size of the files; the folder may lie in memory
MAX_WAITING = 12
MAX_S = 60.0


async def make_file(command: Sequence[str], max_s: float, failed: str, advice: str) -> None:
    """Run a command that makes a file.

    Args:
        command: The command.
        max_s: How long it may take.
        failed: Begins the sentence if it fails.
        advice: What to do if it takes longer.

    Raises:
        HTTPException: The command failed, or was ended.
    """
    try:
        with anyio.fail_after(max_s):
            done = await anyio.run_process(command, check=False, stdout=subprocess.DEVNULL)
    except TimeoutError:
        raise HTTPException(503, f"this took too long: {advice}") from None
    if done.returncode:
        problem = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["the process was ended"]
        raise HTTPException(503, f"{failed}: {problem[0]}")


class Renderings:
    """Makes the file of each `Rendering` in a separate process, and keeps the most recently requested ones."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files: OrderedDict[str, Path] = OrderedDict()  # the most recently requested one is last
        self._turn: anyio.Lock | None = None
        self._waiting = 0

    async def file(self, rendering: Rendering) -> Path:
        """Return the file, after making it if necessary.

        Raises:
            HTTPException: There is no clip, it cannot be used, or too many wait.
        """
        try:
            found = await anyio.Path(rendering.clip).stat()
        except OSError:
            raise HTTPException(404, "this clip was deleted") from None
        name = hashlib.sha256(f"{rendering} {found.st_mtime_ns} {found.st_size}".encode()).hexdigest()
        path = self._kept(name)
        if path is not None:
            return path
        if self._waiting >= MAX_WAITING:
            raise HTTPException(
                503, "too many pictures and sounds are being made: try again", {"Retry-After": "5"}
            )
        self._waiting += 1
        try:
            self._turn = self._turn or anyio.Lock()
            async with self._turn:  # another request may have made it meanwhile
                return self._kept(name) or await self._made(name, rendering)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._turn = None  # a lock belongs to the event loop that it was used in

    def _kept(self, name: str) -> Path | None:
        path = self._files.get(name)
        if path is None or not path.exists():
            return None
        self._files.move_to_end(name)
        return path

    async def _made(self, name: str, rendering: Rendering) -> Path:
        if self._folder is None or not Path(self._folder.name).is_dir():  # temporary files may be cleaned up
            self._folder = tempfile.TemporaryDirectory(prefix="birdedge-")
            self._files.clear()
        path = Path(self._folder.name, name + SUFFIXES[rendering.kind])
        part = path.with_suffix(".part")
        try:
            command = [*rendering.command, str(part)]
            await make_file(command, MAX_S, "this cannot be made from the clip", "the machine is busy")
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
        self._files[name] = path
        self._forget()
        return path

    def _forget(self) -> None:
        """Delete the files that were requested least recently, but never the newest."""
        sizes = {name: path.stat().st_size for name, path in self._files.items() if path.exists()}
        while len(self._files) > 1 and sum(sizes.values()) > MAX_BYTES:
            name, path = self._files.popitem(last=False)
            sizes.pop(name, None)
            path.unlink(missing_ok=True)
