"""Build maps from descriptors, locate the queries, and compare the fixes with the ground truth."""

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
from .descriptors import EmbeddedPictures
from .proximity import nearest_m, points_m, strips
from .result import Confidence, Fixes, Outside

APART_M = 100.0
"""For a query from outside a map, no photo of the map may be nearer than this."""

REGIONS = 4
LEAST_PHOTOS = 20
"""With fewer photos left, a map is too small for meaningful figures."""

CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Answers:
    """The fix of every query without any threshold; (Q,) each. NaN metres if there was no candidate."""

    errors_m: npt.NDArray[np.float64]
    radii_m: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        return self.confidence >= LEAST_CONFIDENCE

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(Q,) whether the true position is within the radius of the fix, of which confidence is the probability."""
        return self.errors_m <= self.radii_m  # False for NaN


def build_map(path: Path, pictures: EmbeddedPictures, model: Model, *, progress: Progress = silent) -> Map:
    """Build a map from pictures that are embedded already, calibrated as by `Map.build`. All need positions.

    It is only for queries by descriptor, which are not verified, so verification is not calibrated.
    """
    identity = ModelIdentity(model.name, model.fingerprint, model.dim)
    with Store.create(path, identity) as store:
        for start in range(0, len(pictures), CHUNK):
            rows = range(start, min(start + CHUNK, len(pictures)))
            store.put([_record(pictures, row) for row in rows], pictures.descriptors[rows.start : rows.stop])
        with contextlib.closing(open_search(store)) as search:
            keep_calibrated(store, search, progress=progress)
    return Map.open(path, model=model, progress=progress)


def _record(pictures: EmbeddedPictures, row: int) -> Record:
    picture = pictures.pictures[row]
    assert picture.position is not None, "a map needs pictures with positions"
    photo = Photo(f"{row}:{picture.id}", picture.source, picture.position, picture.heading_deg, view=picture.view)
    return Record(photo, pictures.hashes[row])


def locate_queries(city: Map, queries: EmbeddedPictures, *, progress: Progress = silent) -> Answers:
    """Locate queries in a map; all need positions."""
    table = np.full((len(queries), 3), np.nan)
    for row, (picture, descriptor) in enumerate(zip(queries.pictures, queries.descriptors, strict=True)):
        progress("locating", row, len(queries))
        fix = city.locate_descriptor(descriptor, k=1, least_confidence=0.0)
        table[row, 2] = fix.confidence
        if fix.position is not None and picture.position is not None:
            table[row, :2] = distance_m(fix.position, picture.position), fix.position.radius_m or 0.0
    progress("locating", len(queries), len(queries))
    return Answers(table[:, 0], table[:, 1], table[:, 2])


def measure_fixes(
    city: Map,
    photos: EmbeddedPictures,
    queries: EmbeddedPictures,
    *,
    regions: int = REGIONS,
    progress: Progress = silent,
) -> Fixes:
    """Locate all queries in a map, and the queries of each region in a map without that region.

    Args:
        city: the map of `photos`.
        photos: M pictures with positions.
        queries: Q pictures with positions.
        regions: how many to hold out, one after the other; 0 for none.
    """
    answers = locate_queries(city, queries, progress=progress)
    outside, note = _outside(city.model, photos, queries, regions, progress)
    outside_answers = None if outside is None else outside[1]
    return Fixes(
        found_share=float(answers.found.mean()),
        error=metrics.metric_error(np.where(answers.found, answers.errors_m, np.nan)),
        error_always=metrics.metric_error(answers.errors_m),
        confidence=_confidence(answers, outside_answers),
        outside=None if outside is None else outside[0],
        outside_note=note,
    )


def _confidence(inside: Answers, outside: Answers | None) -> Confidence:
    curve = metrics.risk_coverage(inside.confidence, inside.right)
    bins = metrics.reliability(inside.confidence, inside.right)
    ece_with_outside = None
    if outside is not None:
        confidence = np.concatenate([inside.confidence, outside.confidence])
        right = np.concatenate([inside.right, outside.right])
        ece_with_outside = metrics.expected_calibration_error(confidence, right)
    return Confidence(
        right_share=float(inside.right.mean()),
        area=curve.area,
        ece=metrics.expected_calibration_error(inside.confidence, inside.right),
        ece_with_outside=ece_with_outside,
        coverage=curve.coverage.tolist(),
        risk=curve.risk.tolist(),
        bin_confidence=bins.confidence.tolist(),
        bin_accuracy=bins.accuracy.tolist(),
        bin_count=bins.counts.tolist(),
    )


def _outside(
    model: Model, photos: EmbeddedPictures, queries: EmbeddedPictures, regions: int, progress: Progress
) -> tuple[tuple[Outside, Answers] | None, str]:
    """Locate the queries of every region in a map that has no photo within APART_M metres of any of them."""
    if regions < 1:
        return None, "no region was held out, because --regions is 0"
    photo_points, query_points = points_m(_positions(photos)), points_m(_positions(queries))
    parts: list[Answers] = []
    used = 0
    with tempfile.TemporaryDirectory(prefix="viewfix-eval-") as folder:
        for number, strip in enumerate(strips(query_points, regions)):
            progress("regions held out", number, regions)
            kept = np.flatnonzero(nearest_m(photo_points, query_points[strip]) > APART_M)
            if len(kept) < LEAST_PHOTOS:
                continue
            used += 1
            with build_map(Path(folder) / f"{number}.map", subset(photos, kept), model) as without:
                parts.append(locate_queries(without, subset(queries, strip)))
    progress("regions held out", regions, regions)
    if not parts:
        return None, (
            f"no region could be held out: fewer than {LEAST_PHOTOS} photos lie more than {APART_M:g} m from "
            "the queries of any of them"
        )
    answers = Answers(*(np.concatenate([getattr(p, name) for p in parts]) for name in Answers.__dataclass_fields__))
    found = Outside(used, len(answers.confidence), APART_M, metrics.false_accepts(answers.found))
    return (found, answers), (
        f"{used} of {regions} strips of the queries, each located in a map of all photos more than {APART_M:g} m "
        "from every query of the strip"
    )


def _positions(pictures: EmbeddedPictures) -> Sequence[Position]:
    return [picture.position for picture in pictures.pictures if picture.position is not None]


def subset(pictures: EmbeddedPictures, rows: npt.NDArray[np.int64]) -> EmbeddedPictures:
    """The pictures of these rows, in their order."""
    return EmbeddedPictures(
        tuple(pictures.pictures[row] for row in rows),
        pictures.rows[rows],
        pictures.descriptors[rows],
        tuple(pictures.hashes[row] for row in rows),
        (),
    )
