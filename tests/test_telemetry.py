"""Tracks from films and GPX files: every format, without a fix and damaged; positions and headings in between."""

import math
import random
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from drawn import INGEST, real
from recordings import (
    LAT,
    LON,
    METRE_LAT,
    box,
    camm5,
    camm6,
    eastwards,
    full,
    glpi,
    gps5,
    gps9,
    gpx,
    header,
    movie,
    nmea,
)  # fmt: skip

from viewfix import BadInput
from viewfix.geo import distance_m
from viewfix.telemetry import Track, TrackPoint, film_track, read_gpx
from viewfix.types import Position

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def film(tmp_path: Path, content: bytes, name: str = "film.mp4") -> Path:
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def walk(*places: tuple[float, float, float]) -> Track:
    """A track of (seconds, metres east, metres north)."""
    return Track(TrackPoint(s, LAT + north * METRE_LAT, LON + east / 55_800.0) for s, east, north in places)


# Formats


def test_gps5_of_gopro_is_read_with_the_time_of_the_satellites(tmp_path: Path) -> None:
    places = eastwards(6, 2.0)
    found = film_track(film(tmp_path, movie(b"gpmd", [gps5(places[:3]), gps5(places[3:])])))
    assert found.track is not None and found.track.source == "GPS of GoPro (GPS5)"
    assert [point.time_s for point in found.track.points] == pytest.approx([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3])
    assert [(p.lat, p.lon) for p in found.track.points] == [pytest.approx(place, abs=1e-7) for place in places]
    assert found.track.points[0].altitude_m == 12.5
    assert found.track.started_at == NOON


@pytest.mark.parametrize(
    "bad", [gps5([(LAT, LON)], fix=0), gps5([(LAT, LON)], dop=99.0), gps5([(0.0, 0.0)]), gps5([(95.0, 10.0)])]
)
def test_seconds_without_a_fix_have_no_position(tmp_path: Path, bad: bytes) -> None:
    samples = [bad, *(gps5([place]) for place in eastwards(2, 2.0))]
    found = film_track(film(tmp_path, movie(b"gpmd", samples)))
    assert found.track is not None
    assert [point.time_s for point in found.track.points] == [1.0, 2.0]
    assert found.track.at(0.5) is None


def test_gps9_is_preferred_and_says_for_each_point_whether_it_has_a_fix(tmp_path: Path) -> None:
    both = gps5(eastwards(1, 1.0)) + gps9([(LAT, LON)], seconds=43_200.0)
    samples = [both, gps9([(LAT, LON)], fix=0), gps9([(LAT, LON)], dop=50), gps9([(LAT + 1e-5, LON)])]
    found = film_track(film(tmp_path, movie(b"gpmd", samples)))
    assert found.track is not None and found.track.source.endswith("(GPS9)")
    assert [point.time_s for point in found.track.points] == [0.0, 3.0]
    assert found.track.started_at == NOON


def test_the_position_of_a_drone_by_gopro_has_the_heading_of_its_nose(tmp_path: Path) -> None:
    found = film_track(film(tmp_path, movie(b"gpmd", [glpi(eastwards(2, 1.0), 331.5)])))
    assert found.track is not None
    where = found.track.at(0.25)
    assert where is not None and where.heading_deg == pytest.approx(331.5), "not that of travel, which is 90"


def test_camera_motion_metadata_is_read_with_its_accuracy(tmp_path: Path) -> None:
    plain = [camm5(*place) for place in eastwards(3, 1.0)]
    found = film_track(film(tmp_path, movie(b"camm", plain, delay_s=2.0)))
    assert found.track is not None
    assert [point.time_s for point in found.track.points] == [2.0, 3.0, 4.0], "the track begins later than the film"
    full_ = [*plain, camm6(LAT, LON), camm6(LAT, LON, fix=0), camm6(LAT, LON + 1e-5, radius_m=-1.0)]
    richer = film_track(film(tmp_path, movie(b"camm", full_)))
    assert richer.track is not None
    assert [(point.time_s, point.radius_m) for point in richer.track.points] == [(3.0, 3.5), (5.0, None)]
    assert richer.track.started_at == NOON - timedelta(seconds=3)


def test_the_sentences_of_a_dashcam_are_read(tmp_path: Path) -> None:
    stamp = round(NOON.timestamp() * 1000)
    lines = (
        nmea(LAT, LON, stamp, "V")
        + b"[x]$GPRMC,broken\r\n"
        + nmea(LAT, LON, stamp + 1000)
        + nmea(-LAT, -LON, stamp + 2000)
    )
    content = box(b"ftyp", b"3gp4") + box(b"free", box(b"cprt", b"x") + box(b"gps ", lines)) + box(b"moov", header())
    found = film_track(film(tmp_path, content))
    assert found.track is not None and found.track.started_at == NOON
    assert [(p.time_s, round(p.lat, 6), round(p.lon, 6)) for p in found.track.points] == [
        (1.0, LAT, LON),
        (2.0, -LAT, -LON),
    ]


SRT = """1
00:00:00,000 --> 00:00:01,000
<font size="36">FrameCnt: 1, DiffTime: 33ms
2024-05-01 12:00:00,000
[iso: 100] [latitude: 60.0] [longitude: 24.0] [rel_alt: 1.5 abs_alt: 20.5] [gb_yaw: -90.0] </font>

2
00:00:01,500 --> 00:00:02,000
[latitude : 60.00001] [longtitude : 24.00002] [altitude: 20]

3
00:01:02,000 --> 00:01:03,000
HOME(24.0,60.0) GPS(24.00003,60.00002,17) BAROMETER:1.9

4
00:01:03,000 --> 00:01:04,000
[latitude: 0.000000] [longitude: 0.000000]
"""


@pytest.mark.parametrize("ending", [".SRT", ".srt"])
def test_the_subtitles_of_a_drone_are_read_from_beside_the_film(tmp_path: Path, ending: str) -> None:
    file = film(tmp_path, box(b"ftyp", b"isom") + box(b"moov", header()), "DJI_0001.MP4")
    file.with_suffix(ending).write_bytes(SRT.replace("\n", "\r\n").encode())
    track = film_track(file).track
    assert track is not None
    assert [(p.time_s, p.lat, p.lon) for p in track.points] == [
        (0.0, 60.0, 24.0), (1.5, 60.00001, 24.00002), (62.0, 60.00002, 24.00003),
    ]  # fmt: skip
    assert (track.points[0].altitude_m, track.points[0].heading_deg) == (20.5, 270.0)


def test_the_position_of_a_phone_is_that_of_the_beginning(tmp_path: Path) -> None:
    android = box(b"udta", box(b"\xa9xyz", struct.pack(">HH", 18, 0x15C7) + b"+60.0000+024.0000/"))
    found = film_track(film(tmp_path, box(b"moov", header(NOON) + android)))
    assert found.is_one_position and found.track is not None and found.created_at == NOON
    assert [(p.time_s, p.lat, p.lon) for p in found.track.points] == [(0.0, 60.0, 24.0)]
    keys = [b"com.apple.quicktime.location.ISO6709", b"com.apple.quicktime.location.accuracy.horizontal",
            b"com.apple.quicktime.creationdate"]  # fmt: skip
    values = [b"-60.5-024.25+012.000/", b"4.7", b"2024-05-01T15:00:00+0300"]
    items = b"".join(
        box(struct.pack(">I", n + 1), box(b"data", struct.pack(">II", 1, 0) + value)) for n, value in enumerate(values)
    )
    apple = box(
        b"meta", full(b"keys", struct.pack(">I", 3) + b"".join(box(b"mdta", key) for key in keys)) + box(b"ilst", items)
    )
    found = film_track(film(tmp_path, box(b"moov", header() + apple)))
    assert found.track is not None and found.created_at == NOON
    point = found.track.points[0]
    assert (point.lat, point.lon, point.altitude_m, point.radius_m) == (-60.5, -24.25, 12.0, 4.7)


def test_a_film_without_anything_has_no_track(tmp_path: Path) -> None:
    assert film_track(film(tmp_path, box(b"moov", header()))).track is None
    assert film_track(film(tmp_path, b"\0" * 100)).track is None
    assert film_track(film(tmp_path, b"")).created_at is None


def test_a_360_degree_film_says_so(tmp_path: Path) -> None:
    first = b"<rdf:SphericalVideo><GSpherical:Spherical>true</GSpherical:Spherical>" + b"equirectangular"
    for mark in (box(b"uuid", first), box(b"sv3d", box(b"proj", box(b"equi", b"")))):
        assert film_track(film(tmp_path, box(b"moov", header() + mark))).is_spherical
    assert not film_track(film(tmp_path, box(b"moov", header() + box(b"sv3d", box(b"cbmp", b""))))).is_spherical


@pytest.mark.parametrize(
    "content",
    [
        movie(b"gpmd", [gps5(eastwards(5, 2.0)), gps5(eastwards(5, 2.0))]),
        movie(b"camm", [camm6(LAT, LON), camm5(LAT, LON)]),
        box(b"free", box(b"gps ", nmea(LAT, LON, 1_714_564_800_000))) + box(b"moov", header()),
    ],
)
def test_damaged_films_are_read_as_far_as_they_go_and_never_raise(tmp_path: Path, content: bytes) -> None:
    chance = random.Random(0)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 3, 20))):
            damaged[chance.randrange(len(damaged))] = chance.choice((0, 1, 127, 255, chance.randrange(256)))
        found = film_track(
            film(tmp_path, bytes(damaged[: chance.choice((len(damaged), chance.randrange(len(damaged))))]))
        )
        for point in found.track.points if found.track else ():
            assert abs(point.lat) <= 90 and abs(point.lon) <= 180 and math.isfinite(point.time_s)


def test_a_table_that_claims_billions_of_samples_costs_nothing(tmp_path: Path) -> None:
    good = movie(b"gpmd", [gps5(eastwards(5, 2.0))])
    for table, at in ((b"stsz", 8), (b"stts", 8), (b"stsc", 12)):
        start = good.index(table) + 4 + at
        film_track(film(tmp_path, good[:start] + b"\xff\xff\xff\xff" + good[start + 4 :]))


@real
def test_real_films_of_gopro_have_their_tracks() -> None:
    camera = film_track(INGEST / "video" / "max-heromode.mp4").track
    drone = film_track(INGEST / "video" / "karma.mp4").track
    assert camera is not None and drone is not None
    assert (len(camera), len(drone)) == (191, 47)
    assert distance_m(Position(camera.points[0].lat, camera.points[0].lon), Position(33.12677, -117.32734)) < 1
    assert drone.points[0].heading_deg == pytest.approx(331.56)


# GPX


def test_a_gpx_track_has_the_times_of_its_points(tmp_path: Path) -> None:
    track = read_gpx(gpx(tmp_path / "a.gpx", eastwards(10, 3.0), NOON, 2.0))
    assert track.started_at == NOON and (track.begins_s, track.ends_s) == (0.0, 18.0)
    assert track.seconds(NOON + timedelta(seconds=5)) == 5.0
    where = track.at(5.0)
    assert where is not None
    assert distance_m(where.position, Position(LAT, LON + 7.5 / 55_800)) < 0.05
    assert where.heading_deg == pytest.approx(90, abs=0.1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a GPX file"),
        (b"<gpx", "is not a GPX file"),
        (b"<html></html>", "GPX"),
        (
            b'<gpx version="1.1"><trk><trkseg><trkpt lat="1" lon="2"><time>2024-05-01T12:00:00Z</time></trkpt>',
            "is not a",
        ),
        (b'<gpx version="1.1"><wpt lat="one" lon="2"><time>2024-05-01T12:00:00Z</time></wpt></gpx>', "is not a GPX"),
        (b'<gpx version="1.1"><wpt lat="1" lon="2"><time>yesterday</time></wpt></gpx>', "no points"),
        (b'<gpx version="1.1"><wpt lat="91" lon="2"><time>2024-05-01T12:00:00Z</time></wpt></gpx>', "no points"),
        (b'<gpx version="1.1"><wpt lat="nan" lon="2"><time>2024-05-01T12:00:00Z</time></wpt></gpx>', "no points"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><gpx/>', "declares a document type"),
        (b'<gpx version="1.1" creator="t"><trk><trkseg><trkpt lat="1" lon="2"/></trkseg></trk></gpx>', "and a time"),
    ],
)
def test_a_file_that_is_not_a_timed_track_is_refused_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.gpx").write_bytes(content)
    with pytest.raises(BadInput, match=words) as caught:
        read_gpx(tmp_path / "a.gpx")
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="could not be read"):
        read_gpx(tmp_path / "missing.gpx")


# In between


def test_there_is_no_position_before_after_and_in_long_gaps() -> None:
    track = walk((0, 0, 0), (5, 50, 0), (60, 500, 0), (61, 510, 0))
    assert track.at(-0.1) is None and track.at(61.1) is None and track.at(30) is None
    assert track.at(0) is not None and track.at(61) is not None and track.at(5) is not None
    assert walk((0, 0, 0), (300, 5, 0)).at(150) is not None, "a recorder that writes nothing while it stands"


def test_the_heading_is_that_of_travel_and_unknown_at_a_stop() -> None:
    corner = walk(*((s, min(s, 20), max(0, s - 20)) for s in range(41)), *((s, 20, 20) for s in range(41, 100)))
    assert corner.at(10).heading_deg == pytest.approx(90, abs=1)
    assert corner.at(20).heading_deg == pytest.approx(45, abs=5)
    assert abs((corner.at(30).heading_deg + 180) % 360 - 180) < 1
    assert corner.at(70).heading_deg is None
    assert corner.at(0).heading_deg == pytest.approx(90, abs=1), "by what follows"


def test_stations_are_a_distance_apart_and_a_stop_has_one() -> None:
    track = walk(*((s, 1.4 * s, 0) for s in range(101)))
    times = track.stations(5.0, 0.0, 100.0)
    assert len(times) == 28 and times[0] == 0.0
    places = [track.at(time).position for time in times]
    apart = [distance_m(a, b) for a, b in zip(places, places[1:], strict=False)]
    assert min(apart) > 4.9 and max(apart) < 5.6
    assert track.stations(5.0, 50.0, 60.0)[0] == 50.0
    waiting = walk((0, 0, 0), (2, 4, 0), (3, 6, 0), *((s, 8, 0) for s in range(4, 60)), (60, 9, 0))
    assert len(waiting.stations(5.0, 0.0, 60.0)) == 3, "the beginning, 5 m on, and the stop at 8 m"


def test_the_noise_of_a_receiver_that_stands_makes_no_stations() -> None:
    chance = random.Random(1)
    track = walk(*((s, chance.gauss(0, 0.6), chance.gauss(0, 0.6)) for s in range(600)))
    assert len(track.stations(5.0, 0.0, 600.0)) <= 2


def test_a_track_across_the_180th_meridian_is_interpolated_there() -> None:
    track = Track([TrackPoint(0, 10.0, 179.9999), TrackPoint(1, 10.0, -179.9999)])
    where = track.at(0.5)
    assert where is not None and abs(abs(where.position.lon) - 180) < 1e-6
    assert where.heading_deg == pytest.approx(90, abs=0.1)


def test_an_empty_track_is_nowhere() -> None:
    assert Track([]).at(0.0) is None and Track([]).stations(5.0, 0.0, 10.0) == []
    assert Track([TrackPoint(0, 1, 2)]).stations(5.0, 0.0, 10.0) == [0.0]
