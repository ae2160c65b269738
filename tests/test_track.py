"""Tracks of a moving camera, on maps with made descriptors."""

import dataclasses
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tracks import DIM, looks, made_map, seen, street

from viewfix import BadInput, Map, Position
from viewfix.geo import distance_m, moved
from viewfix.track.answer import answer_of
from viewfix.track.belief import unknown
from viewfix.track.calibrate import Walk, calibrated
from viewfix.track.filter import stepped
from viewfix.track.look import NO_LOOK
from viewfix.track.modes import MODES, mode_named
from viewfix.track.motion import speed_changes
from viewfix.track.places import Places
from viewfix.track.state import MAGIC, TrackState

PLACES, SPACING_M, STEP_S = 60, 6.0, 4.0
LOOKS = looks(PLACES)
STREET = street(PLACES, SPACING_M)
NOISE = 1.0


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_map(tmp_path_factory.mktemp("track") / "street.map", STREET, LOOKS)


@pytest.fixture
def city(path: Path) -> Iterator[Map]:
    with Map.open(path) as opened:
        yield opened


def frame(place: int, seed: int | None = None, noise: float = NOISE) -> np.ndarray:
    return seen(LOOKS[place], noise, place if seed is None else seed)


def foreign(seed: int) -> np.ndarray:
    return looks(1, 50_000 + seed)[0]


def test_a_walk_is_followed_with_its_direction_and_speed(city):
    with city.track(mode="walk") as track:
        fixes = [track.add(frame(i), at=STEP_S * i) for i in range(40)]
    errors = [distance_m(fix.position, STREET[i]) for i, fix in enumerate(fixes) if fix.found]
    assert len(errors) >= 36 and np.median(errors) < 4
    assert fixes[-1].confidence > 0.9 and fixes[-1].p_off < 0.1
    assert abs(fixes[-1].direction_deg - 90) < 25 and 1.0 < fixes[-1].speed_mps < 2.2


def test_weak_frames_are_found_by_their_order_where_single_frames_are_not(city):
    noise = 3.0
    alone = [int(np.argmax(LOOKS @ frame(i, noise=noise))) for i in range(PLACES)]
    with city.track(mode="walk") as track:
        track.least_confidence = 0.0
        fixes = [track.add(frame(i, noise=noise), at=STEP_S * i) for i in range(PLACES)]
    single = np.mean([abs(found - i) <= 2 for i, found in enumerate(alone)])
    tracked = np.mean([distance_m(fix.position, STREET[i]) <= 15 for i, fix in enumerate(fixes)])
    assert single < 0.6 and tracked > single + 0.2


def test_foreign_frames_are_not_on_this_map_and_the_way_back_is_found_within_three_frames(city):
    with city.track(mode="walk") as track:
        before = [track.add(frame(i, noise=0.7), at=STEP_S * i) for i in range(15)]
        inside = [track.add(foreign(i), at=STEP_S * (15 + i)) for i in range(20)]
        after = [track.add(frame(35 + i, noise=0.7), at=STEP_S * (35 + i)) for i in range(8)]
    assert np.mean([fix.p_off for fix in before[3:]]) < 0.05
    assert not inside[-1].found and "not on this map" in inside[-1].reason
    assert distance_m(after[2].position, STREET[37]) < 15


def test_a_camera_that_was_carried_elsewhere_is_found_again(city):
    with city.track(mode="walk") as track:
        for i in range(10):
            track.add(frame(i, noise=0.5), at=STEP_S * i)
        fixes = [track.add(frame(45 + i, noise=0.5), at=STEP_S * (10 + i)) for i in range(4)]
    assert distance_m(fixes[-1].position, STREET[48]) < 15


def test_a_saved_track_goes_on_as_if_it_had_not_been_saved(city):
    track = city.track(mode="walk")
    for i in range(8):
        track.add(frame(i), at=STEP_S * i)
    again = city.track(state=track.save())
    assert again.mode.name == "walk"
    for i in range(8, 14):
        assert again.add(frame(i), at=STEP_S * i) == track.add(frame(i), at=STEP_S * i)
    assert again.save() == track.save()


def test_a_state_survives_a_map_that_grows(path, tmp_path):
    own = made_map(tmp_path / "grows.map", STREET, LOOKS)
    with Map.open(own) as city:
        track = city.track(mode="walk")
        for i in range(10):
            before = track.add(frame(i), at=STEP_S * i)
        with city.store.__class__.open(own, write=True) as writer:
            [record] = [r for r in writer.records() if r.photo.id == "0000.jpg"]
            far = dataclasses.replace(record.photo, id="new.jpg", position=moved(STREET[0], 270, 500))
            writer.put([dataclasses.replace(record, photo=far, content_hash="f" * 32)], looks(1, 99))
        after = track.add(frame(10), at=STEP_S * 10)
    assert distance_m(before.position, STREET[9]) < 15 and distance_m(after.position, STREET[10]) < 15


def test_a_state_of_another_map_is_refused(city, tmp_path):
    other = made_map(tmp_path / "other.map", STREET, LOOKS)
    saved = city.track().save()
    with Map.open(other) as elsewhere, pytest.raises(BadInput, match="belongs to another map"):
        elsewhere.track(state=saved)


@pytest.mark.parametrize("change", ["cut", "flip", "magic", "empty", "bomb", "json", "nan"])
def test_a_state_that_was_tampered_with_is_refused_in_one_line(city, change):
    track = city.track()
    track.add(frame(3), at=0)
    saved = track.save()
    head, _, body = zlib.decompress(saved[len(MAGIC) :]).partition(b"\n")
    changed = {
        "cut": saved[: len(saved) // 2],
        "flip": MAGIC + zlib.compress(head + b"\n" + bytes(255 - b for b in body)),
        "magic": b"xxxx" + saved[4:],
        "empty": b"",
        "bomb": MAGIC + zlib.compress(b"0" * (64 << 20)),
        "json": MAGIC + zlib.compress(b"[1]\n" + body),
        "nan": MAGIC + zlib.compress(head.replace(b'"rest": [', b'"rest": [NaN, ') + b"\n" + body),
    }[change]
    with pytest.raises(BadInput, match="damaged") as error:
        city.track(state=changed)
    assert "\n" not in str(error.value)


def test_time_that_goes_backwards_is_refused_and_the_track_stays_as_it_was(city):
    track = city.track()
    track.add(frame(0), at=100.0)
    saved = track.save()
    with pytest.raises(BadInput, match=r"60 s older than the one before"):
        track.add(frame(1), at=40.0)
    assert track.save() == saved
    with pytest.raises(BadInput, match="finite"):
        track.add(frame(1), at=float("nan"))


def test_two_frames_of_one_time_are_two_looks_at_one_place(city):
    track = city.track(mode="walk")
    for i in range(5):
        track.add(frame(i), at=STEP_S * i)
    fix = track.add(frame(4, seed=77), at=STEP_S * 4)
    assert distance_m(fix.position, STREET[4]) < 10


def test_after_an_hour_the_camera_may_be_anywhere(city):
    track = city.track(mode="walk")
    for i in range(10):
        track.add(frame(i), at=STEP_S * i)
    fixes = [track.add(frame(50 + i, noise=0.7), at=3600 + STEP_S * i) for i in range(3)]
    assert distance_m(fixes[-1].position, STREET[52]) < 15


def test_times_may_be_datetimes_and_frames_may_be_irregular(city):
    began = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    track = city.track(mode="walk")
    place, clock = 0, 0.0
    for steps in (1, 3, 1, 2, 5, 1, 1, 4, 2, 1):
        place, clock = place + steps, clock + STEP_S * steps
        fix = track.add(frame(place), at=began + timedelta(seconds=clock))
    assert distance_m(fix.position, STREET[place]) < 10
    assert fix.time_s == (began + timedelta(seconds=clock)).timestamp()


def test_headings_of_the_map_decide_between_two_views_of_one_place(tmp_path):
    """East and west views of a street look like those of another street, in the other order."""
    positions = [p for p in street(20, 6.0) for _ in range(2)]
    rows = looks(40, 5)
    path = made_map(tmp_path / "views.map", positions, rows, [90.0, 270.0] * 20)
    with Map.open(path) as city:
        track = city.track(mode="walk")
        for i in range(12):
            fix = track.add(seen(rows[2 * i], 0.8, i), at=STEP_S * i)
        assert abs(fix.heading_deg - 90) < 20
        turned = [track.add(seen(rows[2 * i + 1], 0.8, 100 + i), at=STEP_S * i) for i in range(12, 15)]
    assert abs(turned[-1].heading_deg - 270) < 20 and distance_m(turned[-1].position, positions[28]) < 15


def test_a_map_without_headings_gives_no_heading(city):
    track = city.track(mode="walk")
    fixes = [track.add(frame(i), at=STEP_S * i) for i in range(6)]
    assert fixes[-1].found and fixes[-1].heading_deg is None


def test_a_map_with_ten_photos_can_be_tracked(tmp_path):
    rows = looks(10, 3)
    with Map.open(made_map(tmp_path / "ten.map", street(10, 6.0), rows)) as city:
        track = city.track(mode="walk")
        fixes = [track.add(seen(rows[i], 0.3, i), at=STEP_S * i) for i in range(10)]
    assert 0 <= fixes[-1].confidence <= 1 and fixes[-1].position is not None
    assert distance_m(fixes[-1].position, street(10, 6.0)[9]) < 15


def test_an_empty_map_says_so(tmp_path):
    empty = made_map(tmp_path / "empty.map", [], np.empty((0, DIM), np.float32))
    with Map.open(empty) as city, pytest.raises(BadInput, match="has no photos"):
        city.track()


def test_a_map_of_two_towns_is_tracked_in_either(tmp_path):
    there = street(PLACES, SPACING_M, Position(-33.9, 151.2))
    rows = np.concatenate([LOOKS, looks(PLACES, 8)])
    with Map.open(made_map(tmp_path / "two.map", [*STREET, *there], rows)) as city:
        track = city.track(mode="walk")
        for i in range(6):
            fix = track.add(frame(i, noise=0.6), at=STEP_S * i)
        assert distance_m(fix.position, STREET[5]) < 15
        for i in range(4):
            fix = track.add(seen(rows[PLACES + 20 + i], 0.6, i), at=86_400 + STEP_S * i)
    assert distance_m(fix.position, there[23]) < 15


def test_a_track_crosses_the_180th_meridian(tmp_path):
    across = street(PLACES, SPACING_M, moved(Position(60.0, 180.0), 270, 180))
    with Map.open(made_map(tmp_path / "fiji.map", across, LOOKS)) as city:
        track = city.track(mode="walk")
        fixes = [track.add(frame(i), at=STEP_S * i) for i in range(PLACES)]
    errors = [distance_m(fix.position, across[i]) for i, fix in enumerate(fixes) if fix.found]
    assert len(errors) > 50 and np.median(errors) < 4


def test_gps_decides_between_streets_that_look_alike(tmp_path):
    twin = street(PLACES, SPACING_M, moved(STREET[0], 0, 800))
    rows = np.concatenate([LOOKS, LOOKS])
    with Map.open(made_map(tmp_path / "twins.map", [*STREET, *twin], rows)) as city:
        alone, helped = city.track(mode="walk"), city.track(mode="walk")
        for i in range(12):
            unsure = alone.add(frame(i, noise=0.6), at=STEP_S * i)
            near = moved(twin[i], 200, 20)
            sure = helped.add(frame(i, noise=0.6), at=STEP_S * i, gps=Position(near.lat, near.lon, 30.0))
    assert unsure.confidence < 0.7
    assert sure.confidence > 0.9 and distance_m(sure.position, twin[11]) < 15


def test_a_wrong_gps_position_does_not_move_a_track_that_is_sure(city):
    track = city.track(mode="walk")
    for i in range(10):
        track.add(frame(i, noise=0.5), at=STEP_S * i)
    fix = track.add(frame(10, noise=0.5), at=STEP_S * 10, gps=moved(STREET[10], 0, 3000))
    assert distance_m(fix.position, STREET[10]) < 15


def test_steps_tell_standing_from_walking(city):
    standing, walking = city.track(mode="walk"), city.track(mode="walk")
    for i in range(8):
        for track in (standing, walking):
            track.add(frame(i), at=STEP_S * i)
    still = standing.add(frame(8), at=STEP_S * 8, steps=0)
    moving = walking.add(frame(8), at=STEP_S * 8, steps=9)
    assert still.speed_mps < moving.speed_mps


def test_a_compass_makes_the_direction_of_the_camera_known(tmp_path):
    rows = looks(40, 5)
    positions = [p for p in street(20, 6.0) for _ in range(2)]
    path = made_map(tmp_path / "views.map", positions, np.repeat(rows[::2], 2, axis=0), [90.0, 270.0] * 20)
    with Map.open(path) as city:
        track = city.track(mode="walk")
        for i in range(6):
            fix = track.add(seen(rows[2 * i], 0.5, i), at=STEP_S * i, compass_deg=265.0)
    assert abs(fix.heading_deg - 270) < 20


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"compass_deg": 400.0}, "compass_deg"),
        ({"steps": -1}, "steps"),
        ({"at": "noon"}, "seconds"),
    ],
)
def test_a_value_out_of_range_is_named(city, bad, message):
    with pytest.raises(BadInput, match=message):
        city.track().add(frame(0), **({"at": 0.0} | bad))


def test_a_mode_that_does_not_exist_is_refused_with_those_that_do(city):
    with pytest.raises(BadInput, match="'fly' is not a mode of travel. Use one of: walk, cycle, drive, train, auto"):
        city.track(mode="fly")


def test_a_descriptor_of_another_length_is_refused(city):
    with pytest.raises(BadInput, match=rf"Pass {DIM} finite numbers"):
        city.track().add(np.ones(7, np.float32), at=0.0)


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda m: m.name)
def test_speed_changes_are_probabilities_and_need_time(mode):
    for elapsed_s in (0.03, 1.0, 60.0, 3600.0):
        changes = speed_changes(mode, elapsed_s)
        assert np.allclose(changes.sum(axis=1), 1) and changes.min() > 0
    assert np.all(np.diag(speed_changes(mode, 0.03)) > 0.9)


@pytest.mark.parametrize("mode", MODES)
def test_a_belief_stays_a_probability_in_every_mode(city, mode):
    track = city.track(mode=mode)
    clock = 0.0
    for i, gap in enumerate([0.0, 0.04, 1, 10, 0, 300, 5, 86_400, 1, 1]):
        clock += gap
        track.add(frame(3 * i), at=clock)
        belief = track.state.belief
        assert np.isclose(belief.on.sum() + belief.off.sum() + belief.rest_on + belief.rest_off, 1, atol=1e-5)
        assert np.allclose(belief.views.sum(axis=1), 1, atol=1e-5)
        assert min(belief.on.min(), belief.off.min(), belief.rest_on, belief.rest_off) >= 0


def test_a_state_is_small_on_a_large_map(tmp_path):
    rng = np.random.default_rng(0)
    at = [moved(STREET[0], *pair) for pair in zip(rng.uniform(0, 360, 3000), rng.uniform(0, 2000, 3000), strict=True)]
    rows = looks(3000, 11)
    with Map.open(made_map(tmp_path / "town.map", at, rows)) as city:
        track = city.track()
        for i in range(5):
            track.add(seen(rows[i], 2.0, i), at=float(i))
        assert len(track.state.belief.places) <= 300 and len(track.save()) < 64_000


def test_places_group_photos_and_find_their_neighbours():
    at = street(50, 3.0)
    lats, lons = np.array([p.lat for p in at]), np.array([p.lon for p in at])
    places = Places.of(np.arange(1, 51), lats, lons, 6.0)
    assert 24 <= len(places) <= 26 and 5.5 < places.spacing_m < 6.5
    near = places.near(np.array([10]), 13.0)
    east, north = places.offsets_m(np.full(len(places), 10), np.arange(len(places)))
    assert set(np.flatnonzero(np.hypot(east, north) <= 13.0)) <= set(near.tolist()) and len(near) < 12
    assert places.places_of_rows(np.array([1, 50, 999])).tolist() == [0, len(places) - 1, -1]
    assert places.keys.max() < 2**53


def test_what_all_frames_share_does_not_hide_what_tells_places_apart(city):
    # Frames in snow, on a map where one photo has snow: all frames resemble that photo.
    snow, look, places = LOOKS[PLACES - 1], NO_LOOK, city.tracking.places(MODES["walk"])

    def snowy(i: int) -> np.ndarray:
        row = frame(i, noise=0.5) + 1.5 * snow
        return (row / np.linalg.norm(row)).astype(np.float32)

    for i in range(40):
        look = look.with_frame(snowy(i), 1.0)
    alone = city.tracking.sight(snowy(7), places)[0]
    clear = city.tracking.sight(snowy(7), places, look)[0]
    at = city.tracking.places(MODES["walk"]).places_of_rows(city.store.positions()[0][[7, PLACES - 1]]).tolist()
    best = [each.places[each.standing.max(axis=1).argmax()] for each in (alone, clear)]
    assert best == at[::-1]
    assert clear.top == pytest.approx(alone.top), "a foreign frame is known by its own cosines"


def test_a_camera_that_stands_still_shows_nothing_new(city):
    with city.track(mode="walk") as track:
        for i in range(12):
            track.add(frame(i), at=5.0 * i)
        moving = track.state.look.weight
        for i in range(12):
            track.add(frame(11, seed=50 + i), at=60.0 + 5.0 * i)
        standing = track.state.look.weight - moving
    assert standing < moving / 2


def test_the_position_is_that_of_the_photo_that_the_frame_resembles_in_the_place_believed(city):
    with city.track(mode="walk") as track:
        for i in range(10):
            fix = track.add(frame(i), at=5.0 * i)
    assert distance_m(fix.position, STREET[9]) < 0.1


def test_nothing_is_known_before_the_first_frame():
    belief = unknown(3)
    assert belief.p_off == 0.5 and not len(belief.places)


def test_a_long_pause_does_not_swap_on_and_off_the_map(city):
    track = city.track(mode="walk")
    for i in range(10):
        track.add(frame(i, noise=0.5), at=STEP_S * i)
    fix = track.add(frame(10, noise=0.5), at=7200.0)
    assert fix.p_off < 0.3


def walk(noise: float, seed: int) -> Walk:
    """A walk along the whole street, each frame with noise of its own."""
    frames = np.stack([frame(i, seed=1_000 * seed + i, noise=noise) for i in range(PLACES)])
    return Walk(frames, [STEP_S * i for i in range(PLACES)], STREET)


def test_a_calibrated_track_says_how_often_it_is_right_on_a_walk_that_it_has_not_seen(city):
    strangers = np.stack([foreign(i) for i in range(60)])
    model = calibrated(
        city.tracking, [walk(2.0 + n % 2, n) for n in range(5, 11)], strangers, mode="walk", right_m=15.0
    )
    assert model.slope > 0 and model.foreign_slope > 0
    for values in (model.said, model.true):
        assert list(values) == sorted(values) and values[0] >= 0 and values[-1] <= 1
    said, right = [], []
    for seed, noise in ((3, 2.0), (4, 3.0)):
        unseen = walk(noise, seed)
        state = TrackState.new("", mode_named("walk"))
        places = city.tracking.places(mode_named("walk"))
        for descriptor, time_s, at in zip(unseen.descriptors, unseen.times_s, unseen.positions, strict=True):
            state = stepped(state, city.tracking.sight(descriptor, places)[0], time_s, places, model)
            answer = answer_of(state.belief, places, mode_named("walk"), 15.0)
            said.append(model.calibrated(answer.probability))
            right.append(distance_m(Position(answer.lat, answer.lon), at) <= 15.0)
    assert abs(np.mean(said) - np.mean(right)) < 0.12 and np.mean(right) > 0.2


def test_too_few_frames_to_calibrate_are_counted(city):
    few = walk(1.0, 1)
    short = Walk(few.descriptors[:30], few.times_s[:30], few.positions[:30])
    with pytest.raises(BadInput, match="30 frames are too few to calibrate a track. Record 100 or more"):
        calibrated(city.tracking, [short], np.empty((0, DIM), np.float32), mode="walk")
