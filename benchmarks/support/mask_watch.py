"""Print when masks mark a chirp: `python -m benchmarks.support.mask_watch`, until it is interrupted.

It listens to the default microphone with the objects of `birdedge listen`. The first line on standard output says that
it listens. Each further line is the time, on the monotonic clock, at which a block yielded frames that contain a chirp
and mark it.
"""

from __future__ import annotations

import json
import threading

import numpy as np

from benchmarks.support.chirps import CHIRP_PEAK, HIGH_HZ, LOW_HZ
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.cli.options import stopped_by_signals
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import listen
from birdedge.edge.system.clock import monotonic_s


def main() -> None:
    """Listen until SIGINT or SIGTERM."""
    model = Model()
    grid, marked = model.card.grid, round(255 * model.card.threshold)
    # Masks have margins, so only bins within 20 dB of the chirp's level under the Hann window count.
    loud = np.log(CHIRP_PEAK * grid.n_fft / 4 / 10)
    band = slice(*(round((hz - grid.low_hz) / grid.bin_hz) for hz in (LOW_HZ, HIGH_HZ)))
    stop = threading.Event()
    with stopped_by_signals(stop), Microphone() as microphone:
        pipeline = Pipeline(model, microphone.sample_rate_hz, microphone.channels)
        print(json.dumps("listening"), flush=True)
        for found in listen(pipeline, microphone.blocks(stop)):
            if ((found.mask[:, band] >= marked) & (found.level[:, band] >= loud)).any():
                print(json.dumps(monotonic_s()), flush=True)


if __name__ == "__main__":
    main()
