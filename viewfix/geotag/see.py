"""Locate each photo of an album by its picture alone, and store its descriptor and the most likely place."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import UnreadablePhoto
from ..locate.context import MapContext
from ..locate.many import in_order
from ..locate.options import QueryOptions
from ..locate.query import answer
from ..locate.views import describe_query
from ..models.model import Model
from ..types import Fix, Progress, silent
from .job import Job, Row
from .options import GeotagOptions

COMMITTED = 32
"""After this many photos, what was found is on disk: a killed run loses no more."""

Looked = tuple[str, bytes | None, dict[str, Any] | None, str | None]


def look_at_all(
    root: Path, job: Job, context: MapContext, model: Model, options: GeotagOptions, progress: Progress
) -> None:
    """Locate every picture of the job that was not looked at yet, on all cores, and store what was found."""
    asked = QueryOptions(least_confidence=0.0, verify=options.verify)
    condition = " AND own IS NULL" if options.missing_only else ""
    total = job.count(f"skipped IS NULL AND NOT written{condition}")
    done = total - job.count(f"found IS NULL AND skipped IS NULL AND NOT written{condition}")

    def look(row: Row) -> Looked:
        try:
            query = describe_query(root / row.id, model)
            fix = answer(query, asked, context)
        except UnreadablePhoto as error:
            return row.id, None, None, str(error)
        # The views of a panorama have descriptors of their own, which say nothing about its neighbours in time.
        descriptor = None if query.views else query.descriptor.astype("<f4").tobytes()
        return row.id, descriptor, to_found(fix), None

    looked = (result for _, result in in_order(job.unseen(missing_only=options.missing_only), look, silent))
    while batch := list(islice(looked, COMMITTED)):
        job.put_seen(batch)
        job.commit()
        done += len(batch)
        progress("looking at photos", done, total)


def to_found(fix: Fix) -> dict[str, Any]:
    """An answer as plain values. The best guess is kept, however unlikely it is."""
    at = fix.position
    return {
        "lat": None if at is None else at.lat,
        "lon": None if at is None else at.lon,
        "radius_m": None if at is None else at.radius_m,
        "confidence": fix.confidence,
        "heading_deg": fix.heading_deg,
        "reason": fix.reason,
        "seen": [
            {
                "id": each.photo.id,
                "similarity": each.similarity,
                "inliers": each.inliers,
                "lat": each.photo.position.lat,
                "lon": each.photo.position.lon,
                "attribution": each.photo.attribution,
            }
            for each in fix.candidates
        ],
    }
