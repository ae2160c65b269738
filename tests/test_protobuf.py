"""Protocol buffers: fields in order, groups seen through, damage refused."""

from __future__ import annotations

import pytest
from tiles import field, varint

from viewfix.protobuf import DamagedMessage, fields, values, varints

WHOLE = field(1, 300) + field(2, b"abc") + b"\x1d" + b"\1\2\3\4" + b"\x21" + bytes(8)


def test_values_are_numbers_or_slices_of_the_message() -> None:
    assert list(values(WHOLE)) == [(1, 300), (2, b"abc"), (3, b"\1\2\3\4"), (4, bytes(8))]
    assert all(isinstance(value, int | memoryview) for _, value in values(memoryview(WHOLE)))


def test_fields_of_a_part_of_a_message_have_places_in_the_whole() -> None:
    outer = field(7, WHOLE)
    [(number, _, start, end)] = fields(outer)
    assert number == 7 and outer[start:end] == WHOLE
    assert [outer[a:b] for n, _, a, b in fields(outer, start, end) if n == 2] == [b"abc"]


def test_fields_in_and_behind_a_group_are_seen() -> None:
    message = varint(9 << 3 | 3) + field(1, 5) + varint(9 << 3 | 4) + field(2, b"x")
    assert list(values(message)) == [(9, b""), (1, 5), (9, b""), (2, b"x")]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (field(2, b"abc")[:-1], "ends too early"),
        (b"\x08\x80", "ends too early"),
        (b"\x21" + bytes(7), "ends too early"),
        (b"\x08" + b"\x80" * 10, "a number that is too long"),
        (b"\x0e", "a field of an unknown kind"),
        (b"\x3b", "ends too early"),
        (b"\x3b\x4c", "a group that does not begin"),
        (b"\x3c", "a group that does not begin"),
    ],
)
def test_a_damaged_message_is_an_error(message: bytes, said: str) -> None:
    with pytest.raises(DamagedMessage, match=said):
        list(values(message))


def test_packed_numbers_are_read_to_the_end() -> None:
    assert list(varints(varint(1) + varint(300) + varint(2**63))) == [1, 300, 2**63]
    for damaged, said in ((b"\x01\x80", "ends too early"), (b"\x80" * 10, "too long")):
        with pytest.raises(DamagedMessage, match=said):
            list(varints(damaged))
