"""A route: its length and duration, its steps, and its line, as text, GeoJSON and GPX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from ..geo import wrap_lon_deg
from ..types import Position
from .guidance import Point, RouteStep
from .speeds import Mode
from .words import distance, duration, instruction

_INVALID = dict.fromkeys([*(n for n in range(32) if n not in (9, 10, 13)), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)])
"""Characters that XML 1.0 does not allow."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way from one place to another along roads.

    `distance_m` and `duration_s` count from road to road: from the place on a road that is nearest to `start`, to the
    one nearest to `end`. `line` is the way as (lat, lon) degrees. `destination` is a name for people. `credit` must be
    shown with the route.
    """

    mode: Mode
    start: Position
    end: Position
    destination: str
    distance_m: float
    duration_s: float
    steps: tuple[RouteStep, ...]
    line: tuple[Point, ...]
    credit: str | None = None

    @property
    def instructions(self) -> list[str]:
        """The steps in English."""
        return [instruction(step, self.destination) for step in self.steps]

    def __str__(self) -> str:
        head = f"{distance(self.distance_m)}, {duration(self.duration_s)}, to {self.destination}"
        return "\n".join([head, *(f"  {line}" for line in self.instructions)])

    def to_geojson(self) -> dict[str, Any]:
        """A Feature: its geometry is the line, its properties are everything else."""
        steps = zip(self.steps, self.instructions, strict=True)
        return {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": [_lon_lat(point) for point in self.line]},
            "properties": {
                "mode": self.mode,
                "destination": self.destination,
                "start": {"lat": self.start.lat, "lon": self.start.lon},
                "end": {"lat": self.end.lat, "lon": self.end.lon},
                "distance_m": round(self.distance_m, 1),
                "duration_s": round(self.duration_s, 1),
                "steps": [_step(step, words) for step, words in steps],
                "attribution": self.credit,
            },
        }

    def to_gpx(self) -> str:
        """A GPX 1.1 document: the steps as a route, the line as a track."""
        about = {"version": "1.1", "creator": "viewfix", "xmlns": "http://www.topografix.com/GPX/1/1"}
        gpx = ElementTree.Element("gpx", about)
        metadata = ElementTree.SubElement(gpx, "metadata")
        _text(metadata, "name", f"To {self.destination}")
        if self.credit is not None:
            _text(metadata, "desc", self.credit)
        route = ElementTree.SubElement(gpx, "rte")
        for step, words in zip(self.steps, self.instructions, strict=True):
            _text(ElementTree.SubElement(route, "rtept", _at(step.at)), "desc", words)
        segment = ElementTree.SubElement(ElementTree.SubElement(gpx, "trk"), "trkseg")
        for point in self.line:
            ElementTree.SubElement(segment, "trkpt", _at(point))
        ElementTree.indent(gpx)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(gpx, encoding="unicode") + "\n"


def _step(step: RouteStep, words: str) -> dict[str, Any]:
    return {
        "instruction": words,
        "turn": step.turn,
        "street": step.street,
        "surface": step.surface,
        "distance_m": round(step.distance_m, 1),
        "duration_s": round(step.duration_s, 1),
        "bearing_deg": round(step.bearing_deg, 1) % 360.0,
        "position": {"lat": round(step.at[0], 6), "lon": _lon_lat(step.at)[0]},
        "side": step.side,
    }


def _lon_lat(point: Point) -> list[float]:
    return [round(float(wrap_lon_deg(point[1])), 6), round(point[0], 6)]  # GeoJSON's order


def _at(point: Point) -> dict[str, str]:
    lon, lat = _lon_lat(point)
    return {"lat": f"{lat:.6f}", "lon": f"{lon:.6f}"}


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text.translate(_INVALID)
