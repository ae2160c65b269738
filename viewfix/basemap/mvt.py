"""Decode Mapbox vector tiles, in bounded time and memory whatever a tile contains.

The format: https://github.com/mapbox/vector-tile-spec/tree/master/2.1
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..protobuf import DamagedMessage, values, varints

MOST_POINTS = 300_000
"""The limit for the points of one tile; a dense city has 50,000."""

POINT, LINE, POLYGON = 1, 2, 3

Part = npt.NDArray[np.float64]
"""(N, 2) x, y as shares of the tile: [0, 1] inside of it, y down."""


class DamagedTile(ValueError):
    """A tile that does not follow the format, or exceeds the limits."""


@dataclass(frozen=True, slots=True)
class TileFeature:
    """One feature of a layer: its kind of geometry, its properties, and its points, lines or rings."""

    layer: str
    geometry: int
    properties: dict[str, Any]
    parts: tuple[Part, ...]


def features_of(content: bytes, layers: frozenset[str]) -> Iterator[TileFeature]:
    """The features of some layers of a tile.

    Raises:
        DamagedTile: the tile does not follow the format, or exceeds the limits.
    """
    left = MOST_POINTS
    try:
        for number, value in values(content):
            if number == 3 and isinstance(value, bytes):
                for feature in _layer(value, layers, left):
                    left -= sum(map(len, feature.parts))
                    yield feature
    except DamagedMessage as error:
        raise DamagedTile(f"a tile {error}") from error
    except (IndexError, UnicodeDecodeError, struct.error, OverflowError) as error:
        raise DamagedTile("a tile ends too early, or is not a vector tile") from error


def _layer(content: bytes, layers: frozenset[str], left: int) -> Iterator[TileFeature]:
    name, extent = "", 4096
    raw: list[bytes] = []
    keys: list[str] = []
    property_values: list[Any] = []
    for number, value in values(content):
        if number == 1 and isinstance(value, bytes):
            name = value.decode()
            if name not in layers:
                return
        elif number == 2 and isinstance(value, bytes):
            raw.append(value)
        elif number == 3 and isinstance(value, bytes):
            keys.append(value.decode())
        elif number == 4 and isinstance(value, bytes):
            property_values.append(_value(value))
        elif number == 5 and isinstance(value, int):
            extent = value
    if name not in layers or not 0 < extent <= 1 << 20:
        return
    for each in raw:
        found = dict(values(each))
        kind, tags, commands = found.get(3), found.get(2, b""), found.get(4, b"")
        if not isinstance(kind, int) or not isinstance(tags, bytes) or not isinstance(commands, bytes):
            continue
        at = list(varints(tags))
        properties = {keys[k]: property_values[v] for k, v in zip(at[::2], at[1::2], strict=False)}
        parts = tuple(_parts(commands, extent, left))
        left -= sum(map(len, parts))
        yield TileFeature(name, kind, properties, parts)


def _parts(commands: bytes, extent: int, left: int) -> Iterator[Part]:
    x = y = 0
    part: list[tuple[int, int]] = []
    numbers = varints(commands)
    for command in numbers:
        action, count = command & 7, command >> 3
        if action == 7:
            continue
        if action not in (1, 2):
            raise DamagedTile("a tile has an unknown command")
        for _ in range(count):
            try:
                dx, dy = next(numbers), next(numbers)
            except StopIteration:
                raise DamagedTile("a tile ends too early") from None
            if (left := left - 1) < 0:
                raise DamagedTile(f"a tile has more than {MOST_POINTS:,} points")
            x, y = x + ((dx >> 1) ^ -(dx & 1)), y + ((dy >> 1) ^ -(dy & 1))
            if action == 1 and part:
                yield np.array(part, np.float64) / extent
                part = []
            part.append((x, y))
    if part:
        yield np.array(part, np.float64) / extent


def _value(content: bytes) -> Any:
    for number, value in values(content):
        if isinstance(value, bytes):
            if number == 1:
                return value.decode()
            if number == 2:
                return struct.unpack("<f", value)[0]
            if number == 3:
                return struct.unpack("<d", value)[0]
        elif number == 6:
            return (value >> 1) ^ -(value & 1)
        elif number == 7:
            return bool(value)
        else:
            return value
    return None
