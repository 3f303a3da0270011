"""The wire format is read, whether written by another implementation or by hand."""

from __future__ import annotations

import pytest
from onnx import AttributeProto, StringStringEntryProto, TensorProto

from birdedge.edge.models.protobuf_reader import (
    MAX_FIELDS,
    MAX_INTEGERS,
    ProtobufError,
    as_integers,
    as_message,
    as_signed,
    as_text,
    read_fields,
)


def view(content: bytes) -> memoryview:
    return memoryview(content)


def test_fields_are_read_with_their_numbers_and_values() -> None:
    tensor = TensorProto(dims=[300, 2], data_type=1, name="weights", raw_data=b"\x00\x01")
    fields = [(number, value) for number, value, _ in read_fields(view(tensor.SerializeToString()))]
    assert [value for number, value in fields if number == 1] == [300, 2]
    assert (2, 1) in fields
    assert [bytes(as_message(value)) for number, value in fields if number in (8, 9)] == [
        b"weights",
        b"\x00\x01",
    ]


def test_a_field_starts_where_the_previous_one_ends() -> None:
    content = StringStringEntryProto(key="a", value="bc").SerializeToString()
    assert [start for _, _, start in read_fields(view(content))] == [0, 3]


def test_fixed_width_fields_are_skipped_by_their_size() -> None:
    content = AttributeProto(f=1.5, i=7).SerializeToString() + b"\x09" + bytes(8) + b"\x10\x05"
    assert [number for number, _, _ in read_fields(view(content))] == [2, 3, 1, 2]


@pytest.mark.parametrize("integer", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -(2**63)])
def test_a_signed_integer_is_read_back(integer: int) -> None:
    ((_, value, _),) = read_fields(view(AttributeProto(i=integer).SerializeToString()))
    assert isinstance(value, int)
    assert as_signed(value) == integer


def test_packed_and_single_integers_are_read_as_lists() -> None:
    assert as_integers(view(b"\x01\xac\x02\x00")) == [1, 300, 0]
    assert as_integers(5) == [5]


@pytest.mark.parametrize(
    "content",
    [b"\x08", b"\x80", b"\x0a\x05abc", b"\x0b", b"\x09\x00", b"\x08" + b"\xff" * 11, b"\x80" * 11 + b"\x01"],
)
def test_a_truncated_or_malformed_message_is_an_error(content: bytes) -> None:
    with pytest.raises(ProtobufError):
        list(read_fields(view(content)))


def test_a_value_of_the_wrong_kind_is_an_error() -> None:
    with pytest.raises(ProtobufError):
        as_message(7)
    with pytest.raises(ProtobufError):
        as_text(view(b"\xff\xfe"))
    with pytest.raises(ProtobufError):
        as_integers(view(b"\x80"))
    with pytest.raises(ProtobufError):
        as_integers(bytes(8))  # of a fixed-width field, which other readers ignore


def test_a_message_of_very_many_fields_or_integers_is_an_error() -> None:
    with pytest.raises(ProtobufError, match="fields"):
        list(read_fields(view(b"\x08\x01" * (MAX_FIELDS + 1))))
    with pytest.raises(ProtobufError, match="integers"):
        as_integers(view(bytes(MAX_INTEGERS + 1)))


def test_an_integer_of_more_than_64_bits_is_truncated_as_by_protobuf() -> None:
    content = b"\x18" + b"\x85" + b"\x80" * 8 + b"\x02"
    assert AttributeProto.FromString(content).i == 5
    assert [value for _, value, _ in read_fields(view(content))] == [5]
