"""Raspberry Pi boards, and an estimate of the time that instructions take on them.

Fast end: a block of instructions takes the time of its busiest unit, as if nothing ever waited. Slow end: instructions
take their times one after the other. Sources of the costs:

- Cortex-A53: LLVM, AArch64SchedA53.td, written from Arm's instruction timings; and ncnn, arm-a53-a55-dual-issue.md
  (accesses take a cycle per 64 bits). An instruction on 128 bits takes one cycle in ncnn's text and two in LLVM's.
- Cortex-A72: Arm, Cortex-A72 Software Optimization Guide (UAN 0016A). Decodes 3 instructions; two vector units, of
  which one multiplies integers and the other adds pairs, and both together do one multiplication of 4 floats.
- Cortex-A76: LLVM, AArch64SchedNeoverseN1.td, of the same design; Arm, Cortex-A76 Software Optimization Guide. Decodes
  4 instructions; two vector units, of which one multiplies integers and the other adds pairs.

At the slow end, instructions on the general registers run at the rate of typical programs, with cache misses and
mispredicted branches. The rates are assumed: about 0.6 instructions per cycle on the A53, 1 on the A72 and 1.5 on the
A76.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.support.arm_instructions import KINDS, Blocks, Kind, kinds

Cycles = Mapping[Kind, float]
ACCESSES: tuple[Kind, ...] = ("access of 64 bits", "access of 128 bits", "access of 256 bits")
VECTOR: tuple[Kind, ...] = KINDS[KINDS.index("dot product") :]


@dataclass(frozen=True)
class Board:
    """A board: its processor as qemu names it, its clock, and the cost of instructions."""

    cpu: str
    name: str
    clock_hz: tuple[float, float]
    units: tuple[Cycles, ...]  # for which an instruction of each kind keeps each unit busy
    alone: Cycles  # of an instruction of each kind that overlaps with no other
    # ncnn's int8 MobileNet of 569 million multiply-accumulates on one core (ncnn, benchmark/README.md).
    mobilenet_s: float
    # Assumed, from owners' measurements at the wall plug: the idle board, and one busy core in addition.
    idle_w: float
    busy_core_w: float

    def cycles(self, blocks: Blocks) -> tuple[float, float]:
        """Return the fewest and the most cycles that blocks of instructions are estimated to take."""
        fast = slow = 0.0
        for block, executions in blocks.items():
            counted = kinds(block)
            fast += executions * max(_sum(counted, unit) for unit in self.units)
            slow += executions * _sum(counted, self.alone)
        return fast, slow

    def seconds(self, blocks: Blocks) -> tuple[float, float]:
        """Return the shortest and the longest time of one core that blocks of instructions are estimated to take."""
        (fast, slow), (low_hz, high_hz) = self.cycles(blocks), self.clock_hz
        return fast / high_hz, slow / low_hz


def _sum(counted: Mapping[Kind, int], cycles: Cycles) -> float:
    return sum(count * cycles.get(kind, 0) for kind, count in counted.items())


def _units(
    issue: int, integer: int, accesses: tuple[float, float, float], *vector: Cycles
) -> tuple[Cycles, ...]:
    return (
        dict.fromkeys(KINDS, 1 / issue),
        {"integer": 1 / integer},
        {"branch": 1},
        dict(zip(ACCESSES, accesses, strict=True)),
        *vector,
    )


def _alone(integer: float, branch: float, accesses: tuple[float, float, float], vector: Cycles) -> Cycles:
    return {"integer": integer, "branch": branch, **dict(zip(ACCESSES, accesses, strict=True)), **vector}


BOARDS = (
    Board(
        "cortex-a53",
        "Pi Zero 2 W",
        (1.0e9, 1.0e9),
        _units(2, 2, (1, 2, 4), {**dict.fromkeys(VECTOR, 1), "divide": 10}),
        _alone(1.2, 2, (2, 3, 5), {**dict.fromkeys(VECTOR, 2), "divide": 29}),
        0.2868,
        0.6,
        0.5,
    ),
    Board(
        "cortex-a72",
        "Pi 4",
        (1.5e9, 1.8e9),
        _units(
            3,
            2,
            (0.5, 0.5, 1),
            {**dict.fromkeys(VECTOR, 1 / 2), "float multiply": 1, "divide": 6},
            {"vector multiply": 1},
            {"pairwise add": 1},
        ),
        _alone(0.8, 1.2, (1.2, 1.5, 3), {**dict.fromkeys(VECTOR, 1), "divide": 20}),
        0.0848,
        2.7,
        1.0,
    ),
    Board(
        "cortex-a76",
        "Pi 5",
        (2.4e9, 2.4e9),
        _units(
            4,
            3,
            (0.5, 0.5, 1),
            {**dict.fromkeys(VECTOR, 1 / 2), "divide": 4},
            {"vector multiply": 1},
            {"pairwise add": 1},
        ),
        _alone(0.5, 1, (0.7, 1, 2), {**dict.fromkeys(VECTOR, 1), "divide": 10}),
        0.0144,
        2.8,
        1.5,
    ),
)
MOBILENET_MACS = 569e6
