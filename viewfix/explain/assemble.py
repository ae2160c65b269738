"""Work an answer out again with everything behind it: pictures, matched points, the numbers of its probability."""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import photos
from ..errors import BadInput, UnreadablePhoto
from ..geo import Circle
from ..locate.answer import Answered
from ..locate.confidence import Calibration
from ..locate.query import MapContext, QueryOptions, ask
from ..locate.verify import VerifiedCandidate
from ..models.local import SEEN, LocalFeatures, Matcher
from ..types import Candidate, Fix, Position
from .explanation import Explanation
from .pairs import HIGH_PX
from .parts import Number, Pair
from .plan import AROUND_M

SHOWN = 5
MOST_PHOTOS = 3000
REMEMBERED = 32

MEANINGS = {
    "similarity": "cosine of the query and the best photo of the place; 1 means identical",
    "margin": "how far this place is ahead of the best photo of any other place",
    "agreement": "share of the candidates' votes for this place",
    "density": "log(1 + photos of the map around the fix)",
    "inliers": "log(1 + local features that agree in geometry)",
}


def explain(
    photo: photos.Readable, options: QueryOptions, descriptor: npt.NDArray[np.float32], context: MapContext
) -> Explanation:
    """Answer a query again and collect the evidence.

    The candidates that are shown are verified whether or not the answer needed it.

    Args:
        photo: the query; see `photos.load`.
        options: as for the answer that is to be explained.
        descriptor: (dim,) float32 of length 1, of the query.
        context: of the map.

    Raises:
        UnreadablePhoto: the query is not a picture.
    """
    picture = photos.load(photo, least_side_px=SEEN.least_side_px)
    query = None if context.verifier is None else context.verifier.of_query(picture)
    answered = ask(options, descriptor, context, None if query is None else lambda: query)
    shown, best = _shown(answered)
    matcher: Matcher = "fast" if options.verify == "fast" else "accurate"
    verified: dict[str, VerifiedCandidate] = {}
    if context.verifier is not None and query is not None:
        verified = {each.candidate.photo.id: each for each in context.verifier.hold(query, shown, matcher)}
    size_px = picture.shape[1], picture.shape[0]
    return Explanation(
        name=Path(photo).name if isinstance(photo, str | Path) else "the photo",
        query=picture,
        fix=answered.fix,
        pairs=tuple(_pair(query, size_px, each, verified.get(each.photo.id)) for each in shown),
        photos_around=_photos_around(context, answered.fix, shown[best] if shown else None),
        photos_in_map=len(context.store),
        numbers=_numbers(answered, context.calibration),
        least_confidence=answered.line,
        calibration=describe_calibration(context.calibration),
        notes=_notes(answered, verified),
        best_pair=best,
    )


def _shown(answered: Answered) -> tuple[Sequence[Candidate], int]:
    """The candidates to show, and which of them speaks most strongly for the place in question.

    That one is shown even if candidates of other places are ahead of it: it is the one that the answer names.
    """
    candidates = answered.fix.candidates
    best = 0 if answered.consensus is None else answered.consensus.best
    if best >= len(candidates):
        return candidates[:SHOWN], 0
    if best >= SHOWN:
        return (*candidates[:SHOWN], candidates[best]), SHOWN
    return candidates[:SHOWN], best


def _pair(
    query: LocalFeatures | None, size_px: tuple[int, int], candidate: Candidate, verified: VerifiedCandidate | None
) -> Pair:
    picture, missing = None, None
    try:
        if photos.is_url(candidate.photo.source):
            missing = "its file is on the web, and no photo is downloaded for an explanation"
        else:
            picture = photos.load(candidate.photo.source, least_side_px=HIGH_PX)
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


def _numbers(answered: Answered, calibration: Calibration) -> tuple[Number, ...]:
    """The numbers that make the log-odds; inliers only if they were counted for this answer."""
    consensus = answered.consensus
    if consensus is None:
        return ()
    weights = calibration.weights[consensus.how or "off"]
    values = calibration.numbers(consensus, answered.neighbours)
    parts = [
        Number(name, value, getattr(weights, name), getattr(weights, name) * value, MEANINGS[name])
        for name, value in values.items()
        if name != "inliers" or consensus.inliers is not None
    ]
    share = calibration.rivalry(consensus)
    log_odds = weights.bias + sum(number.part or 0.0 for number in parts)
    # Written as a part of the log-odds like the others, so that the parts add up to the probability.
    rivalry = _log_odds(share / (1 + math.exp(-log_odds))) - log_odds
    return (
        Number("bias", 1.0, weights.bias, weights.bias, "where the sum starts, before any evidence"),
        *parts,
        Number("rivalry", share, None, rivalry, "share of this place against its strongest rival; a factor"),
    )


def _log_odds(probability: float) -> float:
    return math.log(max(probability, 1e-12)) - math.log(max(1 - probability, 1e-12))


def _notes(answered: Answered, verified: dict[str, VerifiedCandidate]) -> tuple[str, ...]:
    consensus = answered.consensus
    if consensus is None or consensus.inliers is not None:
        return ()
    if verified:
        return (
            "This answer rests on similarity alone, so inliers have no part in its probability. Those shown above were "
            "counted for this page.",
        )
    return ("This answer rests on similarity alone; no local features were compared.",)


def describe_calibration(calibration: Calibration) -> str:
    """One sentence on where the probabilities of a map come from."""
    if not calibration.inside:
        return "The map is too small to be calibrated on its own photos, so the prior that ships with viewfix is used."
    if not calibration.outside:
        return f"Calibrated by an older viewfix on {calibration.inside} photos of this map; the next build renews it."
    when = f" on {calibration.made_at[:10]}" if calibration.made_at else ""
    return (
        f"Calibrated{when} on {calibration.inside} photos of this map, each left out alone, and on "
        f"{calibration.outside} left out together with everything around them."
    )


# Used by Map until Map.explain takes the place of Fix.explain.


class _Asked:
    """A picture that was asked about, to be let go of when others come."""

    def __init__(self, photo: photos.Readable) -> None:
        self.photo = photo


class Recent:
    """Pictures of the last answers, so that these can be explained and a million others do not fill the memory."""

    def __init__(self) -> None:
        self._held: deque[_Asked] = deque(maxlen=REMEMBERED)

    def keep(self, photo: photos.Readable) -> Callable[[], photos.Readable]:
        """What gives the picture back, as long as it is kept; a path is not kept but read again."""
        if isinstance(photo, str | Path):
            return lambda: photo
        asked = _Asked(photo)
        self._held.append(asked)
        there = weakref.ref(asked)

        def give() -> photos.Readable:
            found = there()
            if found is None:
                raise BadInput(
                    f"This answer cannot be explained any more: pictures without a file are kept for the last "
                    f"{REMEMBERED} answers. Ask again, or ask with the path of a file."
                )
            return found.photo

        return give


class Explainer:
    """What explains one answer when it is called. A copy of the answer shares it: the map behind it is not copied."""

    def __init__(self, explain: Callable[[], Explanation]) -> None:
        self._explain = explain

    def __call__(self) -> Explanation:
        return self._explain()

    def __deepcopy__(self, memo: object) -> Explainer:
        return self


def explained(
    given: Callable[[], photos.Readable],
    question: QueryOptions,
    descriptor: npt.NDArray[np.float32],
    workings: MapContext,
) -> Explanation:
    """See `explain`; `given` gives the photo."""
    return explain(given(), question, descriptor, workings)
