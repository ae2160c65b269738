"""The header of a photo (EXIF and XMP) becomes Metadata: where, which way, when and by whom. No pixel is decoded."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..types import Position
from . import xmp
from .opening import opened, quiet

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

Tags = dict[int, Any]

SUB_IFD, GPS_IFD = 0x8769, 0x8825
ARTIST, COPYRIGHT = 0x013B, 0x8298
TAKEN, TAKEN_OFFSET, DIGITIZED, DIGITIZED_OFFSET = 0x9003, 0x9011, 0x9004, 0x9012
LAT_REF, LAT, LON_REF, LON, GPS_TIME, DIRECTION_REF, DIRECTION, GPS_DATE, GPS_ERROR_M = 1, 2, 3, 4, 7, 16, 17, 29, 31


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the header of a photo says. Unknown is None.

    `position.radius_m` is the camera's own estimate of its error. `heading_deg` is where the
    camera looked, clockwise from north, [0, 360); from magnetic north, unturned, where
    `heading_magnetic`. `taken_at` has a time zone only where the header names one.
    `no_position` says what was wrong with the position that it has, where it has a bad one.
    """

    position: Position | None = None
    heading_deg: float | None = None
    heading_magnetic: bool = False
    taken_at: datetime | None = None
    attribution: str | None = None
    licence: str | None = None
    no_position: str | None = None

    def filled(self, other: Metadata) -> Metadata:
        """This, with what is unknown here taken from `other`."""
        mine = {f.name: getattr(self, f.name) for f in fields(self)}
        unknown = {name: getattr(other, name) for name, value in mine.items() if value is None}
        if self.heading_deg is None:
            unknown["heading_magnetic"] = other.heading_magnetic
        both = replace(self, **unknown)
        return both if both.position is None else replace(both, no_position=None)


def metadata(photo: bytes | str | Path) -> Metadata:
    """Read the header of a photo: the bytes of a file, or its path.

    Where EXIF is silent, XMP is asked. Damaged tags count as absent.

    Raises:
        UnreadablePhoto: it is not a picture.
    """
    source, name = (photo, "The photo") if isinstance(photo, bytes) else (Path(photo), str(photo))
    with opened(source, name) as picture:
        tags, gps = _tags(picture)
        packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    from_exif = _from_tags(tags, gps)
    return from_exif.filled(from_xmp(packet.encode() if isinstance(packet, str) else bytes(packet)))


def _tags(picture: ImageFile) -> tuple[Tags, Tags]:
    """The tags of the picture and of its camera in one table, and those of its GPS."""
    from PIL import Image

    with quiet():
        try:
            # Not picture.getexif(): a PNG would decode its pixels to look for EXIF behind them.
            exif = Image.Image.getexif(picture)
            tags, gps = dict(exif), {}
        except Exception:  # a damaged header; what else it holds is not worth the risk
            return {}, {}
        for ifd in (SUB_IFD, GPS_IFD):
            try:
                found = dict(exif.get_ifd(ifd))
            except Exception:  # one damaged table says nothing about the other
                continue
            if ifd == GPS_IFD:
                gps = found
            else:
                tags.update(found)
    return tags, gps


def _from_tags(tags: Tags, gps: Tags) -> Metadata:
    position, problem = _position(gps)
    heading = heading_of(gps.get(DIRECTION))
    return Metadata(
        position=position,
        heading_deg=heading,
        heading_magnetic=heading is not None and _text(gps.get(DIRECTION_REF)) == "M",
        taken_at=(
            moment(_text(tags.get(TAKEN)), _text(tags.get(TAKEN_OFFSET)))
            or moment(_text(tags.get(DIGITIZED)), _text(tags.get(DIGITIZED_OFFSET)))
            or _gps_moment(gps)
        ),
        attribution=_text(tags.get(ARTIST)),
        licence=_text(tags.get(COPYRIGHT)),
        no_position=problem,
    )


def from_xmp(packet: bytes) -> Metadata:
    """What an XMP packet says; also of an .xmp file that lies beside a photo."""
    texts = xmp.fields(packet)
    if not texts:
        return Metadata()
    lat = _xmp_degrees(texts.get("GPSLatitude"))
    lon = _xmp_degrees(texts.get("GPSLongitude"))
    if lat is None or lon is None:  # drones: decimal degrees under nearly the same names
        lat, lon = number(texts.get("GpsLatitude")), number(texts.get("GpsLongitude", texts.get("GpsLongtitude")))
    position, problem = (None, None) if lat is None or lon is None else checked(lat, lon)
    heading = None
    for name in ("GPSImgDirection", "PoseHeadingDegrees", "GimbalYawDegree", "Yaw"):
        if heading is None:
            heading = heading_of(_fraction(texts.get(name)))
    when = next((texts[name] for name in ("DateTimeOriginal", "DateCreated", "CreateDate") if name in texts), None)
    return Metadata(
        position=position,
        heading_deg=heading,
        heading_magnetic=heading is not None and texts.get("GPSImgDirectionRef") == "M",
        taken_at=moment(when, None),
        attribution=texts.get("creator"),
        licence=next((texts[n] for n in ("license", "WebStatement", "UsageTerms", "rights") if n in texts), None),
        no_position=problem,
    )


def checked(lat: float, lon: float, radius_m: float | None = None) -> tuple[Position | None, str | None]:
    """A position, or what is wrong with it in words that follow "it was skipped because"."""
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return None, f"its GPS position is ({lat}, {lon}), which is no number"
    if lat == 0 and lon == 0:
        return None, "its GPS position is (0, 0), which cameras write when they have no fix"
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return None, f"its GPS position is ({lat:g}, {lon:g}), which is not on Earth"
    return Position(lat, lon, radius_m if radius_m and radius_m > 0 and math.isfinite(radius_m) else None), None


def _position(gps: Tags) -> tuple[Position | None, str | None]:
    if LAT not in gps and LON not in gps:
        return None, None
    if LAT not in gps or LON not in gps:
        return None, "its GPS position has only one of latitude and longitude"
    lat, lon = _degrees(gps[LAT]), _degrees(gps[LON])
    if lat is None or lon is None:
        return None, "its GPS position is written in a way that gives no number (a division by zero, or damage)"
    north, east = (_text(gps.get(LAT_REF)) or "")[:1].upper(), (_text(gps.get(LON_REF)) or "")[:1].upper()
    # Half a world away is worse than not at all, so a missing reference is not guessed. For (0, 0) it is no matter.
    if (lat or lon) and (north not in ("N", "S") or east not in ("E", "W")):
        return None, "its GPS position does not say whether it is north or south, east or west"
    lat, lon = (-abs(lat) if north == "S" else lat), (-abs(lon) if east == "W" else lon)
    return checked(lat, lon, number(gps.get(GPS_ERROR_M)))


def _degrees(values: Any) -> float | None:
    """Degrees, or degrees and minutes, or degrees, minutes and seconds."""
    parts = [number(part) for part in (values if isinstance(values, tuple | list) else (values,))]
    if not 1 <= len(parts) <= 3:
        return None
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    size = sum(abs(part) / 60**i for i, part in enumerate(known))
    return math.copysign(size, known[0])


def number(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def heading_of(value: Any) -> float | None:
    """A direction brought into [0, 360); None for what no compass shows, as 655.35."""
    found = number(value)
    return found % 360.0 % 360.0 if found is not None and -180 <= found <= 360 else None


def moment(text: str | None, offset: str | None) -> datetime | None:
    """A time as EXIF or ISO 8601 writes it, with the offset "+02:00" where one is known."""
    if not text:
        return None
    try:
        if re.match(r"\d{4}:\d\d:\d\d", text):
            taken = datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")
        else:
            taken = datetime.fromisoformat(text)
    except ValueError:
        return None
    shift = re.fullmatch(r"([+-])(\d\d):?(\d\d)", offset or "")
    if taken.tzinfo is None and shift and int(shift[2]) < 24:
        minutes = int(shift[2]) * 60 + int(shift[3])
        return taken.replace(tzinfo=timezone(timedelta(minutes=-minutes if shift[1] == "-" else minutes)))
    return taken.replace(tzinfo=UTC) if taken.tzinfo is None and offset == "Z" else taken


def _gps_moment(gps: Tags) -> datetime | None:
    date, time = _text(gps.get(GPS_DATE)), gps.get(GPS_TIME)
    if date is None or not isinstance(time, tuple) or len(time) != 3:
        return None
    hour, minute, second = (number(part) for part in time)
    if hour is None or minute is None or second is None:
        return None
    return moment(f"{date} {int(hour):02d}:{int(minute):02d}:{int(second):02d}", "Z")


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return None
    # EXIF is ASCII by its standard and UTF-8 in practice; Pillow hands both over as Latin-1.
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    return " ".join(value.replace("\0", " ").split()) or None


def _fraction(text: str | None) -> float | None:
    """XMP writes numbers as "12.5", "+12.5" or "25/2"."""
    above, _, below = (text or "").partition("/")
    top, bottom = number(above), number(below) if below else 1.0
    return top / bottom if top is not None and bottom else None


def _xmp_degrees(text: str | None) -> float | None:
    """XMP writes degrees as "50,5.4N", "50,5,24N", or against its standard as "50.09"."""
    match = re.fullmatch(r"([\d.]+),([\d.]+)(?:,([\d.]+))?([NSEW])", (text or "").strip().upper())
    if match is None:
        return number(text)
    size = _degrees(tuple(part for part in match.groups()[:3] if part))
    return None if size is None else (-size if match[4] in "SW" else size)
