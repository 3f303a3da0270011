"""The workers of the companion other than its web pages, each in its own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from birdedge.edge.recorder.config import Config

Worker = Callable[[threading.Event], None]  # runs until the event is set


@contextmanager
def running(paths: tuple[Path, ...], config: Config) -> Iterator[None]:
    """Run the workers that the configuration enables, until the end of the block."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=worker, args=(stop,), daemon=True) for worker in _workers(paths, config)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=5.0)


def _workers(paths: tuple[Path, ...], config: Config) -> list[Worker]:
    workers: list[Worker] = []
    if config.mqtt.host:
        from birdedge.edge.companion.mqtt import MqttPublisher

        workers.append(MqttPublisher(paths, config.mqtt))
    if config.alert:
        from birdedge.edge.companion.alerts import AlertWatch

        workers.append(AlertWatch(paths, config.alert, config.target, config.mqtt))
    return workers
