"""Write a path as GPX, GeoJSON or KML, and compare it with the track of a recorder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..files import write_whole
from ..geo import distance_m
from ..telemetry import Track
from ..types import Position
from .recording import PathPoint

ENDINGS = (".gpx", ".geojson", ".kml", ".html")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INVALID = dict.fromkeys([*(n for n in range(32) if n not in (9, 10, 13)), 0xFFFE, 0xFFFF])
"""Characters that XML 1.0 does not allow, but that a file name may contain."""


def write_path(points: Sequence[PathPoint], target: Path, began_at: datetime | None = None) -> None:
    """Write the points that have a position, in the format that the ending of `target` names.

    Args:
        points: in the order of time.
        target: a .gpx, .geojson or .kml file.
        began_at: the moment of second 0, for recordings whose frames have no time of their own.

    Raises:
        BadInput: the ending is another one.
    """
    writers = {".gpx": _gpx, ".geojson": _geojson, ".kml": _kml}
    writer = writers.get(target.suffix.lower())
    if writer is None:
        raise BadInput(f"{target} does not end in {', '.join(ENDINGS)}. Choose the name of a file that does.")
    text = writer([point for point in points if point.position is not None], began_at)
    write_whole(target, text)


def error_m(points: Sequence[PathPoint], truth: Track, shift_s: float) -> npt.NDArray[np.float64]:
    """The distance of each point that has a position from where a recorder was at that time, in metres.

    `shift_s` is the time of second 0 of the recording on the clock of `truth`. Points outside of its time are left out.
    """
    errors = []
    for point in points:
        fixed = truth.at(point.time_s + shift_s)
        if point.position is not None and fixed is not None:
            errors.append(distance_m(point.position, fixed.position))
    return np.array(errors)


def _moment(point: PathPoint, began_at: datetime | None) -> str | None:
    at = point.taken_at or (None if began_at is None else began_at + timedelta(seconds=point.time_s))
    return (
        None if at is None else at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC).isoformat().replace("+00:00", "Z")
    )


def _gpx(points: Sequence[PathPoint], began_at: datetime | None) -> str:
    about = {"version": "1.1", "creator": "viewfix", "xmlns": "http://www.topografix.com/GPX/1/1"}
    root = Xml.Element("gpx", about)
    segment = Xml.SubElement(Xml.SubElement(root, "trk"), "trkseg")
    for point in points:
        at = _at(point)
        each = Xml.SubElement(segment, "trkpt", {"lat": f"{at.lat:.7f}", "lon": f"{at.lon:.7f}"})
        # Without a clock, seconds are counted from 1970: a track without times could not be replayed or compared.
        Xml.SubElement(each, "time").text = _moment(point, began_at or _EPOCH)
        Xml.SubElement(each, "name").text = point.name.translate(_INVALID)
    return _text(root)


def _kml(points: Sequence[PathPoint], began_at: datetime | None) -> str:
    root = Xml.Element("kml", {"xmlns": "http://www.opengis.net/kml/2.2"})
    mark = Xml.SubElement(Xml.SubElement(root, "Document"), "Placemark")
    Xml.SubElement(mark, "name").text = "viewfix track"
    path = Xml.SubElement(mark, "LineString")
    Xml.SubElement(path, "tessellate").text = "1"
    # KML takes longitude first.
    Xml.SubElement(path, "coordinates").text = " ".join(f"{_at(p).lon:.7f},{_at(p).lat:.7f}" for p in points)
    return _text(root)


def _geojson(points: Sequence[PathPoint], began_at: datetime | None) -> str:
    line = [[round(_at(p).lon, 7), round(_at(p).lat, 7)] for p in points]  # GeoJSON takes longitude first
    features: list[object] = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": at},
            "properties": {
                "name": point.name,
                "time_s": point.time_s,
                "time": _moment(point, began_at),
                "confidence": round(point.confidence, 4),
                "radius_m": _at(point).radius_m,
                "heading_deg": point.heading_deg,
                "speed_mps": point.speed_mps,
            },
        }
        for point, at in zip(points, line, strict=True)
    ]
    if len(line) > 1:
        path = {"type": "LineString", "coordinates": line}
        features.insert(0, {"type": "Feature", "geometry": path, "properties": {"name": "viewfix track"}})
    return json.dumps({"type": "FeatureCollection", "features": features}) + "\n"


def _at(point: PathPoint) -> Position:
    assert point.position is not None  # `write_path` leaves the others out
    return point.position


def _text(root: Xml.Element) -> str:
    return Xml.tostring(root, encoding="unicode", xml_declaration=False) + "\n"
