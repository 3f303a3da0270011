"""Units of work that kill or delay the process that works on them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from birdedge.edge.archive.parts import RecordingRow
from birdedge.edge.archive.units import PlannedFile, Unit
from birdedge.edge.archive.worker import UnitCounts, do_unit, segment_planned


class Poison:
    """Works like a worker, but kills the process at a recording with a file `.poison`, or once with `.once`.

    A file `.slow` delays the process by the number of seconds in it.
    """

    @staticmethod
    def do_unit(run: Path, fingerprint: str, unit: Unit) -> UnitCounts:
        for file in unit.files:
            Poison.act(file)
        return do_unit(run, fingerprint, unit)

    @staticmethod
    def segment_planned(run: Path, fingerprint: str, file: PlannedFile) -> RecordingRow:
        Poison.act(file)
        return segment_planned(run, fingerprint, file)

    @staticmethod
    def act(file: PlannedFile) -> None:
        slow = Path(file.path).with_suffix(".slow")
        if slow.exists():
            time.sleep(float(slow.read_text()))
        once = Path(file.path).with_suffix(".once")
        if once.exists():
            once.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if Path(file.path).with_suffix(".poison").exists():
            os.kill(os.getpid(), signal.SIGKILL)
