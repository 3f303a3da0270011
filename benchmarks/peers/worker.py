"""One peer in a process of its own: `PYTHON worker.py PROGRAM SOUND.wav [ARGUMENT...]`.

PROGRAM has a function `load(samples, sample_rate_hz, *arguments)` that gives another one, which goes through the sound
once. That is called once unmeasured; then once for each line of standard input, and its CPU seconds (user and
system, of all threads) are printed. So start, imports and the loading of a model are in no figure.
"""

from __future__ import annotations

import runpy
import sys
import time
import wave

import numpy as np


def main(program: str, sound: str, *arguments: str) -> None:
    """`sound` is a 16-bit mono WAV; `samples` are float32 in -1..1."""
    with wave.open(sound, "rb") as file:
        sample_rate_hz = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    run = runpy.run_path(program)["load"](samples, sample_rate_hz, *arguments)
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        began_s = time.process_time()
        run()
        print(time.process_time() - began_s, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
