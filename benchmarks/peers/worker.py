"""One tool in its own process: `PYTHON worker.py PROGRAM RECORDING.wav [ARGUMENT...]`.

PROGRAM defines `load(samples, sample_rate_hz, *arguments)`, which returns a function that processes the samples once.
That function runs once for warm-up, then once per line of standard input, each time printing its CPU seconds (user and
system, of all threads). Start-up, imports and the loading of a model are not measured.
"""

from __future__ import annotations

import runpy
import sys
import time
import wave

import numpy as np


def main(program: str, recording: str, *arguments: str) -> None:
    """Load the recording, a 16-bit mono WAV, as float32 in -1..1 and answer each line of standard input."""
    with wave.open(recording, "rb") as file:
        sample_rate_hz = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    run = runpy.run_path(program)["load"](samples, sample_rate_hz, *arguments)
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start_s = time.process_time()
        run()
        print(time.process_time() - start_s, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
