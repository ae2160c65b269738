"""Films become photos: a frame every few metres, with the position at its time; and every way in which that fails."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import piexif
import pytest
from conftest import Toy
from drawn import INGEST, difference, real, saved, scene
from PIL import Image
from recordings import (
    LAT,
    LON,
    box,
    camm6,
    eastwards,
    gopro_film,
    gps5,
    gpx,
    nmea,
    number_in,
    picture_of,
    with_boxes,
    with_track,
    write_film,
)
from spheres import flat, sphere

from viewfix import BadInput, Map, MissingExtra, Photo, Position, Skipped, UnreadablePhoto, View
from viewfix.cli import run
from viewfix.geo import distance_m
from viewfix.photos import film as film_module
from viewfix.photos.film import Film, film_identity
from viewfix.photos.recent_frames import RecentFrames
from viewfix.photos.views import load_view, load_views
from viewfix.reports.pictures import thumbnail
from viewfix.sources import SourceOptions, notes_of, open_for_map

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
WALK_M = 1.6


def read(given: Any, **options: Any) -> tuple[list[Photo], list[Skipped], list[str]]:
    source = open_for_map(given, options=SourceOptions(**options))
    items = list(source)
    photos = [item for item in items if isinstance(item, Photo)]
    return photos, [item for item in items if isinstance(item, Skipped)], notes_of(source).kept


def times_of(photos: list[Photo]) -> list[float]:
    return [photo.view.time_s for photo in photos if photo.view is not None and photo.view.time_s is not None]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of a walk to the east, at 1.6 m a second."""
    return gopro_film(tmp_path_factory.mktemp("films") / "walk.mp4", eastwards(11, WALK_M))


# Frames


def test_the_frame_of_a_time_is_that_frame_in_whatever_order_it_is_read(walk: Path) -> None:
    wanted = [0.0, 0.1, 3.3, 3.4, 9.9, 5.0, 0.9, 0.8, 7.5, 2.9]
    with Film(walk) as film:
        assert film.duration_s == pytest.approx(10.0)
        found = [frame for frame in film.frames(wanted) if frame is not None]
    assert [round(frame.time_s, 3) for frame in found] == wanted
    assert [number_in(frame.pixels()) for frame in found] == [round(10 * time_s) for time_s in wanted]


def test_a_view_of_a_film_is_a_frame_and_a_group_of_views_is_the_same_as_each(walk: Path) -> None:
    views = [View(time_s=t) for t in (1.2, 1.3, 8.0)]
    together = list(load_views(str(walk), views))
    assert [number_in(picture) for picture in together] == [12, 13, 80]
    assert all(np.array_equal(one, load_view(walk, view)) for one, view in zip(together, views, strict=True))
    assert difference(together[0], picture_of(12)) < 6


def test_a_frame_is_shrunk_to_what_is_needed_and_a_view_of_a_sphere_keeps_its_pixels(
    walk: Path, tmp_path: Path
) -> None:
    small = load_view(walk, View(time_s=1.2), least_side_px=120)
    assert small.shape == (120, 160, 3) and number_in(small) == 12
    assert load_view(walk, View(time_s=1.2), least_side_px=500).shape == (240, 320, 3)
    film = write_film(tmp_path / "s.mp4", 2, size=(512, 256), draw=lambda number: sphere(512))
    [whole, shrunk] = [load_view(film, View(yaw_deg=90.0, time_s=0.0), least_side_px=side) for side in (None, 64)]
    assert (whole.shape[0], shrunk.shape[0]) == (128, 64)
    assert difference(shrunk, flat(64, 90)) < 8


def test_a_film_held_upright_is_turned_upright(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", 5)
    write_film(tmp_path / "b.mp4", 5, rotation_deg=90)
    plain, turned = (load_view(tmp_path / name, View(time_s=0.0)) for name in ("a.mp4", "b.mp4"))
    assert plain.shape == (240, 320, 3) and turned.shape == (320, 240, 3)
    assert difference(turned, np.rot90(plain)) < 3


def test_a_time_after_the_end_and_a_film_as_bytes_are_refused_in_one_line(walk: Path) -> None:
    with pytest.raises(UnreadablePhoto, match=r"has no frame at 11\.00 s"):
        load_view(walk, View(time_s=11.0))
    with pytest.raises(UnreadablePhoto, match="Pass the path of the film"):
        load_view(walk.read_bytes(), View(time_s=1.0))
    with pytest.raises(UnreadablePhoto, match="is not a panorama"):
        load_view(walk, View(yaw_deg=0.0, time_s=1.0))
    with pytest.raises(UnreadablePhoto, match="Pass the time of a frame"):
        list(load_views(str(walk), [View(time_s=1.0), View(yaw_deg=1.0)]))


def test_the_identity_of_a_film_changes_with_its_content_and_needs_only_its_ends(walk: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(walk.read_bytes())
    assert film_identity(copy) == film_identity(walk)
    copy.write_bytes(walk.read_bytes() + b"\0")
    assert film_identity(copy) != film_identity(walk)
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(5_000_000_000)
    assert len(film_identity(large)) < 3_000_000


def test_frames_that_wait_are_bounded_and_forgotten_if_nothing_asks_for_them() -> None:
    kept = RecentFrames(most_bytes=10)
    kept.add("a", 1.0, "one", 4)
    kept.add("a", 2.0, "two", 4)
    kept.add("a", 3.0, "three", 4)
    assert kept.take("a", 3.0) is None, "no room"
    assert (kept.take("a", 1.0), kept.take("a", 1.0)) == ("one", None)
    kept.add("a", 4.0, "four", 6)
    for number in range(101):
        kept.add("b", float(number), "large", 100)
    assert kept.take("a", 2.0) is None and kept.take("a", 4.0) is None


# Photos of films


def test_a_frame_every_five_metres_has_the_position_and_heading_of_its_time(walk: Path) -> None:
    photos, skipped, notes = read(walk)
    assert not skipped and not notes
    assert len(photos) == 4, "16 m: at 0, 5, 10 and 15 m, or a little earlier or later"
    for photo, time_s in zip(photos, times_of(photos), strict=True):
        true = Position(LAT, LON + time_s * WALK_M / 55_800)
        assert distance_m(photo.position, true) < 0.1
        assert photo.heading_deg == pytest.approx(90, abs=0.5)
        assert photo.taken_at == NOON + timedelta(seconds=time_s)
        assert photo.id == f"walk.mp4#t={time_s:g}" and photo.source == str(walk)
    apart = [distance_m(a.position, b.position) for a, b in zip(photos, photos[1:], strict=False)]
    assert min(apart) > 3.4 and max(apart) < 6.6
    assert len(read(walk, spacing_m=2.0)[0]) == 8


def test_frames_that_can_be_decoded_alone_are_preferred(tmp_path: Path) -> None:
    times = times_of(read(gopro_film(tmp_path / "f.mp4", eastwards(11, WALK_M), group=5), spacing_m=3.0)[0])
    assert all(2 * time_s == round(2 * time_s) for time_s in times), "two a second can be decoded alone"


def test_a_blurred_frame_is_passed_over_for_a_neighbour(tmp_path: Path) -> None:
    def draw(number: int) -> np.ndarray:
        picture = picture_of(number)
        if 28 <= number <= 31:  # around 3 s
            picture[60:] = np.asarray(Image.fromarray(picture[60:]).reduce(40).resize((320, 180)))
            picture[:60] = 128
        return picture

    file = gopro_film(tmp_path / "f.mp4", eastwards(11, 4.0), draw=draw, group=100)
    times = times_of(read(file, spacing_m=12.0)[0])
    assert len(times) == 4
    assert times[0] == 0.0 and 3.15 < times[1] < 3.6, times


def test_there_are_no_photos_where_the_receiver_had_no_fix(tmp_path: Path) -> None:
    places = eastwards(31, 3.0)
    samples = [gps5([place], fix=0 if 8 <= n <= 22 else 3) for n, place in enumerate(places)]
    file = write_film(tmp_path / "f.mp4", 300)
    file.write_bytes(with_track(file.read_bytes(), b"gpmd", samples))
    times = times_of(read(file)[0])
    assert times and not any(7.1 < time_s < 22.9 for time_s in times)
    assert max(times) > 25


def test_a_stop_has_one_frame(tmp_path: Path) -> None:
    places = [*eastwards(4, 3.0), *[eastwards(4, 3.0)[-1]] * 16]
    file = gopro_film(tmp_path / "f.mp4", places, count=200)
    assert len(read(file)[0]) == 3, "at 0 and 5 m, and one in sixteen seconds at 9 m"


@pytest.mark.parametrize("kind", ["camm", "blackvue", "srt"])
def test_films_of_other_cameras_have_positions_too(tmp_path: Path, kind: str) -> None:
    file, places = write_film(tmp_path / "DJI_1.MP4"), eastwards(11, WALK_M)
    if kind == "camm":
        file.write_bytes(with_track(file.read_bytes(), b"camm", [camm6(*place) for place in places]))
    elif kind == "blackvue":
        lines = b"".join(nmea(*place, 1_714_564_800_000 + 1000 * n) for n, place in enumerate(places))
        file.write_bytes(file.read_bytes() + box(b"free", box(b"gps ", lines)))
    else:
        cues = [
            f"{n + 1}\n00:00:{n:02d},000 --> 00:00:{n + 1:02d},000\n[latitude: {lat:.9f}] [longitude: {lon:.9f}]\n"
            for n, (lat, lon) in enumerate(places)
        ]
        file.with_suffix(".SRT").write_text("\n".join(cues))
    photos, skipped, _ = read(file)
    assert not skipped and len(photos) == 4
    for photo, time_s in zip(photos, times_of(photos), strict=True):
        assert distance_m(photo.position, Position(LAT, LON + time_s * WALK_M / 55_800)) < 0.2
        assert photo.position.radius_m == (3.5 if kind == "camm" else None)


def test_the_one_position_of_a_phone_gives_one_frame_and_a_hint(tmp_path: Path) -> None:
    file = write_film(tmp_path / "phone.mp4")
    location = box(b"udta", box(b"\xa9xyz", b"\0\x12\x15\xc7+60.0000+024.0000/"))
    file.write_bytes(with_boxes(file.read_bytes(), location))
    photos, _, notes = read(file)
    assert [(photo.position, photo.heading_deg) for photo in photos] == [(Position(60.0, 24.0), None)]
    assert "--gpx" in notes[0]


def test_a_360_degree_film_is_cut_into_views(tmp_path: Path) -> None:
    file = gopro_film(
        tmp_path / "s.mp4", eastwards(5, WALK_M), count=40, size=(512, 256), draw=lambda number: sphere(512)
    )
    [asked] = read(file)[1]
    assert "--panorama yes" in asked.reason
    marked = file.with_name("marked.mp4")
    marked.write_bytes(with_boxes(file.read_bytes(), box(b"sv3d", box(b"proj", box(b"equi", b"")))))
    photos, skipped, _ = read(marked, views=4)
    assert not skipped and len(photos) == 8
    assert [round(photo.heading_deg or 0) % 360 for photo in photos[:4]] == [(90 + 90 * n) % 360 for n in range(4)]
    assert photos[1].id == "marked.mp4#t=0&yaw=90"
    assert difference(load_view(marked, photos[1].view), flat(128, 90)) < 6
    assert len(read(file, panorama="yes", views=4)[0]) == 8
    assert len(read(marked, panorama="no")[0]) == 2


# Tracks beside films


@pytest.mark.parametrize(
    ("camera", "options", "told"),
    [
        (NOON, {}, None),
        (NOON + timedelta(hours=2), {}, "2:00 ahead"),  # the camera wrote the local time of Helsinki in winter
        (NOON - timedelta(hours=5, minutes=30), {}, "5:30 behind"),
        (NOON + timedelta(hours=2), {"camera_zone": "+02:00"}, None),
        (NOON + timedelta(hours=3), {"camera_zone": "Europe/Helsinki"}, None),
        (NOON + timedelta(seconds=40), {"clock_offset_s": -40.0}, None),
    ],
)
def test_a_gpx_track_gives_positions_by_the_clock_of_the_camera(
    tmp_path: Path, camera: datetime, options: dict[str, Any], told: str | None
) -> None:
    track = gpx(tmp_path / "t.gpx", eastwards(61, WALK_M), NOON - timedelta(seconds=20))
    file = write_film(tmp_path / "f.mp4", created=camera)
    photos, skipped, notes = read(file, gpx=track, **options)
    assert not skipped and len(photos) == 4
    for photo, time_s in zip(photos, times_of(photos), strict=True):
        true = Position(LAT, LON + (time_s + 20) * WALK_M / 55_800)
        assert distance_m(photo.position, true) < 0.2
        assert photo.taken_at == NOON + timedelta(seconds=time_s)
    assert (told in notes[0]) if told else not notes


def test_the_satellites_of_the_film_place_it_on_the_track(tmp_path: Path) -> None:
    """The clock of the camera is wrong by years, but its own receiver knows the time."""
    track = gpx(tmp_path / "t.gpx", eastwards(61, WALK_M), NOON - timedelta(seconds=20))
    file = gopro_film(tmp_path / "f.mp4", eastwards(11, WALK_M), created=datetime(2016, 1, 1, tzinfo=UTC))
    photos, _, notes = read(file, gpx=track)
    assert distance_m(photos[0].position, Position(LAT, LON + 20 * WALK_M / 55_800)) < 0.2
    assert "satellites" in notes[0]


def test_the_track_of_another_day_is_refused_with_both_times(tmp_path: Path) -> None:
    track = gpx(tmp_path / "t.gpx", eastwards(61, WALK_M), NOON - timedelta(days=1))
    file = write_film(tmp_path / "f.mp4", created=NOON)
    photos, [skipped], _ = read(file, gpx=track)
    assert not photos
    assert "2024-05-01 12:00:00 to 12:00:10 UTC" in skipped.reason and "2024-04-30 12:00:00" in skipped.reason
    assert "--clock-offset" in skipped.reason and "\n" not in skipped.reason


def test_a_long_track_in_which_several_zones_fit_is_not_guessed(tmp_path: Path) -> None:
    """Of a whole day's track, almost any zone fits; the clock's own time fits too, and is taken as it is."""
    track = gpx(tmp_path / "t.gpx", eastwards(200, 50.0), NOON + timedelta(hours=1), 120.0)
    _, [skipped], _ = read(write_film(tmp_path / "f.mp4", created=NOON), gpx=track)
    assert "by its camera's clock" in skipped.reason


def test_a_film_that_does_not_know_its_time_needs_an_offset(tmp_path: Path) -> None:
    track = gpx(tmp_path / "t.gpx", eastwards(61, WALK_M), NOON)
    file = write_film(tmp_path / "f.mp4")
    _, [skipped], _ = read(file, gpx=track)
    assert "does not say when it was recorded" in skipped.reason and "--clock-offset" in skipped.reason
    photos, _, _ = read(file, gpx=track, clock_offset_s=30.0)
    assert distance_m(photos[0].position, Position(LAT, LON + 30 * WALK_M / 55_800)) < 0.2


def test_a_track_that_ends_early_is_used_as_far_as_it_goes_and_named(tmp_path: Path) -> None:
    file = gopro_film(tmp_path / "f.mp4", eastwards(5, WALK_M), count=200)
    photos, skipped, notes = read(file)
    assert not skipped and max(times_of(photos)) <= 4.0
    assert "positions from 0 to 4 s of 20 s" in notes[0]


# Photos by time


def photo_at(file: Path, taken: str, zone: str | None = None) -> Path:
    exif = {piexif.ExifIFD.DateTimeOriginal: taken} | ({piexif.ExifIFD.OffsetTimeOriginal: zone} if zone else {})
    file.write_bytes(saved(scene(), exif=piexif.dump({"Exif": exif})))
    return file


def test_photos_without_a_position_get_it_by_their_time(tmp_path: Path) -> None:
    track = gpx(tmp_path / "t.gpx", eastwards(61, WALK_M), NOON)
    photo_at(tmp_path / "zone.jpg", "2024:05:01 14:00:10", "+02:00")
    photo_at(tmp_path / "local.jpg", "2024:05:01 15:00:20")
    photo_at(tmp_path / "later.jpg", "2024:05:01 18:40:00", "+00:00")
    (tmp_path / "none.jpg").write_bytes(saved(scene()))
    photos, skipped, _ = read([tmp_path], gpx=track)
    by_id = {photo.id: photo for photo in photos}
    assert set(by_id) == {"zone.jpg", "local.jpg"}, "of the second, only one zone fits"
    assert distance_m(by_id["zone.jpg"].position, Position(LAT, LON + 10 * WALK_M / 55_800)) < 0.2
    assert distance_m(by_id["local.jpg"].position, Position(LAT, LON + 20 * WALK_M / 55_800)) < 0.2
    assert by_id["zone.jpg"].heading_deg is None, "the direction of travel is not that of the photo"
    reasons = {each.id: each.reason for each in skipped}
    assert "lies outside t.gpx" in reasons["later.jpg"]
    assert "neither a position nor a time" in reasons["none.jpg"]


def test_the_zone_and_the_offset_of_the_camera_are_honoured(tmp_path: Path) -> None:
    track = gpx(tmp_path / "t.gpx", eastwards(4000, 2.0), NOON - timedelta(hours=3), 5.0)
    file = photo_at(tmp_path / "a.jpg", "2024:05:01 14:00:10")
    [skipped] = read(file, gpx=track)[1]
    assert "fits several zones" in skipped.reason and "--camera-zone" in skipped.reason
    [by_zone] = read(file, gpx=track, camera_zone="+02:00")[0]
    [by_offset] = read(file, gpx=track, clock_offset_s=-7200.0)[0]
    assert by_zone.position == by_offset.position
    assert distance_m(by_zone.position, Position(LAT, LON + (3 * 3600 + 10) / 5 * 2 / 55_800)) < 0.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"spacing_m": 0.0}, "spacing_m must be"),
        ({"spacing_m": float("nan")}, "spacing_m must be"),
        ({"clock_offset_s": 5.0}, "needs a track"),
        ({"gpx": "t.gpx", "camera_zone": "Mars/Olympus"}, "is not a time zone"),
        ({"gpx": "t.gpx", "clock_offset_s": float("inf")}, "number of seconds"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        SourceOptions(**options)


# Bad films


def test_a_film_without_a_track_names_what_to_do(tmp_path: Path) -> None:
    _, [skipped], _ = read(write_film(tmp_path / "f.mp4", 10))
    assert "no positions" in skipped.reason and "--gpx" in skipped.reason


def test_a_film_that_was_cut_off_without_its_index_is_named(tmp_path: Path, walk: Path) -> None:
    (tmp_path / "f.mp4").write_bytes(walk.read_bytes()[:50_000])
    _, [skipped], _ = read(tmp_path / "f.mp4")
    assert "lacks its index" in skipped.reason and "\n" not in skipped.reason


def test_a_film_that_was_cut_off_behind_its_index_is_used_as_far_as_it_goes(tmp_path: Path, toy: Toy) -> None:
    """The index stands in front, as in films from the web; the second half of the pictures is missing."""
    av = pytest.importorskip("av")
    whole = write_film(tmp_path / "whole.mp4", 200)
    track = gpx(tmp_path / "t.gpx", eastwards(30, 3.0), NOON)
    with (
        av.open(str(whole)) as source,
        av.open(str(tmp_path / "f.mp4"), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = (tmp_path / "f.mp4").read_bytes()
    (tmp_path / "f.mp4").write_bytes(data[: len(data) // 2])
    with Map.build(
        tmp_path / "m.map", tmp_path / "f.mp4", model=toy, options=SourceOptions(gpx=track, clock_offset_s=0.0)
    ) as city:
        assert 3 <= len(city) <= 8, "of twelve frames in twenty seconds"
        assert any("cut off" in note for note in city.last_added.notes)


def test_damage_in_the_middle_of_a_film_costs_only_the_frames_there(tmp_path: Path) -> None:
    film = gopro_film(tmp_path / "f.mp4", eastwards(21, WALK_M), count=200)
    whole = film.read_bytes()
    middle = whole.index(b"mdat") + 4 + (whole.rindex(b"mdat") - whole.index(b"mdat")) // 2
    film.write_bytes(whole[: middle - 20_000] + b"\0" * 40_000 + whole[middle + 20_000 :])
    photos, skipped, _ = read(film)
    pictures = [load_view(photo.source, photo.view) for photo in photos]
    right = [number_in(picture) == round(10 * at) for picture, at in zip(pictures, times_of(photos), strict=True)]
    assert not skipped and right[0] and right[-1]
    assert max(times_of(photos)) > 17 and sum(right) >= 5


def test_bad_films_beside_good_ones_are_named_one_line_each_and_the_map_keeps_what_it_has(
    tmp_path: Path, walk: Path, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none.mp4").write_bytes(write_film(tmp_path / "w.mp4", 10).read_bytes())
    (tmp_path / "cut.mp4").write_bytes(walk.read_bytes()[:50_000])
    (tmp_path / "page.mp4").write_bytes(b"<html>404</html>")
    bad = [tmp_path / name for name in ("none.mp4", "cut.mp4", "page.mp4", "missing.mp4")]
    with Map.build(tmp_path / "m.map", walk, model=toy) as city:
        good = gopro_film(tmp_path / "good.mp4", eastwards(5, WALK_M), count=40)
        added = city.add(good, *bad[:3], calibrate=False)
        assert added.added == 2 and len(city) == 6
        assert [each.id for each in added.skipped] == ["none.mp4", "cut.mp4", "page.mp4"]
        assert all("\n" not in each.reason for each in added.skipped)
        with pytest.raises(BadInput, match="missing.mp4"):
            city.add(bad[3])
        track = gpx(tmp_path / "other.gpx", eastwards(9, 1.0), NOON + timedelta(days=400))
        later = write_film(tmp_path / "later.mp4", 10, created=NOON)
        assert "by its camera's clock" in city.add(later, options=SourceOptions(gpx=track)).skipped[0].reason
        assert len(city) == 6
    assert run(["build", str(tmp_path / "new.map"), str(bad[1])]) == 2
    assert "lacks its index" in capsys.readouterr().err and not (tmp_path / "new.map").exists()


def test_a_file_that_is_no_film_and_one_of_a_format_without_a_decoder_are_named(tmp_path: Path, walk: Path) -> None:
    (tmp_path / "f.mp4").write_bytes(b"not a film" * 100)
    _, [skipped], _ = read(tmp_path / "f.mp4")
    assert "could not be opened as a film" in skipped.reason
    (tmp_path / "g.mp4").write_bytes(walk.read_bytes().replace(b"avc1", b"zzzz"))
    _, [skipped], _ = read(tmp_path / "g.mp4")
    assert "no decoder here" in skipped.reason or "no moving pictures" in skipped.reason
    (tmp_path / "h.360").write_bytes(walk.read_bytes())
    assert "Export it" in read(tmp_path / "h.360")[1][0].reason


def test_without_the_package_a_film_names_the_extra(walk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise MissingExtra("Reading films needs av, which is not installed. Run: pip install 'viewfix[video]'")

    monkeypatch.setattr(film_module, "optional", missing)
    with pytest.raises(MissingExtra, match=r"viewfix\[video\]"):
        read(walk)


# Maps


def test_a_film_is_built_once_and_its_frames_are_shown_and_located(tmp_path: Path, walk: Path, toy: Toy) -> None:
    with Map.build(tmp_path / "m.map", walk, model=toy) as city:
        assert (city.last_added.added, len(city)) == (4, 4)
        assert city.add(walk).unchanged == 4
        photos = list(city.photos())
        shown = thumbnail(photos[1].source, photos[1].view)
        assert shown is not None and (shown.width_px, shown.height_px) == (320, 240)
        query = saved(load_view(photos[2].source, photos[2].view), "PNG")
        fix = city.locate(query, verify="off", least_confidence=0)
        assert fix.candidates[0].photo.id == photos[2].id
        assert city.explain(query, verify="off").pairs[0].picture is not None
        assert city.store_local_features() == 0, "the features of every frame can be computed"


def test_a_film_among_photos_and_films_of_one_name_keep_ids_apart(tmp_path: Path, walk: Path, street: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "f.mp4").write_bytes(walk.read_bytes())
    photos, _, _ = read([tmp_path / "a" / "f.mp4", tmp_path / "b" / "f.mp4"])
    assert [photo.id for photo in photos][::4] == ["a/f.mp4#t=0", "b/f.mp4#t=0"]
    photos, _, _ = read([walk, street])
    assert photos[0].id == "walk.mp4#t=0" and photos[-1].id.startswith(f"{street.name}/")


def test_the_shell_builds_from_a_film_and_prints_the_notes(
    tmp_path: Path, walk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = gopro_film(tmp_path / "f.mp4", eastwards(5, WALK_M), count=200)
    assert run(["build", str(tmp_path / "m.map"), str(film), "--spacing-m", "2"]) == 0
    out = capsys.readouterr()
    assert "3 added" in out.out or "4 added" in out.out
    assert "the rest of the film is not used" in out.err
    assert run(["add", str(tmp_path / "m.map"), str(walk), "--clock-offset", "3"]) == 2
    assert "--gpx" in capsys.readouterr().err


@real
@pytest.mark.parametrize(("name", "least"), [("max-heromode.mp4", 3), ("karma.mp4", 14)])
def test_real_films_of_gopro_become_photos(name: str, least: int) -> None:
    photos, skipped, _ = read(INGEST / "video" / name)
    assert not skipped and len(photos) >= least
    assert all(photo.heading_deg is not None for photo in photos)
    picture = load_view(photos[0].source, photos[0].view)
    assert min(picture.shape[:2]) == 480
    with io.BytesIO() as file:
        Image.fromarray(picture).save(file, "JPEG")
