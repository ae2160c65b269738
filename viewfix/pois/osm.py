"""Find the named sights of an OpenStreetMap file, and their positions: nodes, ways and multipolygons.

The file is read up to three times: for the sights, for the ways of their relations, and for the nodes of all these.
So the order of its elements does not matter, and only what belongs to sights is kept in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import BadInput
from ..sources.columns import readable
from ..types import PointOfInterest, Position, Skipped
from .links import LONGEST_NAME, links_of, names_of
from .osm_elements import Element, Place, Read, Wanted, from_json, from_pbf, from_xml
from .shapes import Ring, centre_of, middle_of_line, outline_of, point_in_area, point_in_polygon
from .sights import kind_of

PBF_ENDINGS = (".osm.pbf", ".pbf")
XML_ENDINGS = (".osm", ".osm.gz", ".osm.bz2")
AREA_TYPES = ("multipolygon", "boundary", "site")
CREDIT = ("© OpenStreetMap contributors", "ODbL")

Item = PointOfInterest | Skipped


def require_file(path: Path) -> None:
    """Refuse a folder, and a path with nothing there.

    Raises:
        BadInput: it is not a file.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder. Pass an OpenStreetMap file (.osm.pbf, .osm).")
    if not path.exists():
        raise BadInput(f"There is nothing at {path}. Check the path.")


def read_osm(path: Path) -> Iterator[Item]:
    """Every named sight of a PBF or XML file; those without a known place as Skipped.

    Raises:
        MissingExtra: osmium (PBF) or shapely (areas) is not installed.
        BadInput: it is not an OpenStreetMap file, or it ends too early.
    """
    yield from _sights(path, from_pbf if path.name.lower().endswith(PBF_ENDINGS) else from_xml)


def read_overpass_json(path: Path) -> Iterator[Item]:
    """As `read_osm`, for an Overpass export in JSON."""
    yield from _sights(path, from_json)


def _sights(path: Path, read: Read) -> Iterator[Item]:
    try:
        shapes: dict[str, Element] = {}
        nodes: set[str] = set()
        for element in read(path, Wanted(named=True)):
            if element.key in nodes or element.key in shapes or kind_of(element.tags) is None:
                continue  # an export may contain an element twice
            if element.type == "node":
                nodes.add(element.key)
                yield _item(
                    element,
                    None if element.place is None else _position(element.place),
                    "its lat and lon are not numbers of degrees",
                )
            elif element.type == "way" or element.tags.get("type") in AREA_TYPES:
                shapes[element.key] = element
        yield from _placed(path, read, shapes)
    except (RuntimeError, OSError, ValueError) as error:
        seen = readable(" ".join(str(error).split()), 160)
        raise BadInput(
            f"{path} could not be read as OpenStreetMap data ({seen}). Is the file complete? Download it again."
        ) from error


def _placed(path: Path, read: Read, shapes: Mapping[str, Element]) -> Iterator[Item]:
    """Ways and relations, with positions computed from their nodes."""
    parts = [member for shape in shapes.values() for member in shape.members if not member.outline]
    wanted_ways = {member.ref for member in parts if member.type == "way"}
    ways: dict[int, Element] = {}
    if wanted_ways:
        for way in read(path, Wanted(ways=wanted_ways)):
            ways.setdefault(way.id, way)
    outlines = [*shapes.values(), *ways.values()]
    refs = {ref for shape in outlines for ref, place in shape.nodes if ref is not None and place is None}
    refs |= {member.ref for member in parts if member.type == "node"}
    places: dict[int, Place] = {}
    if refs:
        for node in read(path, Wanted(nodes=refs)):
            if node.place is not None:
                places.setdefault(node.id, node.place)
    for shape in shapes.values():
        lines = [_line(shape, places)] if shape.type == "way" else _outer_lines(shape, ways, places)
        place = _way_place(shape, lines[0]) if shape.type == "way" else _relation_place(shape, ways, places)
        if place is None and shape.place is not None:  # the centre that Overpass wrote
            place = _position(shape.place)
        yield _item(shape, place, "its outline is not in the file", lines)


def _outer_lines(relation: Element, ways: Mapping[int, Element], places: Mapping[int, Place]) -> list[Ring]:
    lines: list[Ring] = []
    for member in relation.members:
        if member.type == "way" and member.role != "inner":
            lines.append(member.outline or (_line(ways[member.ref], places) if member.ref in ways else []))
    return lines


def _way_place(way: Element, line: Sequence[Place]) -> Position | None:
    if not line:
        return None
    return point_in_polygon([line]) if way.is_closed else middle_of_line(line)


def _relation_place(relation: Element, ways: Mapping[int, Element], places: Mapping[int, Place]) -> Position | None:
    """A point inside the area; if the edge of the file cuts it, the middle of the part that is in the file."""
    outer: list[Ring] = []
    inner: list[Ring] = []
    every: list[Place] = []
    for member in relation.members:
        line: Ring = member.outline
        if not line and member.type == "way" and member.ref in ways:
            line = _line(ways[member.ref], places)
        elif not line and member.type == "node" and member.ref in places:
            line = [places[member.ref]]
        every += line
        if member.type == "way" and line:
            (inner if member.role == "inner" else outer).append(line)
    found = point_in_area(outer, inner) if relation.tags.get("type") != "site" else None
    return found or (centre_of(every) if every else None)


def _line(way: Element, places: Mapping[int, Place]) -> list[Place]:
    """The positions of the nodes of a way, without those that are missing from an extract."""
    found = (place or (None if ref is None else places.get(ref)) for ref, place in way.nodes)
    return [place for place in found if place is not None]


def _position(place: Place) -> Position:
    return Position(place[1], place[0])


def _item(element: Element, position: Position | None, why_not: str, lines: Sequence[Ring] = ()) -> Item:
    name = element.tags["name"].strip()
    if len(name) > LONGEST_NAME:
        return Skipped(element.key, f"its name is longer than {LONGEST_NAME} characters: {readable(name, 120)}")
    if position is None:
        return Skipped(element.key, f"{readable(name)}: {why_not}")
    sight = kind_of(element.tags)
    assert sight is not None, "only sights are kept"
    kind, notability = sight
    texts = names_of(element.tags), links_of(element.tags)
    return PointOfInterest(element.key, name, kind, position, *texts, notability, outline=outline_of(lines))
