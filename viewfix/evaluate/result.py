"""The result of an evaluation as plain values, ready for JSON."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from ..metrics import Interval, MetricError
from ..types import Skipped, View

FORMAT = 1
"""The version of the JSON. It grows when keys are removed or renamed; new keys may be added without notice."""


@dataclass(frozen=True, slots=True)
class Check:
    """A self-check: its name, whether it passed, what was found, and whether the caller allows a failure.

    `passed` is None if there was nothing to check.
    """

    name: str
    passed: bool | None
    seen: str
    allowed: bool = False


@dataclass(frozen=True, slots=True)
class Recall:
    """Recall@N, by both conventions for queries without a positive.

    In `counted` such a query is a failure, the usual convention of the benchmarks; in `dropped` it is left out.
    """

    queries: int
    without_positive: int
    counted: dict[int, Interval]
    dropped: dict[int, Interval]


@dataclass(frozen=True, slots=True)
class Matching:
    """Precision and recall of the best match of every query, over all unique similarities."""

    average_precision: float
    recall_at_100_precision: float
    recall_at_99_precision: float
    precision: list[float]
    recall: list[float]
    threshold: list[float | None]


@dataclass(frozen=True, slots=True)
class Confidence:
    """How far the confidence of a fix can be trusted, over the queries of the dataset.

    `right_share` of all fixes lie within their own radius. `area` is the area under `risk` over `coverage`. `ece` is
    the expected calibration error; `ece_with_outside` includes as many queries from outside the map, for which a map
    is calibrated (None if there were none). `bin_*` are the reliability diagram.
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
    """Queries located in maps without their surroundings: any position that was given is wrong."""

    regions: int
    queries: int
    apart_m: float
    false_accepts: Interval


@dataclass(frozen=True, slots=True)
class Fixes:
    """The fixes of a map. `error` covers those that were found, `error_always` all of them, without a threshold."""

    found_share: float
    error: MetricError
    error_always: MetricError
    confidence: Confidence
    outside: Outside | None
    outside_note: str
    """How the regions were made, or why there are none."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Milliseconds of one stage of answering one query."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Latency:
    """One query at a time on one thread; None for a stage that was not run."""

    queries: int
    decode: Stage
    embed: Stage
    search: Stage
    verify: Stage | None
    total: Stage
    machine: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of one descriptor as a map stores it, of the map file and of its index; None if there was no map."""

    dim: int
    descriptor_bytes: int
    map_bytes: int | None
    index_bytes: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A query whose best match is wrong, and the most similar right photo. Sources are paths or URLs.

    `credits` must be shown with the pictures; the views are as in `Photo`.
    """

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
    credits: tuple[str, ...] = ()
    query_view: View | None = None
    wrong_view: View | None = None
    right_view: View | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that an evaluation measured. `to_json` is for scripts, `viewfix.evaluate.report` for people."""

    dataset: str
    protocol: str
    subject: str
    """The model or the map that was measured."""
    model: str
    fingerprint: str
    viewfix: str
    seed: int
    ranked_by: str
    """How photos were ranked: exactly, or by the index of the map."""
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
        """Plain JSON. NaN and infinity become null; ranks and metres become text where they are keys."""
        found: dict[str, Any] = plain(dataclasses.asdict(self))
        return found


def plain(value: Any) -> Any:
    """Plain JSON values: NaN and infinity become null, keys become text."""
    if isinstance(value, dict):
        return {_key(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _key(key: object) -> str:
    return f"{key:g}" if isinstance(key, float) else str(key)
