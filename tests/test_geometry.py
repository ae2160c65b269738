"""Geometry: inliers and relative poses from matched points, and a position from two relative poses."""

import numpy as np
import pytest

from viewfix.geo import distance_m, moved
from viewfix.locate.fuse import Consensus
from viewfix.locate.geometry import LONGEST_PX, MOST_IN_CELL, Size, estimate, relative_pose
from viewfix.locate.relative_pose import PoseObservation, apply_poses
from viewfix.types import Position

HERE = Position(50.0, 20.0)
FIELD_DEG = 70.0
FOCAL_PX = LONGEST_PX / 2 / np.tan(np.radians(FIELD_DEG) / 2)
SIZE = Size(LONGEST_PX, 300.0, FIELD_DEG)


def seen(points: np.ndarray, turn_deg: float = 0.0, at: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """(N, 3) points, metres to the right, down and ahead of a first camera, in pixels of one that turned and moved."""
    turn = np.radians(turn_deg)
    moved_to = points - np.array([at[0], 0.0, at[1]])
    right = moved_to[:, 0] * np.cos(turn) - moved_to[:, 2] * np.sin(turn)
    ahead = moved_to[:, 0] * np.sin(turn) + moved_to[:, 2] * np.cos(turn)
    return np.stack([right, moved_to[:, 1]], 1) / ahead[:, None] * FOCAL_PX + [LONGEST_PX / 2, 150.0]


def scene(count: int = 120, seed: int = 0, *, deep: bool = True) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ahead = rng.uniform(8, 30, count) if deep else np.full(count, 15.0)
    return np.stack([rng.uniform(-6, 6, count), rng.uniform(-4, 3, count), ahead], 1)


def test_a_deep_scene_from_two_spots_fits_a_fundamental_matrix() -> None:
    points = scene()
    a, b = seen(points), seen(points, 8, (1.5, 1.0))
    a = np.vstack([a, np.random.default_rng(1).uniform(0, 300, (60, 2))])
    b = np.vstack([b, np.random.default_rng(2).uniform(0, 300, (60, 2))])
    found = estimate(a, b)
    assert found is not None
    assert found.kind == "fundamental"
    assert found.agree[:120].mean() > 0.95
    assert found.agree[120:].mean() < 0.2


@pytest.mark.parametrize(
    ("deep", "at"), [(False, (1.5, 1.0)), (True, (0.0, 0.0))], ids=["a wall", "a turn on the spot"]
)
def test_a_homography_is_used_where_a_fundamental_matrix_is_not_determined(deep: bool, at: tuple[float, float]) -> None:
    points = scene(deep=deep)
    found = estimate(seen(points), seen(points, 8, at))
    assert found is not None
    assert found.kind == "homography"
    assert found.agree.all()


def test_chance_matches_have_few_inliers() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        found = estimate(rng.uniform(0, 400, (100, 2)), rng.uniform(0, 400, (100, 2)))
        assert found is None or found.inliers < 25


def test_a_mirrored_wall_does_not_match() -> None:
    wall = seen(scene(deep=False))
    mirrored = wall * [-1, 1] + [LONGEST_PX, 0]
    found = estimate(wall, mirrored)
    assert found is None or found.kind != "homography"


def test_a_logo_in_the_corner_is_not_a_place() -> None:
    corner = np.random.default_rng(4).uniform(0, 24, (80, 2))
    found = estimate(corner, corner + 0.2)
    assert found is None or found.inliers <= MOST_IN_CELL


def test_points_on_one_line_determine_no_geometry() -> None:
    line = np.stack([np.linspace(0, 400, 50), np.linspace(100, 120, 50)], 1)
    assert estimate(line, line + 3) is None


def test_too_few_pairs_are_not_evidence() -> None:
    points = seen(scene(7))
    assert estimate(points, points) is None
    assert estimate(np.empty((0, 2)), np.empty((0, 2))) is None


@pytest.mark.parametrize(
    ("turn_deg", "at"), [(10, (2.0, 1.0)), (-20, (-1.5, 2.0)), (0, (0.0, 3.0)), (25, (-2.0, -1.0))]
)
def test_the_relative_pose_of_two_cameras_is_found(turn_deg: float, at: tuple[float, float]) -> None:
    points = scene(200)
    found = relative_pose(seen(points), seen(points, turn_deg, at), (SIZE, SIZE))
    assert found is not None
    assert found.turn_deg == pytest.approx(turn_deg, abs=0.5)
    towards = np.degrees(np.arctan2(at[0], at[1]))
    assert abs((found.towards_deg - towards + 180) % 360 - 180) < 2


def consensus(heading_deg: float | None = None) -> Consensus:
    return Consensus(Position(HERE.lat, HERE.lon, 3.0), heading_deg, 0.6, 0.3, 0.9, 0, 0.9, 60, "accurate")


def sight(
    truth: Position, bearing_deg: float, far_m: float, *, heading_deg: float = 40.0, inliers: int = 80
) -> PoseObservation:
    """A photo of the map, `far_m` from the truth, with its relative pose to the query."""
    at = moved(truth, bearing_deg, far_m)
    return PoseObservation(at, heading_deg, 15.0, (bearing_deg + 180 - heading_deg + 180) % 360 - 180, inliers)


def test_bearings_from_two_spots_meet_at_the_position_of_the_query() -> None:
    truth = moved(HERE, 70, 5)
    found = apply_poses(consensus(), [sight(truth, 200, 8), sight(truth, 300, 6)])
    assert distance_m(found.position, truth) < 1.0 < distance_m(HERE, truth)
    assert found.position.radius_m == 3.0
    assert found.heading_deg == pytest.approx(55)


def test_one_wrong_bearing_does_not_move_the_fix() -> None:
    good = [sight(HERE, 0, 8), sight(HERE, 120, 8), sight(HERE, 240, 8)]
    bad = PoseObservation(moved(HERE, 90, 20), 0.0, 0.0, 10.0, 80)
    assert distance_m(apply_poses(consensus(), [*good, bad]).position, HERE) < 2.0


def test_one_spot_or_few_inliers_yield_a_heading_but_no_new_position() -> None:
    truth = moved(HERE, 70, 5)
    alone = apply_poses(consensus(heading_deg=0.0), [sight(truth, 200, 8)] * 2)
    weak = apply_poses(consensus(), [sight(truth, 200, 8, inliers=30), sight(truth, 300, 6, inliers=30)])
    for found in (alone, weak):
        assert distance_m(found.position, HERE) < 0.01
        assert found.heading_deg == pytest.approx(55)


def test_headings_are_averaged_through_north() -> None:
    sights = [sight(HERE, 0, 8, heading_deg=340.0), sight(HERE, 0, 8, heading_deg=350.0)]
    assert apply_poses(consensus(), sights).heading_deg == pytest.approx(0, abs=1e-6)


def test_relative_poses_of_other_places_and_weak_ones_are_ignored() -> None:
    before = consensus(heading_deg=123.0)
    far = PoseObservation(moved(HERE, 0, 500), 0.0, 0.0, 0.0, 90)
    assert apply_poses(before, [far]) == apply_poses(before, []) == before
    assert apply_poses(before, [sight(HERE, 0, 8, inliers=10)]) == before
