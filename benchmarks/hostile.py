"""Send hostile requests of every kind among good ones, and check the good answers and the memory of the service.

    python benchmarks/hostile.py                 17 kinds, 20 of each, among 200 good photos of cambridge/test
    python benchmarks/hostile.py --each 2 --good 20

The hostile requests are decompression bombs in PNG, JPEG, WebP and TIFF, truncated files, files of other kinds, forms
with thousands of parts, endless bodies and announced gigabytes, and slow first and second requests, all at the same
time. Each good photo must get the same answer as from the core. Then the service is stopped while two decoders are
running, and must end within its grace period.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import random
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from truth import DATA

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from server.process import HARMLESS, Send, ask, hostile, serving  # noqa: E402  the same uploads as in the tests

from viewfix import Map  # noqa: E402
from viewfix.sources import open_sources  # noqa: E402

GRACE_S = 10.0


class Watch:
    """The memory of a process and its decoders, and whether it is alive, measured in a thread."""

    def __init__(self, pid: int, port: int) -> None:
        self._process, self._port = psutil.Process(pid), port
        self._stop = threading.Event()
        self.before = self.peak = self.resident()
        self.slowest_probe_s = 0.0
        self.failed_probes = 0
        self._threads = [threading.Thread(target=each) for each in (self._measure, self._probe)]
        for thread in self._threads:
            thread.start()

    def resident(self) -> int:
        total = 0
        for each in [self._process, *self._process.children(recursive=True)]:
            try:
                # Shared pages count once, as they do for the limit of a control group.
                total += each.memory_full_info().pss if sys.platform == "linux" else each.memory_info().rss
            except psutil.Error:
                continue
        return total

    def _measure(self) -> None:
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, self.resident())

    def _probe(self) -> None:
        while not self._stop.wait(0.2):
            began = time.monotonic()
            try:
                self.failed_probes += ask(self._port, None, "/healthz", "GET")[0] != 200
            except (OSError, http.client.HTTPException):
                self.failed_probes += 1
            self.slowest_probe_s = max(self.slowest_probe_s, time.monotonic() - began)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def made_map(path: Path) -> Path:
    """Build a map of cambridge/test without calibration, which takes minutes and is not needed for candidates."""
    manifest = DATA / "cambridge" / "test" / "map.csv"
    with Map.build(path, itertools.islice(iter(open_sources([manifest])), 2)) as city:
        city.add(manifest, calibrate=False)
    return path


def timed(send: Send, port: int) -> tuple[int, float]:
    began = time.monotonic()
    try:
        status = send(port)
    except (OSError, http.client.HTTPException):
        status = 0
    return status, time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--good", type=int, default=200)
    parser.add_argument("--map", type=Path, help="a map of cambridge/test; built if left out")
    given = parser.parse_args()
    photos = [path.read_bytes() for path in sorted((DATA / "cambridge" / "test" / "queries").glob("*"))]
    with tempfile.TemporaryDirectory() as scratch:
        path = given.map or made_map(Path(scratch) / "test.map")
        with Map.open(path) as city:
            asked = [photos[n % len(photos)] for n in range(given.good)]
            wanted = [city.locate(photo, verify="off") for photo in asked]
        with serving(path, "--waiting", "256", "--grace", str(GRACE_S)) as service:
            watch = Watch(service.process.pid, service.port)
            uploads = hostile(photos[0])
            attacks = [(name, send) for name, send in uploads.items() for _ in range(given.each)]
            random.Random(0).shuffle(attacks)
            began = time.monotonic()
            with ThreadPoolExecutor(24) as bad, ThreadPoolExecutor(4) as good:
                refused = [(name, bad.submit(timed, send, service.port)) for name, send in attacks]
                answered = [good.submit(ask, service.port, photo) for photo in asked]
                found = [each.result() for each in answered]
                outcomes = [(name, *each.result()) for name, each in refused]
            took_s = time.monotonic() - began
            watch.end()
            stopped_s = stop_at_work(service, uploads["large lossless"])
            log_bytes, log_is_json = sum(map(len, service.errors)), bool(service.log)
    right = sum(
        status == 200 and [c["id"] for c in answer["properties"]["candidates"]] == [c.photo.id for c in fix.candidates]
        for (status, answer), fix in zip(found, wanted, strict=True)
    )
    statuses, longest_s = Counter((name, status) for name, status, _ in outcomes), defaultdict(float)
    for name, _, seconds in outcomes:
        longest_s[name] = max(longest_s[name], seconds)
    bad_ones = [(name, status) for name, status, _ in outcomes if not 400 <= status < 500]
    unexpected = [each for each in bad_ones if each[0] not in HARMLESS or each[1] not in (200, 503)]
    print(f"{right} of {given.good} good photos answered as the core does, {took_s:.0f} s in all")
    print(f"{len(outcomes) - len(unexpected)} of {len(outcomes)} hostile ones refused, or answered where harmless")
    print(f"memory: {watch.before / 2**20:.0f} MB before, {watch.peak / 2**20:.0f} MB at the peak, decoders included")
    print(f"liveness: {watch.failed_probes} probes failed, the slowest took {watch.slowest_probe_s:.2f} s")
    print(f"told to stop with decoders at work: ended after {stopped_s:.1f} s, of {GRACE_S:.0f} s of grace")
    print(f"log: {log_bytes} bytes, {'all JSON' if log_is_json else 'not JSON'}")
    for (name, status), count in sorted(statuses.items()):
        print(f"  {name:<20} {status}: {count:>3}, the slowest after {longest_s[name]:.1f} s")
    if right < given.good or unexpected or watch.failed_probes or stopped_s > GRACE_S + 4:
        sys.exit("It does not hold.")


def stop_at_work(service: object, send: Send) -> float:
    """Stop the service while it decodes. Returns the seconds until it ends."""
    for _ in range(4):
        threading.Thread(target=timed, args=(send, service.port), daemon=True).start()  # type: ignore[attr-defined]
    time.sleep(0.3)
    began = time.monotonic()
    service.process.terminate()  # type: ignore[attr-defined]
    service.process.wait(120)  # type: ignore[attr-defined]
    return time.monotonic() - began


if __name__ == "__main__":
    main()
