"""Play chirps over hiss on the default loudspeaker: `python -m benchmarks.support.chirps COUNT`.

Prints as JSON, at the end, when each was played: `[[began_s, ended_s], ...]` on the boot's clock. PortAudio tells for
each block of sound when the device will play it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.system.clock import monotonic_s

RATE_HZ = 48_000
CHIRP_S = 0.3
LOW_HZ, HIGH_HZ = 2500.0, 5000.0
LEVEL, HISS = 0.1, 0.0003  # peak of a chirp; rms of the hiss
LEAD_S = 3.0  # of hiss alone, in which the floor settles
MIN_PAUSE_S, MAX_PAUSE_S = (
    1.5,
    2.2,
)  # drawn for each, so that no chirp keeps time with the network's calls
BLOCK = RATE_HZ // 100


def chirp() -> NDArray[np.float32]:
    """One, `[n]`, from low to high, with 10 ms of fade at both ends."""
    t_s = np.arange(round(CHIRP_S * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (LOW_HZ * t_s + (HIGH_HZ - LOW_HZ) / (2 * CHIRP_S) * t_s**2)
    fade = np.minimum(1, np.minimum(t_s, CHIRP_S - t_s) / 0.01)
    return (LEVEL * fade * np.sin(phase)).astype(np.float32)


def sound(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Samples `[n]`, and where each chirp begins, `[count]`."""
    rng = np.random.default_rng(seed)
    pauses_s = rng.uniform(MIN_PAUSE_S, MAX_PAUSE_S, count)
    starts = np.round((LEAD_S + np.cumsum(pauses_s + CHIRP_S)) * RATE_HZ).astype(np.int64)
    one = chirp()
    samples = HISS * rng.standard_normal(starts[-1] + round(LEAD_S * RATE_HZ)).astype(np.float32)
    for start in starts:
        samples[start : start + len(one)] += one
    return samples, starts


def main(count: int) -> None:
    """Plays them all."""
    import sounddevice

    samples, starts = sound(count)
    at = 0
    blocks: list[tuple[int, float]] = []  # first sample of each block, and when it is played
    done = threading.Event()

    def give(out: NDArray[np.float32], frames: int, when: Any, _status: Any) -> None:
        nonlocal at
        # The sound system's clock is another one, but runs as fast.
        blocks.append((at, monotonic_s() + when.outputBufferDacTime - when.currentTime))
        piece = samples[at : at + frames]
        out[: len(piece), 0] = piece
        out[len(piece) :] = 0
        at += frames
        if at >= len(samples):
            done.set()

    with sounddevice.OutputStream(
        samplerate=RATE_HZ, channels=1, dtype="float32", blocksize=BLOCK, latency=0.05, callback=give
    ):
        done.wait()
        time.sleep(1)
    firsts, played_s = np.array(blocks).T
    block = np.searchsorted(firsts, starts, side="right") - 1
    began_s = played_s[block] + (starts - firsts[block]) / RATE_HZ
    print(json.dumps([[began, began + CHIRP_S] for began in began_s.tolist()]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
