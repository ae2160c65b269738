"""Stream the elements of OpenStreetMap files: XML (.osm), PBF, and the JSON that Overpass exports."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..optional import optional
from ..sources.columns import decimal
from ..sources.json_rows import items_of

MOST_PARTS = 100_000
"""The limit for nodes of a way and members of a relation: OpenStreetMap allows 2,000 and 32,000."""

CHUNK = 1 << 16
Place = tuple[float, float]
"""(lon, lat) in degrees."""


@dataclass(slots=True)
class Member:
    """A part of a relation: a "node", "way" or "relation", and its outline if the file has it inline."""

    type: str
    ref: int
    role: str = ""
    outline: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Element:
    """A node, a way or a relation, as far as the file describes it.

    `place` is that of a node, or the centre that Overpass wrote for anything else; None if it is missing or invalid.
    `nodes` are the nodes of a way: their ids (None if there is only an outline), and their places if given inline.
    """

    type: str
    id: int
    tags: dict[str, str] = field(default_factory=dict)
    place: Place | None = None
    nodes: list[tuple[int | None, Place | None]] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def is_closed(self) -> bool:
        return len(self.nodes) > 3 and self.nodes[0] == self.nodes[-1]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The elements to read from a file: all with a name, all ways with one of some tags, all relations of a type,
    or the ways or nodes with certain ids.
    """

    named: bool = False
    tagged: tuple[str, ...] = ()
    relations: str | None = None
    ways: Set[int] = frozenset()
    nodes: Set[int] = frozenset()

    def allows(self, element: Element) -> bool:
        if self.named:
            return "name" in element.tags
        if self.tagged:
            return element.type == "way" and not element.tags.keys().isdisjoint(self.tagged)
        if self.relations is not None:
            return element.type == "relation" and element.tags.get("type") == self.relations
        return element.id in (self.ways if element.type == "way" else self.nodes if element.type == "node" else ())


Read = Callable[[Path, Wanted], Iterator[Element]]


def place_of(lat: Any, lon: Any) -> Place | None:
    """A place, or None if the values are not a position on Earth."""
    north, east = decimal(lat), decimal(lon)
    if north is None or east is None or not (abs(north) <= 90 and abs(east) <= 180):
        return None
    return east, north


def from_pbf(path: Path, wanted: Wanted) -> Iterator[Element]:
    """The elements of a PBF file, filtered by osmium.

    Raises:
        MissingExtra: osmium is not installed.
        RuntimeError: the file is damaged.
    """
    osmium = optional("osmium")
    if wanted.named:
        file = osmium.FileProcessor(str(path)).with_filter(osmium.filter.KeyFilter("name"))
    elif wanted.tagged:
        file = osmium.FileProcessor(str(path), osmium.osm.WAY).with_filter(osmium.filter.KeyFilter(*wanted.tagged))
    elif wanted.relations is not None:
        file = osmium.FileProcessor(str(path), osmium.osm.RELATION).with_filter(
            osmium.filter.TagFilter(("type", wanted.relations))
        )
    else:
        kind, ids = (osmium.osm.WAY, wanted.ways) if wanted.ways else (osmium.osm.NODE, wanted.nodes)
        file = osmium.FileProcessor(str(path), kind).with_filter(
            osmium.filter.IdFilter(each for each in ids if each >= 0)
        )
    for item in file:
        tags = {tag.k: tag.v for tag in item.tags}
        if item.is_node():
            place = (item.lon, item.lat) if item.location.valid() else None
            yield Element("node", item.id, tags, place)
        elif item.is_way():
            yield Element("way", item.id, tags, nodes=[(node.ref, None) for node in item.nodes])
        else:
            types = {"n": "node", "w": "way", "r": "relation"}
            members = [Member(types[each.type], each.ref, each.role) for each in item.members]
            yield Element("relation", item.id, tags, members=members)


def from_json(path: Path, wanted: Wanted) -> Iterator[Element]:
    """The elements of an Overpass export in JSON.

    Raises:
        ValueError: the file is not JSON, or ends too early.
    """
    for item in items_of(path):
        element = _from_item(item)
        if element is not None and wanted.allows(element):
            yield element


def is_element(item: Any) -> bool:
    """Whether an item of a JSON file is an element of OpenStreetMap."""
    return (
        isinstance(item, dict)
        and item.get("type") in ("node", "way", "relation")
        and _whole(item.get("id")) is not None
    )


def _from_item(item: Any) -> Element | None:
    if not is_element(item):
        return None
    tags = item["tags"] if isinstance(item.get("tags"), dict) else {}
    centre = item if item["type"] == "node" else item.get("center")
    element = Element(
        item["type"],
        int(item["id"]),
        {str(key): str(value) for key, value in tags.items()},
        place_of(centre.get("lat"), centre.get("lon")) if isinstance(centre, dict) else None,
    )
    refs, outline = _list(item.get("nodes")), _outline(item.get("geometry"))
    if outline:
        element.nodes = [(None, place) for place in outline]
    else:
        element.nodes = [(ref, None) for ref in refs if isinstance(ref, int)]
    for each in _list(item.get("members")):
        ref = _whole(each.get("ref")) if isinstance(each, dict) else None
        if ref is not None:
            inline = _outline(each.get("geometry")) or _outline([each])
            element.members.append(Member(str(each.get("type")), ref, str(each.get("role") or ""), inline))
    return element


def _list(value: Any) -> list[Any]:
    return value[:MOST_PARTS] if isinstance(value, list) else []


def _outline(value: Any) -> list[Place]:
    places = [place_of(each.get("lat"), each.get("lon")) for each in _list(value) if isinstance(each, dict)]
    return [place for place in places if place is not None]


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def from_xml(path: Path, wanted: Wanted) -> Iterator[Element]:
    """The elements of an XML file from OpenStreetMap, Overpass or JOSM, in any order.

    Elements that JOSM marks as deleted are left out. Overpass may write the places of a way inline, or only its centre.

    Raises:
        ValueError: the file is not OpenStreetMap XML, declares entities, or ends too early.
        OSError: it cannot be read.
    """
    from defusedxml.ElementTree import DefusedXMLParser, ParseError

    collector = _Collector()
    parser = DefusedXMLParser(target=collector)
    name = path.name.lower()
    open_file: Callable[..., Any] = gzip.open if name.endswith(".gz") else bz2.open if name.endswith(".bz2") else open
    try:
        with open_file(path, "rb") as file:
            while chunk := file.read(CHUNK):
                parser.feed(chunk)
                yield from filter(wanted.allows, collector.take())
            parser.close()
    except (ParseError, EOFError, LookupError) as error:  # LookupError: an unknown encoding
        raise ValueError(str(error)) from error
    yield from filter(wanted.allows, collector.take())


class _Collector:
    """Builds elements from the events of an XML parser, without a tree."""

    def __init__(self) -> None:
        self._done: list[Element] = []
        self._open: Element | None = None
        self._deleted = False
        self._root: str | None = None

    def take(self) -> list[Element]:
        done, self._done = self._done, []
        return done

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._root is None:
            self._root = tag
            if tag != "osm":
                raise ValueError(f"its first element is <{tag[:40]}>, where <osm> is expected")
        if tag in ("node", "way", "relation"):
            number = _whole(attributes.get("id"))
            self._deleted = attributes.get("action") == "delete" or attributes.get("visible") == "false"
            self._open = None if number is None else Element(tag, number, place=_place(attributes))
        elif self._open is not None:
            self._add(self._open, tag, attributes)

    def _add(self, element: Element, tag: str, attributes: Mapping[str, str]) -> None:
        ref = _whole(attributes.get("ref"))
        if tag == "tag":
            element.tags[attributes.get("k", "")] = attributes.get("v", "")
        elif tag == "center":
            element.place = _place(attributes)
        elif tag == "nd" and element.type == "way":
            if len(element.nodes) < MOST_PARTS:
                element.nodes.append((ref, _place(attributes)))
        elif tag == "nd" and element.members:
            place, outline = _place(attributes), element.members[-1].outline
            if place is not None and len(outline) < MOST_PARTS:
                outline.append(place)
        elif tag == "member" and ref is not None and len(element.members) < MOST_PARTS:
            place = _place(attributes)
            inline = [] if place is None else [place]
            element.members.append(Member(attributes.get("type", ""), ref, attributes.get("role", ""), inline))

    def end(self, tag: str) -> None:
        if tag in ("node", "way", "relation"):
            if self._open is not None and not self._deleted:
                self._done.append(self._open)
            self._open = None

    def data(self, text: str) -> None:
        """Ignore text between tags."""

    def close(self) -> None:
        """Do nothing: the parser has checked that every element is closed."""


def _place(attributes: Mapping[str, str]) -> Place | None:
    return place_of(attributes.get("lat"), attributes.get("lon")) if "lat" in attributes else None
