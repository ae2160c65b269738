"""Put the roads of several files into one graph. They stay unconnected to each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ..store.roads import RoadSource
from .coding import decompress
from .graph import Graph, Ints


class Stored(Protocol):
    """The roads of a map."""

    def sources(self) -> list[RoadSource]: ...

    def load(self, source: RoadSource) -> bytes: ...


def combined(roads: Stored) -> Graph | None:
    """All roads of a map; None if it has none.

    Raises:
        StorageFailed, BadInput: they are damaged.
    """
    graphs = [decompress(roads.load(source)) for source in roads.sources()]
    if len(graphs) < 2:
        return graphs[0] if graphs else None
    return _together(graphs)


def _together(graphs: Sequence[Graph]) -> Graph:
    kinds = list(dict.fromkeys(kind for graph in graphs for kind in graph.kind_table))
    names = list(dict.fromkeys(["", *(name for graph in graphs for name in graph.name_table)]))
    kind_at, name_at = ({value: n for n, value in enumerate(each)} for each in (kinds, names))
    first = np.cumsum([0, *(len(graph.lats) for graph in graphs)])
    first_edges = np.cumsum([0, *(len(graph.starts) for graph in graphs)])
    starts = [graph.starts + n for graph, n in zip(graphs, first, strict=False)]
    ends = [graph.ends + n for graph, n in zip(graphs, first, strict=False)]
    of_kinds = [np.array([kind_at[kind] for kind in g.kind_table], np.int64)[g.kinds] for g in graphs]
    of_names = [np.array([name_at[name] for name in g.name_table], np.int64)[g.names] for g in graphs]
    attribution, licence = (
        "; ".join(dict.fromkeys(filter(None, each)))[:1000] or None
        for each in ([g.attribution for g in graphs], [g.licence for g in graphs])
    )
    join = np.concatenate
    return Graph(
        join([graph.lats for graph in graphs]),
        join([graph.lons for graph in graphs]),
        join(starts),
        join(ends),
        join(of_kinds),
        join(of_names),
        join([graph.lengths_dm for graph in graphs]),
        join([graph.shape_counts for graph in graphs]),
        join([graph.shape_lats for graph in graphs]),
        join([graph.shape_lons for graph in graphs]),
        tuple(kinds),
        tuple(names),
        attribution,
        licence,
        join([_moved(graph.turns, int(n)) for graph, n in zip(graphs, first_edges, strict=False)]),
    )


def _moved(turns: Ints, edges: int) -> Ints:
    return turns + np.array([2 * edges, edges, 0], np.int64)
