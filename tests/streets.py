"""A small town of streets, written as OpenStreetMap XML, and a map of a few photos in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from viewfix.geo import Plane
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Photo, Position

TOY = ModelIdentity("toy", "f" * 64, 2)
MIDDLE = Position(60.17, 24.94)
PLANE = Plane(MIDDLE)

Way = tuple[Sequence[int], Mapping[str, str]]


def at(x_m: float, y_m: float, plane: Plane = PLANE) -> Position:
    """The position some metres east and north of the middle of the town."""
    return plane.to_position(x_m, y_m)


def osm(
    nodes: Mapping[int, tuple[float, float]],
    ways: Sequence[Way],
    node_tags: Mapping[int, Mapping[str, str]] | None = None,
    origin: Position = MIDDLE,
    rules: Sequence[tuple[int, int, int, str]] = (),
) -> str:
    """OpenStreetMap XML of nodes in metres and ways between them, numbered from 1.

    A rule forbids a turn: from a way, at a node, into a way, and the value of `restriction`.
    """
    body, plane = [], Plane(origin)
    for number, (x_m, y_m) in nodes.items():
        place = at(x_m, y_m, plane)
        tags = _tags((node_tags or {}).get(number, {}))
        body.append(f'<node id="{number}" lat="{place.lat:.7f}" lon="{place.lon:.7f}">{tags}</node>')
    for number, (refs, tags) in enumerate(ways, start=1):
        body.append(f'<way id="{number}">' + "".join(f'<nd ref="{r}"/>' for r in refs) + _tags(tags) + "</way>")
    for number, (come, via, go, value) in enumerate(rules, start=1):
        members = f'<member type="way" ref="{come}" role="from"/><member type="node" ref="{via}" role="via"/>'
        tags = _tags({"type": "restriction", "restriction": value})
        body.append(f'<relation id="{number}">{members}<member type="way" ref="{go}" role="to"/>{tags}</relation>')
    return f'<?xml version="1.0"?><osm version="0.6">{"".join(body)}</osm>'


def _tags(tags: Mapping[str, str]) -> str:
    return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())


# Five streets from west to east and five from south to north, 100 m apart. Node 10 * row + column + 11.
GRID = {10 * row + column + 11: (100.0 * column, 100.0 * row) for row in range(5) for column in range(5)}
STREETS: list[Way] = [
    *(
        ([10 * row + column + 11 for column in range(5)], {"highway": "residential", "name": f"East Street {row}"})
        for row in range(5)
    ),
    *(
        ([10 * row + column + 11 for row in range(5)], {"highway": "residential", "name": f"North Street {column}"})
        for column in range(5)
    ),
]

# The same streets as ways of one block each, and what cars and bicycles must not do at their crossings.
BLOCKS: list[Way] = [
    ([one, other], tags) for nodes, tags in STREETS for one, other in zip(nodes, nodes[1:], strict=False)
]
RULES = [
    (come, via, go, ("no_left_turn", "no_right_turn", "only_straight_on")[(come + go) % 3])
    for come, (nodes, _) in enumerate(BLOCKS, start=1)
    for go, (others, _) in enumerate(BLOCKS, start=1)
    for via in set(nodes) & set(others)
    if come != go and (7 * come + go) % 5 == 0
]


def town(path: Path, *, more: Sequence[Way] = (), places: Mapping[int, tuple[float, float]] | None = None) -> Path:
    """Write the grid of streets, with further ways and nodes, to a file."""
    path.write_text(osm({**GRID, **(places or {})}, [*STREETS, *more]), encoding="utf-8")
    return path


def empty_map(path: Path, *positions: Position) -> Path:
    """A map with photos at some positions, by default one in the middle of the town; their descriptors are made up."""
    photos = [Photo(f"{n}.jpg", f"{n}.jpg", place, 90.0) for n, place in enumerate(positions or (at(200, 200),))]
    units = np.tile(np.array([[1.0, 0.0]], np.float32), (len(photos), 1))
    with Store.create(str(path), TOY) as store:
        store.put([Record(photo, photo.id, None) for photo in photos], units)
    return path
