"""What one frame says: the likelihood of each place and camera direction, and of not being on the map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .belief import DIRECTIONS, Belief
from .model import TrackModel
from .places import Floats, Ints

_BIN_DEG = 360.0 / DIRECTIONS

LOOK_APART_DEG = 45.0
"""Photos that look this far apart show different things."""

TRUSTED = 2.0
"""The log-likelihood ratio of "not on this map" at which a frame counts about half for places: foreign frames in a
row may all resemble the same place."""


@dataclass(frozen=True)
class Sight:
    """One frame, compared with the map.

    `places` are the (k,) distinct places of the most similar photos, ascending. `standing` is (k, DIRECTIONS): how far
    the most similar photo of that place and direction stands out of the frame's similarities, in robust standard
    deviations above the median; -inf for none. `least` is the standing of the least similar photo that was found,
    `top` the cosine of the most similar photo with the frame itself, [-1, 1], and
    `resembled` the place of that photo.
    """

    places: Ints
    standing: Floats
    least: float
    top: float
    resembled: int


def sight(places: Ints, headings_deg: Floats, similarities: Floats, reference: Floats, itself: Floats) -> Sight:
    """Compare a frame with the map.

    Args:
        places: (K,) place of each of the most similar photos.
        headings_deg: (K,) their headings; NaN where unknown.
        similarities: (K,) their cosines with the frame without the usual look.
        reference: (R,) the cosines of the frame with photos spread over the whole map.
        itself: (k,) the cosines of the first k photos with the frame as it is, with its usual look.
    """
    median = float(np.median(reference))
    spread = max(1.4826 * float(np.median(np.abs(reference - median))), 1e-6)
    z = (similarities - median) / spread
    unique, of = np.unique(places, return_inverse=True)
    standing = np.full((len(unique), DIRECTIONS), -np.inf)
    middle = np.arange(DIRECTIONS) * _BIN_DEG
    apart = np.abs((headings_deg[:, None] - middle[None] + 180) % 360 - 180)
    seen = np.isnan(headings_deg)[:, None] | (apart <= LOOK_APART_DEG)
    np.maximum.at(standing, of, np.where(seen, z[:, None], -np.inf))
    return Sight(unique, standing, float(z.min()), float(itself.max()), int(places[np.argmax(itself)]))


def seen(belief: Belief, sight: Sight, model: TrackModel) -> Belief:
    """Take one frame into account; all places of the sight are in the belief.

    Places that the search did not find are as likely as the least similar photo that it found.
    """
    at = np.searchsorted(belief.places, sight.places)
    foreign_log = model.foreign_log_ratio(sight.top)
    foreign = math.exp(foreign_log)
    trust = min((1 + math.exp(-TRUSTED)) / (1 + math.exp(foreign_log - TRUSTED)), 1.0)
    least = float(np.exp(trust * model.log_ratio(sight.least)))
    ratio = np.full((len(belief.places), DIRECTIONS), least)
    ratio[at] = np.exp(trust * model.log_ratio(np.maximum(sight.standing, sight.least)))
    views = belief.views * ratio
    of_place = views.sum(axis=1)
    on = belief.on * of_place[:, None, None]
    off = belief.off * foreign
    total = float(on.sum()) + float(off.sum()) + belief.rest_on * least + belief.rest_off * foreign
    return Belief(
        belief.places,
        on / total,
        off / total,
        views / of_place[:, None],
        belief.rest_on * least / total,
        belief.rest_off * foreign / total,
    )
