"""What an evaluation found, as plain values: figures go in, JSON comes out."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from ..metrics import Interval, MetricError
from ..types import Skipped

FORMAT = 1
"""Of the JSON; a later one may leave names out, this one only gains some."""


@dataclass(frozen=True, slots=True)
class Check:
    """A self-check: its name, whether it passed, what was seen, and whether the caller allows a failure.

    `passed` is None where there was nothing to check.
    """

    name: str
    passed: bool | None
    seen: str
    allowed: bool = False


@dataclass(frozen=True, slots=True)
class Recall:
    """Recall@N by both conventions for queries without a positive, and how many queries each counts.

    `counted`: such a query is a failure (the usual convention of the benchmarks). `dropped`: it is left out.
    """

    queries: int
    without_positive: int
    counted: dict[int, Interval]
    dropped: dict[int, Interval]


@dataclass(frozen=True, slots=True)
class Matching:
    """The single best match of every query, ranked by its similarity; the curve over all unique scores."""

    average_precision: float
    recall_at_100_precision: float
    recall_at_99_precision: float
    precision: list[float]
    recall: list[float]
    threshold: list[float | None]


@dataclass(frozen=True, slots=True)
class Confidence:
    """What the confidence of a Fix is worth, over the queries of the dataset.

    `right_share` of all fixes lie within their own radius; `area` is that under `risk` over
    `coverage`; `ece` the expected calibration error, `ece_with_outside` that over as many queries from
    outside the map (what a map is calibrated for; None where none could be asked).
    The `bin_*` are the reliability diagram.
    """

    right_share: float
    area: float
    ece: float
    ece_with_outside: float | None
    coverage: list[float]
    risk: list[float]
    bin_confidence: list[float]
    bin_accuracy: list[float]
    bin_count: list[int]


@dataclass(frozen=True, slots=True)
class Outside:
    """Queries asked of maps without their surroundings: whatever position they got was wrong."""

    regions: int
    queries: int
    apart_m: float
    false_accepts: Interval


@dataclass(frozen=True, slots=True)
class Fixes:
    """The answers of a map. `error` is that of those found; `error_always` of all, with no line drawn."""

    found_share: float
    error: MetricError
    error_always: MetricError
    confidence: Confidence
    outside: Outside | None
    outside_note: str
    """Why there is none, where there is none; else how the regions were made."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Milliseconds of one stage of answering one query."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Latency:
    """One query at a time, one thread; None for a stage that this map does not have."""

    queries: int
    decode: Stage
    embed: Stage
    search: Stage
    verify: Stage | None
    total: Stage
    machine: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes: of one descriptor as a map stores it, of the map's file and of its index; None where no map was made."""

    dim: int
    descriptor_bytes: int
    map_bytes: int | None
    index_bytes: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A query whose best match is wrong, beside the most similar right one. Sources are paths or URLs."""

    query_id: str
    query_source: str
    wrong_id: str
    wrong_source: str
    wrong_similarity: float
    wrong_m: float | None
    right_id: str | None
    right_source: str | None
    right_similarity: float | None
    right_rank: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """All that one evaluation found. `to_json` gives it to scripts, `viewfix.evaluate.report` to people."""

    dataset: str
    protocol: str
    subject: str
    """The model or the map that was asked."""
    model: str
    fingerprint: str
    viewfix: str
    seed: int
    ranked_by: str
    """How photos were ranked: exactly, or by the map's own index."""
    map_photos: int
    recall: Recall
    matching: Matching
    best_match_error: MetricError | None
    fixes: Fixes | None
    latency: Latency
    sizes: Sizes
    checks: tuple[Check, ...]
    skipped: tuple[Skipped, ...] = ()
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    format: int = field(default=FORMAT)

    @property
    def queries(self) -> int:
        return self.recall.queries

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: what is no number, as the median of nothing, is null; ranks and metres are text as keys."""
        found: dict[str, Any] = _plain(dataclasses.asdict(self))
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _key(key: object) -> str:
    return f"{key:g}" if isinstance(key, float) else str(key)
