"""Tables of rounded figures, the same for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..metrics import Interval, MetricError
from .result import Confidence, Fixes, Latency, Result, Sizes


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` are the headings of all columns; the first cell of every row is its name."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def headline(result: Result) -> list[tuple[str, str]]:
    """The most important figures, as (value, meaning)."""
    first = result.recall.counted[1]
    figures = [
        (f"{percent(first.value)} %", f"Recall@1 ({percent(first.low)} to {percent(first.high)})"),
        (f"{percent(result.matching.recall_at_100_precision)} %", "recall at 100 % precision"),
    ]
    if result.fixes is not None:
        figures.append((metres(result.fixes.error.median_m), "median error of the fixes"))
        if result.fixes.outside is not None:
            wrong = result.fixes.outside.false_accepts
            figures.append((f"{percent(wrong.value)} %", "of queries from outside the map accepted"))
    figures.append((f"{result.latency.total.p50_ms:.0f} ms", "a query (median)"))
    return figures


def tables(result: Result) -> list[Table]:
    """All tables, in the order of the report."""
    found = [_recall(result), _matching(result)]
    errors = [("best match", result.best_match_error)]
    if result.fixes is not None:
        errors += [("fix, where given", result.fixes.error), ("fix, all", result.fixes.error_always)]
    known = [(name, error) for name, error in errors if error is not None]
    if known:
        found.append(_error(known))
    if result.fixes is not None:
        found.append(_confidence(result.fixes, result.fixes.confidence))
    return [*found, _latency(result.latency), _sizes(result.sizes)]


def _recall(result: Result) -> Table:
    recall = result.recall
    answerable = recall.queries - recall.without_positive
    rows = tuple(
        (f"Recall@{rank}", _interval(each), _interval(recall.dropped[rank])) for rank, each in recall.counted.items()
    )
    return Table(
        "Recall, % (95 % interval)",
        ("", f"all {recall.queries}", f"{answerable} answerable"),
        rows,
        f"{recall.without_positive} queries have no positive and cannot be answered: the first column counts them as "
        "failures, the second leaves them out.",
    )


def _matching(result: Result) -> Table:
    matching = result.matching
    rows = (
        ("Average precision, %", percent(matching.average_precision)),
        ("Recall at 100 % precision, %", percent(matching.recall_at_100_precision)),
        ("Recall at 99 % precision, %", percent(matching.recall_at_99_precision)),
    )
    return Table("Best match, by its similarity", ("", ""), rows)


def _error(errors: Sequence[tuple[str, MetricError]]) -> Table:
    within = list(errors[0][1].within)
    columns = ("", "answered", "median", *(f"≤ {m:g} m" for m in within))
    rows = tuple(
        (
            name,
            f"{error.answered} of {error.asked}",
            metres(error.median_m),
            *(percent(error.within[m]) for m in within),
        )
        for name, error in errors
    )
    return Table(
        "Error, and % of queries within",
        columns,
        rows,
        "Shares are of all queries, the median is of those answered. All: without a threshold for the confidence.",
    )


def _confidence(fixes: Fixes, confidence: Confidence) -> Table:
    rows = [
        ("Given a position, %", percent(fixes.found_share)),
        ("Within its own radius, %", percent(confidence.right_share)),
        ("Area under risk and coverage", f"{confidence.area:.4f}"),
        ("Expected calibration error", f"{confidence.ece:.3f}"),
    ]
    if confidence.ece_with_outside is not None:
        rows.append(("The same, including queries from outside", f"{confidence.ece_with_outside:.3f}"))
    if fixes.outside is not None:
        outside = fixes.outside
        rows.append((f"Accepted of {outside.queries} from outside, %", _interval(outside.false_accepts)))
    return Table("Fixes and their confidence", ("", ""), tuple(rows), f"Outside: {fixes.outside_note}.")


def _latency(latency: Latency) -> Table:
    rows = []
    for name in ("decode", "embed", "search", "verify", "total"):
        stage = getattr(latency, name)
        rows.append(
            (
                name,
                "not run" if stage is None else f"{stage.p50_ms:.1f}",
                "" if stage is None else f"{stage.p95_ms:.1f}",
            )
        )
    note = f"{latency.queries} queries, one at a time; {latency.machine}."
    return Table("Latency, ms", ("", "p50", "p95"), tuple(rows), note)


def _sizes(sizes: Sizes) -> Table:
    rows = [("Descriptor", f"{sizes.dim} numbers, {size(sizes.descriptor_bytes)}")]
    if sizes.map_bytes is not None:
        rows.append(("Map", size(sizes.map_bytes)))
    if sizes.index_bytes is not None:
        rows.append(("Index", size(sizes.index_bytes) if sizes.index_bytes else "none for so few photos"))
    return Table("Size", ("", ""), tuple(rows))


def percent(share: float) -> str:
    """A share as a percentage with one decimal; a dash for NaN."""
    return "–" if math.isnan(share) else f"{100 * share:.1f}"


def metres(length_m: float) -> str:
    """Metres with one decimal; a dash for NaN."""
    return "–" if math.isnan(length_m) else f"{length_m:.1f} m"


def size(count: int) -> str:
    """Bytes, kB or MB, in powers of ten."""
    if count < 10_000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"


def _interval(found: Interval) -> str:
    return f"{percent(found.value)} ({percent(found.low)}–{percent(found.high)})"
