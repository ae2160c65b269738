"""Two-view geometry: the inliers among point pairs, and the relative pose of the two cameras."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..optional import optional

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LONGEST_PX = 400.0
"""Points are given in pixels of photos scaled to this longer side, so that the errors below mean the same for all."""

EPIPOLAR_ERROR_PX = 2.0
REPROJECTION_ERROR_PX = 4.0
ITERATIONS = 1000
LEAST_PAIRS = 8
PLANE_SHARE = 0.8
"""Where a homography holds this share of what a fundamental matrix holds, the scene is a plane or the camera only
turned: the matrix is not determined then, and holds what happens to lie along its lines as well."""

MOST_ZOOM = 5.0
CELL_PX = 25.0
MOST_IN_CELL = 4
"""Inliers that count in one cell: a date or a logo in the corner of every photo is not a place, however sharp."""

LEAST_SPREAD_PX = 8.0
"""Inliers on one line, or in one spot, fix no geometry."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """What two photos agree on.

    `agree` (M,) bool, the inliers among the pairs. `inliers` is how many count: fewer than agree where they crowd.
    """

    kind: Literal["fundamental", "homography"]
    agree: Mask
    inliers: int


def available() -> bool:
    """Whether candidates can be verified here: PoseLib has no wheels for a few platforms."""
    return importlib.util.find_spec("poselib") is not None


def estimate(a: Points, b: Points) -> Geometry | None:
    """The geometry that holds most of (M, 2) and (M, 2) points in pixels; None where none holds.

    A fundamental matrix or a homography, whichever holds, by PoseLib's LO-RANSAC. Mirrored scenes, zooms of more
    than MOST_ZOOM, points on one line and points crowded in a corner are no agreement.
    """
    if len(a) < LEAST_PAIRS:
        return None
    poselib = optional("poselib")
    options = {
        "max_epipolar_error": EPIPOLAR_ERROR_PX,
        "max_reproj_error": REPROJECTION_ERROR_PX,
        "max_iterations": ITERATIONS,
        "min_iterations": 50,
        "success_prob": 0.999,
    }
    matrix, plane = poselib.estimate_homography(a, b, options, {})
    flat = np.array(plane["inliers"], bool) if _possible(matrix, a) else np.zeros(len(a), bool)
    deep = np.array(poselib.estimate_fundamental(a, b, options, {})[1]["inliers"], bool)
    planar = flat.sum() >= PLANE_SHARE * deep.sum()
    agree = flat if planar else deep
    if agree.sum() < LEAST_PAIRS or min(_spread_px(a[agree]), _spread_px(b[agree])) < LEAST_SPREAD_PX:
        return None
    count = min(_counted(a[agree]), _counted(b[agree]))
    return Geometry("homography" if planar else "fundamental", agree, count)


def _possible(matrix: npt.NDArray[np.float64], points: Points) -> bool:
    """Whether a homography could be two photos of one thing: not mirrored, not shrunk to a line."""
    if not np.isfinite(matrix).all():
        return False
    at = np.append(points.mean(0), 1.0)
    depth = float(matrix[2] @ at)
    if abs(depth) < 1e-9:
        return False
    # The determinant of the derivative there: how much area grows, negative when mirrored.
    growth = float(np.linalg.det(matrix)) / depth**3
    return MOST_ZOOM**-2 <= growth <= MOST_ZOOM**2


def _spread_px(points: Points) -> float:
    """The standard deviation across the line that runs through the points best."""
    if len(points) < 3:
        return 0.0
    return float(np.sqrt(max(0.0, np.linalg.eigvalsh(np.cov(points.T))[0])))


def _counted(points: Points) -> int:
    _, counts = np.unique(np.floor(points / CELL_PX).astype(np.int64), axis=0, return_counts=True)
    return int(np.minimum(counts, MOST_IN_CELL).sum())


@dataclass(frozen=True, slots=True)
class RelativePose:
    """How the query's camera stands to a candidate's: degrees to the right of where the candidate's looks.

    `turn_deg` where the query looks, `towards_deg` where it stands, both [-180, 180); `towards_deg` means nothing
    when both stand at one spot.
    """

    turn_deg: float
    towards_deg: float
    inliers: int


def relative_pose(candidate: Points, query: Points, sizes: tuple[Size, Size]) -> RelativePose | None:
    """The relative pose of two cameras from (M, 2) inlier points of each, in pixels; None where none is found.

    `sizes` are those of the candidate and of the query.
    """
    if len(candidate) < LEAST_PAIRS:
        return None
    poselib = optional("poselib")
    cameras = [size.camera() for size in sizes]
    options = {"max_epipolar_error": EPIPOLAR_ERROR_PX, "max_iterations": ITERATIONS, "min_iterations": 50}
    pose, found = poselib.estimate_relative_pose(candidate, query, *cameras, options, {})
    turned = np.asarray(pose.R).T  # the query's axes in the candidate's frame, as columns
    looks, stands = turned[:, 2], -turned @ np.asarray(pose.t)
    if not (np.isfinite(looks).all() and np.isfinite(stands).all()):
        return None
    return RelativePose(_to_the_right_deg(looks), _to_the_right_deg(stands), int(np.sum(found["inliers"])))


@dataclass(frozen=True, slots=True)
class Size:
    """A picture and its lens: pixels, and the field of view along its longer side, degrees."""

    width_px: float
    height_px: float
    field_deg: float

    def camera(self) -> dict[str, Any]:
        """In PoseLib's words: a pinhole with its axis in the middle."""
        focal_px = 0.5 * max(self.width_px, self.height_px) / np.tan(np.radians(self.field_deg) / 2)
        return {
            "model": "SIMPLE_PINHOLE",
            "width": int(np.ceil(self.width_px)),
            "height": int(np.ceil(self.height_px)),
            "params": [float(focal_px), self.width_px / 2, self.height_px / 2],
        }


def _to_the_right_deg(direction: npt.NDArray[np.float64]) -> float:
    return float(np.degrees(np.arctan2(direction[0], direction[2])))
