"""A reader for the protobuf wire format, without message definitions.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

# A varint, or the content of a length-delimited or fixed-width field.
Value = int | memoryview | bytes

VARINT, FIXED_64, LENGTH_DELIMITED, FIXED_32 = 0, 1, 2, 5
MAX_VARINT_BITS = 70  # ten bytes of seven bits
MAX_FIELDS = 2**14  # of one message
MAX_INTEGERS = 2**10  # of one packed field


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
        ProtobufError: The message is malformed or truncated, or has more than `MAX_FIELDS` fields.
    """
    at = count = 0
    while at < len(message):
        start = at
        count += 1
        if count > MAX_FIELDS:
            raise ProtobufError(f"more than {MAX_FIELDS} fields")
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
        content = message[at : at + length]
        yield Field(number, content if wire_type == LENGTH_DELIMITED else bytes(content), start)
        at += length


def as_message(value: Value) -> memoryview:
    """Return the content of a length-delimited field.

    Raises:
        ProtobufError: The field is of another wire type.
    """
    if not isinstance(value, memoryview):
        raise ProtobufError("a number where a message is expected")
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
        ProtobufError: The packed varints are truncated, or more than `MAX_INTEGERS`.
    """
    if isinstance(value, int):
        return [value]
    packed, at = as_message(value), 0
    integers: list[int] = []
    while at < len(packed):
        integer, at = _read_varint(packed, at)
        integers.append(integer)
        if len(integers) > MAX_INTEGERS:
            raise ProtobufError(f"more than {MAX_INTEGERS} integers")
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
            return value & (2**64 - 1), at
    raise ProtobufError(f"the varint before byte {at} does not end")
