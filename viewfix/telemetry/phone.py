"""The one position that phones write into a film, and the time at which it begins."""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime, timedelta

from .mp4 import boxes, children
from .track import TrackPoint, on_earth

EPOCH_1904 = datetime(1904, 1, 1, tzinfo=UTC)
"""Where the times of MP4 begin."""

LOCATION = b"com.apple.quicktime.location.ISO6709"
ACCURACY = b"com.apple.quicktime.location.accuracy.horizontal"
CREATED = b"com.apple.quicktime.creationdate"

_ISO_6709 = re.compile(r"([+-]\d{1,2}(?:\.\d{1,12})?)([+-]\d{1,3}(?:\.\d{1,12})?)([+-]\d{1,5}(?:\.\d{1,6})?)?")


def phone_position(index: bytes) -> TrackPoint | None:
    """The position in the index of a film: that of its beginning. None if there is none."""
    apple = _apple(index)
    texts = [apple.get(LOCATION)]
    texts += [content[4:] for content in children(index, b"udta", b"\xa9xyz")]
    for text in texts:
        match = None if text is None else _ISO_6709.match(text[:60].decode("ascii", "replace"))
        if match is None:
            continue
        lat, lon = float(match[1]), float(match[2])
        if on_earth(lat, lon):
            altitude = None if match[3] is None else float(match[3])
            return TrackPoint(0.0, lat, lon, altitude, _number(apple.get(ACCURACY)))
    return None


def created_at(index: bytes) -> datetime | None:
    """The time at which a film begins, by the clock of its camera; None if it was never set.

    MP4 says that this is UTC. Phones keep to that; most action cameras and dashcams write their local time.
    """
    own = _apple(index).get(CREATED)  # Apple's has the zone
    if own is not None:
        try:
            found = datetime.fromisoformat(own.decode("ascii", "replace").strip("\0 "))
        except ValueError:
            found = None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    for header in children(index, b"mvhd"):
        if len(header) < 12:
            continue
        [seconds] = struct.unpack(">Q", header[4:12]) if header[0] == 1 else struct.unpack(">I", header[4:8])
        if 2_500_000_000 < seconds < 10_000_000_000:  # 1983 to 2220; 0 for a clock that was not set
            return EPOCH_1904 + timedelta(seconds=seconds)
    return None


def _apple(index: bytes) -> dict[bytes, bytes]:
    """QuickTime's metadata by key."""
    found: dict[bytes, bytes] = {}
    for meta in [*children(index, b"meta"), *children(index, b"udta", b"meta")]:
        keys = next((content for kind, content in boxes(meta) if kind == b"keys"), b"")
        names = [name for _, name in boxes(keys[8:])]
        for kind, item in boxes(next((content for kind, content in boxes(meta) if kind == b"ilst"), b"")):
            number = int.from_bytes(kind, "big") - 1
            value = next((content for name, content in boxes(item) if name == b"data"), b"")
            if 0 <= number < len(names):
                found[names[number]] = value[8:]
    return found


def _number(text: bytes | None) -> float | None:
    try:
        found = None if text is None else float(text)
    except ValueError:
        return None
    return found if found is not None and 0 < found < 1e6 else None
