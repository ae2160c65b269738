"""Pairs of neighbouring photos that show the same things, and the pose of each camera relative to the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..embed.describe import cores
from ..geo import Circle
from ..locate.context import MapContext
from ..locate.relative_pose import PoseObservation
from ..locate.verify import QueryFeatures, VerifiedCandidate, Verifier, observations
from ..models.local import Matcher
from ..types import Candidate, Photo, Progress

NEIGHBOURS = 8
"""With how many photos each photo is compared: the most similar ones around it."""

MOST_TURN_DEG = 75.0
"""Two photos cannot show the same things from directions farther apart: such a relative pose is a mistaken one."""

REACH_M = 100.0
"""How far a photo may be from where it is said to be, and its neighbours from there."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one photo says about another of the same things.

    `other` is the index of the photo that says it. `turn_deg`, [-180, 180), is the direction in which the camera looks,
    and `towards_deg` that in which it stands, both clockwise from where the other camera looks. `back_deg` is the
    direction in which the other camera stands, clockwise from where this one looks; None if it is not known.
    """

    other: int
    turn_deg: float
    towards_deg: float
    inliers: int
    back_deg: float | None = None


def compare_neighbours(
    context: MapContext, verifier: Verifier, photos: Sequence[Photo], matcher: Matcher, progress: Progress
) -> list[list[Sighting]]:
    """Compare every photo with the most similar ones around it, and list what these say about its pose.

    Each pair is compared once, and seen from both sides. A photo whose local features are not available is left out.
    """
    index = {photo.id: i for i, photo in enumerate(photos)}
    wanted = _neighbours(context, photos, index, progress)
    found: list[list[Sighting]] = [[] for _ in photos]

    def compare(i: int) -> list[tuple[int, Sighting]]:
        mine = verifier.photo_features(photos[i]) if wanted[i] else None
        if mine is None:
            return []
        candidates = [Candidate(photos[j], 0.0) for j in wanted[i]]
        said: list[tuple[int, Sighting]] = []
        for verified in verifier.verify(mine.features, candidates, matcher):
            j = index[verified.candidate.photo.id]
            theirs = QueryFeatures(verified.features, photos[j].camera)
            back = VerifiedCandidate(
                Candidate(photos[i], 0.0), mine.features, verified.pairs[:, ::-1], verified.geometry
            )
            said += _both_sides((i, j), (observations(mine, [verified]), observations(theirs, [back])))
        return said

    with ThreadPoolExecutor(cores(), thread_name_prefix="align") as pool:
        for done, said in enumerate(pool.map(compare, range(len(photos)))):
            progress("comparing neighbours", done, len(photos))
            for about, sighting in said:
                found[about].append(sighting)
    progress("comparing neighbours", len(photos), len(photos))
    return found


def _both_sides(
    pair: tuple[int, int], seen: tuple[Sequence[PoseObservation], Sequence[PoseObservation]]
) -> Iterator[tuple[int, Sighting]]:
    """What each photo of a pair says about the other, by its index."""
    for (about, by), ours, theirs in ((pair, *seen), (pair[::-1], *seen[::-1])):
        for each in ours:
            if abs(each.turn_deg) <= MOST_TURN_DEG:
                back_deg = theirs[0].towards_deg if theirs else None
                yield about, Sighting(by, each.turn_deg, each.towards_deg, each.inliers, back_deg)


def _neighbours(
    context: MapContext, photos: Sequence[Photo], index: dict[str, int], progress: Progress
) -> list[list[int]]:
    """For each photo the indices of those to compare it with; a pair is listed once, at the lower index."""
    rows = context.store.rows_of([photo.id for photo in photos])
    pairs: set[tuple[int, int]] = set()
    for i, photo in enumerate(photos):
        progress("searching for neighbours", i, len(photos))
        descriptor = context.store.descriptors([rows.get(photo.id, 0)])
        if not len(descriptor):  # removed by another process
            continue
        around = Circle(photo.position.lat, photo.position.lon, REACH_M)
        near, _ = context.search.nearest(descriptor[0], NEIGHBOURS + 1, around)
        others = (index.get(each.id) for each in context.store.photos(near))
        pairs |= {(min(i, j), max(i, j)) for j in others if j is not None and j != i}
    wanted: defaultdict[int, list[int]] = defaultdict(list)
    for i, j in sorted(pairs):
        wanted[i].append(j)
    return [wanted[i] for i in range(len(photos))]
