"""The road graph: junctions and edges as columns of numbers, and its compact form in bytes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from .access import CLASSES
from .varints import decoded, encoded, from_zigzag, to_zigzag

Ints = npt.NDArray[np.int64]

MAGIC = b"VFRD\x01"
STEP_DEG = 1e-5
"""The unit of coordinates: 1.1 m of latitude."""

GATE = "gate"
"""The class of the edges of length 0 that stand for a barrier: only some may pass."""

MOST_JUNCTIONS, MOST_EDGES, MOST_SHAPE = 1_000_000, 1_000_000, 4_000_000
MOST_HEADER_BYTES = 16 * 2**20
MOST_BYTES = 48 * 2**20
LONGEST_NAME = 200
LONGEST_CREDIT = 1_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What edges have in common: the value of `highway`, or GATE, and the access mask (see `access`)."""

    road: str
    access: int


@dataclass(frozen=True, slots=True)
class Graph:
    """A road graph of N junctions and E edges. Coordinates are whole multiples of STEP_DEG.

    `starts`, `ends`: (E,) junctions, starts <= ends. `kinds`, `names`: (E,) places in `kind_table` and `name_table`,
    whose first name is empty. `lengths_dm`: (E,) decimetres, along the road as it was drawn. `shape_counts`: (E,) the
    number of points between start and end; `shape_lats`, `shape_lons` hold these of all edges, one after the other. A
    graph across the 180th meridian continues beyond 180 degrees.
    """

    lats: Ints
    lons: Ints
    starts: Ints
    ends: Ints
    kinds: Ints
    names: Ints
    lengths_dm: Ints
    shape_counts: Ints
    shape_lats: Ints
    shape_lons: Ints
    kind_table: tuple[Kind, ...]
    name_table: tuple[str, ...]
    attribution: str | None = None
    licence: str | None = None

    @property
    def length_m(self) -> float:
        """The length of all roads together."""
        return float(self.lengths_dm.sum()) / 10.0

    @property
    def credit(self) -> str | None:
        """The credit to show with a route."""
        return ", ".join(part for part in (self.attribution, self.licence) if part) or None


def encode(graph: Graph) -> bytes:
    """The graph in the format of docs/spec/pack.md, not compressed."""
    header = {
        "junctions": len(graph.lats),
        "edges": len(graph.starts),
        "kinds": [[kind.road, kind.access] for kind in graph.kind_table],
        "names": list(graph.name_table),
        "attribution": graph.attribution,
        "licence": graph.licence,
    }
    shape_lats, shape_lons = _relative_shapes(graph)
    columns = (
        to_zigzag(np.diff(graph.lats, prepend=0)),
        to_zigzag(np.diff(graph.lons, prepend=0)),
        np.diff(graph.starts, prepend=0),
        graph.ends - graph.starts,
        graph.kinds,
        graph.names,
        graph.lengths_dm,
        graph.shape_counts,
        to_zigzag(shape_lats),
        to_zigzag(shape_lons),
    )
    about = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return MAGIC + len(about).to_bytes(4, "little") + about + b"".join(encoded(column) for column in columns)


def compress(graph: Graph) -> bytes:
    """The graph as it is stored in a map: `encode`, compressed by zlib."""
    return zlib.compress(encode(graph), 9)


def decompress(content: bytes) -> Graph:
    """The graph that `compress` made.

    Raises:
        BadInput: it is damaged, or larger than any graph that viewfix writes.
    """
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(content, MOST_BYTES)
    except zlib.error as error:
        _refuse(f"it cannot be decompressed ({error})")
    if not inflate.eof:
        _refuse("it ends too early, or is too large")
    return decode(plain)


def decode(content: bytes) -> Graph:
    """Parse and check what `encode` wrote.

    Raises:
        BadInput: a value breaks a rule of docs/spec/pack.md.
    """
    start = len(MAGIC) + 4
    if content[: len(MAGIC)] != MAGIC or len(content) < start:
        _refuse("it does not begin with VFRD, version 1")
    size = int.from_bytes(content[len(MAGIC) : start], "little")
    if size > min(MOST_HEADER_BYTES, len(content) - start):
        _refuse("its header is longer than the file")
    header = _header(content[start : start + size])
    junctions = _count(header, "junctions", MOST_JUNCTIONS)
    edges = _count(header, "edges", MOST_EDGES)
    numbers = decoded(content, start + size)
    fixed = 2 * junctions + 6 * edges
    if numbers is None or len(numbers) < fixed:
        _refuse("it ends too early, or has a number of more than 5 bytes")
    lats, lons = (np.cumsum(from_zigzag(numbers[n * junctions : (n + 1) * junctions])) for n in (0, 1))
    starts, spans, kinds, names, lengths_dm, counts = numbers[2 * junctions : fixed].reshape(6, edges)
    total = int(counts.sum())
    if total > MOST_SHAPE or len(numbers) != fixed + 2 * total:
        _refuse("it has more or fewer numbers than its header says")
    starts = np.cumsum(starts)
    shape_lats, shape_lons = (from_zigzag(each) for each in numbers[fixed:].reshape(2, total))
    kind_table, name_table = _kinds(header), _names(header)
    ends = starts + spans
    for what, values, end in (("junction", ends, junctions), ("kind", kinds, len(kind_table)),
                              ("name", names, len(name_table))):  # fmt: skip
        if edges and int(values.max()) >= end:
            _refuse(f"an edge has a {what} that does not exist")
    whole = _absolute_shapes(lats, lons, starts, counts, shape_lats, shape_lons)
    for values, limit in ((lats, 90), (lons, 540), (whole[0], 90), (whole[1], 540)):
        if len(values) and int(np.abs(values).max()) * STEP_DEG > limit + STEP_DEG:
            _refuse("a position is not on Earth")
    attribution, licence = _text(header, "attribution"), _text(header, "licence")
    columns = (starts, ends, kinds, names, lengths_dm, counts)
    return Graph(lats, lons, *columns, *whole, kind_table, name_table, attribution, licence)


def _relative_shapes(graph: Graph) -> tuple[Ints, Ints]:
    """Each point of a shape relative to the one before it; the first one relative to the start of its edge."""
    firsts = (np.cumsum(graph.shape_counts) - graph.shape_counts)[graph.shape_counts > 0]
    origins = graph.starts[graph.shape_counts > 0]
    found = []
    for shape, junctions in ((graph.shape_lats, graph.lats), (graph.shape_lons, graph.lons)):
        steps = np.diff(shape, prepend=0)
        steps[firsts] = shape[firsts] - junctions[origins]
        found.append(steps)
    return found[0], found[1]


def _absolute_shapes(  # noqa: PLR0913, PLR0917  the columns of a graph
    lats: Ints, lons: Ints, starts: Ints, counts: Ints, shape_lats: Ints, shape_lons: Ints
) -> tuple[Ints, Ints]:
    has_shape = counts > 0
    firsts = (np.cumsum(counts) - counts)[has_shape]
    found = []
    for steps, junctions in ((shape_lats, lats), (shape_lons, lons)):
        sums = np.cumsum(steps)
        before = sums[firsts] - steps[firsts]  # the sum of all earlier edges
        found.append(sums + np.repeat(junctions[starts[has_shape]] - before, counts[has_shape]))
    return found[0], found[1]


def _header(content: bytes) -> dict[str, Any]:
    try:
        header = json.loads(content)
    except (ValueError, RecursionError) as error:
        _refuse(f"its header is not JSON ({str(error)[:80]})")
    if not isinstance(header, dict):
        _refuse("its header is not an object")
    return header


def _count(header: dict[str, Any], name: str, most: int) -> int:
    value = header.get(name)
    if type(value) is not int or not 0 <= value <= most:
        _refuse(f"{name} is {str(value)[:40]}, not an integer from 0 to {most}")
    return value


def _kinds(header: dict[str, Any]) -> tuple[Kind, ...]:
    found = header.get("kinds")
    if not isinstance(found, list) or len(found) > 64 * (len(CLASSES) + 1):
        _refuse("kinds is not a list of the kinds of roads")
    for each in found:
        if not isinstance(each, list) or len(each) != 2 or type(each[1]) is not int or not 0 <= each[1] < 64:
            _refuse("a kind is not a class of roads and an access mask from 0 to 63")
        if each[0] != GATE and each[0] not in CLASSES:
            _refuse(f"{str(each[0])[:40]!r} is not a class of roads")
    return tuple(Kind(*each) for each in found)


def _names(header: dict[str, Any]) -> tuple[str, ...]:
    found: Sequence[Any] = header["names"] if isinstance(header.get("names"), list) else []
    if not found or found[0] != "" or not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in found):
        _refuse(f"names is not a list of texts of at most {LONGEST_NAME} characters that begins with an empty one")
    return tuple(found)


def _text(header: dict[str, Any], name: str) -> str | None:
    value = header.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > LONGEST_CREDIT):
        _refuse(f"{name} is not a text of at most {LONGEST_CREDIT} characters")
    return value


def _refuse(what: str) -> NoReturn:
    raise BadInput(f"These roads are damaged: {what}. Add them again: viewfix roads add MAP FILE.osm.pbf")
