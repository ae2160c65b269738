"""The clock of a camera against a track, by motion: found where it is clear, left alone and told where it is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from recordings import LAT, LON, METRE_LON, gpx, write_film

from viewfix import BadInput, Photo, Skipped
from viewfix.sources import SourceOptions, notes_of, open_for_map
from viewfix.telemetry import Track, TrackPoint
from viewfix.telemetry.clock import ClockOptions, film_begins
from viewfix.telemetry.motion import Motion, match_motion, varies
from viewfix.telemetry.read import FilmTrack

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SECONDS = 400


def drive(seed: int, seconds: int = SECONDS) -> np.ndarray:
    """Speeds of a walk with stops of different lengths, metres a second, one for each second."""
    random = np.random.default_rng(seed)
    speeds: list[float] = []
    while len(speeds) < seconds:
        speeds += [random.uniform(1.2, 1.8)] * int(random.uniform(6, 30)) + [0.0] * int(random.uniform(3, 15))
    return np.convolve(speeds[:seconds], np.ones(3) / 3, "same")


def track_of(speeds: np.ndarray) -> Track:
    metres = np.concatenate([[0.0], np.cumsum(speeds)])
    return Track([TrackPoint(float(n), LAT, LON + x * METRE_LON) for n, x in enumerate(metres)], started_at=NOON)


def motion_of(speeds: np.ndarray, begins_s: float, length_s: int = 200, noise: float = 0.3) -> Motion:
    times = np.arange(float(length_s))
    seen = np.interp(times + begins_s, np.arange(len(speeds)) + 0.5, speeds) + 0.1
    return Motion(times, seen * np.exp(np.random.default_rng(1).normal(0, noise, length_s)))


def test_motion_finds_where_a_film_begins_on_a_track_and_how_sure_that_is() -> None:
    speeds = drive(0)
    found = match_motion(motion_of(speeds, 87.3), track_of(speeds), 0.0, 200.0)
    assert found is not None and found.is_clear
    assert abs(found.begins_s - 87.3) <= max(1.0, found.error_s)
    assert found.correlation > 0.8 and found.elsewhere < 0.6 and found.error_s < 3


@pytest.mark.parametrize("seed", range(5))
def test_motion_of_another_walk_is_never_a_clear_match(seed: int) -> None:
    found = match_motion(motion_of(drive(100 + seed), 87.3), track_of(drive(seed)), 0.0, 200.0)
    assert found is not None and not found.is_clear


def test_a_walk_whose_stops_repeat_fits_in_several_places_and_is_not_clear() -> None:
    speeds = np.tile(np.repeat([1.5, 0.0], [20, 10]), 14)
    found = match_motion(motion_of(speeds, 87.3, noise=0.1), track_of(speeds), 0.0, 200.0)
    assert found is not None and not found.is_clear
    assert found.correlation > 0.7 and found.elsewhere > 0.7


def test_at_constant_speed_or_without_moving_no_picture_is_looked_at() -> None:
    track = track_of(np.full(SECONDS, 1.5))
    assert not varies(track, 0.0, SECONDS)
    assert not varies(track_of(np.zeros(SECONDS)), 0.0, SECONDS)

    def measure() -> Motion:
        raise AssertionError

    begins = film_begins("f.mp4", FilmTrack(None, NOON), 200.0, track, ClockOptions(), measure)
    assert (begins.begins_s, begins.note) == (0.0, None)


def test_a_track_of_years_is_not_searched() -> None:
    """Its times are wrong; a search would take all memory."""
    track = Track([TrackPoint(0.0, LAT, LON), TrackPoint(2e9, LAT, LON + 1)], started_at=NOON)
    assert not varies(track, 0.0, 2e9)
    assert match_motion(motion_of(drive(0), 0.0), track, 0.0, 2e9) is None


def begins(
    speeds: np.ndarray, true_s: float, camera_s: float | None, clock: ClockOptions | None = None
) -> tuple[float, str]:
    created = None if camera_s is None else NOON + timedelta(seconds=camera_s)
    found = film_begins(
        "f.mp4",
        FilmTrack(None, created),
        200.0,
        track_of(speeds),
        clock or ClockOptions(),
        lambda: motion_of(speeds, true_s),
    )
    return found.begins_s, found.note or ""


def test_a_clock_that_is_behind_is_corrected_and_told() -> None:
    at_s, note = begins(drive(0), 87.3, 50.0)
    assert abs(at_s - 87.3) < 1.5
    assert "s behind track" in note and "correlation 0." in note and "--clock-offset" in note and "\n" not in note
    assert "ahead of" in begins(drive(0), 87.3, 120.0)[1]


def test_a_clock_that_is_right_is_left_alone_and_told() -> None:
    at_s, note = begins(drive(0), 87.3, 87.0)
    assert at_s == 87.0 and "fits track" in note


def test_a_clock_that_motion_cannot_judge_is_used_as_it_is_and_told() -> None:
    speeds = drive(0)
    other = motion_of(drive(100), 0.0)
    found = film_begins("f.mp4", FilmTrack(None, NOON), 200.0, track_of(speeds), ClockOptions(), lambda: other)
    assert found.begins_s == 0.0
    assert found.note is not None and "used as it is" in found.note and "does not show" in found.note


def test_what_the_caller_says_of_the_clock_is_not_corrected() -> None:
    assert begins(drive(0), 87.3, 50.0, ClockOptions(offset_s=3.0)) == (53.0, "")


def test_a_film_without_a_time_is_placed_where_its_motion_fits_or_refused() -> None:
    at_s, note = begins(drive(0), 87.3, None)
    assert abs(at_s - 87.3) < 1.5 and "after the first point" in note
    with pytest.raises(BadInput, match="the motion in its pictures does not show it either"):
        film_begins(
            "f.mp4", FilmTrack(None), 200.0, track_of(drive(0)), ClockOptions(), lambda: motion_of(drive(9), 80.0)
        )


def test_the_motion_in_a_film_corrects_the_clock_of_its_camera(tmp_path: Path) -> None:
    """A wall that passes by as fast as the camera moves: the clock of the camera is 25 seconds behind."""
    speeds = drive(3, 260)
    wall = np.random.default_rng(0).integers(0, 256, (15, 400, 3)).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    metres = np.concatenate([[0.0], np.cumsum(speeds)])

    def draw(number: int) -> np.ndarray:
        left = int(8 * np.interp(60 + number / 5, np.arange(len(metres)), metres)) % (wall.shape[1] - 160)
        return wall[:, left : left + 160]

    film = write_film(
        tmp_path / "f.mp4", 700, rate=5, group=5, size=(160, 120), draw=draw, created=NOON + timedelta(seconds=35)
    )
    track = gpx(tmp_path / "t.gpx", [(LAT, LON + x * METRE_LON) for x in metres], NOON)
    source = open_for_map(film, options=SourceOptions(gpx=track))
    photos = list(source)
    assert not any(isinstance(each, Skipped) for each in photos)
    [note] = notes_of(source).kept
    assert "s behind t.gpx" in note
    first = photos[0]
    assert isinstance(first, Photo) and first.view is not None and first.view.time_s is not None
    true_m = np.interp(60 + first.view.time_s, np.arange(len(metres)), metres)
    assert abs((first.position.lon - LON) / METRE_LON - true_m) < 2.0
