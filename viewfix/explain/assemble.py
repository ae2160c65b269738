"""Explain an answer: pictures, points that agree, and the numbers of its odds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import photos
from ..errors import BadInput, UnreadablePhoto
from ..geo import Circle
from ..locate.confidence import Calibration
from ..locate.context import MapContext
from ..locate.decide import line_of
from ..locate.evidence import Evidence
from ..locate.options import QueryOptions
from ..locate.query import Query, answer_with_evidence, query_features
from ..locate.verify import VerifiedCandidate
from ..models.local import SEEN, LocalFeatures, Matcher
from ..photos import load
from ..types import Candidate, Fix, Position
from .explanation import Explanation, Number, Pair

SHOWN = 5
AROUND_M = 300.0
MOST_PHOTOS = 3000
SHOWN_PX = 640

MEANINGS = {
    "similarity": "cosine of the best photo of the place to the query, 1 for the same",
    "margin": "how far it is ahead of the best photo of any other place",
    "agreement": "share of the candidates' votes that went to this place",
    "density": "log(1 + photos of the map around the fix)",
    "inliers": "log(1 + local features that agree in geometry)",
}

NOTHING = np.empty((0, 2), np.int64)


def explain(query: Query, options: QueryOptions, context: MapContext) -> Explanation:
    """Answer a query again and tell all that the answer rests on.

    The shown candidates are verified whether or not the answer needed it.

    Raises:
        BadInput: the query has no photo.
    """
    photo = query.photo
    if photo is None:
        raise BadInput("A descriptor cannot be explained. Pass the photo to Map.explain.")
    picture = load(photo, least_side_px=SEEN.least_side_px)
    fix, evidence = answer_with_evidence(query, options, context)
    features = query_features(photo, context)
    matcher: Matcher = "fast" if options.verify == "fast" else "accurate"
    shown = fix.candidates[:SHOWN]
    verified: dict[str, VerifiedCandidate] = {}
    if context.verifier is not None and features is not None:
        found = context.verifier.verify(features.features, shown, matcher)
        verified = {each.candidate.photo.id: each for each in found}
    sides = picture.shape[1], picture.shape[0]
    local = None if features is None else features.features
    return Explanation(
        name=Path(photo).name if isinstance(photo, str | Path) else "the photo",
        query=picture,
        fix=fix,
        pairs=tuple(_pair(local, sides, candidate, verified.get(candidate.photo.id)) for candidate in shown),
        photos_of_map=_around(context, fix, shown),
        numbers=_numbers(evidence, context.calibration),
        least_confidence=line_of(evidence, context.calibration, options),
        calibration=in_words(context.calibration),
    )


def _pair(
    query: LocalFeatures | None, sides: tuple[int, int], candidate: Candidate, held: VerifiedCandidate | None
) -> Pair:
    picture, missing = None, None
    try:
        if photos.is_url(candidate.photo.source):
            missing = "its file is on the web, and is not fetched for an explanation"
        else:
            picture = photos.load(candidate.photo.source, least_side_px=SHOWN_PX)
    except UnreadablePhoto as error:
        missing = str(error)
    if held is None or query is None or picture is None:
        empty = np.empty((0, 2), np.float32)
        return Pair(candidate, picture, empty, empty, np.empty(0, bool), None, missing)
    pairs, geometry = held.pairs, held.geometry
    agree = np.zeros(len(pairs), bool) if geometry is None else geometry.agree
    return Pair(
        held.candidate,
        picture,
        (query.keypoints[pairs[:, 0]] * np.array(sides, np.float32)).astype(np.float32),
        (held.features.keypoints[pairs[:, 1]] * np.array([picture.shape[1], picture.shape[0]])).astype(np.float32),
        agree,
        None if geometry is None else geometry.kind,
        missing,
    )


def _around(context: MapContext, fix: Fix, shown: Sequence[Candidate]) -> tuple[Position, ...]:
    """The positions of the map's photos around the fix, or around the best candidate where there is no fix."""
    middle = fix.position or (shown[0].photo.position if shown else None)
    if middle is None:
        return ()
    rows = context.store.rows_in(Circle(middle.lat, middle.lon, AROUND_M), MOST_PHOTOS)
    return tuple(each.position for each in context.store.photos(rows))


def _numbers(evidence: Evidence, calibration: Calibration) -> tuple[Number, ...]:
    if not evidence.places:
        return ()
    place = evidence.places[0]
    consensus = place.consensus
    weights = calibration.weights[consensus.matcher or "off"]
    values = calibration.numbers(consensus, place.density)
    counted = {n: consensus.inliers is not None or n != "inliers" for n in values}
    parts = [
        Number(n, v if counted[n] else None, getattr(weights, n), getattr(weights, n) * v, MEANINGS[n])
        for n, v in values.items()
    ]
    share = calibration.rivalry(consensus)
    alone = weights.bias + sum(number.part or 0.0 for number in parts)
    # Written as a part of the log-odds as the others are, so that the parts add up to the probability.
    doubt = _log_odds(share / (1 + math.exp(-alone))) - alone
    return (
        Number("bias", 1.0, weights.bias, weights.bias, "what a query has that shows nothing"),
        *parts,
        Number("rivalry", share, None, doubt, "share of the place between itself and its strongest rival: a factor"),
    )


def _log_odds(probability: float) -> float:
    return math.log(max(probability, 1e-12)) - math.log(max(1 - probability, 1e-12))


def in_words(calibration: Calibration) -> str:
    """Where the probabilities of a map come from."""
    if not calibration.inside:
        return "The map is too small to be calibrated on its own photos: the prior that ships with viewfix answers."
    if not calibration.outside:
        return (
            f"Calibrated by an older viewfix on {calibration.inside} photos of this map; the next build does it anew."
        )
    when = f" on {calibration.made_at[:10]}" if calibration.made_at else ""
    return (
        f"Calibrated{when} on {calibration.inside} photos of this map left out alone and {calibration.outside} left "
        f"out with everything around them."
    )
