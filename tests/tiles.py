"""A PMTiles file of one vector tile around a place: water, a street, a named town."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from pathlib import Path

from viewfix.basemap.pmtiles import tile_at, tile_id

EXTENT = 4096
ZOOM = 12
POLYGON, LINE, POINT = 3, 2, 1


def varint(value: int) -> bytes:
    made = bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def field(number: int, value: int | bytes) -> bytes:
    """One field of a protocol buffer: a number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def geometry(points: Sequence[tuple[int, int]], kind: int) -> bytes:
    """Moves and lines from point to point, as differences in zigzag."""
    numbers, at = [], (0, 0)
    for index, point in enumerate(points):
        if index == 0:
            numbers.append(1 << 3 | 1)
        elif index == 1:
            numbers.append((len(points) - 1) << 3 | 2)
        numbers += [(d << 1) ^ (d >> 31) for d in (point[0] - at[0], point[1] - at[1])]
        at = point
    if kind == POLYGON:
        numbers.append(1 << 3 | 7)
    return b"".join(map(varint, numbers))


def layer(name: str, kind: int, points: Sequence[tuple[int, int]], told: dict[str, str | int]) -> bytes:
    values = [field(1, v.encode()) if isinstance(v, str) else field(4, v) for v in told.values()]
    tags = b"".join(varint(index) * 2 for index in range(len(told)))
    feature = field(2, tags) + field(3, kind) + field(4, geometry(points, kind))
    body = field(1, name.encode()) + field(2, feature)
    body += b"".join(field(3, key.encode()) for key in told) + b"".join(field(4, value) for value in values)
    return field(3, body + field(5, EXTENT) + field(15, 2))


def tile() -> bytes:
    """The tile, in the schema of Protomaps."""
    whole = [(0, 0), (EXTENT, 0), (EXTENT, EXTENT), (0, EXTENT)]
    middle = EXTENT // 2
    named = {
        "kind": "locality",
        "kind_detail": "city",
        "name": "Old Town",
        "name:uk": "Старе місто",
        "population_rank": 12,
        "min_zoom": 3,
        "sort_rank": 1,
    }
    return (
        layer("earth", POLYGON, whole, {"kind": "earth"})
        + layer("water", POLYGON, whole, {"kind": "lake"})
        + layer(
            "roads",
            LINE,
            [(0, middle), (EXTENT, middle)],
            {"kind": "major_road", "name": "High Street", "min_zoom": 0, "sort_rank": 1},
        )
        + layer("places", POINT, [(middle, middle)], named)
    )


def write(path: Path, lat: float, lon: float, spare: bytes = b"", **told: str) -> tuple[float, float, float, float]:
    """Write the file, with spare bytes at its end and further metadata; returns west, south, east, north."""
    side = 2**ZOOM
    x, y = (int(each) for each in tile_at(ZOOM, lat, lon))
    data, about = (
        tile() + spare,
        json.dumps({"vector_layers": [{"id": "earth"}, {"id": "roads"}], "name": "test", **told}).encode(),
    )
    number = tile_id(ZOOM, x, y)
    folder = varint(1) + varint(number) + varint(1) + varint(len(data) - len(spare)) + varint(1)
    at = 127
    parts = [(at, len(folder)), (at + len(folder), len(about)), (0, 0), (at + len(folder) + len(about), len(data))]
    west, east = x / side * 360 - 180, (x + 1) / side * 360 - 180
    north, south = (math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + row) / side)))) for row in (0, 1))
    sides = [round(each * 1e7) for each in (west, south, east, north, (west + east) / 2, (south + north) / 2)]
    head = b"PMTiles\x03" + b"".join(struct.pack("<QQ", *part) for part in parts) + struct.pack("<QQQ", 1, 1, 1)
    head += (
        bytes([1, 1, 1, 1, ZOOM, ZOOM])
        + struct.pack("<4i", *sides[:4])
        + bytes([ZOOM])
        + struct.pack("<2i", *sides[4:])
    )
    path.write_bytes(head + folder + about + data)
    return west, south, east, north
