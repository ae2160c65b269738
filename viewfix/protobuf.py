"""Read protocol buffers without their schema: the fields of a message, in bounded time whatever it contains.

The wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 = range(6)
_SIZES = {FIXED64: 8, FIXED32: 4, START_GROUP: 0, END_GROUP: 0}
MOST_SHIFT = 63
"""A number takes at most ten bytes of seven bits."""

Message = TypeVar("Message", bytes, memoryview)


class DamagedMessage(ValueError):
    """A message that does not follow the wire format. The text continues a sentence: "the file ends too early"."""


def fields(message: bytes | memoryview, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """Each field of the message at [start:end]: its number, its wire type, and the start and end of its value.

    The two ends of a group are fields without a value, and the fields between them follow as if there were no group:
    other readers skip an unknown group, so a check of a message must see what stands behind it.

    Raises:
        DamagedMessage: it ends too early, a number is too long, or a wire type does not exist.
    """
    at, end = start, len(message) if end is None else end
    groups: list[int] = []
    while at < end:
        key, at = varint(message, at)
        kind = key & 7
        if kind == VARINT:
            stop = varint(message, at)[1]
        elif kind == BYTES:
            length, at = varint(message, at)
            stop = at + length
        elif kind in _SIZES:
            stop = at + _SIZES[kind]
        else:
            raise DamagedMessage("has a field of an unknown kind")
        if kind == START_GROUP:
            groups.append(key >> 3)
        elif kind == END_GROUP and (not groups or groups.pop() != key >> 3):
            raise DamagedMessage("has a group that does not begin")
        if stop > end:
            raise DamagedMessage("ends too early")
        yield key >> 3, kind, at, stop
        at = stop
    if groups:
        raise DamagedMessage("ends too early")


def values(message: Message) -> Iterator[tuple[int, int | Message]]:
    """The number and the value of each field: an integer, or a slice of the message. Raises as `fields` does."""
    for number, kind, start, end in fields(message):
        yield number, varint(message, start)[0] if kind == VARINT else message[start:end]


def varint(message: bytes | memoryview, at: int) -> tuple[int, int]:
    """The number that starts at a byte, and the place after it.

    Raises:
        DamagedMessage: the message ends too early, or the number is too long.
    """
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > MOST_SHIFT:
            raise DamagedMessage("has a number that is too long")
    raise DamagedMessage("ends too early")


def varints(packed: bytes | memoryview) -> Iterator[int]:
    """All numbers of a packed field, one after the other. Raises as `varint` does."""
    value = shift = 0
    for byte in packed:
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            yield value
            value = shift = 0
            continue
        shift += 7
        if shift > MOST_SHIFT:
            raise DamagedMessage("has a number that is too long")
    if shift:
        raise DamagedMessage("ends too early")
