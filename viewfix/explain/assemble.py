"""Answer a query again and collect the evidence: pictures, matched points, the numbers behind the probability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import photos
from ..basemap import drawable
from ..blur import Blur
from ..errors import BadInput, UnreadablePhoto
from ..geo import Circle
from ..locate.confidence import Calibration
from ..locate.context import MapContext
from ..locate.decide import line_of
from ..locate.evidence import Evidence
from ..locate.options import QueryOptions
from ..locate.query import Query, answer_with_evidence
from ..locate.verify import VerifiedCandidate
from ..locate.views import QueryView, closest_view, features_of
from ..models.local import SEEN, LocalFeatures, Matcher
from ..photos.views import load_view
from ..types import Candidate, Fix, Position
from .explanation import Explanation
from .pairs import HIGH_PX
from .parts import Number, Pair
from .plan import AROUND_M

SHOWN = 5
MOST_PHOTOS = 3000

MEANINGS = {
    "similarity": "cosine of the query and the best photo of the place; 1 means identical",
    "margin": "how far this place is ahead of the best photo of any other place",
    "agreement": "share of the candidates' votes for this place",
    "density": "log(1 + photos of the map around the fix)",
    "inliers": "log(1 + local features that agree in geometry)",
}


def explain(query: Query, options: QueryOptions, context: MapContext, blur: Blur | None = None) -> Explanation:
    """Answer a query again and collect everything that the answer is based on.

    The candidates that are shown are verified, whether the answer needed that or not.

    Args:
        query: the query, with its photo.
        options: the options of the answer to explain.
        context: the context of the map.
        blur: applied to the pictures that are shown; the answer rests on the photos as they are.

    Raises:
        BadInput: the query has no photo.
        UnreadablePhoto: the photo cannot be read.
    """
    photo = query.photo
    if photo is None:
        raise BadInput("A descriptor cannot be explained. Pass the photo to Map.explain.")
    fix, evidence = answer_with_evidence(query, options, context)
    shown, best = _shown(fix, evidence)
    seen = closest_view(query, shown[best].photo.id if shown else None, context.store)
    picture = load_view(photo, seen.view, least_side_px=SEEN.least_side_px)
    features = None
    if context.verifier is not None:
        features = features_of(context.verifier, photo, seen.view).features
    matcher: Matcher = "fast" if options.verify == "fast" else "accurate"
    verified: dict[str, VerifiedCandidate] = {}
    if context.verifier is not None and features is not None:
        verified = {each.candidate.photo.id: each for each in context.verifier.verify(features, shown, matcher)}
    size_px = picture.shape[1], picture.shape[0]
    return Explanation(
        name=Path(photo).name if isinstance(photo, str | Path) else "the photo",
        query=picture if blur is None else blur(picture),
        fix=fix,
        pairs=tuple(_blurred(_pair(features, size_px, each, verified.get(each.photo.id)), blur) for each in shown),
        photos_around=_photos_around(context, fix, shown[best] if shown else None),
        photos_in_map=len(context.store),
        numbers=_numbers(evidence, context.calibration),
        least_confidence=line_of(evidence, context.calibration, options),
        calibration=describe_calibration(context.calibration),
        notes=(*_notes(evidence, verified), *_view_note(seen)),
        best_pair=best,
        basemap=drawable(context.store),
    )


def _view_note(seen: QueryView) -> tuple[str, ...]:
    if seen.view is None:
        return ()
    return (
        f"The photo is a panorama, and every view of it was asked. The one shown, {seen.yaw_deg:.0f} degrees clockwise "
        "from its centre, is the most similar to the best candidate. The heading is that of the centre.",
    )


def _shown(fix: Fix, evidence: Evidence) -> tuple[Sequence[Candidate], int]:
    """The candidates to show, and the index of the one that is the strongest evidence for the place in question.

    That one is shown even if candidates of other places rank higher: it is the one that the answer names.
    """
    shown = fix.candidates[:SHOWN]
    if not (evidence.places and shown):
        return shown, 0
    best = evidence.candidates[evidence.places[0].consensus.best]
    at = next((n for n, each in enumerate(shown) if each.photo.id == best.photo.id), None)
    return (shown, at) if at is not None else ((*shown, best), len(shown))


def _blurred(pair: Pair, blur: Blur | None) -> Pair:
    return pair if blur is None or pair.picture is None else replace(pair, picture=blur(pair.picture))


def _pair(
    query: LocalFeatures | None, size_px: tuple[int, int], candidate: Candidate, verified: VerifiedCandidate | None
) -> Pair:
    picture, missing = None, None
    try:
        if photos.is_url(candidate.photo.source):
            missing = "its file is on the web, and no photo is downloaded for an explanation"
        else:
            picture = load_view(candidate.photo.source, candidate.photo.view, least_side_px=HIGH_PX)
    except UnreadablePhoto as error:
        missing = str(error)
    if verified is None or query is None or picture is None:
        empty = np.empty((0, 2), np.float32)
        return Pair(candidate, picture, empty, empty, np.empty(0, bool), None, missing)
    matches, geometry = verified.pairs, verified.geometry
    picture_px = np.array([picture.shape[1], picture.shape[0]])
    return Pair(
        verified.candidate,
        picture,
        (query.keypoints[matches[:, 0]] * np.array(size_px, np.float32)).astype(np.float32),
        (verified.features.keypoints[matches[:, 1]] * picture_px).astype(np.float32),
        np.zeros(len(matches), bool) if geometry is None else geometry.agree,
        None if geometry is None else geometry.kind,
        missing,
    )


def _photos_around(context: MapContext, fix: Fix, best: Candidate | None) -> tuple[Position, ...]:
    """The positions of the map's photos around the fix, or around the best candidate if there is no fix."""
    centre = fix.position or (best.photo.position if best is not None else None)
    if centre is None:
        return ()
    rows = context.store.rows_in(Circle(centre.lat, centre.lon, AROUND_M), MOST_PHOTOS)
    return tuple(photo.position for photo in context.store.photos(rows))


def _numbers(evidence: Evidence, calibration: Calibration) -> tuple[Number, ...]:
    """The numbers that make the log-odds; inliers only if they were counted for this answer."""
    if not evidence.places:
        return ()
    place = evidence.places[0]
    consensus = place.consensus
    weights = calibration.weights[consensus.matcher or "off"]
    parts = [
        Number(name, value, getattr(weights, name), getattr(weights, name) * value, MEANINGS[name])
        for name, value in calibration.numbers(consensus, place.density).items()
        if name != "inliers" or consensus.inliers is not None
    ]
    share = calibration.rivalry(consensus)
    log_odds = weights.bias + sum(number.part or 0.0 for number in parts)
    # Expressed as a part of the log-odds like the others, so that all parts add up to the log-odds.
    rivalry = _log_odds(share / (1 + math.exp(-log_odds))) - log_odds
    return (
        Number("bias", 1.0, weights.bias, weights.bias, "where the sum starts, before any evidence"),
        *parts,
        Number("rivalry", share, None, rivalry, "share of this place against its strongest rival; a factor"),
    )


def _log_odds(probability: float) -> float:
    return math.log(max(probability, 1e-12)) - math.log(max(1 - probability, 1e-12))


def _notes(evidence: Evidence, verified: dict[str, VerifiedCandidate]) -> tuple[str, ...]:
    if not evidence.places or evidence.places[0].consensus.inliers is not None:
        return ()
    if verified:
        return (
            "This answer is based on similarity alone, so inliers do not count in its probability. Those shown above "
            "were counted for this page.",
        )
    return ("This answer is based on similarity alone; no local features were compared.",)


def describe_calibration(calibration: Calibration) -> str:
    """One sentence on where the probabilities of a map come from."""
    if not calibration.inside:
        return "The map is too small to be calibrated on its own photos, so the prior that ships with viewfix is used."
    if not calibration.outside:
        return f"Calibrated by an older viewfix on {calibration.inside} photos of this map; the next build updates it."
    when = f" on {calibration.made_at[:10]}" if calibration.made_at else ""
    return (
        f"Calibrated{when} on {calibration.inside} photos of this map, each left out alone, and on "
        f"{calibration.outside} left out together with everything around them."
    )
