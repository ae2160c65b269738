"""Counters and times of requests and answers, in the text format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from .registry import MapRegistry
    from .uploads import Receiver
    from .workers import Workers

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one application; two applications in one process do not share them."""

    def __init__(self, maps: MapRegistry, workers: Workers, receiver: Receiver) -> None:
        self._registry = CollectorRegistry()
        labels = ["route", "method", "status"]
        self._requests = Counter("viewfix_requests", "Requests answered", labels, registry=self._registry)
        self._seconds = Histogram(
            "viewfix_request_seconds", "From the header of a request to its answer", ["route"], buckets=SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._answers = Counter("viewfix_answers", "Photos answered", ["map", "found"], registry=self._registry)
        self._stages = Histogram(
            "viewfix_stage_seconds", "Time of each stage of an answer", ["stage"],
            buckets=(0.001, 0.0025, 0.005, *SECONDS), registry=self._registry,
        )  # fmt: skip
        gauges = {
            "viewfix_photos_inside": ("Photos being answered or waiting", lambda: workers.inside),
            "viewfix_photos_waiting": ("Photos waiting for a worker", lambda: workers.waiting),
            "viewfix_buffered_bytes": ("Bytes of uploads held", lambda: receiver.buffered_bytes),
        }
        for name, (about, read) in gauges.items():
            Gauge(name, about, registry=self._registry).set_function(read)
        photos = Gauge("viewfix_map_photos", "Photos in a map", ["map"], registry=self._registry)
        for served in maps.all():
            # What the map had when it was last asked: a scrape must not wait for a database.
            photos.labels(served.name).set_function(partial(getattr, served, "photos"))

    def answered(self, route: str, method: str, status: int, took_s: float) -> None:
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(took_s)

    def located(self, name: str, found: bool, timings: Mapping[str, float] = MappingProxyType({})) -> None:
        self._answers.labels(name, "yes" if found else "no").inc()
        for stage, took_ms in timings.items():
            self._stages.labels(stage).observe(took_ms / 1000)

    def text(self) -> bytes:
        return generate_latest(self._registry)
