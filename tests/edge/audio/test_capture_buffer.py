"""What is read from a capture buffer begins so that blocks end where pieces end, and no sample is lost in silence."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from birdedge.edge.audio.capture_buffer import CaptureBuffer
from birdedge.edge.block import Block

PIECE = 100


@pytest.fixture
def stopped() -> threading.Event:
    """A stop that was set, with which a buffer yields what has arrived, and ends."""
    stop = threading.Event()
    stop.set()
    return stop


def buffer_of(min_block: int | None) -> CaptureBuffer:
    buffer = CaptureBuffer(1000, 1, piece_samples=PIECE)
    if min_block is not None:
        buffer.set_min_block(min_block)
    return buffer


def write(buffer: CaptureBuffer, pieces: range, lost_samples: int = 0) -> None:
    """Write pieces whose samples are numbered, the first of them after a loss."""
    for piece in pieces:
        numbers = np.arange(piece * PIECE, (piece + 1) * PIECE, dtype=np.float32)
        buffer.write(numbers[:, np.newaxis], lost_samples if piece == pieces.start else 0)


def read(buffer: CaptureBuffer, stop: threading.Event) -> list[Block]:
    return list(buffer.blocks(stop, lambda _: None))


@pytest.mark.parametrize(
    ("min_block", "first"), [(None, 0), (200, 0), (160, 40), (260, 40), (101, 99), (1, 99)]
)
def test_audio_begins_so_that_the_minimum_block_ends_with_a_piece(
    min_block: int | None, first: int, stopped: threading.Event
) -> None:
    buffer = buffer_of(min_block)
    write(buffer, range(3))
    (block,) = read(buffer, stopped)
    assert block.samples[:, 0].tolist() == list(range(first, 300))
    assert block.gap_samples == 0


def test_only_the_beginning_is_late(stopped: threading.Event) -> None:
    buffer = buffer_of(160)
    write(buffer, range(2))
    read(buffer, stopped)
    buffer.set_min_block(70)
    write(buffer, range(2, 4))
    (block,) = read(buffer, stopped)
    assert block.samples[:, 0].tolist() == list(range(200, 400))


def test_after_a_gap_blocks_end_with_a_piece_again_and_what_is_left_out_is_part_of_the_gap(
    stopped: threading.Event,
) -> None:
    buffer = buffer_of(160)
    write(buffer, range(2))
    write(buffer, range(2, 5), lost_samples=1000)
    before, after = read(buffer, stopped)
    assert before.samples[:, 0].tolist() == list(range(40, 200))
    assert (after.gap_samples, after.gap_cause) == (1040, "overrun")
    assert after.samples[:, 0].tolist() == list(range(240, 500))


def test_a_reader_waits_for_no_piece_that_it_does_not_need() -> None:
    stop = threading.Event()
    buffer, lengths = buffer_of(160), []
    write(buffer, range(2))
    for number, block in enumerate(buffer.blocks(stop, lambda _: None), 2):
        lengths.append(len(block.samples))
        buffer.set_min_block(PIECE)
        write(buffer, range(number, number + 1))
        if number == 5:
            stop.set()
    assert lengths == [160, 100, 100, 100, 100]
