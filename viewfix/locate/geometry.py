"""Two-view geometry: the inliers among pairs of points, and the relative pose of two cameras."""

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
"""All points are scaled to photos with this longer side, so that the errors below mean the same for every photo."""

EPIPOLAR_ERROR_PX = 2.0
REPROJECTION_ERROR_PX = 4.0
ITERATIONS = 1000
LEAST_PAIRS = 8
PLANE_SHARE = 0.8
"""If a homography fits at least this share of the pairs that a fundamental matrix fits, the scene is flat or the camera
only turned. The fundamental matrix is then undetermined, and also fits pairs that lie on its lines by chance."""

MOST_ZOOM = 5.0
CELL_PX = 25.0
MOST_IN_CELL = 4
"""The most inliers that count in one cell: a date or a logo in the corner of every photo does not show a place."""

LEAST_SPREAD_PX = 8.0
"""The least spread of inliers: on one line or in one spot, they do not determine the geometry."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The geometry that two photos agree on.

    `agree` is (M,) bool, the inliers among the pairs. `inliers` is the number that count, fewer if they crowd.
    """

    kind: Literal["fundamental", "homography"]
    agree: Mask
    inliers: int


def available() -> bool:
    """Whether PoseLib is installed, which verification needs. It has no wheels for a few platforms."""
    return importlib.util.find_spec("poselib") is not None


def estimate(a: Points, b: Points) -> Geometry | None:
    """Fit a fundamental matrix or a homography to pairs of points, by PoseLib's LO-RANSAC.

    Mirrored scenes, zooms of more than MOST_ZOOM, points on one line and points crowded in a corner do not count as
    agreement.

    Args:
        a, b: (M, 2) float64 points of two photos, in pixels at LONGEST_PX; row i of both is one pair.

    Returns:
        The geometry that most pairs agree on; None if they agree on none.

    Raises:
        MissingExtra: PoseLib is not installed.
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
    flat = np.array(plane["inliers"], bool) if _is_plausible(matrix, a) else np.zeros(len(a), bool)
    deep = np.array(poselib.estimate_fundamental(a, b, options, {})[1]["inliers"], bool)
    planar = flat.sum() >= PLANE_SHARE * deep.sum()
    agree = flat if planar else deep
    if agree.sum() < LEAST_PAIRS or min(_spread_px(a[agree]), _spread_px(b[agree])) < LEAST_SPREAD_PX:
        return None
    count = min(_counted(a[agree]), _counted(b[agree]))
    return Geometry("homography" if planar else "fundamental", agree, count)


def _is_plausible(matrix: npt.NDArray[np.float64], points: Points) -> bool:
    """Whether a homography can relate two photos of one scene: not mirrored, and not shrunk to a line."""
    if not np.isfinite(matrix).all():
        return False
    at = np.append(points.mean(0), 1.0)
    depth = float(matrix[2] @ at)
    if abs(depth) < 1e-9:
        return False
    # The determinant of the derivative at the centre: the growth of area, negative if mirrored.
    growth = float(np.linalg.det(matrix)) / depth**3
    return MOST_ZOOM**-2 <= growth <= MOST_ZOOM**2


def _spread_px(points: Points) -> float:
    """The standard deviation of (M, 2) points across the line that fits them best."""
    if len(points) < 3:
        return 0.0
    return float(np.sqrt(max(0.0, np.linalg.eigvalsh(np.cov(points.T))[0])))


def _counted(points: Points) -> int:
    _, counts = np.unique(np.floor(points / CELL_PX).astype(np.int64), axis=0, return_counts=True)
    return int(np.minimum(counts, MOST_IN_CELL).sum())


@dataclass(frozen=True, slots=True)
class RelativePose:
    """The pose of the query's camera relative to a candidate's, in degrees clockwise from where the candidate looks.

    `turn_deg`, [-180, 180), is the direction in which the query looks; `towards_deg`, [-180, 180), the direction in
    which it stands, which is meaningless if both cameras are at one spot.
    """

    turn_deg: float
    towards_deg: float
    inliers: int


def relative_pose(candidate: Points, query: Points, sizes: tuple[Size, Size]) -> RelativePose | None:
    """Compute the relative pose of two cameras from (M, 2) inlier points of each, in pixels; None if there is none.

    `sizes` are the sizes of the candidate and of the query.
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
    """The size of a picture in pixels, and the field of view along its longer side in degrees."""

    width_px: float
    height_px: float
    field_deg: float

    def camera(self) -> dict[str, Any]:
        """The camera as PoseLib describes it: a pinhole with its axis in the centre of the picture."""
        focal_px = 0.5 * max(self.width_px, self.height_px) / np.tan(np.radians(self.field_deg) / 2)
        return {
            "model": "SIMPLE_PINHOLE",
            "width": int(np.ceil(self.width_px)),
            "height": int(np.ceil(self.height_px)),
            "params": [float(focal_px), self.width_px / 2, self.height_px / 2],
        }


def _to_the_right_deg(direction: npt.NDArray[np.float64]) -> float:
    return float(np.degrees(np.arctan2(direction[0], direction[2])))
