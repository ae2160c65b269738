"""An answer is worked out again, with everything behind it: pictures, points that agree, the numbers of its odds."""

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
from .explanation import Explanation, Number, Pair

SHOWN = 5
AROUND_M = 300.0
MOST_PHOTOS = 3000
SHOWN_PX = 640
REMEMBERED = 32

MEANINGS = {
    "similarity": "cosine of the best photo of the place to the query, 1 for the same",
    "margin": "how far it is ahead of the best photo of any other place",
    "agreement": "share of the candidates' votes that went to this place",
    "density": "log(1 + photos of the map around the fix)",
    "inliers": "log(1 + local features that agree in geometry)",
}

NOTHING = np.empty((0, 2), np.int64)


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
    """Answer a question again and tell all that the answer rests on.

    The shown candidates are verified whether or not the answer needed it. `given` gives the photo.
    """
    photo = given()
    picture = photos.load(photo, least_side_px=SEEN.least_side_px)
    query = workings.verifier.of_query(picture) if workings.verifier is not None else None
    answered = ask(question, descriptor, workings, None if query is None else lambda: query)
    how: Matcher = "fast" if question.verify == "fast" else "accurate"
    shown = answered.fix.candidates[:SHOWN]
    held: dict[str, VerifiedCandidate] = {}
    if workings.verifier is not None and query is not None:
        held = {each.candidate.photo.id: each for each in workings.verifier.hold(query, shown, how)}
    sides = picture.shape[1], picture.shape[0]
    return Explanation(
        name=Path(photo).name if isinstance(photo, str | Path) else "the photo",
        query=picture,
        fix=answered.fix,
        pairs=tuple(_pair(query, sides, candidate, held.get(candidate.photo.id)) for candidate in shown),
        photos_of_map=_around(workings, answered.fix, shown),
        numbers=_numbers(answered, workings.calibration),
        least_confidence=answered.line,
        calibration=in_words(workings.calibration),
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


def _around(workings: MapContext, fix: Fix, shown: Sequence[Candidate]) -> tuple[Position, ...]:
    """The positions of the map's photos around the fix, or around the best candidate where there is no fix."""
    middle = fix.position or (shown[0].photo.position if shown else None)
    if middle is None:
        return ()
    rows = workings.store.rows_in(Circle(middle.lat, middle.lon, AROUND_M), MOST_PHOTOS)
    return tuple(each.position for each in workings.store.photos(rows))


def _numbers(answered: Answered, calibration: Calibration) -> tuple[Number, ...]:
    consensus = answered.consensus
    if consensus is None:
        return ()
    weights = calibration.weights[consensus.how or "off"]
    values = calibration.numbers(consensus, answered.neighbours)
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
