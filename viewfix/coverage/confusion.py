"""Find pairs of places that are mistaken for each other, the worst first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..geo import distance_m, earth_centred_m
from ..locate.fuse import AGREE_M
from ..reports.formatting import credit
from ..types import Photo
from .leave_one_out import Prediction
from .result import LookAlike, LookAlikePhoto

MARGIN = 0.02
"""A rival this close behind the right place nearly wins: a change of light would decide."""


def usual_similarity(predictions: Sequence[Prediction]) -> float:
    """The median similarity of a left-out photo and the best of its own surroundings; -1 if there was none."""
    known = [each.own_similarity for each in predictions if each.own_similarity is not None]
    return float(np.median(known)) if known else -1.0


def is_confused(prediction: Prediction, usual: float) -> bool:
    """Whether a far place looks like the right one.

    The rival must also be as similar as photos of one place usually are (`usual`): if nothing resembles a photo,
    whatever comes first is not a look-alike.
    """
    rival = prediction.rival
    if rival is None or rival.similarity < usual:
        return False
    return prediction.own_similarity is None or rival.similarity >= prediction.own_similarity - MARGIN


def find_look_alikes(predictions: Sequence[Prediction], usual: float) -> list[LookAlike]:
    """One for each pair of places: first those in which the wrong place wins, then by similarity."""
    pairs = [(each, each.rival.photo) for each in predictions if each.rival is not None and is_confused(each, usual)]
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
        straight = (_distances_m(here, here[i]) <= AGREE_M) & (_distances_m(there, there[i]) <= AGREE_M)
        crossed = (_distances_m(here, there[i]) <= AGREE_M) & (_distances_m(there, here[i]) <= AGREE_M)
        same = (straight | crossed) & ~taken
        taken |= same
        found.append(
            LookAlike(
                asked=_end(each.photo),
                rival=_end(rival),
                apart_m=distance_m(each.photo.position, rival.position),
                similarity=_similarity(each),
                right=each.own_similarity,
                wins=_wins(each),
                photos=int(same.sum()),
            )
        )
    return found


def _wins(prediction: Prediction) -> bool:
    return prediction.own_similarity is None or _similarity(prediction) > prediction.own_similarity


def _similarity(prediction: Prediction) -> float:
    return prediction.rival.similarity if prediction.rival else -1.0


def _end(photo: Photo) -> LookAlikePhoto:
    return LookAlikePhoto(photo.id, photo.source, photo.position, credit(photo), photo.view)


def _points_m(photos: Sequence[Photo]) -> np.ndarray:
    return earth_centred_m([p.position.lat for p in photos], [p.position.lon for p in photos])


def _distances_m(points_m: np.ndarray, point_m: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(points_m - point_m, axis=1))
