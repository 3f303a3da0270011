"""Archive runs of a few short recordings, and child processes that are killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import soundfile

from birdedge.edge.archive import units
from birdedge.edge.archive.files import FoundRecordings
from birdedge.edge.archive.listing import planned_files
from birdedge.edge.archive.manifest import ArchiveSettings, Manifest, write_manifest
from birdedge.edge.archive.parts import PARTS, done_units
from birdedge.edge.archive.run import ALL, Shard, run_here, work_of
from birdedge.edge.archive.worker import UnitCounts
from birdedge.edge.models.names import ARCHIVE_MODEL, find_model
from birdedge.edge.synthesis.soundscape import soundscape

FOREST_S = (1.5, 2.0, 2.5, 3.0, 1.0, 0.5)


def write_forest(folder: Path) -> Path:
    """Write six short recordings of two sites, and return their folder."""
    samples = soundscape(8.0, 3, 120.0).samples
    for number, length_s in enumerate(FOREST_S):
        path = folder / ("oak", "elm")[number % 2] / f"20240501_23{number:02}00.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples[: round(length_s * 32_000)], 32_000, subtype="PCM_16")
    return folder


def plan(folder: Path, *sources: str | Path, unit_s: float = 1.0, min_score: float | None = None) -> Manifest:
    """Plan a run whose units are short."""
    model = find_model(ARCHIVE_MODEL).read_bytes()
    settings = ArchiveSettings(ARCHIVE_MODEL, sha256(model).hexdigest(), min_score=min_score)
    files = planned_files([str(source) for source in sources], (), 1, FoundRecordings())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "UNIT_S", unit_s)
        return write_manifest(folder, settings, model, files)


def do(manifest: Manifest, jobs: int = 1, shard: Shard = ALL, retry_errors: bool = False) -> list[UnitCounts]:
    """Do the units that are not done."""
    return list(run_here(work_of(manifest, done_units(manifest.folder), shard, retry_errors), jobs))


def parts(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / PARTS).rglob("*.parquet"))
    }


def in_killed_child(action: Callable[[], object], after: int) -> bool:
    """Run an action in a child that is killed before its nth file system change; return whether it was killed."""
    pid = os.fork()
    if pid == 0:
        left = after

        def kill(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            is_write = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if is_write or event in ("os.rename", "os.remove", "os.mkdir"):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
        try:
            action()
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)
