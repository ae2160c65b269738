"""Left-out photos go in; pairs of places that are mistaken for each other come out, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..geo import distance_m, earth_centred_m
from ..locate.fuse import AGREE_M
from ..types import Photo
from .findings import LookAlike, Seen
from .leaving_out import Asked

MARGIN = 0.02
"""A rival this little behind the right place nearly wins: another light decides."""


def usual_likeness(asked: Sequence[Asked]) -> float:
    """The median similarity of a left-out photo and the best of its own surroundings; -1 where none was seen."""
    known = [each.right for each in asked if each.right is not None]
    return float(np.median(known)) if known else -1.0


def confused(asked: Asked, likeness: float) -> bool:
    """Whether a far place looks like the right one.

    It must also look as alike as photos of one place usually do (`likeness`): where nothing resembles a photo,
    whatever comes first is no look-alike.
    """
    rival = asked.rival
    if rival is None or rival.similarity < likeness:
        return False
    return asked.right is None or rival.similarity >= asked.right - MARGIN


def look_alikes(asked: Sequence[Asked], likeness: float) -> list[LookAlike]:
    """One for each pair of places: those in which the wrong one wins, then by similarity."""
    pairs = [(each, each.rival.photo) for each in asked if each.rival is not None and confused(each, likeness)]
    pairs.sort(key=lambda pair: (not _wins(pair[0]), -_similarity(pair[0]), pair[0].photo.id))
    if not pairs:
        return []
    here = _points_m([each.photo for each, _ in pairs])
    there = _points_m([rival for _, rival in pairs])
    taken = np.zeros(len(pairs), bool)
    found: list[LookAlike] = []
    for i, (each, rival) in enumerate(pairs):
        if taken[i]:
            continue
        straight = (_apart_m(here, here[i]) <= AGREE_M) & (_apart_m(there, there[i]) <= AGREE_M)
        crossed = (_apart_m(here, there[i]) <= AGREE_M) & (_apart_m(there, here[i]) <= AGREE_M)
        same = (straight | crossed) & ~taken
        taken |= same
        apart_m = distance_m(each.photo.position, rival.position)
        ends = _seen(each.photo), _seen(rival)
        found.append(LookAlike(*ends, apart_m, _similarity(each), each.right, _wins(each), int(same.sum())))
    return found


def _wins(asked: Asked) -> bool:
    return asked.right is None or _similarity(asked) > asked.right


def _similarity(asked: Asked) -> float:
    return asked.rival.similarity if asked.rival else -1.0


def _seen(photo: Photo) -> Seen:
    return Seen(photo.id, photo.source, photo.position)


def _points_m(photos: Sequence[Photo]) -> np.ndarray:
    return earth_centred_m([p.position.lat for p in photos], [p.position.lon for p in photos])


def _apart_m(points_m: np.ndarray, point_m: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(points_m - point_m, axis=1))
