"""Estimates of what a workload needs: arithmetic over measured constants, with a list of the extrapolated ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .constants import Constant, load
from .workload import Workload

Engine = Literal["file", "PostgreSQL", "PostgreSQL shards", "Milvus"]

GB = 1e9
FILE_PHOTOS = 20e6  # twice what was measured
ONE_SERVER_PHOTOS = 100e6
MOST_SHARDS = 16  # with more servers, too often one of them is slow
UTILISATION = 0.6  # the share of cores and memory to use; above it, queries queue
DISK_MARGIN = 1.3  # for vacuuming, for an index being built, and for a week of growth


@dataclass(frozen=True, slots=True)
class Part:
    """The machines for one purpose."""

    name: str
    machines: int
    memory_gb: float
    disk_gb: float
    cores: float
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan for a workload. `beyond` lists the constants that were not measured on maps of this size."""

    engine: Engine
    why: str
    parts: tuple[Part, ...]
    search_ms: float
    near_ms: float
    embed_core_hours: float
    index_core_hours: float
    embed_machines: int
    beyond: tuple[str, ...]

    @property
    def machines(self) -> int:
        """The number of machines that answer queries, without those that embed the photos once."""
        return sum(part.machines for part in self.parts)

    @property
    def memory_gb(self) -> float:
        """The memory of all parts."""
        return sum(part.memory_gb for part in self.parts)

    @property
    def disk_gb(self) -> float:
        """The disk space of all parts."""
        return sum(part.disk_gb for part in self.parts)


def plan(workload: Workload, constants: Mapping[str, Constant] | None = None) -> Plan:
    """Choose the engine for a workload, and estimate the machines that it needs."""
    measured = _Measured(constants or load(), workload)
    engine, why = _engine(measured)
    measured.beyond.clear()  # forget the constants that were only used for choosing the engine
    parts = {"file": _file, "PostgreSQL": _postgres, "PostgreSQL shards": _postgres, "Milvus": _milvus}[engine](
        measured
    )
    embed_core_hours = workload.photos / measured("embed_per_core_s") / 3600
    indexed = engine in ("PostgreSQL", "PostgreSQL shards")
    return Plan(
        engine=engine,
        why=why,
        parts=(*parts, _services(measured)),
        search_ms=measured.search_ms,
        near_ms=measured.near_ms,
        embed_core_hours=embed_core_hours,
        index_core_hours=workload.photos / measured("postgres_graph_per_core_s") / 3600 if indexed else 0.0,
        embed_machines=math.ceil(embed_core_hours / (24 * workload.embed_days * workload.machine.cores)),
        beyond=tuple(sorted(measured.beyond)),
    )


class _Measured:
    """The constants for one workload. `beyond` collects those that were used beyond the measured size."""

    def __init__(self, constants: Mapping[str, Constant], workload: Workload) -> None:
        self._constants, self.workload = constants, workload
        self.beyond: set[str] = set()
        self.search_ms = self.near_ms = 0.0

    def __call__(self, name: str, photos: float | None = None) -> float:
        size = self.workload.photos if photos is None else photos
        constant = self._constants[name]
        if not constant.reaches(size) and (constant.unit.startswith(("ms", "bytes"))):
            self.beyond.add(name)
        return constant.at(size, self.workload.dims)

    def mean_search_ms(self, search_ms: float, near_ms: float) -> float:
        """The mean time of a search, from the share of queries with a rough position."""
        self.search_ms, self.near_ms = search_ms, near_ms
        return self.workload.near_share * near_ms + (1 - self.workload.near_share) * search_ms


def _engine(measured: _Measured) -> tuple[Engine, str]:
    workload = measured.workload
    resident_gb = workload.photos * (measured("postgres_table_bytes") + measured("postgres_graph_bytes")) / GB
    servers = math.ceil(resident_gb / (UTILISATION * workload.machine.memory_gb))
    if workload.photos <= FILE_PHOTOS:
        return "file", "one file beside each service is the simplest, is fast enough, and was measured at this size"
    if workload.photos <= ONE_SERVER_PHOTOS and servers <= 1:
        return "PostgreSQL", "the graph and the descriptors fit into the memory of one server"
    if servers <= MOST_SHARDS:
        return (
            "PostgreSQL shards",
            f"the graph and the descriptors fit into the memory of {max(2, servers)} servers",
        )
    code_bytes = measured("milvus_code_bytes")
    return "Milvus", f"graphs would need the memory of {servers} servers, codes of {code_bytes:.0f} bytes far less"


def _file(measured: _Measured) -> list[Part]:
    """Every service has its own copy of the file."""
    workload = measured.workload
    bytes_each = measured("file_map_bytes") + measured("file_cache_bytes") + _features(measured)
    mean_ms = measured.mean_search_ms(measured("file_search_ms"), measured("file_near_ms"))
    cores = workload.queries_per_s * mean_ms / 1000 / UTILISATION
    copies = max(workload.replicas, math.ceil(_service_cores(measured) / workload.machine.cores))
    memory_gb = workload.photos * measured("file_map_bytes") / GB
    disk_gb = DISK_MARGIN * workload.photos * bytes_each / GB
    why = "the whole file in memory, because candidates are compared with descriptors all over it"
    return [Part("copies of the map, one beside each service", 0, copies * memory_gb, copies * disk_gb, cores, why)]


def _postgres(measured: _Measured) -> list[Part]:
    workload, machine = measured.workload, measured.workload.machine
    resident_gb = workload.photos * (measured("postgres_table_bytes") + measured("postgres_graph_bytes")) / GB
    beside_gb = workload.photos * (measured("postgres_index_bytes") + _features(measured)) / GB
    disk_gb = DISK_MARGIN * (resident_gb + beside_gb)
    by_memory = math.ceil(resident_gb / (UTILISATION * machine.memory_gb))
    shards = max(1, by_memory, math.ceil(disk_gb / machine.disk_gb))
    each = workload.photos / shards
    mean_ms = measured.mean_search_ms(measured("postgres_search_ms", each), measured("postgres_near_ms", each))
    cores = shards * workload.queries_per_s * mean_ms / 1000 / UTILISATION  # every query goes to every shard
    copies = max(workload.replicas, math.ceil(cores / shards / machine.cores))
    why = f"{shards} x {each / 1e6:,.0f} million photos, {_copies(copies)}; graph and descriptors in memory"
    memory_gb = copies * resident_gb / UTILISATION
    return [Part("PostgreSQL servers", shards * copies, memory_gb, copies * disk_gb, cores, why)]


def _milvus(measured: _Measured) -> list[Part]:
    workload, machine = measured.workload, measured.workload.machine
    codes_gb = workload.photos * (measured("milvus_code_bytes") + measured("milvus_beside_bytes")) / GB
    nodes = max(1, math.ceil(codes_gb / (UTILISATION * machine.memory_gb)))
    # Milvus searches lists of codes, as a map file does with sketches of the same length: taken from there, for the
    # photos of one node.
    mean_ms = measured.mean_search_ms(measured("file_search_ms", workload.photos / nodes), measured("file_near_ms"))
    cores = workload.queries_per_s * (nodes * mean_ms) / 1000 / UTILISATION
    copies = max(workload.replicas, math.ceil(cores / nodes / machine.cores))
    reads = workload.queries_per_s * measured("milvus_candidates")
    bytes_each = measured("postgres_table_bytes") + measured("postgres_index_bytes") + _features(measured)
    records_gb = DISK_MARGIN * workload.photos * bytes_each / GB
    servers = max(1, math.ceil(records_gb / machine.disk_gb))
    return [
        Part(
            "Milvus query nodes",
            nodes * copies,
            copies * codes_gb / UTILISATION,
            copies * DISK_MARGIN * codes_gb,
            cores,
            f"codes in memory on {nodes} nodes, {_copies(copies)}; Milvus' own log and object store come on top",
        ),
        Part(
            "PostgreSQL servers for the records",
            servers * workload.replicas,
            servers * workload.replicas * machine.memory_gb,
            workload.replicas * records_gb,
            servers * workload.replicas * 4.0,
            f"records and descriptors without a graph; {reads:,.0f} descriptors a second are read from their disks",
        ),
    ]


def _services(measured: _Measured) -> Part:
    """The services that describe queries and verify candidates. They hold no data."""
    workload = measured.workload
    cores = _service_cores(measured)
    machines = max(workload.replicas, math.ceil(cores / workload.machine.cores))
    how = "verified where in doubt" if workload.verified else "answered by similarity alone"
    why = f"{workload.queries_per_s:,.0f} queries a second, {how}"
    return Part("services that answer queries", machines, 2.0 * machines, 20.0 * machines, cores, why)


def _service_cores(measured: _Measured) -> float:
    workload = measured.workload
    query_ms = measured("query_verify_ms" if workload.verified else "query_embed_ms")
    return workload.queries_per_s * query_ms / 1000 / UTILISATION


def _features(measured: _Measured) -> float:
    """Bytes per photo for local features."""
    return measured("local_features_bytes") if measured.workload.local_features else 0.0


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count} copies"
