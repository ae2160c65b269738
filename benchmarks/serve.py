"""Compare the photos per second of the service with those of the core, alternating in one run.

    python benchmarks/serve.py                  16 clients, 60 s in all, photos of cambridge/test
    python benchmarks/serve.py --verify fast

The clients run in another process on the same cores, which leaves less for the service.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from truth import DATA

from viewfix import Map
from viewfix.embed.describe import cores

ROUNDS = 3


def core_rate(city: Map, photos: list[bytes], seconds: float, verify: str) -> tuple[float, list[float]]:
    """Photos per second with threads on all cores, without a server."""
    until, took_s, turn = time.monotonic() + seconds, [], iter(range(10**9))

    def work() -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            city.locate(photos[next(turn) % len(photos)], verify=verify)  # type: ignore[arg-type]
            took_s.append(time.monotonic() - began)

    began = time.monotonic()
    with ThreadPoolExecutor(cores()) as pool:
        for _ in range(cores()):
            pool.submit(work)
    return len(took_s) / (time.monotonic() - began), took_s


def alone_s(city: Map, photos: list[bytes], verify: str) -> float:
    """The median time of one photo in seconds, without other load."""
    found = []
    for photo in photos[:40]:
        began = time.monotonic()
        city.locate(photo, verify=verify)  # type: ignore[arg-type]
        found.append(time.monotonic() - began)
    return statistics.median(found)


def clients(port: int, folder: Path, number: int, seconds: float, verify: str) -> None:
    """The client process: send photos, count the answers, and print one JSON object."""
    photos = [path.read_bytes() for path in sorted(folder.glob("*"))]
    until, took_s, statuses, turn = time.monotonic() + seconds, [], Counter(), iter(range(10**9))

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while time.monotonic() < until:
            began = time.monotonic()
            body = photos[next(turn) % len(photos)]
            connection.request("POST", f"/v1/locate?verify={verify}", body, {"Content-Type": "image/jpeg"})
            answer = connection.getresponse()
            answer.read()
            statuses[answer.status] += 1
            took_s.append(time.monotonic() - began)

    threads = [threading.Thread(target=work) for _ in range(number)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    print(json.dumps({"rate": statuses[200] / seconds, "took_s": took_s, "statuses": statuses}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--verify", default="off")
    parser.add_argument("--map", type=Path, help="a map of cambridge/train; built if left out")
    parser.add_argument("--as-clients", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = DATA / "cambridge" / "test" / "queries"
    if given.as_clients:
        clients(given.as_clients, folder, given.clients, given.seconds, given.verify)
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = given.map or Path(scratch) / "train.map"
        if not path.exists():
            Map.build(path, DATA / "cambridge" / "train" / "map.csv").close()
        photos = [each.read_bytes() for each in sorted(folder.glob("*"))]
        server = subprocess.Popen(
            [sys.executable, "-m", "viewfix", "serve", str(path), "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            port = int(re.search(r":(\d+)\. Stop", server.stdout.readline())[1])  # type: ignore[index]
            with Map.open(path) as city:
                alone = alone_s(city, photos, given.verify)
                served: list[dict[str, object]] = []
                core: list[float] = []
                for _ in range(ROUNDS):
                    core.append(core_rate(city, photos, given.seconds / ROUNDS / 2, given.verify)[0])
                    command = [sys.executable, __file__, "--as-clients", str(port), "--verify", given.verify]
                    command += ["--clients", str(given.clients), "--seconds", str(given.seconds / ROUNDS)]
                    served.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
        finally:
            server.terminate()
            server.wait()
    rates = [float(each["rate"]) for each in served]  # type: ignore[arg-type]
    took_s = sorted(each for one in served for each in one["took_s"])  # type: ignore[attr-defined]
    statuses = sum((Counter(one["statuses"]) for one in served), Counter())  # type: ignore[arg-type]
    p95_s = took_s[int(0.95 * len(took_s))]
    print(
        f"the core:    {statistics.mean(core):.1f} photos a second on {cores()} cores; one alone {1000 * alone:.0f} ms"
    )
    shares = ", ".join(f"{rate / base:.0%}" for rate, base in zip(rates, core, strict=True))
    print(f"the service: {statistics.mean(rates):.1f} a second, {statistics.mean(rates) / statistics.mean(core):.0%} "
          f"of the core (by round: {shares})")  # fmt: skip
    print(f"{given.clients} clients: median {1000 * statistics.median(took_s):.0f} ms, p95 {1000 * p95_s:.0f} ms, "
          f"{p95_s / alone:.1f} times one alone; statuses {dict(statuses)}")  # fmt: skip


if __name__ == "__main__":
    main()
