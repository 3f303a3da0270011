"""What the recorder's commands share: options, and signals that stop."""

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
    "--model", default=ARCHIVE_MODEL, show_default=True, help="A bundled model's name, or a .onnx file."
)
channel_option = click.option(
    "--channel", type=int, default=None, help="The channel to listen to, from 0; the mean of all by default."
)
masks_option = click.option(
    "--masks",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the mask of each recording (.npz) here.",
)


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set `stop`; a second one ends the program at once."""

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
