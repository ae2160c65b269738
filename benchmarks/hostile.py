"""200 hostile uploads among good ones: is every good one answered rightly, every hostile one refused, memory bounded?

    python benchmarks/hostile.py

Bombs, halves, other kinds, endless and announced gigabytes, forms of thousands of parts, nested forms, slow clients.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from truth import DATA

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from test_serving import ask, hostile, serving  # noqa: E402  the same uploads as in the tests

from viewfix import Map  # noqa: E402

EACH = 20
GOOD = 200


def main() -> None:
    photos = [path.read_bytes() for path in sorted((DATA / "cambridge" / "test" / "queries").glob("*"))]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "test.map"
        Map.build(path, DATA / "cambridge" / "test" / "map.csv").close()
        with Map.open(path) as city:
            asked = [photos[n % len(photos)] for n in range(GOOD)]
            wanted = [city.locate(photo, k=5, verify="off", explainable=False) for photo in asked]
        with serving(path, "--waiting", "256") as (process, port):
            told = psutil.Process(process.pid)
            before, peak, stop = told.memory_info().rss, [0], threading.Event()

            def watch() -> None:
                while not stop.wait(0.02):
                    peak[0] = max(peak[0], told.memory_info().rss)

            threading.Thread(target=watch).start()
            attacks = [(name, send) for name, send in hostile(photos[0]).items() for _ in range(EACH)]
            random.Random(0).shuffle(attacks)
            began = time.monotonic()
            with ThreadPoolExecutor(24) as bad, ThreadPoolExecutor(4) as good:
                refused = [(name, bad.submit(send, port)) for name, send in attacks]
                answered = [good.submit(ask, port, photo) for photo in asked]
                found = [each.result() for each in answered]
                statuses = Counter((name, each.result()) for name, each in refused)
            stop.set()
            took_s = time.monotonic() - began
    right = sum(
        status == 200
        and [c["id"] for c in answer["properties"]["candidates"]]  # type: ignore[index]
        == [c.photo.id for c in fix.candidates[:5]]
        for (status, answer), fix in zip(found, wanted, strict=True)
    )
    bad_count = sum(count for (_, status), count in statuses.items() if 400 <= status < 500)
    print(
        f"{right} of {GOOD} good photos answered as the core does; {bad_count} of {len(attacks)} hostile ones got a 4xx"
    )
    print(f"memory: {before / 2**20:.0f} MB before, {peak[0] / 2**20:.0f} MB at the peak; {took_s:.0f} s in all")
    for (name, status), count in sorted(statuses.items()):
        print(f"  {name:<12} {status}: {count}")


if __name__ == "__main__":
    main()
