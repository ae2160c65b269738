"""Compare the speed of embedding on two workers of a Ray cluster with one, on this machine."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from truth import DATA

from viewfix import Map
from viewfix.embed.describe import cores
from viewfix.embed.ray import Cluster
from viewfix.types import Photo, Position

FIRST = 64
"""Photos to embed before the clock starts, so that every worker has loaded its model."""


def photos_of(data: Path, count: int) -> list[Photo]:
    files = sorted((data / "cambridge").rglob("*.jpg"))[:count]
    if len(files) < count:
        sys.exit(f"There are {len(files)} photos below {data}, but {count} are wanted. Name --data.")
    return [Photo(str(number), str(file), Position(52.2, 0.1)) for number, file in enumerate(files)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=1, help="rounds; each times one worker, then two")
    given = parser.parse_args()
    photos = photos_of(given.data, given.photos + FIRST)

    import ray
    from ray.cluster_utils import Cluster as Machines

    machines = Machines(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        machines.add_node(num_cpus=1)
    ray.init(machines.address, log_to_driver=False)  # connected once: what is timed is embedding and writing
    print(f"{cores()} cores, load {os.getloadavg()[0]:.1f}, {given.photos} photos, nodes of one core each")
    try:
        ratios = []
        for _ in range(given.rounds):
            taken_s = {workers: embed(photos, machines.address, workers) for workers in (1, 2)}
            ratios.append(taken_s[1] / taken_s[2])
            for workers, seconds in taken_s.items():
                print(f"{workers} worker(s): {seconds:.1f} s, {given.photos / seconds:.1f} photos a second")
        print(f"2 workers against 1: {statistics.median(ratios):.2f} times; load {os.getloadavg()[0]:.1f}")
    finally:
        ray.shutdown()
        machines.shutdown()


def embed(photos: list[Photo], address: str, workers: int) -> float:
    """The seconds for adding all photos to a new map, without the FIRST ones."""
    with tempfile.TemporaryDirectory() as folder:
        path, cluster = Path(folder) / "timed.map", Cluster(address, workers)
        with Map.build(path, photos[:FIRST], cluster=cluster) as city:
            started = time.perf_counter()
            city.add(photos[FIRST:], calibrate=False, cluster=cluster)
            seconds = time.perf_counter() - started
            assert len(city) == len(photos), city.last_added
    return seconds


if __name__ == "__main__":
    main()
