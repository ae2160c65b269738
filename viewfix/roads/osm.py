"""Read the roads of an OpenStreetMap file: the ways that can be used, with the positions of their nodes and barriers.

The file is read three times: for the ways, for their nodes, and for the rules for turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import BadInput
from ..geo import Box
from ..pois.osm import PBF_ENDINGS, XML_ENDINGS, require_file
from ..pois.osm_elements import Element, Place, Read, Wanted, from_json, from_pbf, from_xml
from ..sources.columns import readable
from ..types import Progress, silent
from .access import ROAD_KEYS, access_of, class_of, stopped_by
from .graph import LONGEST_NAME
from .turns import MOST_RULES, TurnRule, rule_of

MOST_NODES = 6_000_000
"""The limit for the nodes of all roads of a file; the city of Berlin has about a million."""

REPORT_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Way:
    """A part of a road: the ids of its nodes, its class, access mask, name, which may be "", and id in the file."""

    nodes: Sequence[int]
    road: str
    access: int
    name: str
    id: int = 0


@dataclass(slots=True)
class RoadData:
    """The ways of a file, the (lon, lat) of their nodes, what barriers at nodes stop, and its rules for turns."""

    ways: list[Way] = field(default_factory=list)
    places: dict[int, Place] = field(default_factory=dict)
    stops: dict[int, int] = field(default_factory=dict)
    rules: list[TurnRule] = field(default_factory=list)


def reader_of(file: Path) -> Read:
    """The reader for an OpenStreetMap file, by its extension.

    Raises:
        BadInput: it does not have one of an OpenStreetMap file, or is not there.
    """
    require_file(file)
    name = file.name.lower()
    if name.endswith(PBF_ENDINGS):
        return from_pbf
    if name.endswith(XML_ENDINGS):
        return from_xml
    if name.endswith(".json"):
        return from_json
    raise BadInput(
        f"{file} does not have the extension of an OpenStreetMap file, from which roads are read. Pass a .osm.pbf, "
        ".osm, .osm.gz or .osm.bz2 file, or JSON from Overpass (.json)."
    )


def read_roads(path: Path, area: Box | None = None, progress: Progress = silent) -> RoadData:
    """The roads of a file that touch an area; all of them if it is None.

    Raises:
        MissingExtra: osmium, which reads PBF files, is not installed.
        BadInput: it is not an OpenStreetMap file, ends too early, or has too many roads.
    """
    read = reader_of(path)
    try:
        return _within(_read(path, read, progress), area)
    except (RuntimeError, OSError, ValueError) as error:
        seen = readable(" ".join(str(error).split()), 160)
        raise BadInput(
            f"{path} could not be read as OpenStreetMap data ({seen}). Is the file complete? Download it again."
        ) from error


def _read(path: Path, read: Read, progress: Progress) -> RoadData:
    data = RoadData()
    seen: set[int] = set()
    wanted: set[int] = set()
    inline: dict[Place, int] = {}
    total = 0
    for way in read(path, Wanted(tagged=ROAD_KEYS)):
        access = access_of(way.tags) if way.type == "way" and way.id not in seen else 0
        if not access:
            continue
        seen.add(way.id)
        nodes = _nodes(way, data.places, inline)
        wanted.update(node for node in nodes if node not in data.places)
        total += len(nodes)
        if total > MOST_NODES:
            raise BadInput(
                f"The roads of {path} have more than {MOST_NODES:,} nodes. Cut out the area of the map first: "
                "osmium extract -b WEST,SOUTH,EAST,NORTH"
            )
        data.ways.append(Way(nodes, class_of(way.tags), access, _name(way), way.id))
        if len(data.ways) % REPORT_EVERY == 0:
            progress(f"reading {path.name}", len(data.ways), None)
    if wanted:
        for node in read(path, Wanted(nodes=wanted)):
            if node.type != "node" or node.id not in wanted:
                continue
            if node.place is not None:
                data.places.setdefault(node.id, node.place)
            if stopped := stopped_by(node.tags):
                data.stops[node.id] = stopped
    for relation in read(path, Wanted(relations="restriction")):
        rule = rule_of(relation) if relation.type == "relation" else None
        if rule is not None and len(data.rules) < MOST_RULES:
            data.rules.append(rule)
    return data


def _nodes(way: Element, places: dict[int, Place], inline: dict[Place, int]) -> list[int]:
    """The ids of the nodes of a way. Nodes without an id, of which only places are known, get negative ones."""
    ids: list[int] = []
    for ref, place in way.nodes:
        number = ref if ref is not None else None if place is None else inline.setdefault(place, -1 - len(inline))
        if number is None or (ids and ids[-1] == number):
            continue
        if place is not None:
            places.setdefault(number, place)
        ids.append(number)
    return ids


def _name(way: Element) -> str:
    """The name of a road, or else its number; "" if it has neither."""
    text = way.tags.get("name") or way.tags.get("ref") or ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_NAME]


def _within(data: RoadData, area: Box | None) -> RoadData:
    """Cut ways where they leave the area, at the first node beyond it, and where nodes are missing from an extract."""
    refs = list(data.places)
    if area is None or not refs:
        inside = set(refs)
    else:
        held = area.contains([data.places[r][1] for r in refs], [data.places[r][0] for r in refs])
        inside = {ref for ref, is_in in zip(refs, held.tolist(), strict=True) if is_in}
    cut = RoadData(places=data.places, stops=data.stops, rules=data.rules)
    for way in data.ways:
        for nodes in _runs(way.nodes, inside, data.places):
            cut.ways.append(replace(way, nodes=nodes))
    return cut


def _runs(nodes: Sequence[int], inside: set[int], places: dict[int, Place]) -> list[list[int]]:
    runs: list[list[int]] = []
    run: list[int] = []
    for node in nodes:
        known = node in places
        if known and (node in inside or (run and run[-1] in inside)):
            run.append(node)
        else:
            runs.append(run)
            run = [node] if known else []
    runs.append(run)
    return [run for run in runs if len(run) > 1 and (run[0] in inside or run[1] in inside)]
