"""An OpenStreetMap file becomes a stream of points of interest: nodes, ways and multipolygons that are named sights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..optional import optional
from ..types import PointOfInterest, Position, Skipped
from .links import links_of, names_of
from .shapes import Ring, inside_point, middle_of, middle_of_line
from .sights import kind_of

ENDINGS = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
Members = list[tuple[str, int]]
CREDIT = ("© OpenStreetMap contributors", "ODbL")


def read_osm(path: Path) -> Iterator[PointOfInterest | Skipped]:
    """Every named sight of a file, and those whose place cannot be told; constant memory but for the places of nodes.

    Raises:
        MissingExtra: osmium is not installed.
        BadInput: it is no OpenStreetMap file, or it ends too early.
    """
    osmium = optional("osmium")
    cut: dict[int, tuple[dict[str, str], Members]] = {}  # relations that are sights, until an area of them has come
    built: set[int] = set()
    try:
        named = osmium.filter.KeyFilter("name")
        for item in osmium.FileProcessor(str(path)).with_areas(named).with_filter(osmium.filter.KeyFilter("name")):
            tags = {tag.k: tag.v for tag in item.tags}
            sight = kind_of(tags)
            if sight is None or (item.is_area() and item.from_way()):  # the way has come by itself
                continue
            if item.is_relation():
                if tags.get("type") in ("multipolygon", "site"):
                    cut[item.id] = tags, [(each.type, each.ref) for each in item.members if each.type in "nw"]
                continue
            if item.is_area():
                built.add(item.orig_id())
            yield _point(item, tags, osmium.InvalidLocationError)
        cut = {key: value for key, value in cut.items() if key not in built}
        yield from _from_parts(osmium, path, cut)
    except (RuntimeError, OSError, ValueError) as error:
        seen = " ".join(str(error).split())[:160]
        raise BadInput(
            f"{path} could not be read as OpenStreetMap data ({seen}). Is the file whole? Download it again."
        ) from error


def _from_parts(
    osmium: Any, path: Path, relations: Mapping[int, tuple[dict[str, str], Members]]
) -> Iterator[PointOfInterest | Skipped]:
    """Relations without an area, such as a square that the edge of the extract cuts: the middle of what is there."""
    if not relations:
        return
    wanted = {member for _, members in relations.values() for member in members}
    places: dict[tuple[str, int], Ring] = {}
    ids = osmium.filter.IdFilter({ref for _, ref in wanted})
    for item in osmium.FileProcessor(str(path)).with_locations().with_filter(ids):
        kind = "n" if item.is_node() else "w" if item.is_way() else ""
        if (kind, item.id) in wanted:
            places[kind, item.id] = [(item.lon, item.lat)] if kind == "n" else _ring(item.nodes)
    for number, (tags, members) in relations.items():
        key, corners = f"relation/{number}", [at for member in members for at in places.get(member, ())]
        if corners:
            yield _sight(key, tags, middle_of(corners))
        else:
            yield Skipped(key, f"{tags['name']}: nothing of its outline is in the file")


def _point(item: Any, tags: dict[str, str], lost: type[Exception]) -> PointOfInterest | Skipped:
    try:
        return _sight(_key(item), tags, _position(item))
    except (lost, IndexError, BadInput):
        return Skipped(_key(item), f"{tags['name']}: it has no position, or its nodes are not in the file")


def _sight(key: str, tags: dict[str, str], at: Position) -> PointOfInterest:
    sight = kind_of(tags)
    assert sight is not None
    kind, notability = sight
    return PointOfInterest(key, tags["name"].strip(), kind, at, names_of(tags), links_of(tags), notability)


def _key(item: Any) -> str:
    if item.is_area():
        return f"relation/{item.orig_id()}"
    return f"{'node' if item.is_node() else 'way'}/{item.id}"


def _position(item: Any) -> Position:
    if item.is_node():
        return Position(item.location.lat, item.location.lon)
    if item.is_area():
        outers = list(item.outer_rings())
        rings = [[_ring(outer), *map(_ring, item.inner_rings(outer))] for outer in outers]
        return inside_point(max(rings, key=lambda each: len(each[0])))
    corners = _ring(item.nodes)
    return inside_point([corners]) if item.is_closed() else middle_of_line(corners)


def _ring(nodes: Any) -> Ring:
    """Where its nodes are; those that an extract has cut off are left out."""
    return [(node.lon, node.lat) for node in nodes if node.location.valid()]
