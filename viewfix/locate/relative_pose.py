"""Heading and position of the query from the relative poses of its verified candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..geo import Plane, distances_m, wrap_heading_deg
from ..types import Position
from .fuse import AGREE_HEADING_DEG, AGREE_M, Consensus

LEAST_INLIERS = 25
"""For a heading: with fewer, half of the relative poses are off by more than a quarter turn."""

LEAST_INLIERS_TO_STAND = 40
"""For a line on which the query stands: the direction between two cameras is harder to see than their turn."""

VOTE_SD_M, LINE_SD_M, ROUNDS = 6.0, 2.0, 5
"""Usual errors of the voted position and of a line; chosen on left-out photos of the training area."""

BEHIND = 0.2
"""The weight of a line when the query would stand behind where it points: the sign is the least sure."""


@dataclass(frozen=True, slots=True)
class PoseObservation:
    """One verified candidate: where it stands and looks, and how the query's camera stands to its own."""

    position: Position
    heading_deg: float
    turn_deg: float
    towards_deg: float
    inliers: int


def apply_poses(consensus: Consensus, observations: Sequence[PoseObservation]) -> Consensus:
    """The consensus with the heading and the position that the geometry of its verified candidates adds.

    The heading is the mean of those that agree with the strongest observation, weighted by inliers. Observations with
    enough inliers from two or more spots are triangulated: the position moves to where their lines meet, held by the
    voted one, so that one bad line cannot carry it off. Observations from other places are left out.
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
    """Of those that agree with the strongest: a pair that matched by a repeated façade turns by any angle."""
    headings = np.radians([s.heading_deg + s.turn_deg for s in observations])
    inliers = np.array([s.inliers for s in observations], np.float64)
    near = np.cos(headings - headings[inliers.argmax()]) >= np.cos(np.radians(AGREE_HEADING_DEG))
    weights = inliers * near
    return wrap_heading_deg(float(np.degrees(np.arctan2(weights @ np.sin(headings), weights @ np.cos(headings)))))


def _meeting(starts: npt.NDArray[np.float64], bearings: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The point nearest to lines from (N, 2) metres at (N,) radians and to the origin, outliers weighing little."""
    along = np.stack([np.sin(bearings), np.cos(bearings)], axis=1)
    across = np.eye(2) - along[:, :, None] * along[:, None, :]
    point = np.zeros(2)
    for _ in range(ROUNDS):
        off_m = np.linalg.norm(np.einsum("nij,nj->ni", across, point - starts), axis=1)
        ahead = np.einsum("nj,nj->n", along, point - starts) > 0
        weights = np.where(ahead, 1.0, BEHIND) / (LINE_SD_M**2 + off_m**2)  # Cauchy's
        matrix = np.eye(2) / VOTE_SD_M**2 + np.einsum("n,nij->ij", weights, across)
        point = np.linalg.solve(matrix, np.einsum("n,nij,nj->i", weights, across, starts))
    return float(point[0]), float(point[1])
