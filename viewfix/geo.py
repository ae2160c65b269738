"""Geodesy: distances, bearings, regions and local planes, correct at the 180th meridian and at the poles.

Angles are in degrees, lengths in metres, on the WGS84 ellipsoid. PROJ does the computation.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import BadInput
from .types import Position

Floats = npt.NDArray[np.float64]

MERCATOR_LAT = 85.0511287798
"""Web Mercator ends at this latitude, where its world is a square."""


@functools.cache
def _geod():  # type: ignore[no-untyped-def]
    from pyproj import Geod  # the import takes 0.1 s, so it waits until a distance is needed

    return Geod(ellps="WGS84")


@functools.cache
def _to_earth_centred():  # type: ignore[no-untyped-def]
    from pyproj import Transformer

    return Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def earth_centred_m(lats: npt.ArrayLike, lons: npt.ArrayLike) -> Floats:
    """Convert (N,) latitudes and longitudes to (N, 3) float64 metres from the centre of the Earth, without a seam."""
    lats, lons = np.atleast_1d(np.asarray(lats, np.float64)), np.atleast_1d(np.asarray(lons, np.float64))
    return np.stack(_to_earth_centred().transform(lons, lats, np.zeros_like(lats)), axis=1)


def wrap_lon_deg(lon: npt.ArrayLike) -> Floats:
    """Bring longitudes of any size and any array shape into [-180, 180); float64."""
    return (np.asarray(lon, dtype=np.float64) + 180.0) % 360.0 - 180.0


def lon_differences_deg(lons: Floats, others: Floats) -> Floats:
    """`lons` minus `others`, in degrees, the short way round: [-180, 180]. Arrays of any shape that broadcast."""
    apart = lons - others
    return np.asarray(apart - 360.0 * np.rint(apart / 360.0))


def wrap_heading_deg(heading: float) -> float:
    """Bring a heading of any size into [0, 360)."""
    wrapped = heading % 360.0
    return 0.0 if wrapped >= 360.0 else wrapped  # -1e-17 % 360 rounds up to 360


def distances_m(lat: float, lon: float, lats: npt.ArrayLike, lons: npt.ArrayLike) -> Floats:
    """Geodesic distances from one point to (N,) points: (N,) float64 metres."""
    lats, lons = np.atleast_1d(np.asarray(lats, np.float64)), np.atleast_1d(np.asarray(lons, np.float64))
    _, _, metres = _geod().inv(np.full(len(lats), lon), np.full(len(lats), lat), lons, lats)
    return np.asarray(metres, dtype=np.float64)


def distance_m(a: Position, b: Position) -> float:
    """Geodesic distance between two positions, in metres."""
    return float(distances_m(a.lat, a.lon, [b.lat], [b.lon])[0])


def lengths_m(lines: Sequence[Sequence[tuple[float, float]]]) -> Floats:
    """Geodesic lengths of N lines of two or more (lon, lat) points each: (N,) float64 metres."""
    counts = np.array([len(line) for line in lines], np.int64)
    if not len(counts):
        return np.empty(0)
    lons, lats = np.array([point for line in lines for point in line], np.float64).T
    _, _, metres = _geod().inv(lons[:-1], lats[:-1], lons[1:], lats[1:])
    metres = np.append(metres, 0.0)
    ends = np.cumsum(counts)
    metres[ends - 1] = 0.0  # from the end of one line to the start of the next
    return np.asarray(np.add.reduceat(metres, ends - counts), np.float64)


def bearing_deg(a: Position, b: Position) -> float:
    """The direction from `a` to `b`, clockwise from north, [0, 360)."""
    azimuth, _, _ = _geod().inv(a.lon, a.lat, b.lon, b.lat)
    return wrap_heading_deg(azimuth)


def moved(start: Position, bearing_deg: float, distance_m: float) -> Position:
    """The position `distance_m` metres from `start` in the direction `bearing_deg`."""
    lon, lat, _ = _geod().fwd(start.lon, start.lat, bearing_deg, distance_m)
    return Position(float(lat), float(wrap_lon_deg(lon)))


def metres_per_degree(lats: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The length of a degree at each latitude, in metres: (N,) of latitude and (N,) of longitude, on WGS84.

    Series of the meridian and of the parallel, good to a metre a degree: for distances of a few kilometres.
    """
    lat = np.radians(np.asarray(lats, np.float64))
    north = 111_132.954 - 559.822 * np.cos(2 * lat) + 1.175 * np.cos(4 * lat)
    east = 111_412.84 * np.cos(lat) - 93.5 * np.cos(3 * lat) + 0.118 * np.cos(5 * lat)
    return np.asarray(north), np.asarray(east)


def mercator_down(lats: npt.ArrayLike) -> Floats:
    """How far down the square of Web Mercator latitudes are: 0 at its northern edge or beyond, 1 at its southern."""
    clipped = np.radians(np.clip(np.asarray(lats, np.float64), -MERCATOR_LAT, MERCATOR_LAT))
    return np.asarray((1 - np.arcsinh(np.tan(clipped)) / np.pi) / 2, np.float64)


def mercator_lats(down: npt.ArrayLike) -> Floats:
    """The reverse of `mercator_down`, also beyond the edges."""
    return np.asarray(np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * np.asarray(down, np.float64))))), np.float64)


@dataclass(frozen=True)
class Plane:
    """A local plane in metres around one point (azimuthal equidistant). Distances from the origin are exact."""

    origin: Position

    def to_xy_m(self, lats: npt.ArrayLike, lons: npt.ArrayLike) -> Floats:
        """Convert (N,) latitudes and longitudes to (N, 2) float64 metres east and north of the origin."""
        lats, lons = np.atleast_1d(np.asarray(lats, np.float64)), np.atleast_1d(np.asarray(lons, np.float64))
        n = len(lats)
        azimuth, _, metres = _geod().inv(np.full(n, self.origin.lon), np.full(n, self.origin.lat), lons, lats)
        angle, metres = np.radians(azimuth), np.asarray(metres)
        return np.stack([metres * np.sin(angle), metres * np.cos(angle)], axis=1)

    def to_position(self, x_m: float, y_m: float, radius_m: float | None = None) -> Position:
        """Convert metres east and north of the origin to a position."""
        bearing = float(np.degrees(np.arctan2(x_m, y_m)))
        point = moved(self.origin, bearing, float(np.hypot(x_m, y_m)))
        return Position(point.lat, point.lon, radius_m)


@dataclass(frozen=True, slots=True)
class Box:
    """The area between two latitudes, from `west` eastwards to `east`. If west > east it crosses the 180th meridian.

    Raises:
        BadInput: a value is out of range, or south > north.
    """

    south: float
    west: float
    north: float
    east: float

    def __post_init__(self) -> None:
        Position(self.south, self.west), Position(self.north, self.east)
        if self.south > self.north:
            raise BadInput(
                f"The south of the box ({self.south}) is above its north ({self.north}). "
                "Pass south, west, north, east in degrees."
            )

    def contains(self, lats: npt.ArrayLike, lons: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """(N,) bool: which of the points lie in the box, edges included."""
        lats, lons = np.asarray(lats, np.float64), np.asarray(lons, np.float64)
        inside = (lats >= self.south) & (lats <= self.north)
        if self.west <= self.east:
            return np.asarray(inside & (lons >= self.west) & (lons <= self.east))
        return np.asarray(inside & ((lons >= self.west) | (lons <= self.east)))

    def boxes(self) -> Sequence[Box]:
        """Split the area into one or two boxes that do not cross the 180th meridian."""
        if self.west <= self.east:
            return (self,)
        return (Box(self.south, self.west, self.north, 180.0), Box(self.south, -180.0, self.north, self.east))


@dataclass(frozen=True, slots=True)
class Circle:
    """The area within `radius_m` metres of a point.

    Raises:
        BadInput: a value is out of range.
    """

    lat: float
    lon: float
    radius_m: float

    def __post_init__(self) -> None:
        Position(self.lat, self.lon, self.radius_m)

    def contains(self, lats: npt.ArrayLike, lons: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """(N,) bool: which of the points lie in the circle, edge included."""
        return np.asarray(distances_m(self.lat, self.lon, lats, lons) <= self.radius_m)

    def boxes(self) -> Sequence[Box]:
        """Cover the circle by one or two boxes. For a first filter by an R*Tree; `contains` is the exact test."""
        # 110,500 m is less than the shortest degree of latitude on WGS84 (110,574 m at the equator).
        # One millimetre more, so that rounding cannot exclude the centre of a circle of radius 0.
        reach_deg = (self.radius_m + 0.001) / 110_500.0
        south, north = self.lat - reach_deg, self.lat + reach_deg
        if south <= -90.0 or north >= 90.0:  # a pole is inside, and with it every longitude
            return (Box(max(south, -90.0), -180.0, min(north, 90.0), 180.0),)
        # The widest point of the circle lies poleward of its centre, so asin and not a plain cosine.
        ratio = np.sin(np.radians(reach_deg)) / np.cos(np.radians(self.lat))
        if not 0 <= ratio < 1:
            return (Box(south, -180.0, north, 180.0),)
        half_deg = float(np.degrees(np.arcsin(ratio))) * 1.01  # 1 % more, because the formula is for a sphere
        if half_deg >= 180.0:
            return (Box(south, -180.0, north, 180.0),)
        west, east = float(wrap_lon_deg(self.lon - half_deg)), float(wrap_lon_deg(self.lon + half_deg))
        return Box(south, west, north, east).boxes()


def widened(box: Box, margin_m: float) -> Box:
    """A box with at least `margin_m` metres more on every side; all longitudes if it would reach around the Earth."""
    reach_deg = margin_m / 110_500.0  # under the shortest degree of latitude
    south, north = max(box.south - reach_deg, -90.0), min(box.north + reach_deg, 90.0)
    reach_lon_deg = reach_deg / max(float(np.cos(np.radians(max(abs(south), abs(north))))), 0.01)
    if (box.east - box.west) % 360.0 + 2 * reach_lon_deg >= 360.0:
        return Box(south, -180.0, north, 180.0)
    west, east = wrap_lon_deg([box.west - reach_lon_deg, box.east + reach_lon_deg])
    return Box(south, float(west), north, float(east))


Region = Circle | Box
