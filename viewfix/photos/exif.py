"""Metadata from EXIF tags: position, heading, time, author, licence and camera."""

from __future__ import annotations

from datetime import datetime

from ..types import Camera, Position
from . import tiff
from .camera import CameraNumbers, camera_of
from .coordinates import Unclear, exif_degrees, in_wgs84
from .facts import Metadata
from .header import Header
from .tiff import Ratio, Tags
from .values import heading_of, moment, number, text_of

LAT_REF, LAT, LON_REF, LON, ALTITUDE_REF, ALTITUDE_M, GPS_TIME = 1, 2, 3, 4, 5, 6, 7
DIRECTION_REF, DIRECTION, DATUM, GPS_DATE, GPS_ERROR_M = 16, 17, 18, 29, 31
NOT_KNOWN = (-1, 0xFFFFFFFF)
"""Denominators that mean "unknown" in EXIF."""


def from_exif(header: Header) -> Metadata:
    """Convert the EXIF tags of a photo to Metadata. Damaged tags count as missing."""
    tags, gps = header.tags, header.gps
    position, problem = _position(gps)
    heading = heading_of(gps.get(DIRECTION))
    return Metadata(
        position=position,
        heading_deg=heading,
        heading_magnetic=heading is not None and text_of(gps.get(DIRECTION_REF)) == "M",
        taken_at=(
            moment(text_of(tags.get(tiff.TAKEN)), text_of(tags.get(tiff.TAKEN_OFFSET)))
            or moment(text_of(tags.get(tiff.DIGITIZED)), text_of(tags.get(tiff.DIGITIZED_OFFSET)))
            or _gps_moment(gps)
        ),
        attribution=text_of(tags.get(tiff.ARTIST)),
        licence=text_of(tags.get(tiff.COPYRIGHT)),
        no_position=problem,
        camera=_camera(header),
    )


def _position(gps: Tags) -> tuple[Position | None, str | None]:
    if LAT not in gps and LON not in gps:
        return None, None
    if LAT not in gps or LON not in gps:
        return None, "its GPS position has only one of latitude and longitude"
    try:
        lat = exif_degrees(gps[LAT], gps.get(LAT_REF), "latitude")
        lon = exif_degrees(gps[LON], gps.get(LON_REF), "longitude")
    except Unclear as error:
        return None, str(error)
    return in_wgs84(lat, lon, text_of(gps.get(DATUM)), number(gps.get(GPS_ERROR_M)))


def _gps_moment(gps: Tags) -> datetime | None:
    date, time = text_of(gps.get(GPS_DATE)), gps.get(GPS_TIME)
    if date is None or not isinstance(time, tuple) or len(time) != 3:
        return None
    hour, minute, second = (number(part) for part in time)
    if hour is None or minute is None or second is None:
        return None
    return moment(f"{date} {int(hour):02d}:{int(minute):02d}:{int(second):02d}", "Z")


def _camera(header: Header) -> Camera | None:
    tags, gps = header.tags, header.gps
    width, height = number(tags.get(tiff.EXIF_WIDTH)), number(tags.get(tiff.EXIF_HEIGHT))
    if not width or not height:
        width, height = header.width_px, header.height_px
    elevation = tags.get(tiff.ELEVATION_DEG)
    if isinstance(elevation, Ratio) and elevation.bottom in NOT_KNOWN:
        elevation = None
    return camera_of(
        CameraNumbers(
            focal_mm=number(tags.get(tiff.FOCAL_MM)),
            focal_35mm=number(tags.get(tiff.FOCAL_35MM)),
            plane_per_unit=number(tags.get(tiff.PLANE_X)),
            plane_unit=number(tags.get(tiff.PLANE_UNIT)),
            width_px=width,
            height_px=height,
            sideways=tags.get(tiff.ORIENTATION) in (5, 6, 7, 8),
            pitch_deg=number(elevation),
            altitude_m=_altitude(gps),
        )
    )


def _altitude(gps: Tags) -> float | None:
    altitude, reference = number(gps.get(ALTITUDE_M)), gps.get(ALTITUDE_REF, 0)
    if isinstance(reference, bytes):
        reference = reference[0] - ord("0") if reference[:1].isdigit() else reference[0]
    # 1: below sea level; 3: below the ellipsoid
    return -abs(altitude) if altitude is not None and reference in (1, 3) else altitude
