"""A GeoJSON file goes in, feature by feature comes out, in constant memory: ten million fit through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

CHUNK = 1 << 16
LONGEST = 64 << 20
"""Characters of one feature: more is no point of interest but a mistake."""

_SPACE = " \t\r\n"


def features_of(path: Path) -> Iterator[Any]:
    """The features of a FeatureCollection, of values one after the other, or the items of a list.

    Raises:
        ValueError: it is no JSON, or none of these, or it ends too early.
    """
    with path.open(encoding="utf-8-sig") as file:
        text = _Text(file)
        while text.peek():
            if text.peek() == "\x1e":  # the separator of RFC 8142
                text.take()
            elif text.peek() == "[":
                yield from text.items()
            elif text.peek() == "{":
                yield from _of_object(text)
            else:
                raise ValueError("neither an object nor a list was found")


def _of_object(text: _Text) -> Iterator[Any]:
    """Of one object: each of its "features" where it has them, itself where it is a Feature."""
    text.take()
    members: dict[str, Any] = {}
    collection = False
    while text.peek() != "}":
        key = text.value()
        text.expect(":")
        if key == "features" and text.peek() == "[":
            collection = True
            yield from text.items()
        else:
            members[str(key)] = text.value()
        if text.peek() == ",":
            text.take()
        elif text.peek() != "}":
            raise ValueError("a comma or a brace is missing")
    text.take()
    if not collection:
        if members.get("type") != "Feature":
            raise ValueError(f"its type is {members.get('type')!r}, neither a FeatureCollection nor a Feature")
        yield members


class _Text:
    """JSON read from a file value by value."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._held, self._at, self._ended = file, "", 0, False
        self._decoder = json.JSONDecoder()

    def _more(self, size: int) -> None:
        read = self._file.read(size)
        self._ended = not read
        self._held = self._held[self._at :] + read
        self._at = 0

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._held) or self._ended:
                return self._held[self._at : self._at + 1]
            self._more(CHUNK)

    def take(self) -> str:
        found = self.peek()
        self._at += 1
        return found

    def expect(self, wanted: str) -> None:
        found = self.take()
        if found != wanted:
            raise ValueError(f"{wanted!r} was expected, {found!r} found")

    def value(self) -> Any:
        """The next value."""
        self.peek()
        size = CHUNK
        while True:
            try:
                found, end = self._decoder.raw_decode(self._held, self._at)
            except ValueError:
                if self._ended or len(self._held) - self._at > LONGEST:
                    raise
            else:
                if end < len(self._held) or self._ended:  # a number may go on in the next chunk
                    self._at = end
                    return found
            self._more(size)
            size *= 2  # so that a long value is not decoded from its beginning a thousand times

    def items(self) -> Iterator[Any]:
        """The items of the list that begins here."""
        self.expect("[")
        while self.peek() != "]":
            yield self.value()
            if self.peek() == ",":
                self.take()
            elif self.peek() != "]":
                raise ValueError("a comma or a bracket is missing")
        self.take()
