"""The plan for aligning a map: which headings and positions to correct, and on what evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BadInput, MissingExtra
from ..geo import Plane, distance_m
from ..locate.context import MapContext
from ..types import Photo, Position, Progress, silent
from .judge import LEAST_VOICES, Floats, HeadingVerdict, PositionVerdict, judge_heading, judge_position
from .pairs import Sighting, compare_neighbours

ROUNDS = 4
"""A corrected photo speaks for its neighbours in the next round."""

LARGEST_KM = 50.0
"""Photos of a map this large are on one plane without an error that matters; a larger one is worked on part by part."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A photo, and its heading or position before and after; equal ones where only the other changes.

    `voices` neighbours agree, and make the correction e to the power of `evidence` times likelier than the record.
    """

    photo_id: str
    heading_before_deg: float | None
    heading_deg: float | None
    position_before: Position
    position: Position
    voices: int
    evidence: float

    @property
    def moved_m(self) -> float:
        """How far the position moves, metres."""
        return distance_m(self.position_before, self.position)

    @property
    def turned_deg(self) -> float | None:
        """How far the heading turns, [0, 180]; None if it was unknown before."""
        if self.heading_before_deg is None or self.heading_deg is None:
            return None
        return abs((self.heading_deg - self.heading_before_deg + 180) % 360 - 180)

    def __str__(self) -> str:
        said = []
        if self.heading_before_deg is None and self.heading_deg is not None:
            said.append(f"heading {self.heading_deg:.0f}°, unknown before")
        elif self.turned_deg:
            said.append(f"heading {self.heading_before_deg:.0f}° → {self.heading_deg:.0f}°")
        if self.position != self.position_before:
            said.append(f"moved {self.moved_m:.0f} m to {self.position.lat:.6f}, {self.position.lon:.6f}")
        return f"{self.photo_id}: {'; '.join(said)} ({self.voices} neighbours agree)"

    def to_json(self) -> dict[str, Any]:
        """As a dictionary for JSON."""
        return {
            "id": self.photo_id,
            "heading_before_deg": self.heading_before_deg,
            "heading_deg": self.heading_deg,
            "position_before": _at(self.position_before),
            "position": _at(self.position),
            "voices": self.voices,
            "evidence": round(self.evidence, 1),
        }


@dataclass(frozen=True, slots=True)
class Alignment:
    """What a map's photos say about each other: of `photos`, `judged` have enough neighbours to be judged."""

    photos: int
    judged: int
    corrections: Sequence[Correction]

    def __str__(self) -> str:
        headings = sum(c.heading_deg != c.heading_before_deg for c in self.corrections)
        moves = sum(c.position != c.position_before for c in self.corrections)
        return (
            f"{self.photos:,} photos, {self.judged:,} of them with enough neighbours to be judged: "
            f"{headings:,} headings and {moves:,} positions to correct"
        )

    def to_json(self) -> dict[str, Any]:
        """As a dictionary for JSON."""
        return {"photos": self.photos, "judged": self.judged, "corrections": [c.to_json() for c in self.corrections]}


def plan_alignment(context: MapContext, *, progress: Progress = silent) -> Alignment:
    """Find photos whose heading or position contradicts their neighbours. Nothing is changed.

    Every photo is compared with the most similar ones around it by local features, which are taken from the map or from
    the files of the photos.

    Raises:
        MissingExtra: PoseLib, which computes the geometry, is not installed.
        BadInput: the map is spread over more than LARGEST_KM, or has fewer than two photos.
    """
    if context.verifier is None:
        raise MissingExtra("Comparing photos needs poselib, which is not installed. Run: pip install 'viewfix[verify]'")
    photos = list(context.store.all_photos())
    if len(photos) < 2:
        raise BadInput(f"The map {context.store.address} has fewer than two photos, so there is nothing to compare.")
    plane = Plane(photos[0].position)
    points_m = plane.to_xy_m([p.position.lat for p in photos], [p.position.lon for p in photos])
    if np.abs(points_m).max() > 1000 * LARGEST_KM:
        raise BadInput(
            f"The photos of {context.store.address} are more than {LARGEST_KM:.0f} km apart. Align one place at a time."
        )
    sightings = compare_neighbours(context, context.verifier, photos, "accurate", progress)
    return judge(photos, sightings, points_m)


def judge(photos: Sequence[Photo], sightings: Sequence[Sequence[Sighting]], points_m: Floats) -> Alignment:
    """Judge every photo by what its neighbours say, the surest corrections first.

    Args:
        photos: N photos.
        sightings: what the neighbours of each say.
        points_m: (N, 2) their positions on a plane around the first, metres.
    """
    headings = np.array([np.nan if p.heading_deg is None else p.heading_deg for p in photos])
    points_m = points_m.copy()
    turned: dict[int, HeadingVerdict] = {}
    moved: dict[int, PositionVerdict] = {}
    for _ in range(ROUNDS):
        found: list[tuple[float, int, HeadingVerdict | PositionVerdict]] = []
        for i, said in enumerate(sightings):
            heading = None if i in turned else judge_heading(i, said, headings, points_m)
            position = None if i in moved else judge_position(i, said, headings, points_m)
            found += [(verdict.evidence, i, verdict) for verdict in (heading, position) if verdict is not None]
        changed: set[int] = set()
        for _, i, verdict in sorted(found, key=lambda each: -each[0]):
            if any(s.other in changed for s in sightings[i]):
                continue  # what its neighbours say has just changed: judge it again
            changed.add(i)
            if isinstance(verdict, HeadingVerdict):
                turned[i], headings[i] = verdict, verdict.heading_deg
            else:
                moved[i] = verdict
                points_m[i] += (verdict.east_m, verdict.north_m)
        if not changed:
            break
    corrections = [_correction(photos[i], turned.get(i), moved.get(i)) for i in sorted(turned.keys() | moved.keys())]
    return Alignment(len(photos), sum(len(each) >= LEAST_VOICES for each in sightings), tuple(corrections))


def _correction(photo: Photo, heading: HeadingVerdict | None, position: PositionVerdict | None) -> Correction:
    at = photo.position
    if position is not None:
        at = Plane(photo.position).to_position(position.east_m, position.north_m, photo.position.radius_m)
    verdicts = [verdict for verdict in (heading, position) if verdict is not None]
    return Correction(
        photo.id,
        photo.heading_deg,
        photo.heading_deg if heading is None else round(heading.heading_deg, 1) % 360,
        photo.position,
        at,
        min(verdict.voices for verdict in verdicts),
        min(verdict.evidence for verdict in verdicts),
    )


def _at(position: Position) -> dict[str, float]:
    return {"lat": round(position.lat, 7), "lon": round(position.lon, 7)}
