"""Instructions take at least the time of the busiest unit, and at most the time of strictly sequential execution."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.support.arm_boards import BOARDS, Board
from benchmarks.support.arm_instructions import KINDS

SMULL, SADALP, UDOT, LDR_Q, ADD, CBZ = 0x0E24C00C, 0x4E606998, 0x6F84E031, 0x3CC10404, 0x91004000, 0xB4000403
ZERO_2_W, PI_4, PI_5 = BOARDS


def block(*instructions: int) -> bytes:
    return np.array(instructions, "<u4").tobytes()


@pytest.mark.parametrize(
    ("board", "cycles"),
    [
        (ZERO_2_W, (12, 24)),  # one vector unit; one or two cycles each
        (PI_4, (8, 12)),  # 8 on the unit that multiplies, 4 on the unit that adds pairs
        (PI_5, (8, 12)),
    ],
    ids=[board.name for board in BOARDS],
)
def test_multiplications_wait_for_the_multiply_unit(board: Board, cycles: tuple[float, float]) -> None:
    assert board.cycles({block(*[SMULL] * 8, *[SADALP] * 4): 1}) == cycles


def test_a_pi_5_runs_two_dot_products_per_cycle_in_parallel_with_loads() -> None:
    assert PI_5.cycles({block(*[UDOT] * 8, LDR_Q, LDR_Q): 1})[0] == 4


def test_only_instructions_of_one_block_overlap() -> None:
    together = ZERO_2_W.cycles({block(SMULL, ADD): 10})[0]
    apart = ZERO_2_W.cycles({block(SMULL): 10, block(ADD): 10})[0]
    assert (together, apart) == (10, 15)


def test_time_is_a_range_that_shrinks_from_board_to_board() -> None:
    blocks = {block(SMULL, SMULL, SADALP, LDR_Q, ADD, CBZ): 1_000_000}
    ranges = [board.seconds(blocks) for board in BOARDS]
    assert all(0 < fast_s < slow_s for fast_s, slow_s in ranges)
    assert ranges == sorted(ranges, reverse=True)
    fast, slow = PI_4.cycles(blocks)
    assert PI_4.seconds(blocks) == (fast / 1.8e9, slow / 1.5e9)


@pytest.mark.parametrize("board", BOARDS, ids=[board.name for board in BOARDS])
def test_no_instruction_is_free_and_none_is_faster_alone(board: Board) -> None:
    for kind in KINDS:
        busiest = max(unit.get(kind, 0) for unit in board.units)
        assert 0 < busiest <= board.alone[kind], kind
