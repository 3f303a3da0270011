"""Options and signal handling that several commands share."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from birdedge.edge.models.names import ARCHIVE_MODEL

archive_model_option = click.option(
    "--model", default=ARCHIVE_MODEL, show_default=True, help="Name of a bundled model, or an .onnx file."
)
channel_option = click.option(
    "--channel", type=int, default=None, help="Channel to use, from 0.  [default: the mean of all]"
)
masks_option = click.option(
    "--masks",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the mask of each recording (.npz) to this folder.",
)


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Make SIGINT and SIGTERM set `stop`; a second signal exits immediately."""

    def handle(number: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
