"""Measure writing, searching and recall of a map in Milvus, with generated descriptors.

    python benchmarks/milvus.py --url milvus://127.0.0.1:19530 --photos 20000 --indexes ivf_sq8,hnsw

The records are in a file. Start the server first; with --pid its memory is printed too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import streets

from viewfix.geo import Circle
from viewfix.search.open import open_search
from viewfix.store.milvus.collection import Collection
from viewfix.store.milvus.url import MilvusUrl
from viewfix.store.store import Address, ModelIdentity, Store

QUERIES = 100
MODEL = ModelIdentity("made", "b" * 64, streets.DIM)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", default="milvus://127.0.0.1:19530")
    options.add_argument("--photos", type=int, default=20_000)
    options.add_argument("--indexes", default="ivf_sq8")
    options.add_argument("--pid", type=int, help="process id of the server, to print its memory")
    asked = options.parse_args()
    for index in asked.indexes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            measure(asked.url, index, asked.photos, Path(folder), asked.pid)


def measure(url: str, index: str, count: int, folder: Path, pid: int | None) -> None:
    """Measure one index: build it, wait until it is ready, search with and without a region, and print the results."""
    place = f"{url}/bench_{index}_{os.getpid()}?index={index}&records={folder / 'city.map'}"
    with Store.create(place, MODEL) as store:
        began = time.perf_counter()
        for records, units in streets.photos(count):
            store.put(records, units)
        put_s = time.perf_counter() - began
        began = time.perf_counter()
        indexed(Collection(MilvusUrl.of(Address(place))))
        index_s = time.perf_counter() - began
        total = len(store)
        print(f"{index}, {total:,} photos: put {total / put_s:,.0f} a second; indexed after {index_s:.0f} s more")
    with Store.open(place) as store:
        began = time.perf_counter()
        search = open_search(store)
        print(f"  open to search {time.perf_counter() - began:.2f} s")
        rows, lats, lons = store.positions()
        units = store.present(rows)[1]
        queries = streets.queries(QUERIES, count)
        at = np.random.default_rng(5).integers(len(rows), size=QUERIES)
        for name, radius_m in (("everywhere", None), ("near, 2 km", 2_000.0), ("near, 200 km", 200_000.0)):
            took, found, inside = [], 0, []
            for query, n in zip(queries, at.tolist(), strict=True):
                region = None if radius_m is None else Circle(float(lats[n]), float(lons[n]), radius_m)
                among = rows if region is None else store.rows_in(region)
                inside.append(len(among))
                cosines = units[np.searchsorted(rows, among)] @ query
                true = set(among[np.argsort(-cosines)[:10]].tolist())
                search.nearest(query, 10, region)  # as a service that has been running: caches are warm
                began = time.perf_counter()
                got, _ = search.nearest(query, 10, region)
                took.append(time.perf_counter() - began)
                found += len(true & set(got.tolist())) / max(1, len(true))
            ms = np.percentile(np.array(took) * 1000, [50, 95])
            print(
                f"  {name:12} {np.median(inside):>9,.0f} photos: recall@10 {found / QUERIES:.4f}, "
                f"{ms[0]:.1f} ms (95 %: {ms[1]:.1f})"
            )
    if pid is not None:
        status = Path(f"/proc/{pid}/status").read_text()
        resident = int(status.split("VmRSS:")[1].split()[0])
        print(f"  server: {resident / 2**20:.2f} GB resident; load {os.getloadavg()[0]:.1f}")
    Store.open(place, write=True).discard()


def indexed(collection: Collection) -> None:
    """Wait until all photos are in sealed segments with their index, for at most five minutes."""
    client, name = collection._client, collection._name
    client.flush(name, timeout=120)
    until = time.monotonic() + 300
    while time.monotonic() < until:
        found = client.describe_index(name, "vector")
        if not found.get("pending_index_rows") and found.get("indexed_rows") == found.get("total_rows"):
            break
        time.sleep(1)
    client.refresh_load(name, timeout=120)
    collection.close()


if __name__ == "__main__":
    main()
