"""The file of the counting plugin is read by phase."""

from __future__ import annotations

import struct

from benchmarks.support.instruction_counter import read_phases

ADD, RET = (struct.pack("<I", word) for word in (0x91004000, 0xD65F03C0))
END = struct.pack("<QI", 0, 0)


def record(executions: int, block: bytes) -> bytes:
    return struct.pack("<QI", executions, len(block) // 4) + block


def test_each_phase_has_the_executions_of_its_blocks() -> None:
    start = record(7, ADD + RET) + record(2, RET) + END
    # When the emulator translates a discarded block again, it counts the block separately.
    loop = record(2**40, ADD) + record(5, ADD) + END
    assert read_phases(start + loop + END) == [{ADD + RET: 7, RET: 2}, {ADD: 2**40 + 5}, {}]


def test_instructions_after_the_last_phase_do_not_count() -> None:
    assert read_phases(record(1, ADD) + END + record(9, RET)) == [{ADD: 1}]
