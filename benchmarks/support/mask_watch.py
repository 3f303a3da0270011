"""Say when masks come: `python -m benchmarks.support.mask_watch` hears the default microphone until it is interrupted.

The objects are those of `birdedge listen`. A line on standard output, as JSON, for each block that gave frames in which
a chirp sounds and is marked: when they were there, on the boot's clock. The first line says that it listens.
"""

from __future__ import annotations

import json
import threading

import numpy as np

from benchmarks.support.chirps import HIGH_HZ, LEVEL, LOW_HZ
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.cli.options import stopped_by_signals
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import listen
from birdedge.edge.system.clock import monotonic_s


def main() -> None:
    """Until SIGINT or SIGTERM."""
    model = Model()
    grid, marked = model.card.grid, round(255 * model.card.threshold)
    # Masks have margins; what counts is the chirp itself, within 20 dB of its level under the Hann window.
    loud = np.log(LEVEL * grid.n_fft / 4 / 10)
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
