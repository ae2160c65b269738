"""Rows, positions and descriptors go into a collection of Milvus; rows that may be nearest to a query come out."""

from __future__ import annotations

import contextlib
import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, StorageFailed, ViewfixError
from ...geo import Region
from ...optional import optional
from ..regions import cover, inside
from .place import Place

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.float32]

FORMAT = 1
TIMEOUT_S = 30.0
CELL_DEG = 0.1  # about 11 km: a circle of 2 km touches four cells at most
MOST_CELLS = 256  # a region of more is looked for in all partitions
PARTITIONS = 64
MOST = 16_384  # the most candidates that Milvus gives at once

# nlist is of each sealed segment of some 500,000 photos; of 1,024 lists 64 are looked into.
_INDEXES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ivf_sq8": ({"index_type": "IVF_SQ8", "params": {"nlist": 1024}}, {"nprobe": 64}),
    "ivf_pq": ({"index_type": "IVF_PQ", "params": {"nlist": 1024, "m": 64, "nbits": 8}}, {"nprobe": 64}),
    "hnsw": ({"index_type": "HNSW", "params": {"M": 16, "efConstruction": 128}}, {"ef": 256}),
    "flat": ({"index_type": "FLAT", "params": {}}, {}),
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells whether a collection was made of the map at hand."""

    map_id: str
    fingerprint: str
    dim: int

    def text(self) -> str:
        return json.dumps({"viewfix": FORMAT, "map_id": self.map_id, "model": self.fingerprint, "dim": self.dim})


class Collection:
    """The collection of one map: a cache, of which each row is also in the truth. Thread-safe."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._name = place.collection
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what it says of an error is raised, in our words
        with told(place):
            client = optional("pymilvus").MilvusClient
            self._client = client(place.uri, token=place.token, db_name=place.database, timeout=TIMEOUT_S)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._client.close()

    def found(self) -> str | None:
        """The stamp of what stands under this name, as text; None where there is nothing."""
        with told(self.place):
            if not self._client.has_collection(self._name, timeout=TIMEOUT_S):
                return None
            self._client.load_collection(self._name, timeout=TIMEOUT_S)  # it is not, after a server was started again
            return str(self._client.describe_collection(self._name, timeout=TIMEOUT_S).get("description", ""))

    def make(self, stamp: Stamp, filled: Iterable[tuple[Rows, Floats, Floats, Units]] = ()) -> None:
        """Make it anew. It gets its name when it is filled: who searches never sees a half of it."""
        draft = f"{self.place.collection}_{uuid.uuid4().hex[:8]}"
        with told(self.place):
            self._create(draft, stamp)
            try:
                for rows, lats, lons, units in filled:
                    self._insert(draft, rows, lats, lons, units)
                if self._client.has_collection(self._name, timeout=TIMEOUT_S):
                    self._client.drop_collection(self._name, timeout=TIMEOUT_S)
                self._client.rename_collection(draft, self._name, timeout=TIMEOUT_S)
            except BaseException:
                with contextlib.suppress(Exception):
                    self._client.drop_collection(draft, timeout=TIMEOUT_S)
                raise

    def drop(self) -> None:
        with told(self.place):
            self._client.drop_collection(self._name, timeout=TIMEOUT_S)

    def put(self, rows: Rows, lats: Floats, lons: Floats, units: Units) -> None:
        """Add rows, or replace what stands under them; they are safe in Milvus' log when this returns."""
        with told(self.place):
            self._insert(self._name, rows, lats, lons, units)

    def remove(self, rows: Sequence[int]) -> None:
        if rows:
            with told(self.place):
                self._client.delete(self._name, ids=[int(row) for row in rows], timeout=TIMEOUT_S)

    def shortlist(self, query: Units, count: int, region: Region | None, *, all_seen: bool) -> tuple[Rows, bool]:
        """Rows that may be nearest, and whether there may be more than were asked for.

        Args:
            query: (dim,) float32 of length 1.
            count: how many; at most 16,384.
            region: only rows whose position lies in it.
            all_seen: whatever was put before this call is looked at: that may wait for 200 ms.
        """
        count = min(count, MOST)
        with told(self.place):
            [hits] = self._client.search(
                self._name,
                data=[query.tolist()],
                anns_field="vector",
                filter="" if region is None else within(region),
                limit=count,
                output_fields=["lat", "lon"],
                search_params={"metric_type": "IP", "params": _INDEXES[self.place.index][1]},
                consistency_level="Strong" if all_seen else "Eventually",
                timeout=TIMEOUT_S,
            )
        rows = np.array([hit["id"] for hit in hits], np.int64)
        full = len(rows) >= count < MOST
        if region is None or not len(rows):
            return rows, full
        lats, lons = (np.array([hit["entity"][name] for hit in hits], np.float64) for name in ("lat", "lon"))
        return rows[inside(region, lats, lons)], full

    def _create(self, name: str, stamp: Stamp) -> None:
        kinds = optional("pymilvus").DataType
        schema = self._client.create_schema(
            auto_id=False, description=stamp.text(), partition_key_field="cell", num_partitions=PARTITIONS
        )
        schema.add_field("row", kinds.INT64, is_primary=True)
        schema.add_field("cell", kinds.INT64)
        schema.add_field("lat", kinds.DOUBLE)
        schema.add_field("lon", kinds.DOUBLE)
        schema.add_field("vector", kinds.FLOAT_VECTOR, dim=stamp.dim)
        index = self._client.prepare_index_params()
        index.add_index("vector", metric_type="IP", **_INDEXES[self.place.index][0])
        self._client.create_collection(
            name, schema=schema, index_params=index, num_partitions=PARTITIONS, timeout=TIMEOUT_S
        )
        self._client.load_collection(name, timeout=TIMEOUT_S)

    def _insert(self, name: str, rows: Rows, lats: Floats, lons: Floats, units: Units) -> None:
        lines = [
            {"row": row, "cell": cell, "lat": lat, "lon": lon, "vector": unit}
            for row, cell, lat, lon, unit in zip(
                rows.tolist(), cells(lats, lons).tolist(), lats.tolist(), lons.tolist(), units, strict=True
            )
        ]
        for start in range(0, len(lines), 2_000):  # a message to Milvus holds 64 MB at most
            self._client.upsert(name, lines[start : start + 2_000], timeout=TIMEOUT_S)


def cells(lats: npt.ArrayLike, lons: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The number of the cell that each position lies in."""
    north = np.floor((np.asarray(lats, np.float64) + 90.0) / CELL_DEG).astype(np.int64)
    east = np.floor((np.asarray(lons, np.float64) + 180.0) / CELL_DEG).astype(np.int64)
    return north * 10_000 + east


def within(region: Region) -> str:
    """A region as Milvus' filter: the boxes around it, and the cells that they touch where these are few."""
    parts = []
    for box in cover(region):
        edges = f"lat >= {box.south!r} and lat <= {box.north!r} and lon >= {box.west!r} and lon <= {box.east!r}"
        (south, north), (west, east) = (
            (int(np.floor((a + offset) / CELL_DEG)), int(np.floor((b + offset) / CELL_DEG)))
            for a, b, offset in ((box.south, box.north, 90.0), (box.west, box.east, 180.0))
        )
        if (north - south + 1) * (east - west + 1) <= MOST_CELLS:
            touched = [y * 10_000 + x for y in range(south, north + 1) for x in range(west, east + 1)]
            edges = f"cell in {touched} and {edges}"
        parts.append(f"({edges})")
    return " or ".join(parts)


@contextlib.contextmanager
def told(place: Place) -> Iterator[None]:
    """Turn the errors of Milvus into ours: what happened, what was seen, what to do next."""
    milvus = optional("pymilvus").exceptions
    grpc = optional("grpc")
    try:
        yield
    except (milvus.MilvusException, grpc.RpcError, ConnectionError, TimeoutError) as error:
        raise _in_our_words(place, error) from error


_AWAY = ("unavailable", "connect", "timeout", "timed out", "deadline", "not ready", "closed")


def _in_our_words(place: Place, error: BaseException) -> ViewfixError:
    seen = " ".join(str(getattr(error, "message", None) or error).split())[:300] or type(error).__name__
    low = seen.lower()
    if "auth" in low or "permission" in low or "user" in low and "password" in low:
        return BadInput(
            f"{place.address}: Milvus refuses the user, the password or the token ({seen}). Put the right ones into "
            "the URL."
        )
    if any(word in low for word in _AWAY):
        return StorageFailed(
            f"{place.address}: Milvus cannot be reached at {place.uri} ({seen}). Nothing that was stored is lost: the "
            f"truth lies in {place.records}. Check that the server runs, then run the same command again."
        )
    if "disk" in low or "quota" in low or "memory" in low:
        return StorageFailed(
            f"{place.address}: Milvus has no room left ({seen}). Make room there, then run the same command again."
        )
    return StorageFailed(f"{place.address}: Milvus could not do that ({seen}).")
