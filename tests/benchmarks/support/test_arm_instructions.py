"""Instructions are recognized by their encoding; LLVM's assembler produced the encodings in this file."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.support.arm_instructions import Kind, counts, kind

ENCODINGS: list[tuple[str, int, Kind]] = [
    ("udot v17.4s, v1.16b, v4.4b[0]", 0x6F84E031, "dot product"),
    ("sdot v16.4s, v4.16b, v0.16b", 0x4E809490, "dot product"),
    ("usmmla v16.4s, v4.16b, v0.16b", 0x4E80AC90, "dot product"),
    ("smull v12.8h, v0.8b, v4.8b", 0x0E24C00C, "vector multiply"),
    ("umlal2 v12.8h, v0.16b, v4.16b", 0x6E24800C, "vector multiply"),
    ("smlal v12.4s, v0.4h, v4.h[1]", 0x0F54200C, "vector multiply"),
    ("mla v1.4s, v2.4s, v3.4s", 0x4EA39441, "vector multiply"),
    ("mul v1.4s, v2.4s, v3.s[1]", 0x4FA38041, "vector multiply"),
    ("sadalp v24.4s, v12.8h", 0x4E606998, "pairwise add"),
    ("uaddlp v1.8h, v2.16b", 0x6E202841, "pairwise add"),
    ("fmla v16.4s, v4.4s, v8.s[0]", 0x4F881090, "float multiply"),
    ("fmul v1.4s, v2.4s, v3.4s", 0x6E23DC41, "float multiply"),
    ("fdiv v1.4s, v2.4s, v3.4s", 0x6E23FC41, "divide"),
    ("fsqrt d1, d2", 0x1E61C041, "divide"),
    ("fdiv s1, s2, s3", 0x1E231841, "divide"),
    ("fmadd d1, d2, d3, d4", 0x1F431041, "other vector"),
    ("saddl v1.8h, v2.8b, v3.8b", 0x0E230041, "other vector"),
    ("add v1.4s, v2.4s, v3.4s", 0x4EA38441, "other vector"),
    ("fadd v1.4s, v2.4s, v3.4s", 0x4E23D441, "other vector"),
    ("movi v1.16b, #0", 0x4F00E401, "other vector"),
    ("ldr d8, [x12], #8", 0xFC408588, "access of 64 bits"),
    ("ldr q4, [x0], #16", 0x3CC10404, "access of 128 bits"),
    ("stur q4, [x0, #-8]", 0x3C9F8004, "access of 128 bits"),
    ("ldp d0, d2, [x0], #64", 0x6CC40800, "access of 128 bits"),
    ("ldp q4, q5, [x1, #-192]", 0xAD7A1424, "access of 256 bits"),
    ("ld1 { v0.16b }, [x1], #16", 0x4CDF7020, "access of 128 bits"),
    ("ld1 { v0.8b }, [x1], #8", 0x0CDF7020, "access of 64 bits"),
    ("ld4 { v0.4s ... v3.4s }, [x1]", 0x4C400820, "access of 256 bits"),
    ("st1 { v0.s }[1], [x1]", 0x0D009020, "access of 64 bits"),
    ("ldp x19, x20, [sp, #16]", 0xA94153F3, "access of 128 bits"),
    ("ldp w1, w2, [x3]", 0x29400861, "access of 64 bits"),
    ("str w1, [x2, x3]", 0xB8236841, "access of 64 bits"),
    ("ldrb w1, [x2]", 0x39400041, "access of 64 bits"),
    ("ldaddal w1, w2, [x3]", 0xB8E10062, "access of 64 bits"),
    ("ldr q1, #16", 0x9C000081, "access of 128 bits"),
    ("add x0, x0, #16", 0x91004000, "integer"),
    ("madd x1, x2, x3, x4", 0x9B031041, "integer"),
    ("csel x1, x2, x3, eq", 0x9A830041, "integer"),
    ("cbz x3, #128", 0xB4000403, "branch"),
    ("b.ne #-16", 0x54FFFF81, "branch"),
    ("ret", 0xD65F03C0, "branch"),
    ("fmopa za0.s, p0/m, p1/m, z0.s, z1.s", 0x80812000, "SVE or SME"),
    ("fmla z0.s, p0/m, z1.s, z2.s", 0x65A20020, "SVE or SME"),
]


@pytest.mark.parametrize(
    ("encoding", "expected"), [row[1:] for row in ENCODINGS], ids=[row[0] for row in ENCODINGS]
)
def test_the_kind_of_an_instruction_follows_from_its_encoding(encoding: int, expected: Kind) -> None:
    assert kind(encoding) == expected


def test_the_instructions_of_a_block_count_once_per_execution() -> None:
    add, udot, ret = (np.array([word], "<u4").tobytes() for word in (0x91004000, 0x6F84E031, 0xD65F03C0))
    assert counts({add + udot + udot: 10, add + ret: 3}) == {"integer": 13, "dot product": 20, "branch": 3}
