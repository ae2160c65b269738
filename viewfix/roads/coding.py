"""The compact form of a road graph in bytes, as docs/spec/pack.md describes it. viewfix/web/phone/roads.js reads it."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import replace
from typing import NoReturn

import numpy as np

from ..errors import BadInput
from .graph import DM_A_UNIT, MOST_EDGES, MOST_JUNCTIONS, MOST_SHAPE, MOST_TURNS, Graph, Ints
from .header import Header, read_header
from .varints import decoded, encoded, from_zigzag, to_zigzag

MAGIC = b"VFRD"
VERSION = 2
"""Version 1 had whole lengths, no turns, and shapes relative to the point before. It is still read."""

MOST_HEADER_BYTES = 16 * 2**20
MOST_BYTES = 48 * 2**20
METRES_A_STEP = 1.1132
FARTHEST_DEG = (90, 540)


def encode(graph: Graph) -> bytes:
    """The graph in the format of docs/spec/pack.md, not compressed. Lengths are rounded to half a metre."""
    graph = _names_as_they_come(graph)
    lon_ppm = _lon_ppm(graph.lats)
    header = {
        "junctions": len(graph.lats),
        "edges": len(graph.starts),
        "turns": len(graph.turns),
        "lon_ppm": lon_ppm,
        "kinds": [[kind.road, kind.access] for kind in graph.kind_table],
        "names": list(graph.name_table),
        "attribution": graph.attribution,
        "licence": graph.licence,
    }
    shapes = [
        _steps(shape, junctions, graph) - _expected(junctions, graph)
        for shape, junctions in ((graph.shape_lats, graph.lats), (graph.shape_lons, graph.lons))
    ]
    units = np.floor(graph.lengths_dm / DM_A_UNIT + 0.5).astype(np.int64)
    come, go, modes = graph.turns.T
    columns = (
        to_zigzag(np.diff(graph.lats, prepend=0)),
        to_zigzag(np.diff(graph.lons, prepend=0)),
        np.diff(graph.starts, prepend=0),
        graph.ends - graph.starts,
        graph.kinds,
        _as_they_come(graph.names),
        to_zigzag(units - _drawn_units(graph, lon_ppm)),
        graph.shape_counts,
        to_zigzag(shapes[0]),
        to_zigzag(shapes[1]),
        np.diff(come, prepend=0),
        to_zigzag(go - come // 2),
        modes,
    )
    about = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    start = MAGIC + bytes([VERSION]) + len(about).to_bytes(4, "little")
    return start + about + b"".join(encoded(column) for column in columns)


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
    """Parse and check what `encode` wrote, now or in version 1.

    Raises:
        BadInput: a value breaks a rule of docs/spec/pack.md.
    """
    start = len(MAGIC) + 5
    if len(content) < start or content[:4] != MAGIC or content[4] not in (1, VERSION):
        _refuse("it does not begin with VFRD, version 1 or 2")
    size = int.from_bytes(content[len(MAGIC) + 1 : start], "little")
    if size > min(MOST_HEADER_BYTES, len(content) - start):
        _refuse("its header is longer than the file")
    try:
        header = read_header(content[start : start + size], content[4], (MOST_JUNCTIONS, MOST_EDGES, MOST_TURNS))
    except ValueError as error:
        _refuse(str(error))
    numbers = decoded(content, start + size)
    fixed = 2 * header.junctions + 6 * header.edges
    if numbers is None or len(numbers) < fixed + 3 * header.turns:
        _refuse("it ends too early, or has a number of more than 5 bytes")
    counts = numbers[fixed - header.edges : fixed]
    total = int(counts.sum())
    if total > MOST_SHAPE or len(numbers) != fixed + 2 * total + 3 * header.turns:
        _refuse("it has more or fewer numbers than its header says")
    return _checked(_from_numbers(header, numbers, total), header)


def _from_numbers(header: Header, numbers: Ints, total: int) -> Graph:
    junctions, edges = header.junctions, header.edges
    fixed = 2 * junctions + 6 * edges
    lats, lons = (np.cumsum(from_zigzag(numbers[n * junctions : (n + 1) * junctions])) for n in (0, 1))
    starts, spans, kinds, names, lengths, counts = numbers[2 * junctions : fixed].reshape(6, edges)
    steps = from_zigzag(numbers[fixed : fixed + 2 * total].reshape(2, total))
    come, go, modes = numbers[fixed + 2 * total :].reshape(3, header.turns)
    starts, come = np.cumsum(starts), np.cumsum(come)
    if header.version > 1:
        names = _as_numbered(names)
    turns = np.stack([come, from_zigzag(go) + come // 2, modes], axis=-1)
    columns = (starts, starts + spans, kinds, names, lengths, counts)
    tables = (header.kinds, header.names)
    graph = Graph(lats, lons, *columns, steps[0], steps[1], *tables, header.attribution, header.licence, turns)
    _refuse_unknown(graph)
    if header.version > 1:
        steps = np.stack([steps[0] + _expected(lats, graph), steps[1] + _expected(lons, graph)])
    shape_lats, shape_lons = _absolute(steps[0], lats, graph), _absolute(steps[1], lons, graph)
    graph = replace(graph, shape_lats=shape_lats, shape_lons=shape_lons)
    if header.version == 1:
        return graph
    return replace(graph, lengths_dm=DM_A_UNIT * (from_zigzag(lengths) + _drawn_units(graph, header.lon_ppm)))


def _refuse_unknown(graph: Graph) -> None:
    """Refuse an edge with a junction, a kind or a name that does not exist, and a turn with such an edge."""
    tables = len(graph.lats), len(graph.kind_table), len(graph.name_table)
    for what, values, end in zip(("junction", "kind", "name"), (graph.ends, graph.kinds, graph.names), tables,
                                 strict=True):  # fmt: skip
        if len(values) and int(values.max()) >= end:
            _refuse(f"an edge has a {what} that does not exist")
    come, go, modes = graph.turns.T
    edges = len(graph.starts)
    if len(come) and (int(come.max()) >= 2 * edges or int(go.min()) < 0 or int(go.max()) >= edges):
        _refuse("a turn has an edge that does not exist")
    if len(come) and not (int(modes.min()) >= 1 and int(modes.max()) <= 3):
        _refuse("a turn is forbidden for something other than bicycles and cars")


def _checked(graph: Graph, header: Header) -> Graph:
    limits = FARTHEST_DEG * 2
    for values, limit in zip((graph.lats, graph.lons, graph.shape_lats, graph.shape_lons), limits, strict=True):
        if len(values) and int(np.abs(values).max()) > (limit + 1e-5) * 1e5:
            _refuse("a position is not on Earth")
    if header.edges and int(graph.lengths_dm.min()) < 0:
        _refuse("the length of an edge is negative")
    return graph


def _lon_ppm(lats: Ints) -> int:
    """The length of a degree of longitude at the median latitude, in millionths of a degree of latitude."""
    return round(1e6 * math.cos(math.radians(float(np.median(lats)) * 1e-5))) if len(lats) else 0


def _drawn_units(graph: Graph, lon_ppm: int) -> Ints:
    """(E,) the length of the stored shape of each edge, in half metres; the same as in JavaScript, to the last bit."""
    sizes = graph.shape_counts + 2
    firsts = np.cumsum(sizes) - sizes
    inner = np.ones(int(sizes.sum()), bool)
    inner[firsts] = inner[firsts + sizes - 1] = False
    squares = []
    for junctions, shape, scale in ((graph.lats, graph.shape_lats, 1.0), (graph.lons, graph.shape_lons, lon_ppm / 1e6)):
        line = np.empty(len(inner), np.int64)
        line[firsts], line[firsts + sizes - 1], line[inner] = junctions[graph.starts], junctions[graph.ends], shape
        steps = np.diff(line) * scale
        squares.append(steps * steps)
    metres = np.sqrt(squares[0] + squares[1]) * METRES_A_STEP if len(inner) else np.empty(0)
    edge_of = np.repeat(np.arange(len(sizes)), sizes)
    within = edge_of[1:] == edge_of[:-1]
    sums = np.bincount(edge_of[1:][within], weights=metres[within], minlength=len(sizes))
    units: Ints = np.floor(sums * (10.0 / DM_A_UNIT) + 0.5).astype(np.int64)
    return units


def _expected(junctions: Ints, graph: Graph) -> Ints:
    """For each point of a shape, the step to it if the edge were straight and its points evenly spaced."""
    spans, parts = junctions[graph.ends] - junctions[graph.starts], graph.shape_counts + 1
    expected: Ints = np.repeat((2 * spans + parts) // (2 * parts), graph.shape_counts)
    return expected


def _steps(shape: Ints, junctions: Ints, graph: Graph) -> Ints:
    """Each point of a shape relative to the one before it; the first one relative to the start of its edge."""
    has_shape = graph.shape_counts > 0
    firsts = (np.cumsum(graph.shape_counts) - graph.shape_counts)[has_shape]
    steps = np.diff(shape, prepend=0)
    steps[firsts] = shape[firsts] - junctions[graph.starts[has_shape]]
    return steps


def _absolute(steps: Ints, junctions: Ints, graph: Graph) -> Ints:
    """The reverse of `_steps`."""
    has_shape = graph.shape_counts > 0
    counts = graph.shape_counts[has_shape]
    firsts = (np.cumsum(graph.shape_counts) - graph.shape_counts)[has_shape]
    sums = np.cumsum(steps)
    before = sums[firsts] - steps[firsts]  # the sum of all earlier edges
    places: Ints = sums + np.repeat(junctions[graph.starts[has_shape]] - before, counts)
    return places


def _names_as_they_come(graph: Graph) -> Graph:
    """The same graph with its names in the order of their first edges, and without unused ones."""
    used, first, which = np.unique(np.append(0, graph.names), return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    names = tuple(graph.name_table[int(used[n])] for n in order)
    return replace(graph, names=number[which][1:], name_table=names)


def _as_they_come(names: Ints) -> Ints:
    """0 for no name, 1 for the next one of the table; for an earlier name, 2 plus the number of newer ones."""
    newest = np.maximum.accumulate(np.append(0, names))[:-1]
    return np.where(names == 0, 0, np.where(names > newest, 1, 2 + newest - names))


def _as_numbered(codes: Ints) -> Ints:
    """The reverse of `_as_they_come`; a name before the first one becomes one that does not exist."""
    newest = np.cumsum(codes == 1)
    names = np.where(codes == 0, 0, np.where(codes == 1, newest, newest - (codes - 2)))
    return np.where((codes > 1) & (names < 1), np.iinfo(np.int64).max, names)


def _refuse(what: str) -> NoReturn:
    raise BadInput(f"These roads are damaged: {what}. Add them again: viewfix roads add MAP FILE.osm.pbf")
