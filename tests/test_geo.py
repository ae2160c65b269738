"""Geodesy holds everywhere on Earth: at the 180th meridian, at the poles, and for circles that reach over them."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from viewfix.errors import BadInput
from viewfix.geo import Box, Circle, Plane, bearing_deg, distance_m, distances_m, moved, wrap_heading_deg, wrap_lon_deg
from viewfix.types import Position

HALF_WAY_ROUND_M = 20_003_932.0  # pole to pole, the longest geodesic of WGS84 is not longer than 20,003,931.46 m

lats = st.floats(-90, 90)
lons = st.floats(-180, 180)
positions = st.builds(Position, lats, lons)
bearings = st.floats(0, 360, exclude_max=True)
quick = settings(max_examples=150, deadline=None)


@quick
@given(positions, positions)
def test_a_distance_is_the_same_in_both_directions(a: Position, b: Position) -> None:
    assert distance_m(a, b) == pytest.approx(distance_m(b, a), abs=1e-3)
    assert 0 <= distance_m(a, b) <= HALF_WAY_ROUND_M


@quick
@given(lats)
def test_the_180th_meridian_has_one_place_with_two_names(lat: float) -> None:
    assert distance_m(Position(lat, 180.0), Position(lat, -180.0)) == pytest.approx(0.0, abs=1e-6)


@quick
@given(lons, lons, st.sampled_from([-90.0, 90.0]))
def test_a_pole_is_one_place_whatever_its_longitude(a: float, b: float, pole: float) -> None:
    assert distance_m(Position(pole, a), Position(pole, b)) == pytest.approx(0.0, abs=1e-6)


def test_a_step_over_the_180th_meridian_is_a_short_step() -> None:
    assert distance_m(Position(0.0, 179.9995), Position(0.0, -179.9995)) == pytest.approx(111.32, abs=0.01)


def test_a_known_distance_is_right() -> None:
    helsinki, tallinn = Position(60.1699, 24.9384), Position(59.4370, 24.7536)
    assert distance_m(helsinki, tallinn) == pytest.approx(82_300, abs=200)
    assert list(distances_m(0.0, 0.0, [1.0, 0.0], [0.0, 1.0])) == pytest.approx([110_574.4, 111_319.5], abs=0.1)


@quick
@given(positions, bearings, st.floats(0, 1_000_000))
def test_a_move_ends_at_the_distance_that_was_asked_for(start: Position, bearing: float, metres: float) -> None:
    there = moved(start, bearing, metres)
    assert distance_m(start, there) == pytest.approx(metres, abs=1e-3)


@quick
@given(st.builds(Position, st.floats(-89, 89), lons), bearings, st.floats(1, 50_000))
def test_the_bearing_to_a_moved_point_is_the_direction_of_the_move(
    start: Position, bearing: float, metres: float
) -> None:
    there = moved(start, bearing, metres)
    turn = (bearing_deg(start, there) - bearing + 180.0) % 360.0 - 180.0
    assert abs(turn) < 1e-3


def test_bearings_of_the_cardinal_directions() -> None:
    here = Position(0.0, 180.0)
    winds = [Position(1.0, 180.0), Position(0.0, -179.0), Position(-1.0, -180.0), Position(0.0, 179.0)]
    assert [bearing_deg(here, there) for there in winds] == pytest.approx([0.0, 90.0, 180.0, 270.0])


@quick
@given(st.floats(-1e6, 1e6))
def test_wrapped_angles_lie_in_their_interval_and_look_the_same_way(angle: float) -> None:
    heading, lon = wrap_heading_deg(angle), float(wrap_lon_deg(angle))
    assert 0 <= heading < 360
    assert -180 <= lon < 180
    for wrapped in (heading, lon):
        assert np.cos(np.radians(wrapped)) == pytest.approx(np.cos(np.radians(angle)), abs=1e-6)
        assert np.sin(np.radians(wrapped)) == pytest.approx(np.sin(np.radians(angle)), abs=1e-6)


@pytest.mark.parametrize("heading", [-1e-17, 360.0, -360.0, 720.0])
def test_a_full_turn_is_north(heading: float) -> None:
    assert wrap_heading_deg(heading) == 0.0


@quick
@given(positions, st.floats(0, 360), st.floats(0, 100_000))
def test_a_plane_converts_there_and_back(origin: Position, bearing: float, metres: float) -> None:
    there = moved(origin, bearing, metres)
    plane = Plane(origin)
    x, y = plane.to_xy_m([there.lat], [there.lon])[0]
    assert np.hypot(x, y) == pytest.approx(metres, abs=1e-3)
    assert distance_m(plane.to_position(float(x), float(y)), there) < 1e-3


def test_a_plane_has_east_to_the_right_and_north_up() -> None:
    x, y = Plane(Position(0.0, 180.0)).to_xy_m([0.0, 0.001], [-179.999, 180.0]).T
    assert x == pytest.approx([111.32, 0.0], abs=0.01)
    assert y == pytest.approx([0.0, 110.57], abs=0.01)


@settings(max_examples=400, deadline=None)
@given(positions, st.floats(0, HALF_WAY_ROUND_M), bearings, st.floats(0, 1))
def test_the_boxes_of_a_circle_cover_everything_in_it(
    centre: Position, radius: float, bearing: float, share: float
) -> None:
    inside = moved(centre, bearing, radius * share)
    circle = Circle(centre.lat, centre.lon, radius)
    assume(bool(circle.contains([inside.lat], [inside.lon])[0]))
    assert any(bool(box.contains(inside.lat, inside.lon)) for box in circle.boxes())


@settings(max_examples=400, deadline=None)
@given(st.floats(80, 90), st.sampled_from([-1, 1]), lons, st.floats(1, 2_000_000), bearings)
def test_the_boxes_of_a_circle_near_a_pole_hold_its_edge(
    lat: float, side: int, lon: float, radius: float, bearing: float
) -> None:
    circle = Circle(lat * side, lon, radius)
    edge = moved(Position(lat * side, lon), bearing, radius * 0.999999)
    assert any(bool(box.contains(edge.lat, edge.lon)) for box in circle.boxes())


@pytest.mark.parametrize("lat", [0.0, 45.0, -60.0, 75.0, 85.0, -89.0])
@pytest.mark.parametrize("lon", [0.0, 180.0, -180.0, 179.9999, -179.9999])
@pytest.mark.parametrize("radius", [0.0, 1.0, 50.0, 5_000.0, 100_000.0, 3_000_000.0])
def test_the_boxes_of_a_circle_hold_the_whole_of_its_edge(lat: float, lon: float, radius: float) -> None:
    boxes = Circle(lat, lon, radius).boxes()
    for bearing in range(0, 360, 15):
        point = moved(Position(lat, lon), bearing, radius * (1 - 1e-9))
        assert any(bool(box.contains(point.lat, point.lon)) for box in boxes), point


def test_the_boxes_of_a_small_circle_are_small() -> None:
    (box,) = Circle(60.0, 25.0, 100.0).boxes()
    assert box.north - box.south < 0.0019
    assert box.east - box.west < 0.0038


def test_a_circle_on_the_180th_meridian_has_a_box_on_either_side() -> None:
    west, east = Circle(0.0, 179.9999, 100.0).boxes()
    assert west.east == 180.0
    assert east.west == -180.0


@quick
@given(st.tuples(lats, lats), lons, lons, lats, lons)
def test_a_box_and_its_boxes_hold_the_same_points(
    south_north: tuple[float, float], west: float, east: float, lat: float, lon: float
) -> None:
    box = Box(min(south_north), west, max(south_north), east)
    for part in box.boxes():
        assert part.west <= part.east
    assert bool(box.contains(lat, lon)) == any(bool(part.contains(lat, lon)) for part in box.boxes())


def test_a_box_over_the_180th_meridian_does_not_hold_the_rest_of_the_world() -> None:
    fiji = Box(-21.0, 177.0, -12.0, -178.0)
    assert list(fiji.contains([-17.0, -17.0, -17.0], [178.0, -179.0, 0.0])) == [True, True, False]


def test_a_box_upside_down_is_refused() -> None:
    with pytest.raises(BadInput, match="south .* above its north"):
        Box(10.0, 0.0, 5.0, 1.0)


def test_places_that_are_not_on_earth_are_refused() -> None:
    for lat, lon in [(91.0, 0.0), (0.0, 181.0), (float("nan"), 0.0), (6_672_000.0, 385_000.0)]:
        with pytest.raises(BadInput, match="swapped"):
            Position(lat, lon)
