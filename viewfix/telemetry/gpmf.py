"""Positions in the telemetry of GoPro cameras (GPMF): GPS5, GPS9, and GLPI of the Karma drone."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .track import Track, TrackPoint, on_earth

LEAST_FIX = 2
"""GPSF: 0 for no fix, 2 for two dimensions, 3 for three."""

MOST_DOP = 10.0
"""A dilution of precision above this means positions that are off by tens of metres."""

MOST_ENTRIES = 10_000
EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)

_FORMATS = {
    b"l": "i",
    b"L": "I",
    b"s": "h",
    b"S": "H",
    b"b": "b",
    b"B": "B",
    b"f": "f",
    b"d": "d",
    b"j": "q",
    b"J": "Q",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: a key, a type, the size and number of its structures, and their bytes."""

    key: bytes
    kind: bytes
    size: int
    count: int
    content: bytes

    def numbers(self, form: str | None = None) -> list[tuple[float, ...]]:
        """The structures as numbers; `form` is that of one structure, if its type does not say it."""
        if form is None:
            letter = _FORMATS.get(self.kind)
            if letter is None:
                return []
            form = letter * (self.size // struct.calcsize(letter))
        step = struct.calcsize(f">{form}")
        if not step or step > self.size:
            return []
        whole = self.content[: self.count * self.size]
        return [struct.unpack_from(f">{form}", whole, at) for at in range(0, len(whole) - step + 1, self.size)]


def entries(content: bytes) -> Iterator[Entry]:
    """The entries of a payload, or those nested in one entry, as far as they are whole."""
    at = 0
    for _ in range(MOST_ENTRIES):
        if at + 8 > len(content):
            return
        size, count = content[at + 5], int.from_bytes(content[at + 6 : at + 8], "big")
        length = size * count
        yield Entry(content[at : at + 4], content[at + 4 : at + 5], size, count, content[at + 8 : at + 8 + length])
        at += 8 + (length + 3) // 4 * 4


def read_gpmf(samples: Iterable[tuple[float, float, bytes]]) -> Track | None:
    """Read the positions of a gpmd track: time, duration and content of each sample. None if there are none."""
    points: dict[bytes, list[TrackPoint]] = {}
    started_at = None
    for time_s, duration_s, content in samples:
        for device in entries(content):
            for stream in entries(device.content):
                found = _stream(list(entries(stream.content)), time_s, duration_s)
                if found is None:
                    continue
                points.setdefault(found.key, []).extend(found.points)
                if started_at is None and found.moment is not None and found.points:
                    started_at = found.moment - timedelta(seconds=time_s)
    for key in (b"GPS9", b"GPS5", b"GLPI"):  # the same receiver, the more precise record first
        if points.get(key):
            return Track(points[key], started_at=started_at, source=f"GPS of GoPro ({key.decode()})")
    return None


@dataclass(frozen=True, slots=True)
class _Found:
    key: bytes
    points: list[TrackPoint]
    moment: datetime | None = None


def _stream(parts: list[Entry], time_s: float, duration_s: float) -> _Found | None:
    """The positions of one stream in one sample, spread evenly over its duration."""
    by_key = {part.key: part for part in parts}
    key = next((key for key in (b"GPS9", b"GPS5", b"GLPI") if key in by_key), None)
    if key is None or b"SCAL" not in by_key:
        return None
    scales = [number[0] for number in by_key[b"SCAL"].numbers("i" if by_key[b"SCAL"].kind == b"l" else None)]
    rows = by_key[key].numbers({b"GPS9": "iiiiiiiHH", b"GPS5": "iiiii", b"GLPI": "IiiiihhhH"}[key])
    if not all(scales) or not rows or len(scales) not in (1, len(rows[0])):
        return None
    scales = scales * len(rows[0]) if len(scales) == 1 else scales
    scaled = [tuple(value / scale for value, scale in zip(row, scales, strict=True)) for row in rows]
    if key == b"GPS5" and not _is_fixed(by_key):
        return _Found(key, [])
    points = []
    for number, row in enumerate(scaled):
        point = _point(key, row, time_s + duration_s * number / len(scaled))
        if point is not None:
            points.append(point)
    return _Found(key, points, _moment(key, scaled[0], by_key))


def _is_fixed(by_key: dict[bytes, Entry]) -> bool:
    def first(key: bytes) -> float | None:
        rows = by_key[key].numbers() if key in by_key else []
        return rows[0][0] if rows else None

    fix, dop = first(b"GPSF"), first(b"GPSP")
    return (fix is None or fix >= LEAST_FIX) and (dop is None or dop / 100 <= MOST_DOP)


def _point(key: bytes, row: tuple[float, ...], time_s: float) -> TrackPoint | None:
    lat, lon, altitude = (row[1], row[2], row[3]) if key == b"GLPI" else row[:3]
    if not on_earth(lat, lon) or (key == b"GPS9" and (row[8] < LEAST_FIX or row[7] > MOST_DOP)):
        return None
    heading = row[8] % 360.0 if key == b"GLPI" else None
    return TrackPoint(time_s, lat, lon, altitude, heading_deg=heading)


def _moment(key: bytes, row: tuple[float, ...], by_key: dict[bytes, Entry]) -> datetime | None:
    """The time of the first position of a sample, by the satellites."""
    if key == b"GPS9":
        return EPOCH_2000 + timedelta(days=row[5], seconds=row[6]) if 0 <= row[5] < 50_000 else None
    if key != b"GPS5" or b"GPSU" not in by_key:
        return None
    try:
        text = by_key[b"GPSU"].content.decode("ascii").rstrip("\0")
        return datetime.strptime(text, "%y%m%d%H%M%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return None
