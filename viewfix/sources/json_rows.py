"""Stream the items of a JSON file, of any size: features of GeoJSON, elements of Overpass, objects of a list."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import ijson

from ..photos import RemoteFile

LONGEST = 64 << 20
"""The largest size of one item in bytes. A larger one is a mistake."""

WHOLE = 256 << 20
"""The largest file with NaN or Infinity that is read, at once: Python writes these, but they are not JSON."""

MOST_DEPTH = 200

COLLECTIONS = ("features", "elements")
"""The keys of the list of items: in a GeoJSON FeatureCollection, and in an Overpass export."""

_ESCAPED, _BRACKETS = re.compile(rb"\\.", re.S), re.compile(rb"[\[\]{}]")
_NOT_JSON = re.compile(rb"[\s:,\[{](NaN|-?Infinity)\b")


def items_of(path: Path | RemoteFile) -> Iterator[Any]:
    """Stream the items of a JSON file.

    Items are the features of FeatureCollections, the elements of an Overpass export, the items of lists, or values one
    after the other, as in a file with a feature on each line.

    Raises:
        ValueError: the file is not JSON, contains none of these, or ends too early.
        OSError: it cannot be read.
    """
    with path.open("rb") as raw:
        if not raw.read(1 << 16).strip(b"\xef\xbb\xbf\x1e \t\r\n"):
            return
    try:
        if _has_nan(path):
            for value in _all_at_once(path):
                yield from _unpacked(value)
            return
        with _opened(path) as file:
            prefix = _prefix(file)
        with _opened(path) as file:
            for item in ijson.items(file, prefix, multiple_values=True):
                file.since_item = 0
                yield from _unpacked(_with_floats(item)) if prefix == "" else (_with_floats(item),)
    except ijson.JSONError as error:
        raise ValueError(" ".join(str(error).split())[:160]) from error
    except ArithmeticError as error:  # Decimal refuses an exponent of many digits
        raise ValueError("it contains a number that is too large") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not written in UTF-8") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _prefix(file: _JsonFile) -> str:
    """The prefix under which ijson finds the items, from the beginning of the file."""
    for prefix, event, _ in ijson.parse(file, multiple_values=True):
        if prefix == "" and event == "start_array":
            return "item"
        if event == "start_array" and prefix in COLLECTIONS:
            return f"{prefix}.item"
        if prefix == "" and event != "map_key" and event != "start_map":  # the end of an object without them; a number
            return ""
    return ""


def _unpacked(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
        return
    if not isinstance(value, dict):
        raise ValueError("neither an object nor a list was found")
    for name in COLLECTIONS:
        if isinstance(value.get(name), list):
            yield from value[name]
            return
    if value.get("type") != "Feature":
        raise ValueError(f"its type is {value.get('type')!r:.40}, neither a FeatureCollection nor a Feature")
    yield value


def _with_floats(value: Any) -> Any:
    """Replace the Decimals of ijson with floats."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_with_floats(each) for each in value]
    if isinstance(value, dict):
        return {name: _with_floats(each) for name, each in value.items()}
    return value


class _JsonFile:
    """A file without what JSON does not allow: a byte order mark, and the separators of RFC 8142.

    A file that is nested too deeply is refused before it is parsed: ijson keeps the whole path to every value.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._begun, self.since_item = raw, False, 0
        self._depth, self._in_text, self._escape = 0, False, b""

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        if not self._begun and size:  # ijson first reads 0 bytes, to learn the type of the file
            self._begun = True
            data = data.removeprefix(b"\xef\xbb\xbf")
        self.since_item += len(data)
        if self.since_item > LONGEST + (1 << 20):
            raise ValueError(f"one item is larger than {LONGEST >> 20} MB")
        data = data.replace(b"\x1e", b" ")
        self._check_depth(data)
        return data

    def _check_depth(self, data: bytes) -> None:
        data = _ESCAPED.sub(b"", self._escape + data)
        self._escape = b"\\" if data.endswith(b"\\") else b""
        for number, part in enumerate(data.removesuffix(b"\\").split(b'"')):
            if number:
                self._in_text = not self._in_text
            if self._in_text:
                continue
            opened, closed = (sum(map(part.count, brackets)) for brackets in ((b"[", b"{"), (b"]", b"}")))
            if self._depth + opened > MOST_DEPTH:
                deepest = depth = self._depth
                for bracket in _BRACKETS.findall(part):
                    depth += 1 if bracket in b"[{" else -1
                    deepest = max(deepest, depth)
                if deepest > MOST_DEPTH:
                    raise ValueError(f"it is nested more than {MOST_DEPTH} levels deep")
            self._depth += opened - closed


@contextlib.contextmanager
def _opened(path: Path | RemoteFile) -> Iterator[_JsonFile]:
    with path.open("rb") as raw:
        yield _JsonFile(raw)


def _has_nan(path: Path | RemoteFile) -> bool:
    with path.open("rb") as raw:
        end = b" "
        for chunk in iter(lambda: raw.read(1 << 20), b""):
            if _NOT_JSON.search(end + chunk):
                return True
            end = chunk[-16:]
    return False


def _all_at_once(path: Path | RemoteFile) -> Iterator[Any]:
    with path.open("rb") as raw:
        data = raw.read(WHOLE + 1)
    if len(data) > WHOLE:
        raise ValueError("it contains NaN or Infinity, which are not JSON")
    text = data.decode("utf-8-sig").replace("\x1e", " ")
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(text, at)
        yield value
