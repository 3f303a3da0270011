"""Record from a microphone while the machine is idle, then while all its cores are busy."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.devices import InputDevice
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.edge.system.clock import monotonic_s

LOADED_S = 4.0


@dataclass(frozen=True)
class MicrophoneSettings:
    """How to open a microphone; see `Microphone` and `Pipeline`."""

    device: str | None = None
    channels: int = 1
    channel: int | None = None
    sample_rate_hz: int | None = None


@dataclass(frozen=True, eq=False)
class MicrophoneRecording:
    """A test recording. `samples` and `arrivals` are from the idle machine."""

    device: InputDevice
    sample_rate_hz: int
    samples: NDArray[np.float32]  # [samples], of the channel that `listen` would use
    arrivals: NDArray[np.float64]  # [blocks, 2]: seconds, and samples received by then
    loaded_s: float  # time with every core busy
    dropped_samples: int  # in total


def record_microphone(settings: MicrophoneSettings, duration_s: float, model: Model) -> MicrophoneRecording:
    """Record for `duration_s` while the machine is idle, then for 4 s while the network runs on every core.

    Raises:
        AudioError: The microphone cannot be used, or is lost.
        SettingsError: The settings do not fit the microphone.
    """
    networks = [Segmenter(Model(model.path)) for _ in range(os.cpu_count() or 1)]
    channel, pieces, arrivals, received = settings.channel, [], [], 0
    with Microphone(
        settings.device, channels=settings.channels, sample_rate_hz=settings.sample_rate_hz
    ) as microphone:
        Pipeline(model, microphone.sample_rate_hz, settings.channels, channel)  # validates the settings
        blocks = microphone.blocks(threading.Event())
        start_s = monotonic_s()
        for block in (whole.samples for whole in blocks):
            pieces.append(block.mean(axis=1) if channel is None else block[:, channel])
            received += len(block)
            arrivals.append((monotonic_s() - start_s, received))
            if arrivals[-1][0] >= duration_s:
                break
        with _busy_cores(networks):
            start_s = monotonic_s()
            for _ in blocks:
                if monotonic_s() - start_s >= LOADED_S:
                    break
    return MicrophoneRecording(
        device=microphone.device,
        sample_rate_hz=microphone.sample_rate_hz,
        samples=np.concatenate(pieces),
        arrivals=np.array(arrivals),
        loaded_s=LOADED_S,
        dropped_samples=microphone.dropped_samples,
    )


@contextmanager
def _busy_cores(networks: list[Segmenter]) -> Iterator[None]:
    stop = threading.Event()

    def work(network: Segmenter) -> None:
        while not stop.is_set():
            network.call()

    threads = [threading.Thread(target=work, args=(network,), daemon=True) for network in networks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
