"""The answer to one query: retrieve, verify if it is worth the time, fuse, gather the evidence, decide."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..models.local import Matcher
from ..store.store import Store
from ..timing import stage, timed
from ..types import Candidate, Fix
from .context import MapContext, density
from .decide import VOTERS, decide
from .evidence import Evidence, weigh
from .fuse import fuse_places, ranked
from .options import QueryOptions
from .relative_pose import PoseObservation, apply_poses
from .retrieve import retrieve, retrieve_rivals
from .verify import VerifiedCandidate, observations
from .views import Query, QueryView, Seen, features_of, hashes_of, merged, turned_back

__all__ = ["Query", "answer", "answer_with_evidence", "depth", "gather", "locate"]

SURE = 0.97
"""If similarity alone gives at least this probability, nothing is verified: it would only cost time."""

DOUBTFUL = 0.5
DEPTHS = {"sure": 0, "likely": 3, "doubtful": 5}
"""How many candidates to verify. More changes little: of left-out photos of the training area, 91.2 % are found with 3,
92.0 % with 5, and 92.8 % with 10."""

SAME_SIMILARITY = 0.999
"""Below this similarity, a candidate cannot be the same file as the query."""


def locate(describe: Callable[[], Query], options: QueryOptions, context: MapContext) -> Fix:
    """Answer the query that `describe` makes, and tell in the fix where the time went. Errors as for `gather`."""
    with timed() as timings:
        fix = answer(describe(), options, context)
    return replace(fix, timings=timings)


def answer(query: Query, options: QueryOptions, context: MapContext) -> Fix:
    """Answer one query. Arguments and errors as for `gather`."""
    return answer_with_evidence(query, options, context)[0]


def answer_with_evidence(query: Query, options: QueryOptions, context: MapContext) -> tuple[Fix, Evidence]:
    """Answer one query, and return the answer with its evidence.

    A photo that is in the map is located by the other photos, because being similar to itself proves nothing. If no
    other photo shows its place, it is located by itself. The reason tells which. Errors as for `gather`.
    """
    evidence = gather(query, options, context)
    fix = _remarked(decide(evidence, context.calibration, options), query)
    if evidence.itself is None:
        return fix, evidence
    own = _same_file(evidence.itself, query, context.store)
    others = gather(query, options, context, without=own)
    by_others = decide(others, context.calibration, options)
    known = f"this very photo is in the map, as {evidence.itself}"
    if not by_others.found:
        return replace(fix, reason=f"{known}, and no other photo shows its place; {fix.reason}"), evidence
    itself = [each for each in evidence.candidates if each.photo.id == evidence.itself]
    shown = (*itself, *by_others.candidates)[: options.k]
    return replace(by_others, candidates=shown, reason=f"{known}; by the others: {by_others.reason}"), others


def _remarked(fix: Fix, query: Query) -> Fix:
    return fix if query.remark is None else replace(fix, reason=f"{fix.reason}; {query.remark}")


def _same_file(photo_id: str, query: Query, store: Store) -> frozenset[str]:
    """The photo of the map that is the query itself; for a panorama, all the views of its file."""
    record = store.known([photo_id]).get(photo_id)
    if record is None or not query.views:
        return frozenset([photo_id])
    return frozenset([photo_id, *store.ids_of_source(record.photo.source)])


def gather(
    query: Query,
    options: QueryOptions,
    context: MapContext,
    *,
    places: int = 1,
    without: frozenset[str] = frozenset(),
) -> Evidence:
    """Gather the evidence of one picture.

    Every view of a panorama is asked. Its candidates are those of all views together, and the headings of the places
    are those of the panorama's centre.

    Args:
        query: the picture. Without its photo, similarity alone is used.
        options: where to search, how to verify, and for how long.
        context: the parts of the open map.
        places: the largest number of places to weigh; one is enough for `decide`.
        without: the ids of photos of the map to leave out.

    Raises:
        BadInput: the descriptor has another length than those of the map, or is not finite.
        UnreadablePhoto: the photo cannot be read.
    """
    began = time.monotonic()
    store, search, calibration = context.store, context.search, context.calibration
    matcher = options.verify if query.photo is not None and context.verifier is not None else "off"

    wanted = max(options.k, VOTERS)
    asked: list[tuple[QueryView, Sequence[Candidate]]] = []
    with stage("search"):
        for view in query.asked:
            check_descriptor(view.descriptor, store.model.dim)
            asked.append((view, retrieve(store, search, view.descriptor, wanted, options.region, without=without)))
        seen = merged(asked, wanted)
        elsewhere = _rivals(query, seen, options, context)
    with stage("fuse"):
        found = fuse_places([each.turned() for each in seen[:VOTERS]], elsewhere=elsewhere, most=places)
    complete = True

    if found and matcher != "off":
        deep = depth(calibration.probability(found[0], density(store, found[0])))
        until = None if options.budget_ms is None else began + options.budget_ms / 1000
        verified, poses = _verify(context, query, seen[:deep], matcher, until)
        complete = len(verified) >= min(deep, len(seen))
        if verified:
            with stage("fuse"):
                seen = _with_inliers(seen, verified, matcher)
                turned = [each.turned() for each in seen[:VOTERS]]
                found = fuse_places(turned, elsewhere=elsewhere, matcher=matcher, most=places)
                found = [apply_poses(consensus, poses) for consensus in found]

    with stage("fuse"):
        weighed = tuple(weigh(consensus, density(store, consensus), calibration) for consensus in found)
    candidates = tuple(each.candidate for each in seen)
    return Evidence(candidates, weighed, matcher, complete, _itself(query, candidates, store))


def _rivals(query: Query, seen: Sequence[Seen], options: QueryOptions, context: MapContext) -> tuple[Candidate, ...]:
    candidates = tuple(each.candidate for each in seen)
    rivals: tuple[Candidate, ...] = ()
    for view in query.asked:
        rivals += retrieve_rivals(context.store, context.search, view.descriptor, candidates, options.region)
    return rivals


def depth(probability: float) -> int:
    """The number of candidates to verify for a query that has this probability by similarity alone."""
    if probability >= SURE:
        return DEPTHS["sure"]
    return DEPTHS["likely" if probability >= DOUBTFUL else "doubtful"]


def check_descriptor(descriptor: npt.NDArray[np.float32], dim: int) -> None:
    """Refuse a descriptor that the model of the map cannot have made.

    Raises:
        BadInput: it has another length than `dim`, or is not finite.
    """
    if not isinstance(descriptor, np.ndarray) or descriptor.dtype.kind not in "fiu":
        raise BadInput(f"The descriptor is a {type(descriptor).__name__}. Pass {dim} finite numbers in a numpy array.")
    if descriptor.shape != (dim,) or not np.isfinite(descriptor).all():
        raise BadInput(
            f"The descriptor has the shape {descriptor.shape}, or values that are not finite. "
            f"Pass {dim} finite numbers, as the map's model makes them."
        )


def _itself(query: Query, candidates: Sequence[Candidate], store: Store) -> str | None:
    """The id of the candidate that is the same file as the query; None if there is none, or if there are several.

    A file that the map has under several ids is its own rival, which the candidates must show. The views of one
    panorama count as one.
    """
    alike = [c.photo.id for c in candidates if c.similarity >= SAME_SIMILARITY]
    if not alike or query.photo is None:
        return None
    known = store.known(alike)
    hashes = hashes_of(query.photo, [record.photo.view for record in known.values()])
    is_same = {
        record.photo.id: record.content_hash == found for record, found in zip(known.values(), hashes, strict=True)
    }
    same = [each for each in alike if is_same.get(each)]
    files = {known[each].photo.source if query.views else each for each in same}
    return same[0] if len(files) == 1 else None


def _verify(
    context: MapContext, query: Query, seen: Sequence[Seen], matcher: Matcher, until: float | None
) -> tuple[Sequence[VerifiedCandidate], Sequence[PoseObservation]]:
    verifier = context.verifier
    if not seen or verifier is None or query.photo is None or not verifier.fits(seen[0].candidate, until):
        return (), ()
    verified: list[VerifiedCandidate] = []
    poses: list[PoseObservation] = []
    for view in {id(each.by): each.by for each in seen}.values():  # the view of the best candidate comes first
        candidates = [each.candidate for each in seen if each.by is view]
        if view is not seen[0].by and not verifier.fits(candidates[0], until):
            continue
        features = features_of(verifier, query.photo, view.view)
        found = verifier.verify(features.features, candidates, matcher, until=until)
        verified += found
        with stage("pose"):
            poses += [turned_back(pose, view) for pose in observations(features, found)]
    return verified, poses


def _with_inliers(seen: Sequence[Seen], verified: Sequence[VerifiedCandidate], matcher: Matcher) -> list[Seen]:
    counted = {each.candidate.photo.id: each.candidate.inliers for each in verified}
    by = {each.candidate.photo.id: each.by for each in seen}
    candidates = [replace(each.candidate, inliers=counted.get(each.candidate.photo.id)) for each in seen]
    return [Seen(candidate, by[candidate.photo.id]) for candidate in ranked(candidates, matcher)]
