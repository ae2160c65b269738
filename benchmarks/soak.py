"""Soak test: ten minutes of good, bad and hostile requests, writes and replaced maps, in which nothing may grow.

    python benchmarks/soak.py                    ten minutes over photos of cambridge/test
    python benchmarks/soak.py --seconds 60

Clients locate photos, list maps, send damaged and hostile uploads, hold connections open, add photos and remove them;
a second map is replaced twice a minute. After a minute of warm-up, memory, threads, open files and decoder processes
are measured every second. At the end they must be at the level of the beginning.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from truth import DATA

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hostile import made_map  # noqa: E402
from server.process import ask, connected, hostile_bodies, serving  # noqa: E402

from viewfix.server.keys import new_key  # noqa: E402

REPLACE_S = 30.0


class Clients:
    """Threads that each send requests of one kind until the end. Answers are counted by kind and status."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self.statuses: Counter[tuple[str, int]] = Counter()
        self._threads: list[threading.Thread] = []

    def start(self, kind: str, send: Callable[[random.Random], int], pause_s: float = 0.0) -> None:
        def work() -> None:
            rng = random.Random(kind)
            while time.monotonic() < self._until:
                try:
                    status = send(rng)
                except (OSError, http.client.HTTPException, ValueError):
                    status = 0
                self.statuses[kind, status] += 1
                time.sleep(pause_s)

        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


def measured(process: psutil.Process) -> dict[str, float]:
    """The megabytes, threads, open files and decoder processes of the service."""
    with contextlib.suppress(psutil.Error):
        return {
            "MB": process.memory_info().rss / 2**20,
            "threads": process.num_threads(),
            "files": process.num_fds() if hasattr(process, "num_fds") else 0,
            "decoders": len(process.children(recursive=True)),
        }
    return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    given = parser.parse_args()
    photos = [path.read_bytes() for path in sorted((DATA / "cambridge" / "test" / "queries").glob("*"))]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = made_map(folder / "test.map")
        other = Path(shutil.copy(path, folder / "other.map"))  # replaced; a map that is written must not be
        (folder / "kept").mkdir()
        key = {"X-API-Key": new_key(folder / "keys.toml", "soak", write=True)}
        options = ["--write", "--photos-folder", str(folder / "kept"), "--keys", str(folder / "keys.toml")]
        with serving(path, str(other), *options, "--thumbnails", "all") as service:
            process, clients = psutil.Process(service.process.pid), Clients(given.seconds)
            start(clients, service.port, photos, key)
            samples: list[dict[str, float]] = []
            until, replaced_at = time.monotonic() + given.seconds, time.monotonic()
            while time.monotonic() < until and service.process.poll() is None:
                time.sleep(1.0)
                samples.append(measured(process))
                if time.monotonic() - replaced_at > REPLACE_S:
                    replaced_at = time.monotonic()
                    shutil.copy(other, folder / "next.map")
                    (folder / "next.map").replace(other)
            clients.join()
            is_alive = service.process.poll() is None
            ready = ask(service.port, None, "/readyz", "GET")[0]
            problems = [line for line in service.log if line["level"] == "error"]
    report(samples, clients.statuses, is_alive, ready, problems)


def start(clients: Clients, port: int, photos: list[bytes], key: dict[str, str]) -> None:
    bodies = list(hostile_bodies(photos[0]).values())

    def locate(rng: random.Random) -> int:
        return ask(port, rng.choice(photos), f"/v1/locate?map={rng.choice(['test', 'other'])}", **key)[0]

    def read(rng: random.Random) -> int:
        address = rng.choice(["/v1/maps", "/v1/maps/test/photos", "/readyz", "/v1/openapi.json"])
        return ask(port, None, address, "GET", **key)[0]

    def attack(rng: random.Random) -> int:
        content, kind = rng.choice(bodies)
        return ask(port, content, "/v1/locate?map=test", **{"Content-Type": kind, **key})[0]

    def hold(rng: random.Random) -> int:
        with connected(port, 3.0) as connection:
            connection.sendall(b"POST /v1/locate HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n" + b"x" * 99)
            time.sleep(rng.uniform(0, 3))
        return 200

    def write(rng: random.Random) -> int:
        name = f"soak-{rng.randrange(20)}.jpg"
        head = "".join(
            f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in (("id", name), ("lat", "52.2"), ("lon", "0.1"))
        )
        body = head.encode() + b'--x\r\nContent-Disposition: form-data; name="photo"\r\n\r\n' + rng.choice(photos)
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        status = ask(port, body + b"\r\n--x--\r\n", "/v1/photos?map=test", **kind, **key)[0]
        if rng.random() < 0.5:
            ask(port, None, f"/v1/photos?map=test&id={name}", "DELETE", **key)
        return status

    for number in range(3):
        clients.start(f"locate {number}", locate)
    clients.start("read", read, 0.1)
    clients.start("attack", attack, 0.2)
    clients.start("hold", hold)
    clients.start("write", write, 0.5)


def report(
    samples: list[dict[str, float]],
    statuses: Counter[tuple[str, int]],
    is_alive: bool,
    ready: int,
    problems: list[dict[str, Any]],
) -> None:
    whole = [each for each in samples if each]
    early, late = whole[len(whole) // 10 : len(whole) * 3 // 10], whole[len(whole) * 8 // 10 :]
    grew = []
    for name, slack in (("MB", 60.0), ("threads", 4), ("files", 20), ("decoders", 3)):
        before, after = (statistics.median(each[name] for each in part) for part in (early, late))
        highest = max(each[name] for each in whole)
        print(f"{name:<9} {before:.0f} early, {after:.0f} late, {highest:.0f} at most")
        if after > before + slack:
            grew.append(name)
    tenths = [whole[len(whole) * n // 10 : len(whole) * (n + 1) // 10] for n in range(10)]
    print("MB by tenths of the time:", *(round(statistics.median(each["MB"] for each in part)) for part in tenths))
    for (kind, status), count in sorted(statuses.items()):
        print(f"  {kind:<10} {status}: {count}")
    failed = sum(count for (kind, status), count in statuses.items() if status in (0, 500, 507) and kind != "hold")
    print(
        f"{sum(statuses.values())} requests, {failed} without an answer or with 500; {len(problems)} errors in the log"
    )
    for line in problems[:5]:
        print(f"  {line['message'][:160]}")
    if grew or failed or not is_alive or ready != 200:
        sys.exit(f"It does not hold: {', '.join(grew) or 'see above'}.")


if __name__ == "__main__":
    main()
