"""Metrics of all recorders for Prometheus."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdedge.edge.companion.folders import expected_folders
from birdedge.edge.monitoring.metrics import CONTENT_TYPE, metrics_text

MIN_AGE_S = 5.0  # the databases are not read more often, however many clients ask


class MetricsReader:
    """Reads the metrics of the recorders in the given folders and below them."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._text, self._read_s = "", float("-inf")

    def text(self) -> str:
        """Return the metrics, at most a few seconds old."""
        with self._lock:
            if time.monotonic() - self._read_s >= MIN_AGE_S:
                self._text = metrics_text(dict(expected_folders(self._paths)), time.time(), self._text)
                self._read_s = time.monotonic()
            return self._text


def metrics(request: Request) -> Response:
    """Return the metrics."""
    reader: MetricsReader = request.app.state.metrics
    return Response(reader.text(), headers={"Content-Type": CONTENT_TYPE})


routes = [Route("/metrics", metrics)]
