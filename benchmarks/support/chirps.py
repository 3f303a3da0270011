"""Play chirps over noise on the default loudspeaker: `python -m benchmarks.support.chirps COUNT`.

At the end it prints when each chirp was played, as JSON: `[[start_s, end_s], ...]` on the monotonic clock. PortAudio
reports for each block when the device will play it.
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

SAMPLE_RATE_HZ = 48_000
CHIRP_S = 0.3
LOW_HZ, HIGH_HZ = 2500.0, 5000.0
CHIRP_PEAK, NOISE_RMS = 0.1, 0.0003
LEAD_S = 3.0  # noise alone, in which the noise floor settles
MIN_PAUSE_S, MAX_PAUSE_S = 1.5, 2.2  # random, so that chirps do not align with the network's calls
BLOCK_SAMPLES = SAMPLE_RATE_HZ // 100


def chirp() -> NDArray[np.float32]:
    """Return one rising chirp, `[samples]`, with 10 ms fades at both ends."""
    t_s = np.arange(round(CHIRP_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * (LOW_HZ * t_s + (HIGH_HZ - LOW_HZ) / (2 * CHIRP_S) * t_s**2)
    fade = np.minimum(1, np.minimum(t_s, CHIRP_S - t_s) / 0.01)
    return (CHIRP_PEAK * fade * np.sin(phase)).astype(np.float32)


def chirps_in_noise(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the samples, `[samples]`, and the first sample of each chirp, `[count]`."""
    rng = np.random.default_rng(seed)
    pauses_s = rng.uniform(MIN_PAUSE_S, MAX_PAUSE_S, count)
    starts = np.round((LEAD_S + np.cumsum(pauses_s + CHIRP_S)) * SAMPLE_RATE_HZ).astype(np.int64)
    one = chirp()
    length_samples = starts[-1] + round(LEAD_S * SAMPLE_RATE_HZ)
    samples = NOISE_RMS * rng.standard_normal(length_samples).astype(np.float32)
    for start in starts:
        samples[start : start + len(one)] += one
    return samples, starts


def main(count: int) -> None:
    """Play all chirps and print their times."""
    import sounddevice

    samples, starts = chirps_in_noise(count)
    position = 0
    blocks: list[tuple[int, float]] = []  # first sample of each block, and when it is played
    done = threading.Event()

    def play_block(out: NDArray[np.float32], frames: int, times: Any, _status: Any) -> None:
        nonlocal position
        # PortAudio uses another clock, but at the same rate.
        blocks.append((position, monotonic_s() + times.outputBufferDacTime - times.currentTime))
        piece = samples[position : position + frames]
        out[: len(piece), 0] = piece
        out[len(piece) :] = 0
        position += frames
        if position >= len(samples):
            done.set()

    with sounddevice.OutputStream(
        samplerate=SAMPLE_RATE_HZ,
        channels=1,
        dtype="float32",
        blocksize=BLOCK_SAMPLES,
        latency=0.05,
        callback=play_block,
    ):
        done.wait()
        time.sleep(1)
    first_samples, played_s = np.array(blocks).T
    block = np.searchsorted(first_samples, starts, side="right") - 1
    starts_s = played_s[block] + (starts - first_samples[block]) / SAMPLE_RATE_HZ
    print(json.dumps([[start_s, start_s + CHIRP_S] for start_s in starts_s.tolist()]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
