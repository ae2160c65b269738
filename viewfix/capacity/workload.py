"""The workload to plan for: the size of a map, its queries, and the available machines."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import BadInput


@dataclass(frozen=True, slots=True)
class Machine:
    """The size of one machine."""

    cores: int = 32
    memory_gb: float = 256.0
    disk_gb: float = 8000.0


@dataclass(frozen=True, slots=True)
class Workload:
    """The size of a map and its load.

    `near_share` is the share of queries with a rough position. `verified`: candidates are verified where similarity
    leaves a doubt. `replicas` is the number of copies of everything that answer queries.

    Raises:
        BadInput: a value is out of range.
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
        _check("photos", self.photos, 1, 1e12)
        _check("queries_per_s", self.queries_per_s, 0, 1e6)
        _check("dims", self.dims, 8, 16_000)
        _check("near_share", self.near_share, 0, 1)
        _check("replicas", self.replicas, 1, 100)
        _check("embed_days", self.embed_days, 0.01, 10_000)
        _check("machine.cores", self.machine.cores, 1, 10_000)
        _check("machine.memory_gb", self.machine.memory_gb, 1, 1e6)
        _check("machine.disk_gb", self.machine.disk_gb, 1, 1e7)


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # NaN fails too
        raise BadInput(f"{name} must be from {least:g} to {most:g}; got {value:g}.")
