"""The heading and position of a query, refined by the relative poses of its verified candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..geo import Plane, distances_m, wrap_heading_deg
from ..types import Position
from .fuse import AGREE_HEADING_DEG, AGREE_M, Consensus

LEAST_INLIERS = 25
"""The least inliers for a heading. With fewer, half of the relative poses are wrong by more than a quarter turn."""

LEAST_INLIERS_TO_STAND = 40
"""The least inliers for a line on which the query stands. The direction between two cameras is harder to estimate than
the angle between their views."""

VOTE_SD_M, LINE_SD_M, ROUNDS = 6.0, 2.0, 5
"""Assumed errors of the voted position and of a line, and the number of iterations; chosen on left-out photos of the
training area."""

BEHIND = 0.2
"""The weight of a line if the query would stand behind its start: the sign of a direction is its least certain part."""


@dataclass(frozen=True, slots=True)
class PoseObservation:
    """The position and heading of a verified candidate, and the pose of the query relative to it (`RelativePose`)."""

    position: Position
    heading_deg: float
    turn_deg: float
    towards_deg: float
    inliers: int


def apply_poses(consensus: Consensus, observations: Sequence[PoseObservation]) -> Consensus:
    """Refine the heading and the position of a consensus by the geometry of its verified candidates.

    The heading is the mean of the observations that agree with the strongest one, weighted by inliers. If observations
    from two or more spots have enough inliers, the position moves to where their lines meet; the voted position holds
    it back, so that a single bad line cannot pull it away. Observations from other places are ignored.
    """
    at = consensus.position
    if observations:
        lats, lons = zip(*((each.position.lat, each.position.lon) for each in observations), strict=True)
        near = distances_m(at.lat, at.lon, lats, lons) <= AGREE_M
        observations = [
            each for each, is_near in zip(observations, near, strict=True) if is_near and each.inliers >= LEAST_INLIERS
        ]
    if not observations:
        return consensus
    heading_deg = _mean_heading_deg(observations)
    lines = [each for each in observations if each.inliers >= LEAST_INLIERS_TO_STAND]
    if len({(each.position.lat, each.position.lon) for each in lines}) < 2:
        return replace(consensus, heading_deg=heading_deg)
    plane = Plane(at)
    starts = plane.to_xy_m([each.position.lat for each in lines], [each.position.lon for each in lines])
    x_m, y_m = _meeting(starts, np.radians([each.heading_deg + each.towards_deg for each in lines]))
    return replace(consensus, heading_deg=heading_deg, position=plane.to_position(x_m, y_m, at.radius_m))


def _mean_heading_deg(observations: Sequence[PoseObservation]) -> float:
    """The mean over those that agree with the strongest: a match of repeated façades may give any angle."""
    headings = np.radians([s.heading_deg + s.turn_deg for s in observations])
    inliers = np.array([s.inliers for s in observations], np.float64)
    near = np.cos(headings - headings[inliers.argmax()]) >= np.cos(np.radians(AGREE_HEADING_DEG))
    weights = inliers * near
    return wrap_heading_deg(float(np.degrees(np.arctan2(weights @ np.sin(headings), weights @ np.cos(headings)))))


def _meeting(starts: npt.NDArray[np.float64], bearings: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The point closest to the origin and to lines from (N, 2) metres at (N,) radians, with robust weights."""
    along = np.stack([np.sin(bearings), np.cos(bearings)], axis=1)
    across = np.eye(2) - along[:, :, None] * along[:, None, :]
    point = np.zeros(2)
    for _ in range(ROUNDS):
        off_m = np.linalg.norm(np.einsum("nij,nj->ni", across, point - starts), axis=1)
        ahead = np.einsum("nj,nj->n", along, point - starts) > 0
        weights = np.where(ahead, 1.0, BEHIND) / (LINE_SD_M**2 + off_m**2)  # Cauchy weights
        matrix = np.eye(2) / VOTE_SD_M**2 + np.einsum("n,nij->ij", weights, across)
        point = np.linalg.solve(matrix, np.einsum("n,nij,nj->i", weights, across, starts))
    return float(point[0]), float(point[1])
