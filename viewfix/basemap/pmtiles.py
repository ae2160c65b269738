"""Read PMTiles version 3 files, single files of map tiles, in bounded time and memory whatever they contain.

The format: https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

from __future__ import annotations

import json
import struct
import zlib
from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..geo import Box, mercator_down
from ..protobuf import DamagedMessage, varints
from ..sources.columns import readable

MAGIC = b"PMTiles\x03"
HEADER_BYTES = 127
MOST_BYTES = 1 << 30
MOST_DIRECTORY_BYTES = 1 << 20
"""The limit for a directory and for the metadata, compressed and decompressed. Those of a planet stay below it."""

MOST_TILE_BYTES = 4 << 20
DEEPEST = 3
"""Directories above a tile: the root, and at most two below it. Writers make one or two."""

MOST_ZOOM = 24
NONE, GZIP = 1, 2
MVT = 1
KINDS = {1: "mvt", 2: "png", 3: "jpeg", 4: "webp", 5: "avif", 6: "mlt"}

Entry = tuple[int, int, int, int]
"""First tile id, number of tiles, offset, length; a number of 0 refers to another directory."""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a file: where its parts are (offset, length), and what it covers."""

    root: tuple[int, int]
    metadata: tuple[int, int]
    leaves: tuple[int, int]
    tiles: tuple[int, int]
    compression: int
    tile_compression: int
    tile_kind: str
    min_zoom: int
    max_zoom: int
    box: Box


class Archive:
    """A PMTiles file. Opening it checks the header, the root directory and the metadata.

    Raises:
        BadInput: it is not a PMTiles file, is damaged, or exceeds the limits of this module.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.size = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(HEADER_BYTES)
        except OSError as error:
            raise BadInput(
                f"The base map {path} cannot be read ({error.strerror}). Pass the path of a .pmtiles file."
            ) from None
        if not head.startswith(MAGIC) or len(head) < HEADER_BYTES:
            raise BadInput(
                f"{path} is not a PMTiles file of version 3. Make a base map with: viewfix basemap add MAP city.osm.pbf"
            )
        if self.size > MOST_BYTES:
            raise BadInput(
                f"{path} has {self.size / 1e6:,.0f} MB, and a base map has at most {MOST_BYTES / 1e6:,.0f} MB. Cut out "
                "the area of the map: pmtiles extract --bbox=WEST,SOUTH,EAST,NORTH"
            )
        self.header = self._header(head)
        self._root = self._directory(*self.header.root)
        self.metadata = self._metadata()

    @property
    def attribution(self) -> str | None:
        """Whom to credit. It may be HTML, as in the file."""
        found = self.metadata.get("attribution")
        return found[:1000] if isinstance(found, str) and found.strip() else None

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """The content of a tile, decompressed; None if the file does not have it.

        Raises:
            BadInput: the directories or the tile are damaged, or exceed the limits.
        """
        wanted, entries = tile_id(zoom, x, y), self._root
        for _ in range(DEEPEST):
            at = bisect_right(entries, wanted, key=itemgetter(0)) - 1
            if at < 0:
                return None
            first, count, offset, length = entries[at]
            if count > 0:
                if wanted >= first + count:
                    return None
                packed = self._part(self.header.tiles, offset, length)
                return self._unpacked(packed, self.header.tile_compression, MOST_TILE_BYTES)
            start, size = self.header.leaves
            if offset + length > size:
                raise self._damaged("a directory lies outside of its part")
            entries = self._directory(start + offset, length)
        raise self._damaged("its directories are nested too deeply")

    def _header(self, head: bytes) -> Header:
        numbers = struct.unpack("<11Q", head[8:96])
        parts = [(numbers[i], numbers[i + 1]) for i in range(0, 8, 2)]
        if any(offset + length > self.size for offset, length in parts):
            raise self._damaged("it is shorter than its header says")
        _, compression, tile_compression, kind, min_zoom, max_zoom = head[96:102]
        if compression not in (NONE, GZIP) or tile_compression not in (NONE, GZIP):
            raise self._damaged("it is not compressed with gzip")
        if kind not in KINDS or not min_zoom <= max_zoom <= MOST_ZOOM:
            raise self._damaged("its tiles are of an unknown kind")
        west, south, east, north = (side / 1e7 for side in struct.unpack("<4i", head[102:118]))
        try:
            box = Box(south, west, north, east)
        except BadInput:
            raise self._damaged("its area is not on the globe") from None
        return Header(parts[0], parts[1], parts[2], parts[3], compression, tile_compression, KINDS[kind], min_zoom,
                      max_zoom, box)  # fmt: skip

    def _metadata(self) -> dict[str, Any]:
        offset, length = self.header.metadata
        if length == 0:
            return {}
        text = self._unpacked(self._read(offset, length), self.header.compression, MOST_DIRECTORY_BYTES)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise self._damaged("its metadata are not JSON") from None
        return found if isinstance(found, dict) else {}

    def _directory(self, offset: int, length: int) -> list[Entry]:
        content = self._unpacked(self._read(offset, length), self.header.compression, MOST_DIRECTORY_BYTES)
        numbers = varints(content)
        try:
            count = next(numbers)
            if count > len(content):
                raise self._damaged("a directory has more entries than bytes")
            ids, last = [], 0
            for _ in range(count):
                last += next(numbers)
                ids.append(last)
            runs = [next(numbers) for _ in range(count)]
            lengths = [next(numbers) for _ in range(count)]
            entries: list[Entry] = []
            at = 0
            for n in range(count):
                given = next(numbers)
                at = given - 1 if given else at
                entries.append((ids[n], runs[n], at, lengths[n]))
                at += lengths[n]
        except (StopIteration, DamagedMessage):
            raise self._damaged("a directory ends too early") from None
        return entries

    def _part(self, part: tuple[int, int], offset: int, length: int) -> bytes:
        if offset + length > part[1] or length > MOST_TILE_BYTES:
            raise self._damaged("a tile lies outside of its part, or is too large")
        return self._read(part[0] + offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        if offset + length > self.size or length > MOST_TILE_BYTES:
            raise self._damaged("a part of it lies outside of the file, or is too large")
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                content = file.read(length)
        except OSError as error:
            raise BadInput(f"The base map {self.path} cannot be read ({error.strerror}). Add it again.") from None
        if len(content) < length:
            raise self._damaged("it ends too early")
        return content

    def _unpacked(self, content: bytes, compression: int, most: int) -> bytes:
        if compression == NONE:
            unpacked = content
        else:
            try:
                unpacked = zlib.decompressobj(31).decompress(content, most + 1)
            except zlib.error:
                raise self._damaged("a part of it cannot be decompressed") from None
        if len(unpacked) > most:
            raise self._damaged(f"a part of it is larger than {most // 2**20} MB")
        return unpacked

    def _damaged(self, why: str) -> BadInput:
        return BadInput(
            f"The base map {readable(str(self.path), 200)} cannot be used: {why}. Make it again with: "
            "viewfix basemap add MAP city.osm.pbf"
        )


def tile_id(zoom: int, x: int, y: int) -> int:
    """The number of a tile on the Hilbert curves of all zooms below it and of its own."""
    number, half = ((1 << 2 * zoom) - 1) // 3, 1 << zoom >> 1
    while half:
        right, below = int(x & half > 0), int(y & half > 0)
        number += half * half * ((3 * right) ^ below)
        if not below:
            if right:
                x, y = half - 1 - x, half - 1 - y
            x, y = y, x
        half >>= 1
    return number


def tile_at(zoom: int, lat: float, lon: float) -> tuple[float, float]:
    """The x and y of the tile of a position, with its fraction inside the tile. Latitudes end at 85 degrees."""
    side = 1 << zoom
    return (lon + 180) / 360 * side, float(mercator_down(lat)) * side
