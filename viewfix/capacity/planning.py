"""A wish goes in; what it takes comes out: pure arithmetic over what was measured, told apart from what was not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..errors import BadInput
from .constants import Constant, load

Engine = Literal["file", "PostgreSQL", "PostgreSQL shards", "Milvus"]

GB = 1e9
FILE_PHOTOS = 20e6  # twice what was measured
ONE_SERVER_PHOTOS = 100e6
SHARDS = 16  # beyond so many servers a search of all of them has one that is slow too often
BUSY = 0.6  # of a core: more, and those who wait make a queue
ROOM = 1.3  # of a disk: for vacuuming, an index being made, a week of growth


@dataclass(frozen=True, slots=True)
class Machine:
    """What one machine of the firm has."""

    cores: int = 32
    memory_gb: float = 256.0
    disk_gb: float = 8000.0


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be held and asked.

    `near_share` is the share of questions that come with a rough position; `verified` whether they are verified
    where similarity leaves a doubt; `replicas` how many copies of everything serve.
    """

    photos: float
    queries_per_s: float = 1.0
    dims: int = 512
    near_share: float = 0.0
    replicas: int = 1
    verified: bool = True
    local_features: bool = False
    embed_days: float = 30.0
    machine: Machine = field(default_factory=Machine)

    def __post_init__(self) -> None:
        _within("photos", self.photos, 1, 1e12)
        _within("queries_per_s", self.queries_per_s, 0, 1e6)
        _within("dims", self.dims, 8, 16_000)
        _within("near_share", self.near_share, 0, 1)
        _within("replicas", self.replicas, 1, 100)
        _within("embed_days", self.embed_days, 0.01, 10_000)
        _within("machine.cores", self.machine.cores, 1, 10_000)
        _within("machine.memory_gb", self.machine.memory_gb, 1, 1e6)
        _within("machine.disk_gb", self.machine.disk_gb, 1, 1e7)


@dataclass(frozen=True, slots=True)
class Part:
    """Machines that do one thing."""

    name: str
    machines: int
    memory_gb: float
    disk_gb: float
    cores: float
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes. `beyond` names the constants that were not measured at this size."""

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
        """Machines that serve; those that embed once are beside them."""
        return sum(part.machines for part in self.parts)

    @property
    def memory_gb(self) -> float:
        return sum(part.memory_gb for part in self.parts)

    @property
    def disk_gb(self) -> float:
        return sum(part.disk_gb for part in self.parts)


def plan(wish: Workload, constants: Mapping[str, Constant] | None = None) -> Plan:
    """What a map of that size takes, and the engine to keep it in."""
    found = _Reader(constants or load(), wish)
    engine, why = _engine(found)
    found.beyond.clear()  # what was only looked at to choose is no part of the plan
    parts = {"file": _file, "PostgreSQL": _postgres, "PostgreSQL shards": _postgres, "Milvus": _milvus}[engine](found)
    embed_core_hours = wish.photos / found("embed_per_core_s") / 3600
    indexed = engine in ("PostgreSQL", "PostgreSQL shards")
    return Plan(
        engine=engine,
        why=why,
        parts=(*parts, _askers(found)),
        search_ms=found.search_ms,
        near_ms=found.near_ms,
        embed_core_hours=embed_core_hours,
        index_core_hours=wish.photos / found("postgres_graph_per_core_s") / 3600 if indexed else 0.0,
        embed_machines=math.ceil(embed_core_hours / (24 * wish.embed_days * wish.machine.cores)),
        beyond=tuple(sorted(found.beyond)),
    )


class _Reader:
    """The constants for one wish; remembers which of them reach beyond what was measured."""

    def __init__(self, constants: Mapping[str, Constant], wish: Workload) -> None:
        self._constants, self.wish = constants, wish
        self.beyond: set[str] = set()
        self.search_ms = self.near_ms = 0.0

    def __call__(self, name: str, photos: float | None = None) -> float:
        size = self.wish.photos if photos is None else photos
        constant = self._constants[name]
        if not constant.reaches(size) and (constant.unit.startswith(("ms", "bytes"))):
            self.beyond.add(name)
        return constant.at(size, self.wish.dims)

    def asked_ms(self, everywhere_ms: float, near_ms: float) -> float:
        """The mean search, by how many questions come with a position."""
        self.search_ms, self.near_ms = everywhere_ms, near_ms
        return self.wish.near_share * near_ms + (1 - self.wish.near_share) * everywhere_ms


def _engine(found: _Reader) -> tuple[Engine, str]:
    wish = found.wish
    machine = wish.machine
    resident_gb = wish.photos * (found("postgres_table_bytes") + found("postgres_graph_bytes")) / GB
    servers = math.ceil(resident_gb / (BUSY * machine.memory_gb))
    if wish.photos <= FILE_PHOTOS:
        return "file", "one file beside each service is the simplest that is fast enough, and was measured at this size"
    if wish.photos <= ONE_SERVER_PHOTOS and servers <= 1:
        return "PostgreSQL", "graph and descriptors fit into the memory of one server"
    if servers <= SHARDS:
        return "PostgreSQL shards", f"graph and descriptors fit into the memory of {max(2, servers)} servers"
    return (
        "Milvus",
        f"graphs would take the memory of {servers} servers: codes of {found('milvus_code_bytes'):.0f} bytes do not",
    )


def _file(found: _Reader) -> list[Part]:
    """Every service has the file beside it: a replica more is a copy more."""
    wish = found.wish
    bytes_each = found("file_map_bytes") + found("file_cache_bytes") + _features(found)
    mean_ms = found.asked_ms(found("file_search_ms"), found("file_near_ms"))
    cores = wish.queries_per_s * mean_ms / 1000 / BUSY
    services = max(wish.replicas, math.ceil(_asking_cores(found) / wish.machine.cores))
    memory_gb = wish.photos * found("file_map_bytes") / GB
    why = "the file in memory, for candidates are compared with descriptors all over it"
    disk_gb = ROOM * wish.photos * bytes_each / GB
    return [Part("copies of the map, one beside each service", 0, services * memory_gb, services * disk_gb, cores, why)]


def _postgres(found: _Reader) -> list[Part]:
    wish, machine = found.wish, found.wish.machine
    resident_gb = wish.photos * (found("postgres_table_bytes") + found("postgres_graph_bytes")) / GB
    disk_gb = ROOM * (resident_gb + wish.photos * (found("postgres_index_bytes") + _features(found)) / GB)
    by_memory = math.ceil(resident_gb / (BUSY * machine.memory_gb))
    shards = max(1, by_memory, math.ceil(disk_gb / machine.disk_gb))
    each = wish.photos / shards
    mean_ms = found.asked_ms(found("postgres_search_ms", each), found("postgres_near_ms", each))
    cores = shards * wish.queries_per_s * mean_ms / 1000 / BUSY  # every shard is asked every question
    copies = max(wish.replicas, math.ceil(cores / shards / machine.cores))
    why = f"{shards} x {each / 1e6:,.0f} million photos, {copies} copies; graph and descriptors in memory"
    return [Part("PostgreSQL servers", shards * copies, copies * resident_gb / BUSY, copies * disk_gb, cores, why)]


def _milvus(found: _Reader) -> list[Part]:
    wish, machine = found.wish, found.wish.machine
    codes_gb = wish.photos * (found("milvus_code_bytes") + found("milvus_beside_bytes")) / GB
    nodes = max(1, math.ceil(codes_gb / (BUSY * machine.memory_gb)))
    # Lists looked into, of codes: as the file's search, whose codes are as long, on one node's part.
    mean_ms = found.asked_ms(found("file_search_ms", wish.photos / nodes), found("file_near_ms"))
    cores = wish.queries_per_s * (nodes * mean_ms) / 1000 / BUSY
    copies = max(wish.replicas, math.ceil(cores / nodes / machine.cores))
    reads = wish.queries_per_s * found("milvus_candidates")
    truth_gb = wish.photos * (found("postgres_table_bytes") + found("postgres_index_bytes") + _features(found)) / GB
    servers = max(1, math.ceil(ROOM * truth_gb / machine.disk_gb))
    return [
        Part(
            "Milvus query nodes",
            nodes * copies,
            copies * codes_gb / BUSY,
            copies * ROOM * codes_gb,
            cores,
            f"codes in memory on {nodes} nodes, {copies} copies; and its own log and object store",
        ),
        Part(
            "PostgreSQL servers for the records",
            servers * wish.replicas,
            servers * wish.replicas * machine.memory_gb,
            wish.replicas * ROOM * truth_gb,
            servers * wish.replicas * 4.0,
            f"records and descriptors, no graph: the truth; {reads:,.0f} descriptors a second are read from its disks",
        ),
    ]


def _askers(found: _Reader) -> Part:
    """What describes the questions and verifies candidates: it holds nothing."""
    wish = found.wish
    cores = _asking_cores(found)
    machines = max(wish.replicas, math.ceil(cores / wish.machine.cores))
    how = "verified where in doubt" if wish.verified else "by similarity"
    why = f"{wish.queries_per_s:,.0f} questions a second, {how}"
    return Part("services that answer", machines, 2.0 * machines, 20.0 * machines, cores, why)


def _asking_cores(found: _Reader) -> float:
    wish = found.wish
    return wish.queries_per_s * found("query_verify_ms" if wish.verified else "query_embed_ms") / 1000 / BUSY


def _features(found: _Reader) -> float:
    return found("local_features_bytes") if found.wish.local_features else 0.0


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # NaN fails too
        raise BadInput(f"{name} is {value:g}, which makes no plan. Give {least:g} to {most:g}.")
