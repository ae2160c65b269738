"""Panoramas become views: their direction, tilt and cropped area are honoured, and each view is a photo of its own."""

import io
from pathlib import Path

import numpy as np
import pytest
from conftest import Toy
from drawn import GPS, INGEST, difference, real, saved, with_exif
from PIL import Image
from spheres import LAT, LON, flat, gpano, save_panorama, sphere

from viewfix import BadInput, Camera, Map, Photo, Position, Skipped, View
from viewfix.cli import build as cli_build
from viewfix.cli import run
from viewfix.embed.describe import content_hash
from viewfix.photos.facts import Panorama
from viewfix.photos.panoramas import panoramic
from viewfix.photos.sphere import WHOLE, Extent, cut, extent_of, level_view, places
from viewfix.photos.views import load_view, load_views
from viewfix.server.thumbnails import Thumbnailer
from viewfix.sources import SourceOptions, open_for_map, views_of_panorama
from viewfix.sources.options import VIEWS

CLOSE = 1.5
"""The mean difference of two pictures, of 255: that of rounding and of JPEG, far less than a shift of one degree."""


def photo_of(file: Path, **fields: object) -> Photo:
    return Photo(file.name, str(file), Position(LAT, LON), **fields)  # type: ignore[arg-type]


def read(file: Path, **options: object) -> list[Photo | Skipped]:
    return list(open_for_map(file, options=SourceOptions(**options)))  # type: ignore[arg-type]


# Cutting


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0, 0), (12, 0), (0, -20), (-8, 15), (60, 170)])
def test_every_view_of_a_tilted_panorama_is_level(tmp_path: Path, pitch_deg: float, roll_deg: float) -> None:
    file = tmp_path / "p.png"
    file.write_bytes(saved(sphere(1024, pitch_deg, roll_deg), "PNG"))
    views = views_of_panorama(photo_of(file, heading_deg=100.0, camera=Camera(pitch_deg=pitch_deg, roll_deg=roll_deg)))
    assert [view.heading_deg for view in views] == [(100 + 45 * n) % 360 for n in range(8)]
    for number, view in enumerate(views):
        found = load_view(view.source, view.view)
        assert found.shape == (256, 256, 3)
        assert difference(found, flat(256, 45 * number)) < CLOSE


def test_a_view_can_look_up_and_be_rotated_and_narrow(tmp_path: Path) -> None:
    picture = sphere(2048)
    up = load_view(picture, View(0.0, 90.0, 20.0))
    assert up.shape == (114, 114, 3)
    assert np.abs(up[57, 57].astype(int) - (127, 0, 127)).max() <= 2, "the zenith, where y points up"
    turned = load_view(picture, View(0.0, 0.0, 90.0, roll_deg=90.0))
    assert difference(turned, np.rot90(flat(512, 0))) < CLOSE, "the horizon of a camera rotated clockwise turns back"


def test_a_shrunk_panorama_gives_the_same_view_without_skipping_pixels() -> None:
    fine = sphere(4096)
    fine[:, ::2] = 0  # stripes of one pixel: an average shows half of the colour, skipping shows all or nothing
    small = load_view(fine, View(0.0, 0.0, 90.0), least_side_px=128)
    assert small.shape == (128, 128, 3)
    assert difference(small, flat(128, 0) // 2) < 3.0


def test_a_jpeg_is_decoded_at_a_fraction_of_its_size_for_a_small_view() -> None:
    data = saved(sphere(2048))
    assert load_view(data, View(90.0, 0.0, 90.0), least_side_px=100).shape == (100, 100, 3)
    assert load_view(data, View(90.0, 0.0, 90.0)).shape == (512, 512, 3)


def test_many_views_are_cut_from_one_decoded_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    from viewfix.photos import views as module

    calls = []
    whole = module.load
    monkeypatch.setattr(module, "load", lambda *args, **named: calls.append(args) or whole(*args, **named))
    data = saved(sphere())
    wanted = [View(45.0 * n, 0.0, 90.0) for n in range(8)]
    together = list(load_views(data, wanted))
    assert len(calls) == 1
    assert all(np.array_equal(one, load_view(data, view)) for one, view in zip(together, wanted, strict=True))


# Cropped areas


def test_a_cropped_panorama_gives_the_views_of_the_whole_one(tmp_path: Path) -> None:
    """As in panoramas by phone, the top and the bottom are missing: views are as wide as fits into 75 degrees."""
    whole = sphere(2048)
    area = dict(
        FullPanoWidthPixels=2048, FullPanoHeightPixels=1024, CroppedAreaLeftPixels=0, CroppedAreaTopPixels=300,
        CroppedAreaImageWidthPixels=2048, CroppedAreaImageHeightPixels=424,
    )  # fmt: skip
    file = save_panorama(tmp_path / "p.jpg", whole[300:724], PoseHeadingDegrees=30, **area)
    views = read(file)
    assert [view.heading_deg for view in views] == [(30 + 45 * n) % 360 for n in range(8)]
    for number, view in enumerate(views):
        field_deg = view.view.field_of_view_deg
        assert 45 <= field_deg < 90
        found = load_view(file, view.view)
        assert difference(found, flat(len(found), 45 * number, field_deg)) < CLOSE


@pytest.mark.parametrize("extent", [WHOLE, Extent(0.25, 0.25, 0.5, 0.5)])
def test_a_point_of_a_view_is_found_again_in_its_panorama(extent: Extent) -> None:
    width_px = 1024
    top, left = round(extent.top * width_px / 2), round(extent.left * width_px)
    picture = sphere(width_px)[
        top : top + round(extent.height * width_px / 2), left : left + round(extent.width * width_px)
    ]
    view = level_view(30.0, 10.0, -5.0, 60.0)
    seen = cut(picture, view, extent)
    shares = np.array([[0.1, 0.2], [0.5, 0.5], [0.93, 0.7]])
    there = places(view, shares, extent) * (picture.shape[1], picture.shape[0])
    for (x, y), (across, down) in zip(shares * len(seen), there, strict=True):
        expected = seen[int(y), int(x)].astype(int)
        assert np.abs(picture[int(down), int(across)].astype(int) - expected).max() <= 4


def test_a_panorama_of_half_a_turn_has_no_views_behind_it(tmp_path: Path) -> None:
    """The picture begins 90 degrees left of the centre of the full sphere and ends 90 degrees right of it."""
    whole = sphere(2048)
    area = dict(
        FullPanoWidthPixels=2048, FullPanoHeightPixels=1024, CroppedAreaLeftPixels=512, CroppedAreaTopPixels=0,
        CroppedAreaImageWidthPixels=1024, CroppedAreaImageHeightPixels=1024,
    )  # fmt: skip
    file = save_panorama(tmp_path / "p.jpg", whole[:, 512:1536], PoseHeadingDegrees=0, **area)
    views = read(file)
    assert [view.heading_deg for view in views] == [0.0, 45.0, 315.0]
    for view in views:
        found = load_view(file, view.view, least_side_px=200)
        assert difference(found, flat(len(found), view.heading_deg, view.view.field_of_view_deg)) < CLOSE


def test_a_crop_across_the_back_of_the_sphere_is_seen_in_one_piece() -> None:
    behind = Extent(left=0.75, top=0.0, width=0.5, height=1.0)
    assert behind.shows(View(180.0, 0.0, 60.0)) == 1.0
    assert behind.shows(View(0.0, 0.0, 60.0)) == 0.0
    assert 0.3 < behind.shows(View(90.0, 0.0, 60.0)) < 0.7


@pytest.mark.parametrize(
    ("about", "size", "expected"),
    [
        (None, (4096, 2048), WHOLE),
        (None, (4096, 2000), None),
        (Panorama("equirectangular", 8000, 4000, 8000, 2000, 0, 1000), (4000, 1000), Extent(0, 0.25, 1, 0.5)),
        (Panorama("equirectangular", 8000, 4000, 8000, 2000, 0, 1000), (4000, 2000), WHOLE),  # stale: of another crop
        (Panorama("equirectangular", 8000, 4000, 8000, 4000, 4000, 0), (8000, 4000), WHOLE),  # beyond the sphere
        (Panorama("equirectangular", 8000, 100, 8000, 4000, 0, 0), (8000, 4000), WHOLE),  # not a sphere
        (Panorama("equirectangular", 8000, None, 4000, 2000, 2000, 1000), (4000, 2000), Extent(0.25, 0.25, 0.5, 0.5)),
        (Panorama("equirectangular"), (4096, 2048), WHOLE),
        (Panorama("equirectangular"), (3000, 2000), None),
    ],
)
def test_the_area_is_taken_from_the_metadata_only_where_it_fits(about, size, expected) -> None:
    assert extent_of(about, *size) == expected


# Photos


def test_views_share_the_source_and_the_credit_and_have_ids_of_their_own() -> None:
    whole = Photo(
        "a/p.jpg", "/a/p.jpg", Position(1, 2), None, None, "Ann", "CC0", camera=Camera(focal_35mm=20, altitude_m=50)
    )
    views = views_of_panorama(whole, count=7)
    assert [view.id for view in views][:3] == ["a/p.jpg#yaw=0", "a/p.jpg#yaw=51.4286", "a/p.jpg#yaw=102.857"]
    assert {(v.source, v.attribution, v.licence, v.heading_deg, v.camera) for v in views} == {
        ("/a/p.jpg", "Ann", "CC0", None, Camera(altitude_m=50))
    }
    frame = Photo("f.mp4#t=2", "/f.mp4", Position(1, 2), 90.0, view=View(time_s=2.0))
    assert [(v.id, v.view.time_s) for v in views_of_panorama(frame, count=2)] == [
        ("f.mp4#t=2&yaw=0", 2.0),
        ("f.mp4#t=2&yaw=180", 2.0),
    ]


def test_the_pose_of_a_panorama_is_read_from_its_metadata(tmp_path: Path) -> None:
    file = save_panorama(
        tmp_path / "p.jpg", sphere(1024, 5, -3), PoseHeadingDegrees=350, PosePitchDegrees=5, PoseRollDegrees=-3
    )
    views = read(file, views=4)
    assert [view.heading_deg for view in views] == [350.0, 80.0, 170.0, 260.0]
    for number, view in enumerate(views):
        assert difference(load_view(file, view.view), flat(256, 90 * number)) < CLOSE


def test_a_picture_shaped_like_a_panorama_raises_a_question_that_an_option_answers(tmp_path: Path) -> None:
    file = tmp_path / "p.jpg"
    file.write_bytes(saved(sphere(2048), xmp=gpano()))
    [asked] = read(file)
    assert isinstance(asked, Skipped)
    assert "2048 x 1024" in asked.reason and "--panorama yes" in asked.reason and "--panorama no" in asked.reason
    assert len(read(file, panorama="yes")) == 8
    [whole] = read(file, panorama="no")
    assert isinstance(whole, Photo) and whole.view is None


def test_a_panorama_without_a_pose_is_used_without_headings_and_named(tmp_path: Path) -> None:
    source = open_for_map(save_panorama(tmp_path / "p.jpg", sphere(1024)))
    assert [item.heading_deg for item in source if isinstance(item, Photo)] == [None] * 8
    [note] = source.notes.kept
    assert note.startswith("p.jpg: its metadata does not say where the panorama looks")


def test_a_wide_photo_of_a_phone_is_not_asked_about(tmp_path: Path) -> None:
    file = tmp_path / "wide.jpg"
    with_focal = with_exif(GPS, {0xA405: 26})
    exif = Image.open(io.BytesIO(with_focal)).info["exif"]
    file.write_bytes(saved(sphere(2048), exif=exif))
    [whole] = read(file)
    assert isinstance(whole, Photo) and whole.view is None
    assert not panoramic(file).is_likely


def test_gpano_of_another_projection_or_shape_is_an_ordinary_photo(tmp_path: Path) -> None:
    file = tmp_path / "c.jpg"
    file.write_bytes(saved(sphere(1024), xmp=gpano(ProjectionType="cylindrical")))
    assert [item.view for item in read(file)] == [None]
    square = save_panorama(tmp_path / "s.jpg", sphere(1024)[:, :512])
    assert [item.view for item in read(square)] == [None]
    assert [item.view for item in read(save_panorama(tmp_path / "n.jpg", sphere(1024)), panorama="no")] == [None]


def test_a_row_of_a_manifest_with_a_view_is_left_as_it_is_and_one_without_is_cut(tmp_path: Path) -> None:
    save_panorama(tmp_path / "p.jpg", sphere(1024))
    (tmp_path / "m.csv").write_text(
        "file,id,lat,lon,heading,view_yaw_deg,view_roll_deg\np.jpg,a,1,2,90,30,-5\np.jpg,b,1,2,90,,\n"
    )
    items = read(tmp_path / "m.csv")
    assert [item.id for item in items][:2] == ["a", "b#yaw=0"] and len(items) == 9
    assert items[0].view == View(yaw_deg=30.0, roll_deg=-5.0)


def test_a_panorama_on_the_web_is_cut_only_if_the_caller_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("file,lat,lon\nhttps://example.org/p.jpg,1,2\n")
    assert [item.view for item in read(tmp_path / "m.csv")] == [None]
    assert len(read(tmp_path / "m.csv", panorama="yes", views=6)) == 6


def test_a_damaged_panorama_is_skipped_with_its_reason(tmp_path: Path, toy: Toy) -> None:
    good = save_panorama(tmp_path / "a.jpg", sphere(1024), PoseHeadingDegrees=0)
    (tmp_path / "b.jpg").write_bytes(good.read_bytes()[:-20_000])
    with Map.build(tmp_path / "m.map", tmp_path, model=toy) as city:
        assert city.last_added.added == 8
        assert len(city.last_added.skipped) == 8
        assert all("ends too early" in each.reason for each in city.last_added.skipped)


@pytest.mark.parametrize("options", [{"panorama": "maybe"}, {"views": 0}, {"views": 73}, {"views": True}])
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="panorama is|views must be"):
        SourceOptions(**options)  # type: ignore[arg-type]


# Maps


def test_a_panorama_is_built_added_again_and_shown_by_views(tmp_path: Path, toy: Toy) -> None:
    file = save_panorama(tmp_path / "p.jpg", sphere(1024), PoseHeadingDegrees=10)
    with Map.build(tmp_path / "m.map", file, model=toy) as city:
        assert (city.last_added.added, len(city)) == (8, 8)
        assert city.add(file).unchanged == 8
        photos = list(city.photos())
        assert [photo.heading_deg for photo in photos] == [(10 + 45 * n) % 360 for n in range(8)]
        thumbnailer = Thumbnailer("all")
        shown = [thumbnailer.of(photo, 128)[0] for photo in photos]
        assert len(set(shown)) == 8
        with Image.open(io.BytesIO(shown[2])) as small:
            assert difference(np.asarray(small), flat(128, 90)) < 3
        fix = city.locate(np.ascontiguousarray(load_view(file, photos[3].view)), verify="off")
        assert fix.candidates[0].photo.id == "p.jpg#yaw=135"


def test_the_shell_takes_the_answer_and_the_number_of_views(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    defaults = {each.name: each.default for each in cli_build.command.params}
    assert (defaults["views"], defaults["panorama"]) == (VIEWS, SourceOptions().panorama)
    file = tmp_path / "p.jpg"
    file.write_bytes(saved(sphere(2048), xmp=gpano()))
    assert run(["build", str(tmp_path / "m.map"), str(file)]) == 2
    assert "--panorama yes" in capsys.readouterr().err
    assert run(["build", str(tmp_path / "m.map"), str(file), "--panorama", "yes", "--views", "4"]) == 0
    assert "4 added" in capsys.readouterr().out
    assert run(["add", str(tmp_path / "m.map"), str(file), "--panorama", "yes", "--views", "4"]) == 0
    assert "4 already there" in capsys.readouterr().out


def test_the_identity_of_a_view_without_a_roll_is_that_of_older_maps() -> None:
    assert content_hash(b"x", View(90.0, 0.0, 90.0)) == "be5be12d7343f47721ae0fb5c3e5d43a"
    assert content_hash(b"x", View(90.0, 0.0, 90.0, roll_deg=1.0)) != content_hash(b"x", View(90.0, 0.0, 90.0))


@real
def test_a_real_panorama_is_cut_all_around() -> None:
    file = INGEST / "panoramas" / "examplepano.jpg"
    assert panoramic(file).is_likely
    views = list(load_views(file, [View(90.0 * n, 0.0, 90.0) for n in range(4)], least_side_px=256))
    seams = [np.abs(a[:, -1].astype(int) - b[:, 0]).mean() for a, b in zip(views, views[1:] + views[:1], strict=True)]
    assert max(seams) < 25, "views side by side continue each other"
