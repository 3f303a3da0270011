"""The days of recorders, cached for a while, so that even many viewers do not load a small computer."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from datetime import date, tzinfo

from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.database.connection import reading
from birdedge.edge.monitoring.history import Day, history

MAX_KEPT = 2  # a year takes about 2 MB
MIN_KEPT_S = 10.0
COST_FACTOR = 20  # days that took a second to read are kept for 20 s: at most 5 % of a core


class DayHistory:
    """Reads days, one request at a time, and keeps the latest results."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], tuple[float, tuple[Day, ...]]] = OrderedDict()

    def days(self, folder: RecorderFolder, first: date, last: date, zone: tzinfo) -> tuple[Day, ...]:
        """Return the days of a recorder from the first to the last, perhaps from a short time ago.

        Raises:
            DiskError: The database cannot be read.
        """
        key = (folder.path, first, last, str(zone))
        with self._lock:
            until_s, days = self._kept.pop(key, (0.0, ()))
            began_s = time.monotonic()
            if began_s >= until_s:
                with reading(folder.path) as db:
                    days = history(db, first, last, zone, time.time())
                ended_s = time.monotonic()
                until_s = ended_s + max(MIN_KEPT_S, COST_FACTOR * (ended_s - began_s))
            self._kept[key] = until_s, days
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return days
