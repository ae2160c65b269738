"""Metadata from an XMP packet: position, heading, time, author, licence, camera and panorama."""

from __future__ import annotations

from ..types import Camera, Position
from .camera import CameraNumbers, camera_of
from .coordinates import Unclear, in_wgs84, text_degrees
from .facts import Metadata, Panorama
from .values import between, fraction, heading_of, moment
from .xmp_fields import Fields, Table, fields

HEADINGS = ("GPSImgDirection", "PoseHeadingDegrees", "GimbalYawDegree", "Yaw")
TIMES = ("DateTimeOriginal", "DateCreated", "CreateDate")
LICENCES = ("license", "WebStatement", "UsageTerms", "rights")


def from_xmp(packet: bytes) -> Metadata:
    """Convert an XMP packet, from a photo or from an .xmp sidecar, to Metadata."""
    found = fields(packet)
    own = found.own
    if not own and not found.created:
        return Metadata()
    position, problem = _position(found)
    heading = next((heading for name in HEADINGS if (heading := heading_of(fraction(own.get(name)))) is not None), None)
    return Metadata(
        position=position,
        heading_deg=heading,
        heading_magnetic=heading is not None and own.get("GPSImgDirectionRef", "").upper()[:1] == "M",
        taken_at=moment(next((own[name] for name in TIMES if name in own), None), None),
        attribution=own.get("creator"),
        licence=next((own[name] for name in LICENCES if name in own), None),
        no_position=problem,
        camera=_camera(own),
        panorama=_panorama(own),
    )


def panorama_in(packet: bytes) -> Panorama | None:
    """The panorama that an XMP packet describes; None without one."""
    if b"GPano" not in packet and b"ProjectionType" not in packet:  # parsing takes a millisecond, this almost nothing
        return None
    return _panorama(fields(packet).own)


def _position(found: Fields) -> tuple[Position | None, str | None]:
    """The position of the camera: the photo's own, that of a drone, or that of LocationCreated, in this order."""
    own = found.own
    drone = {
        "GPSLatitude": own.get("GpsLatitude", ""),
        "GPSLongitude": own.get("GpsLongitude", own.get("GpsLongtitude", "")),
        "GPSMapDatum": own.get("GPSMapDatum", ""),
    }
    first_problem = None
    for table in (own, drone, *found.created):
        position, problem = _position_in(table)
        if position is not None:
            return position, None
        first_problem = first_problem or problem
    return None, first_problem


def _position_in(table: Table) -> tuple[Position | None, str | None]:
    lat, lon = table.get("GPSLatitude"), table.get("GPSLongitude")
    if not lat and not lon:
        return None, None
    if not lat or not lon:
        return None, "its GPS position has only one of latitude and longitude"
    try:
        lat_deg = text_degrees(lat, table.get("GPSLatitudeRef"), "latitude")
        lon_deg = text_degrees(lon, table.get("GPSLongitudeRef"), "longitude")
    except Unclear as error:
        return None, str(error)
    return in_wgs84(lat_deg, lon_deg, table.get("GPSMapDatum"), fraction(table.get("GPSHPositioningError")))


def _camera(own: Table) -> Camera | None:
    def first(*names: str) -> float | None:
        return next((value for name in names if (value := fraction(own.get(name))) is not None), None)

    altitude = first("GPSAltitude", "AbsoluteAltitude")
    if altitude is not None and own.get("GPSAltitudeRef", "0")[:1] in ("1", "3") and "GPSAltitude" in own:
        altitude = -abs(altitude)
    return camera_of(
        CameraNumbers(
            focal_mm=first("FocalLength"),
            focal_35mm=first("FocalLengthIn35mmFilm"),
            focal_px=first("CalibratedFocalLength"),
            plane_per_unit=first("FocalPlaneXResolution"),
            plane_unit=first("FocalPlaneResolutionUnit"),
            width_px=first("PixelXDimension", "ImageWidth"),
            height_px=first("PixelYDimension", "ImageLength"),
            sideways=own.get("Orientation") in ("5", "6", "7", "8"),
            pitch_deg=first("PosePitchDegrees", "GimbalPitchDegree", "CameraElevationAngle"),
            roll_deg=first("PoseRollDegrees", "GimbalRollDegree"),
            altitude_m=altitude,
        )
    )


def _panorama(own: Table) -> Panorama | None:
    def pixels(name: str, least: float = 1) -> int | None:
        value = between(fraction(own.get(name)), least, 1e6)
        return None if value is None else int(value)

    found = Panorama(
        own.get("ProjectionType"),
        pixels("FullPanoWidthPixels"),
        pixels("FullPanoHeightPixels"),
        pixels("CroppedAreaImageWidthPixels"),
        pixels("CroppedAreaImageHeightPixels"),
        pixels("CroppedAreaLeftPixels", 0),
        pixels("CroppedAreaTopPixels", 0),
    )
    return None if found == Panorama() else found
