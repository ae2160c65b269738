"""Decide where each photo of an album was taken, from its picture, its neighbours in time and tracks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from ..geo import distance_m
from ..telemetry import Track
from ..telemetry.clock import photo_seconds
from ..track.context import TrackContext
from ..types import Position, Progress
from .combine import Estimate, combined
from .job import PAGE, Job, Row
from .names import Names
from .neighbours import Moment, Neighbours
from .options import GeotagOptions
from .tag import Tag

CONTRADICTS, CONTRADICTS_M = 0.9, 100.0
"""A photo's own position is wrong if the map says so with this probability, and this far beyond both radii."""

NAMED = 0.5
"""Less likely places are not named."""

TRACK_CONFIDENCE, TRACK_RADIUS_M = 0.9, 25.0
"""What a position on a recorded track is worth: receivers err by metres, and the clocks of cameras by seconds. This is
a choice, and was not measured."""


def connect(
    job: Job,
    tracking: TrackContext,
    tracks: Sequence[Track],
    options: GeotagOptions,
    names: Names | None,
    progress: Progress,
) -> None:
    """Answer every photo of the job, in the order of time, and store the answers.

    Nothing is computed if an earlier run did it, and nothing changed since.
    """
    rests_on = json.dumps(
        [
            *(options.mode, options.clock_offset_s, options.camera_zone, options.language),
            [[str(path.resolve()), path.stat().st_mtime_ns] for path in options.gpx],
            None if names is None else names.identity,
        ]
    )
    if job.meta("answered") == rests_on and not job.count("answer IS NULL"):
        return
    neighbours = Neighbours(tracking, options.mode)
    total = job.count()
    answers: list[tuple[str, dict[str, Any]]] = []
    for done, (moment, estimate) in enumerate(neighbours.estimates(_moments(job)), start=1):
        row = moment.row
        answers.append((row.id, _answer(moment, estimate, _track_estimate(row, tracks, options), names)))
        if len(answers) == PAGE:
            job.put_answers(answers)
            job.commit()
            answers = []
            progress("comparing neighbours", done, total)
    job.put_answers(answers)
    job.set_meta("answered", rests_on)
    job.commit()
    progress("comparing neighbours", total, total)


def _moments(job: Job) -> Iterator[Moment]:
    for row in job.rows():
        own = own_position(row)
        is_trusted = own is not None and not row.written and not _contradicts(own, picture_estimate(row))
        yield Moment(row, own if is_trusted else None)


def own_position(row: Row) -> Position | None:
    """The position that a photo has already."""
    if row.own is None or row.own[0] is None or row.own[1] is None:
        return None
    return Position(row.own[0], row.own[1], row.own[2])


def picture_estimate(row: Row) -> Estimate | None:
    """The place found from the picture alone."""
    found = row.found
    if found is None or found["lat"] is None:
        return None
    at = Position(found["lat"], found["lon"], found["radius_m"])
    return Estimate("photo", at, found["confidence"], found["heading_deg"])


def _contradicts(own: Position, estimate: Estimate | None) -> bool:
    if estimate is None or estimate.confidence < CONTRADICTS:
        return False
    beyond_m = distance_m(own, estimate.position) - (own.radius_m or 0.0) - (estimate.position.radius_m or 0.0)
    return beyond_m > CONTRADICTS_M


def _track_estimate(row: Row, tracks: Sequence[Track], options: GeotagOptions) -> Estimate | None:
    if row.taken_at is None:
        return None
    for track in tracks:
        time_s = photo_seconds(datetime.fromisoformat(row.taken_at), track, options.clock())
        fixed = track.at(time_s) if isinstance(time_s, float) else None
        if fixed is not None:
            radius_m = max(fixed.position.radius_m or 0.0, TRACK_RADIUS_M)
            at = Position(fixed.position.lat, fixed.position.lon, radius_m)
            return Estimate("GPX track", at, TRACK_CONFIDENCE)
    return None


def _answer(moment: Moment, neighbours: Estimate | None, track: Estimate | None, names: Names | None) -> dict[str, Any]:
    row, own = moment.row, own_position(moment.row)
    estimates = [each for each in (picture_estimate(row), neighbours, track) if each is not None]
    best = combined(estimates)
    picture = row.found["reason"] if row.found is not None else "it was not compared with the map"
    if own is not None and (moment.trusted is not None or not _contradicts(own, best)):
        return {"reason": "it has a position of its own", "wrong": False}
    if best is None:
        return {"reason": row.problem or "nothing shows where it was taken", "wrong": own is not None}
    reason = _reason(best, estimates, picture)
    if own is not None:
        reason = f"the map puts it {distance_m(own, best.position):.0f} m from its own position; {reason}"
    place, road = names.of(best.position) if names is not None and best.confidence >= NAMED else (None, None)
    tag = Tag(best.position, best.heading_deg, best.confidence, best.by, place, road)
    return {"tag": tag.to_json(), "reason": reason, "wrong": own is not None}


def _reason(best: Estimate, estimates: Sequence[Estimate], picture: str) -> str:
    """One sentence that tells a person what supports the best place, and what contradicts it."""
    agreeing = best.by.split(", ")
    against = [each.by for each in estimates if each.by not in agreeing]
    if "photo" in agreeing:
        contradicted = "".join(f"; contradicted by the {each}" for each in against)
        return f"{picture}{contradicted}"
    also = " and ".join(each for each in against if each != "photo")
    contradicted = f"; contradicted by the {also}" if also else ""
    return (
        f"by its {' and '.join(agreeing)}{contradicted}; the picture alone says something else, or nothing ({picture})"
    )
