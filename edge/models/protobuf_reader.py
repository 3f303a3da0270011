"""A reader for the protobuf wire format, without message definitions.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

Value = int | memoryview  # a varint, or the bytes of any other field

VARINT, FIXED_64, LENGTH_DELIMITED, FIXED_32 = 0, 1, 2, 5
MAX_VARINT_BITS = 70  # ten bytes of seven bits


class ProtobufError(Exception):
    """Bytes that are not the expected protobuf message."""


class Field(NamedTuple):
    """One field of a message, and the index of its first byte in the message."""

    number: int
    value: Value
    start: int


def read_fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a message in order.

    Raises:
        ProtobufError: The message is malformed or truncated.
    """
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, at = _read_varint(message, at)
            yield Field(number, value, start)
            continue
        if wire_type == LENGTH_DELIMITED:
            length, at = _read_varint(message, at)
        elif wire_type in (FIXED_64, FIXED_32):
            length = 8 if wire_type == FIXED_64 else 4
        else:
            raise ProtobufError(f"wire type {wire_type} at byte {start}")
        if at + length > len(message):
            raise ProtobufError(f"field {number} at byte {start} is truncated")
        yield Field(number, message[at : at + length], start)
        at += length


def read_last(message: memoryview, number: int) -> Value:
    """Return the value of the last field with this number, which is the valid one; empty if there is none."""
    found: Value = memoryview(b"")
    for field in read_fields(message):
        if field.number == number:
            found = field.value
    return found


def as_message(value: Value) -> memoryview:
    """Return the bytes of a field.

    Raises:
        ProtobufError: The field is a varint.
    """
    if isinstance(value, int):
        raise ProtobufError("a varint where a message is expected")
    return value


def as_text(value: Value) -> str:
    """Return the text of a string field.

    Raises:
        ProtobufError: The field is not UTF-8.
    """
    try:
        return bytes(as_message(value)).decode()
    except UnicodeDecodeError as error:
        raise ProtobufError("a string is not UTF-8") from error


def as_integers(value: Value) -> list[int]:
    """Return the unsigned 64-bit integers of a repeated field: one varint, or several that are packed.

    Raises:
        ProtobufError: The packed varints are truncated.
    """
    if isinstance(value, int):
        return [value]
    integers, at = [], 0
    while at < len(value):
        integer, at = _read_varint(value, at)
        integers.append(integer)
    return integers


def as_signed(integer: int) -> int:
    """Return the int64 that an unsigned varint encodes (two's complement)."""
    return integer - 2**64 if integer >= 2**63 else integer


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """Return the varint that starts at byte `at`, and the index of the byte after it."""
    value = 0
    for shift in range(0, MAX_VARINT_BITS, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ProtobufError(f"the varint before byte {at} does not end")
