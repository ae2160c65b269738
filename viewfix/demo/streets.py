"""The plan of the town as an OpenStreetMap file: streets with names, houses and squares, for its base map and roads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

from ..files import write_whole
from .plan import Point
from .town import Town, Viewpoint

CREDIT = "Streets drawn by viewfix"

NAMES = (
    {"name": "High Street", "name:de": "Hauptstraße", "name:uk": "Головна вулиця"},
    {"name": "Mill Lane", "name:de": "Mühlgasse", "name:uk": "Млинний провулок"},
    {"name": "Church Street", "name:de": "Kirchstraße", "name:uk": "Церковна вулиця"},
    {"name": "Station Road", "name:de": "Bahnhofstraße", "name:uk": "Вокзальна вулиця"},
    {"name": "Garden Street", "name:de": "Gartenstraße", "name:uk": "Садова вулиця"},
    {"name": "Bridge Street", "name:de": "Brückenstraße", "name:uk": "Мостова вулиця"},
)
TOWN = {"place": "town", "name": "Old Town", "name:de": "Altstadt", "name:uk": "Старе місто"}
SQUARE = {"name": "Market Square", "name:de": "Marktplatz", "name:uk": "Ринкова площа"}


def write_osm(town: Town, file: Path) -> None:
    """Write the streets, houses and squares of a town as OpenStreetMap XML."""
    writer = _Writer(town)
    plan = town.plan
    by_width: dict[float, list[Point]] = {}
    for street in plan.streets:  # the pieces of one street have one width, and follow each other
        line = by_width.setdefault(street.width_m, [street.start])
        line.append(street.end)
    for number, line in enumerate(by_width.values()):
        names = NAMES[number % len(NAMES)]
        writer.way(line, {"highway": "residential", **names})
    for lot in plan.lots:
        writer.way([*lot.footprint, lot.footprint[0]], {"building": "house"})
    for square in plan.squares:
        writer.way([*square, square[0]], {"highway": "pedestrian", "area": "yes"})
        middle = sum(x for x, _ in square) / len(square), sum(y for _, y in square) / len(square)
        writer.node(middle, {"place": "square", **SQUARE})
    writer.node((0.0, 0.0), TOWN)
    write_whole(file, writer.text())


class _Writer:
    """Nodes and ways as XML. Corners that lie on the same spot are one node, so that streets meet."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._nodes: dict[Point, int] = {}
        self._lines: list[str] = []
        self._ways: list[str] = []

    def node(self, at: Point, tags: Mapping[str, str]) -> int:
        """Write a node; returns its id."""
        number = len(self._lines) + 1
        position = self._town.position(Viewpoint("", *at, 0.0))
        where = f'lat="{position.lat:.7f}" lon="{position.lon:.7f}"'
        self._lines.append(f' <node id="{number}" version="1" {where}>{_tags(tags)}</node>')
        return number

    def way(self, points: Iterable[Point], tags: Mapping[str, str]) -> None:
        """Write a way through points; it is closed if the last is the first."""
        refs = []
        for x, y in points:
            spot = (round(x, 2), round(y, 2))
            if spot not in self._nodes:
                self._nodes[spot] = self.node(spot, {})
            refs.append(f'<nd ref="{self._nodes[spot]}"/>')
        number = len(self._ways) + 1
        self._ways.append(f' <way id="{number}" version="1">{"".join(refs)}{_tags(tags)}</way>')

    def text(self) -> str:
        """The whole file."""
        return "\n".join(
            ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6" generator="viewfix demo">', *self._lines,
             *self._ways, "</osm>", ""]
        )  # fmt: skip


def _tags(tags: Mapping[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items())
