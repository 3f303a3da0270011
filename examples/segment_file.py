"""Print the events of a recording and what its mask covers: `python examples/segment_file.py dawn.flac`."""

from __future__ import annotations

import sys

import numpy as np

from birdedge.edge import segment


def main(path: str) -> None:
    """Segment a recording, in memory."""
    result = segment(path)
    for event in result.events:
        frames, bins = event.mask.shape
        print(
            f"{event.onset_s:7.2f} s to {event.offset_s:7.2f} s, {event.low_hz:5.0f} to {event.high_hz:5.0f} Hz, "
            f"score {event.score:.2f}, mask of {frames} frames x {bins} bins"
        )
    mask = result.mask
    is_bird = mask.mask >= round(255 * mask.threshold)
    peak_hz = mask.low_hz + mask.bin_hz * np.argmax(is_bird.sum(axis=0))
    print(f"bird sound in {is_bird.any(axis=1).sum() * mask.hop_s:.2f} s, most of it at {peak_hz:.0f} Hz")


if __name__ == "__main__":
    main(sys.argv[1])
