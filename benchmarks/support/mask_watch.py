"""Print when masks mark a chirp: `python -m benchmarks.support.mask_watch`, until it is interrupted.

It listens to the default microphone with the objects of `birdedge listen`. The first line on standard output says that
it is listening. Each further line is the time, on the monotonic clock, at which a block yielded frames that contain a
chirp and mark it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from benchmarks.support.chirps import CHIRP_PEAK, HIGH_HZ, LOW_HZ
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.messages import FramesReady, Message
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.system.clock import monotonic_s
from birdedge.edge.system.stop_signals import StopSignals


def main() -> None:
    """Listen until SIGINT or SIGTERM."""
    model = Model()
    grid, marked = model.card.grid, round(255 * model.card.threshold)
    # Masks have margins, so only bins within 20 dB of the chirp's level under the Hann window count.
    loud = np.log(CHIRP_PEAK * grid.n_fft / 4 / 10)
    band = slice(*(round((hz - grid.low_hz) / grid.bin_hz) for hz in (LOW_HZ, HIGH_HZ)))
    with StopSignals() as stop, Microphone() as microphone:
        pipeline = Pipeline(model, microphone.sample_rate_hz, microphone.channels)
        print(json.dumps("listening"), flush=True)
        run(microphone, pipeline, _Watch(band, marked, loud), stop)


@dataclass(frozen=True)
class _Watch:
    """Prints the time when frames mark a chirp that they contain."""

    band: slice
    marked: int
    loud: float

    def write(self, message: Message) -> None:
        if isinstance(message, FramesReady):
            mask, level = message.output.mask[:, self.band], message.output.level[:, self.band]
            if ((mask >= self.marked) & (level >= self.loud)).any():
                print(json.dumps(monotonic_s()), flush=True)

    def close(self) -> None:
        """Nothing is open."""


if __name__ == "__main__":
    main()
