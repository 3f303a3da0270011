"""Kinds of 64-bit ARM instructions, recognized by their encoding (Arm Architecture Reference Manual, chapter C4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Literal, get_args

import numpy as np

Kind = Literal[
    "integer",
    "branch",
    "access of 64 bits",  # load or store, at most
    "access of 128 bits",
    "access of 256 bits",  # or more
    "dot product",  # of int8
    "vector multiply",  # of integers; of int8, with a result of 16 bits
    "pairwise add",  # with a result of twice the width
    "float multiply",  # of vectors, with or without an addition
    "divide",  # or square root, of floats
    "other vector",  # everything else on the vector registers, which also hold scalar floats
    "SVE or SME",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Blocks = Mapping[bytes, int]  # the instructions of a block, and how often it was executed


def counts(blocks: Blocks) -> Counter[Kind]:
    """Return how many instructions of each kind were executed."""
    total: Counter[Kind] = Counter()
    for block, executions in blocks.items():
        for kind, count in kinds(block).items():
            total[kind] += count * executions
    return total


@cache
def kinds(block: bytes) -> Counter[Kind]:
    """Return the kinds of the instructions of a block."""
    return Counter(kind(instruction) for instruction in np.frombuffer(block, "<u4").tolist())


@cache
def kind(instruction: int) -> Kind:
    """Return the kind of an instruction, given its encoding."""
    group = instruction >> 25 & 0b1111
    if group in (0b0000, 0b0010):
        return "SVE or SME"
    if group in (0b1010, 0b1011):
        return "branch"
    if group & 0b0101 == 0b0100:
        return _access(instruction)
    return _vector(instruction) if group & 0b0111 == 0b0111 else "integer"


def _access(instruction: int) -> Kind:
    vector, size, form = instruction >> 26 & 1, instruction >> 30, instruction >> 28 & 0b11
    doublewords = 1
    if form == 0b10:  # a pair
        doublewords = ((1, 1, 2, 1), (1, 2, 4, 1))[vector][size]
    elif vector and form == 0b00 and not instruction >> 24 & 1:  # structures: LD1 to LD4, ST1 to ST4
        registers = {0b0111: 1, 0b1010: 2, 0b1000: 2, 0b0110: 3, 0b0100: 3, 0b0010: 4, 0b0000: 4}
        doublewords = registers.get(instruction >> 12 & 0b1111, 1) << (size & 1)
    elif vector and form == 0b01:  # relative to the program counter
        doublewords = 1 + (size == 0b10)
    elif vector and form == 0b11:
        doublewords = 1 + (size == 0b00 and instruction >> 23 & 1)
    return ("access of 64 bits", "access of 128 bits", "access of 256 bits")[min(doublewords - 1, 2)]


def _vector(instruction: int) -> Kind:
    for name, mask, value in _ENCODINGS:
        if instruction & mask == value:
            return name
    return "other vector"


# Kind, mask and value; the first that fits counts. Bits 30 (128 bits) and 29 (unsigned) are free unless noted.
_ENCODINGS: tuple[tuple[Kind, int, int], ...] = (
    ("dot product", 0x9FE0FC00, 0x0E809400),  # SDOT, UDOT
    ("dot product", 0x9FC0F400, 0x0F80E000),  # the same, by element
    ("dot product", 0x9FE0F400, 0x0E80A400),  # SMMLA, UMMLA, USMMLA
    *(
        ("vector multiply", 0x9F20FC00, 0x0E200000 | op << 12) for op in range(0b1000, 0b1111)
    ),  # SMLAL ... PMULL
    *(
        ("vector multiply", 0x9F00F400, 0x0F000000 | op << 12) for op in (0, 2, 4, 6, 8, 10)
    ),  # MLA ... by element
    *(("vector multiply", 0x9F20FC00, 0x0E200400 | op << 11) for op in (0b10010, 0b10011)),  # MLA, MLS, MUL
    *(("pairwise add", 0x9F3FFC00, 0x0E200800 | op << 12) for op in (0b00010, 0b00110)),  # SADDLP, SADALP
    *(
        ("float multiply", 0xBF20FC00, 0x0E200400 | op << 11) for op in (0b11001, 0b11011)
    ),  # FMLA, FMLS, FMULX
    ("float multiply", 0xBF20FC00, 0x2E20DC00),  # FMUL
    *(
        ("float multiply", 0x9F00F400, 0x0F000000 | op << 12) for op in (1, 5, 9)
    ),  # FMLA, FMLS, FMUL by element
    ("divide", 0xBFA0FC00, 0x2E20FC00),  # FDIV
    ("divide", 0xBFBFFC00, 0x2EA1F800),  # FSQRT
    ("divide", 0xFF20FC00, 0x1E201800),  # FDIV, scalar
    ("divide", 0xFF3FFC00, 0x1E21C000),  # FSQRT, scalar
)
