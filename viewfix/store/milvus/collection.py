"""Rows, positions and descriptors go into a collection of Milvus; rows that may be nearest to a query come out."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...geo import Region
from ...optional import optional
from ..regions import inside
from .cells import cells, within
from .connect import TIMEOUT_S, connected, told
from .place import Place

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.float32]

FORMAT = 1
MOST = 16_384  # the most rows that Milvus gives at once
MOST_DIM = 32_768
PARTITIONS = 64
LOAD_S = 120.0  # after a start of the server its collections are loaded, which takes a while
_MESSAGE_BYTES = 16 * 2**20  # Milvus takes 64 MB

# Each sealed segment, some 200,000 photos, has an index of its own; smaller ones are compared one by one.
NLIST, NPROBE, EF = 1024, 64, 256


@dataclass(frozen=True, slots=True)
class Made:
    """What a collection was made for: `uid` tells it from one that was made later under its name."""

    uid: str
    map_id: str
    model: str
    dim: int
    viewfix: int = FORMAT

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Made | None:
        """What `text` wrote; None for what viewfix did not write."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


class Collection:
    """The collection of one map: a cache, of which each row is also in the truth. Thread-safe; connects when asked."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._name = place.collection
        self._connecting = threading.Lock()
        self._connection: Any = None

    @property
    def _client(self) -> Any:
        with self._connecting:
            if self._connection is None:
                self._connection = connected(self.place)
            return self._connection

    def close(self) -> None:
        """Let go of the connection. Closing twice is allowed."""
        with self._connecting, contextlib.suppress(Exception):  # it is gone, whatever the client says
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def found(self) -> str | None:
        """The description of what stands under this name; None where there is nothing."""
        client = self._client
        with told(self.place):
            if not client.has_collection(self._name, timeout=TIMEOUT_S):
                return None
            return str(client.describe_collection(self._name, timeout=TIMEOUT_S).get("description", ""))

    def make(self, made: Made) -> None:
        """Make it, empty, in place of what stands under its name.

        Raises:
            BadInput: Milvus takes no descriptors of so many numbers.
        """
        if made.dim > MOST_DIM:
            raise BadInput(
                f"Milvus takes descriptors of {MOST_DIM:,} numbers at most, and the model makes {made.dim:,}. "
                "Choose a model with fewer, or keep the map in a file."
            )
        client, kinds = self._client, optional("pymilvus").DataType
        with told(self.place):
            if client.has_collection(self._name, timeout=TIMEOUT_S):
                client.drop_collection(self._name, timeout=TIMEOUT_S)
            schema = client.create_schema(
                auto_id=False, description=made.text(), partition_key_field="cell", num_partitions=PARTITIONS
            )
            schema.add_field("row", kinds.INT64, is_primary=True)
            schema.add_field("cell", kinds.INT64)
            schema.add_field("lat", kinds.DOUBLE)
            schema.add_field("lon", kinds.DOUBLE)
            schema.add_field("vector", kinds.FLOAT_VECTOR, dim=made.dim)
            index = client.prepare_index_params()
            index.add_index("vector", metric_type="IP", **_index(self.place.index, made.dim))
            client.create_collection(
                self._name, schema=schema, index_params=index, num_partitions=PARTITIONS, timeout=TIMEOUT_S
            )
        self.load()

    def load(self) -> None:
        """Wait until it can be searched: after a start of Milvus that takes a while."""
        client = self._client
        with told(self.place):
            client.load_collection(self._name, timeout=LOAD_S)

    def drop(self) -> None:
        client = self._client
        with told(self.place):
            client.drop_collection(self._name, timeout=TIMEOUT_S)

    def put(self, rows: Rows, lats: Floats, lons: Floats, units: Units) -> int:
        """Add rows, or replace what stands under them; they are in Milvus' log when this returns.

        Returns:
            The time of Milvus' own clock from which on a search sees them; 0 where it is not known.
        """
        client = self._client
        lines = [
            {"row": row, "cell": cell, "lat": lat, "lon": lon, "vector": unit}
            for row, cell, lat, lon, unit in zip(
                rows.tolist(), cells(lats, lons).tolist(), lats.tolist(), lons.tolist(), units, strict=True
            )
        ]
        step = max(1, min(4_000, _MESSAGE_BYTES // (4 * units.shape[1])))
        with told(self.place):
            for start in range(0, len(lines), step):
                # Not `upsert`: in Milvus 2.3.5 it puts rows into partitions where a search by cell does not find them
                # (milvus-io/milvus#30607).
                client.delete(self._name, ids=rows[start : start + step].tolist(), timeout=TIMEOUT_S)
                client.insert(self._name, lines[start : start + step], timeout=TIMEOUT_S)
            return self._written_at(client)

    def remove(self, rows: Sequence[int]) -> None:
        client = self._client
        with told(self.place):
            for start in range(0, len(rows), 4_000):
                ids = [int(row) for row in rows[start : start + 4_000]]
                client.delete(self._name, ids=ids, timeout=TIMEOUT_S)

    def count(self, through: int, at: int) -> int:
        """How many rows it has up to `through`, of what was put until `at`."""
        client = self._client
        with told(self.place):
            found = client.query(
                self._name, f"row <= {through}", output_fields=["count(*)"], timeout=TIMEOUT_S, **_seeing(at)
            )
        return int(found[0]["count(*)"])

    def rows_between(self, after: int, through: int) -> Rows:
        """The rows above `after` up to `through`, ascending; there may be 16,384 of them."""
        client, asked = self._client, f"row > {after} and row <= {through}"
        with told(self.place):
            found = client.query(
                self._name, asked, output_fields=["row"], limit=MOST, timeout=TIMEOUT_S, consistency_level="Strong"
            )
        return np.sort(np.array([each["row"] for each in found], np.int64))

    def shortlist(self, query: Units, count: int, region: Region | None, at: int) -> Rows:
        """(<= count,) rows that may be nearest to a query; fewer may be found than there are.

        Args:
            query: (dim,) float32 of length 1.
            count: how many; at most 16,384.
            region: only rows whose position lies in it.
            at: see `put`: what was put until then is looked at.
        """
        client = self._client
        with told(self.place):
            [hits] = client.search(
                self._name,
                data=[query],
                anns_field="vector",
                filter="" if region is None else within(region),
                limit=count,
                output_fields=[] if region is None else ["lat", "lon"],
                search_params={"metric_type": "IP", "params": _effort(self.place.index, count)},
                timeout=TIMEOUT_S,
                **_seeing(at),
            )
        rows = np.array([hit["id"] for hit in hits], np.int64)
        if region is None or not len(rows):
            return rows
        lats, lons = (np.array([hit["entity"][name] for hit in hits], np.float64) for name in ("lat", "lon"))
        return rows[inside(region, lats, lons)]

    def _written_at(self, client: Any) -> int:
        """Milvus' time of our last write: its client keeps that for itself, and has no public way to ask."""
        try:
            clock = optional("pymilvus.client.ts_utils").get_collection_ts
            server = client._get_connection().server_address
            return int(clock(self._name, server, self.place.database) or 0)
        except (ImportError, AttributeError, TypeError):
            return 0


def _seeing(at: int) -> dict[str, Any]:
    """What was written until `at` is seen; waiting for the very latest instead costs 200 ms a question."""
    if not at:
        return {"consistency_level": "Strong"}
    return {"consistency_level": "Customized", "guarantee_timestamp": at}


def _index(kind: str, dim: int) -> dict[str, Any]:
    params: dict[str, dict[str, Any]] = {
        "ivf_sq8": {"nlist": NLIST},
        "ivf_pq": {"nlist": NLIST, "m": math.gcd(dim, 64), "nbits": 8},
        "hnsw": {"M": 16, "efConstruction": 128},
        "flat": {},
    }
    return {"index_type": kind.upper(), "params": params[kind]}


def _effort(kind: str, count: int) -> dict[str, int]:
    if kind == "flat":
        return {}
    return {"ef": max(EF, count)} if kind == "hnsw" else {"nprobe": NPROBE}
