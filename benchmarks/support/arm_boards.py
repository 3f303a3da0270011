"""Raspberry Pi boards, and an estimate of the network's speed on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """A board: its processor as qemu names it, and the limits between which its speed is assumed to lie."""

    cpu: str
    name: str
    clock_hz: tuple[float, float]
    # Peak of one core. Without dot product: 4 by one UMLAL per cycle, or 16 by SMULL, SMLAL and SADALP, which take the
    # A53 three cycles and the A72, with two pipes, two. With it, 16 by a UDOT, of which the A76 does one or two.
    int8_macs_per_cycle: tuple[float, float]


BOARDS = (
    Board("cortex-a53", "Pi Zero 2 W", (1.0e9, 1.0e9), (4, 16 / 3)),
    Board("cortex-a72", "Pi 4", (1.5e9, 1.8e9), (4, 8)),
    Board("cortex-a76", "Pi 5", (2.4e9, 2.4e9), (16, 32)),
)
# An x86 core does two int8 multiply-accumulates per fp32 one (AVX2), or four (VNNI).
INT8_MACS_PER_FP32_MAC = (2, 4)


def network_s_per_s(macs_per_s: float, board: Board, share_of_fp32_peak: float) -> tuple[float, float]:
    """Estimate the seconds of one core per second of audio, for the network alone.

    The network is assumed to reach the same share of the board's int8 peak as of the int8 peak on x86, where only its
    share of the fp32 peak is measured.

    Args:
        macs_per_s: Multiply-accumulates per second of audio.
        board: The board.
        share_of_fp32_peak: Share of the fp32 peak that the network reaches on x86.

    Returns:
        The fast end and the slow end of the estimate.
    """
    high, low = (share_of_fp32_peak / ratio for ratio in INT8_MACS_PER_FP32_MAC)
    (low_hz, high_hz), (few, many) = board.clock_hz, board.int8_macs_per_cycle
    return macs_per_s / (high_hz * many * high), macs_per_s / (low_hz * few * low)
