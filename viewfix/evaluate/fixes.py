"""Descriptors become maps, queries become fixes, and what the fixes claim is held against the truth."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import metrics
from ..geo import distance_m
from ..locate.calibrate import keep_calibrated
from ..locate.confidence import LEAST_CONFIDENCE
from ..map import Map
from ..models.model import Model
from ..search.open import open_search
from ..store.store import ModelIdentity, Record, Store
from ..types import Photo, Position, Progress, silent
from .described import Described
from .nearness import nearest_m, points_m, strips
from .result import Confidence, Fixes, Outside

APART_M = 100.0
"""Nothing of a map within sight of a query that is asked from outside it."""

REGIONS = 4
LEAST_PHOTOS = 20
"""A map with fewer than this left says nothing about maps."""

CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Answers:
    """The fix of every query with no line drawn; (Q,) each. NaN metres where there was no candidate at all."""

    errors_m: npt.NDArray[np.float64]
    radii_m: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        return self.confidence >= LEAST_CONFIDENCE

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Within the radius of the fix: what its confidence is the probability of."""
        return self.errors_m <= self.radii_m  # NaN is not


def made_map(path: Path, described: Described, model: Model, *, progress: Progress = silent) -> Map:
    """A map of pictures that are described already, calibrated as `Map.build` does it. All need positions.

    Only for questions by descriptor: verification, which they do without, is not calibrated.
    """
    identity = ModelIdentity(model.name, model.fingerprint, model.dim)
    with Store.create(path, identity) as store:
        for start in range(0, len(described), CHUNK):
            rows = range(start, min(start + CHUNK, len(described)))
            store.put([_record(described, row) for row in rows], described.descriptors[rows.start : rows.stop])
        with contextlib.closing(open_search(store)) as search:
            keep_calibrated(store, search, progress=progress)
    return Map.open(path, model=model, progress=progress)


def _record(described: Described, row: int) -> Record:
    picture = described.pictures[row]
    assert picture.position is not None, "only placed pictures make a map"
    photo = Photo(f"{row}:{picture.id}", picture.source, picture.position, picture.heading_deg)
    return Record(photo, described.hashes[row])


def ask(city: Map, queries: Described, *, progress: Progress = silent) -> Answers:
    """Ask a map where its queries were taken; all need positions."""
    table = np.full((len(queries), 3), np.nan)
    for row, (picture, descriptor) in enumerate(zip(queries.pictures, queries.descriptors, strict=True)):
        progress("locating", row, len(queries))
        fix = city.locate_descriptor(descriptor, k=1, least_confidence=0.0)
        table[row, 2] = fix.confidence
        if fix.position is not None and picture.position is not None:
            table[row, :2] = distance_m(fix.position, picture.position), fix.position.radius_m or 0.0
    progress("locating", len(queries), len(queries))
    return Answers(table[:, 0], table[:, 1], table[:, 2])


def judge(
    city: Map, photos: Described, queries: Described, *, regions: int = REGIONS, progress: Progress = silent
) -> Fixes:
    """Ask a map for all queries, and maps without a region for the queries of that region.

    Args:
        city: the map of `photos`.
        photos: M pictures with positions.
        queries: Q pictures with positions.
        regions: how many to hold out, one after the other; 0 for none.
    """
    answers = ask(city, queries, progress=progress)
    outside, note = _outside(city.model, photos, queries, regions, progress)
    apart = None if outside is None else outside[1]
    return Fixes(
        found_share=float(answers.found.mean()),
        error=metrics.metric_error(np.where(answers.found, answers.errors_m, np.nan)),
        error_always=metrics.metric_error(answers.errors_m),
        confidence=_confidence(answers, apart),
        outside=None if outside is None else outside[0],
        outside_note=note,
    )


def _confidence(inside: Answers, outside: Answers | None) -> Confidence:
    curve = metrics.risk_coverage(inside.confidence, inside.right)
    bins = metrics.reliability(inside.confidence, inside.right)
    both = None
    if outside is not None:
        sure = np.concatenate([inside.confidence, outside.confidence])
        both = metrics.expected_calibration_error(sure, np.concatenate([inside.right, outside.right]))
    return Confidence(
        right_share=float(inside.right.mean()),
        area=curve.area,
        ece=metrics.expected_calibration_error(inside.confidence, inside.right),
        ece_with_outside=both,
        coverage=curve.coverage.tolist(),
        risk=curve.risk.tolist(),
        bin_confidence=bins.confidence.tolist(),
        bin_accuracy=bins.accuracy.tolist(),
        bin_count=bins.counts.tolist(),
    )


def _outside(
    model: Model, photos: Described, queries: Described, regions: int, progress: Progress
) -> tuple[tuple[Outside, Answers] | None, str]:
    """Every region's queries asked of a map that has nothing within APART_M metres of any of them."""
    if regions < 1:
        return None, "no region was held out: it was not asked for"
    places, asked = points_m(_positions(photos)), points_m(_positions(queries))
    parts: list[Answers] = []
    used = 0
    with tempfile.TemporaryDirectory(prefix="viewfix-eval-") as folder:
        for number, strip in enumerate(strips(asked, regions)):
            progress("regions held out", number, regions)
            kept = np.flatnonzero(nearest_m(places, asked[strip]) > APART_M)
            if len(kept) < LEAST_PHOTOS:
                continue
            used += 1
            with made_map(Path(folder) / f"{number}.map", _some(photos, kept), model) as without:
                parts.append(ask(without, _some(queries, strip)))
    progress("regions held out", regions, regions)
    if not parts:
        return None, (
            f"no region could be held out: fewer than {LEAST_PHOTOS} photos lie more than {APART_M:g} m from "
            "the queries of any of them"
        )
    answers = Answers(*(np.concatenate([getattr(p, name) for p in parts]) for name in Answers.__dataclass_fields__))
    found = Outside(used, len(answers.confidence), APART_M, metrics.false_accepts(answers.found))
    return (found, answers), (
        f"{used} of {regions} strips of the queries, each asked of a map of all photos farther than {APART_M:g} m "
        "from every query of the strip"
    )


def _positions(described: Described) -> Sequence[Position]:
    return [picture.position for picture in described.pictures if picture.position is not None]


def _some(described: Described, rows: npt.NDArray[np.int64]) -> Described:
    return Described(
        tuple(described.pictures[row] for row in rows),
        described.rows[rows],
        described.descriptors[rows],
        tuple(described.hashes[row] for row in rows),
        (),
    )
