"""The collection of one map in Milvus: its rows, positions and descriptors, and the search for candidates."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...errors import BadInput
from ...geo import Region
from ...optional import optional
from ..records import Floats, Rows, Units
from ..regions import inside
from .cells import cells, within
from .connect import TIMEOUT_S, connected
from .errors import translate_errors
from .url import MilvusUrl

FORMAT = 1
MOST = 16_384  # the most rows that Milvus returns at once
MOST_DIM = 32_768
PARTITIONS = 64
LOAD_S = 120.0  # after a start the server loads its collections, which takes a while
_MESSAGE_BYTES = 16 * 2**20  # Milvus takes 64 MB

# Each sealed segment, some 200,000 photos, has its own index; smaller ones are compared one by one.
NLIST, NPROBE, EF = 1024, 64, 256


@dataclass(frozen=True, slots=True)
class Label:
    """The description of a collection: `uid` distinguishes it from later ones of the same name."""

    uid: str
    map_id: str
    model: str
    dim: int
    viewfix: int = FORMAT

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Label | None:
        """Parse what `text` wrote; None for a collection of another program."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


class Collection:
    """A cache of the records: each of its rows is there too. Thread-safe; connects when it is first used."""

    def __init__(self, url: MilvusUrl) -> None:
        self.url = url
        self._name = url.collection
        self._connecting = threading.Lock()
        self._connection: Any = None

    @property
    def _client(self) -> Any:
        with self._connecting:
            if self._connection is None:
                self._connection = connected(self.url)
            return self._connection

    def close(self) -> None:
        """Close the connection. Closing twice is allowed."""
        with self._connecting, contextlib.suppress(Exception):  # the connection may be broken already
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def found(self) -> str | None:
        """The description of the collection; None if there is none."""
        client = self._client
        with translate_errors(self.url):
            if not client.has_collection(self._name, timeout=TIMEOUT_S):
                return None
            return str(client.describe_collection(self._name, timeout=TIMEOUT_S).get("description", ""))

    def make(self, label: Label) -> None:
        """Create the collection, empty; one of the same name is dropped.

        Raises:
            BadInput: Milvus cannot store descriptors of that size.
        """
        if label.dim > MOST_DIM:
            raise BadInput(
                f"Milvus stores descriptors of at most {MOST_DIM:,} numbers; those of the model have {label.dim:,}. "
                "Store the map in a file (city.map), or choose a model with fewer."
            )
        client, kinds = self._client, optional("pymilvus").DataType
        with translate_errors(self.url):
            if client.has_collection(self._name, timeout=TIMEOUT_S):
                client.drop_collection(self._name, timeout=TIMEOUT_S)
            schema = client.create_schema(
                auto_id=False, description=label.text(), partition_key_field="cell", num_partitions=PARTITIONS
            )
            schema.add_field("row", kinds.INT64, is_primary=True)
            schema.add_field("cell", kinds.INT64)
            schema.add_field("lat", kinds.DOUBLE)
            schema.add_field("lon", kinds.DOUBLE)
            schema.add_field("vector", kinds.FLOAT_VECTOR, dim=label.dim)
            index = client.prepare_index_params()
            index.add_index("vector", metric_type="IP", **_index(self.url.index, label.dim))
            client.create_collection(
                self._name, schema=schema, index_params=index, num_partitions=PARTITIONS, timeout=TIMEOUT_S
            )
        self.load()

    def load(self) -> None:
        """Wait until the collection can be searched: after a start of Milvus that takes a while."""
        client = self._client
        with translate_errors(self.url):
            client.load_collection(self._name, timeout=LOAD_S)

    def drop(self) -> None:
        client = self._client
        with translate_errors(self.url):
            client.drop_collection(self._name, timeout=TIMEOUT_S)

    def put(self, rows: Rows, lats: Floats, lons: Floats, units: Units) -> int:
        """Insert or replace rows; they are in Milvus' log when this returns.

        Returns:
            The time, by Milvus' clock, from which on searches see them; 0 if it is not known.
        """
        client = self._client
        lines = [
            {"row": row, "cell": cell, "lat": lat, "lon": lon, "vector": unit}
            for row, cell, lat, lon, unit in zip(
                rows.tolist(), cells(lats, lons).tolist(), lats.tolist(), lons.tolist(), units, strict=True
            )
        ]
        step = max(1, min(4_000, _MESSAGE_BYTES // (4 * units.shape[1])))
        with translate_errors(self.url):
            for start in range(0, len(lines), step):
                # Not `upsert`: in Milvus 2.3.5 it puts rows into partitions where a search by cell misses them
                # (milvus-io/milvus#30607).
                client.delete(self._name, ids=rows[start : start + step].tolist(), timeout=TIMEOUT_S)
                client.insert(self._name, lines[start : start + step], timeout=TIMEOUT_S)
            return self._written_at(client)

    def remove(self, rows: Sequence[int]) -> None:
        client = self._client
        with translate_errors(self.url):
            for start in range(0, len(rows), 4_000):
                ids = [int(row) for row in rows[start : start + 4_000]]
                client.delete(self._name, ids=ids, timeout=TIMEOUT_S)

    def count(self, through: int, at: int) -> int:
        """The number of rows up to `through`, of those put until `at`."""
        client = self._client
        with translate_errors(self.url):
            found = client.query(
                self._name, f"row <= {through}", output_fields=["count(*)"], timeout=TIMEOUT_S, **_seeing(at)
            )
        return int(found[0]["count(*)"])

    def rows_between(self, after: int, through: int) -> Rows:
        """The rows above `after` up to `through`, ascending; at most 16,384."""
        client, asked = self._client, f"row > {after} and row <= {through}"
        with translate_errors(self.url):
            found = client.query(
                self._name, asked, output_fields=["row"], limit=MOST, timeout=TIMEOUT_S, consistency_level="Strong"
            )
        return np.sort(np.array([each["row"] for each in found], np.int64))

    def shortlist(self, query: Units, count: int, region: Region | None, at: int) -> Rows:
        """(<= count,) rows that may be nearest to a query; some may be missed.

        Args:
            query: (dim,) float32 of length 1.
            count: the number of rows; at most 16,384.
            region: only rows whose position lies in it.
            at: rows put until then are searched; see `put`.
        """
        client = self._client
        with translate_errors(self.url):
            [hits] = client.search(
                self._name,
                data=[query],
                anns_field="vector",
                filter="" if region is None else within(region),
                limit=count,
                output_fields=[] if region is None else ["lat", "lon"],
                search_params={"metric_type": "IP", "params": _effort(self.url.index, count)},
                timeout=TIMEOUT_S,
                **_seeing(at),
            )
        rows = np.array([hit["id"] for hit in hits], np.int64)
        if region is None or not len(rows):
            return rows
        lats, lons = (np.array([hit["entity"][name] for hit in hits], np.float64) for name in ("lat", "lon"))
        return rows[inside(region, lats, lons)]

    def _written_at(self, client: Any) -> int:
        """The time of our last write, by Milvus' clock; its client has no public method for it."""
        try:
            clock = optional("pymilvus.client.ts_utils").get_collection_ts
            server = client._get_connection().server_address
            return int(clock(self._name, server, self.url.database) or 0)
        except (ImportError, AttributeError, TypeError):
            return 0


def _seeing(at: int) -> dict[str, Any]:
    """Arguments that make a request see what was written until `at`: waiting for the very latest costs 200 ms."""
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
