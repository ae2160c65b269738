"""Time one `locate` on a warm map of 760 photos, and `viewfix --help`."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from truth import DATA, Truth, cambridge

from viewfix import Map
from viewfix.locate import query as asking


def timed(city: Map, queries: Sequence[Truth], verify: str, what: str) -> None:
    """Locate every query twice: once to store the features of the map's photos, and once timed."""
    taken_ms = []
    for again in (False, True):
        for query in queries:
            started = time.perf_counter()
            city.locate(query.file, verify=verify)
            if again:
                taken_ms.append(1000 * (time.perf_counter() - started))
    taken_ms.sort()
    p95 = taken_ms[int(0.95 * len(taken_ms))]
    print(f"{what}: median {statistics.median(taken_ms):.1f} ms, p95 {p95:.1f} ms ({len(queries)} photos of 400 px)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--map", type=Path, help="the map to use, built if missing; default: a temporary one")
    given = parser.parse_args()
    queries = cambridge(given.data, "test", "queries")
    with tempfile.TemporaryDirectory() as folder:
        path = given.map or Path(folder) / "test.map"
        started = time.perf_counter()
        with Map.build(path, given.data / "cambridge" / "test" / "map") as city:
            print(f"build: {city.last_added}, {time.perf_counter() - started:.1f} s, examination included")
            for query in queries[:10]:  # warm
                city.locate(query.file)
            for verify in ("off", "fast", "accurate"):
                timed(city, queries, verify, f"locate, {verify}, as a query is answered")
            asking.SURE = asking.DOUBTFUL = 2.0  # always verify five candidates
            for verify in ("fast", "accurate"):
                timed(city, queries, verify, f"locate, {verify}, five candidates for every query")
    for name, command in (
        ("python -c pass", ["-c", "pass"]),
        ("import viewfix", ["-c", "import viewfix"]),
        ("viewfix --help", ["-m", "viewfix", "--help"]),
    ):
        walls = []
        for _ in range(11):
            started = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            walls.append(1000 * (time.perf_counter() - started))
        print(f"{name}: median {statistics.median(walls):.0f} ms")


if __name__ == "__main__":
    main()
