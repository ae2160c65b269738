"""The camera of a photo, from EXIF and XMP. Values that are 0, impossible or not a number count as unknown."""

from typing import Any

import piexif
import pytest
from drawn import GPS, saved, scene, with_exif
from test_photos_position import packet

from viewfix.photos import Panorama, metadata
from viewfix.photos.facts import Metadata
from viewfix.photos.xmp import from_xmp
from viewfix.types import Camera

FOCAL, FOCAL_35MM, PLANE_X, PLANE_UNIT, WIDTH, HEIGHT, ELEVATION = (
    0x920A,
    0xA405,
    0xA20E,
    0xA210,
    0xA002,
    0xA003,
    0x9405,
)


def camera(tags: dict[int, Any] | None = None, gps: dict[int, Any] | None = None, **main: Any) -> Camera | None:
    return metadata(with_exif(gps, tags, **main)).camera


def test_a_focal_length_for_film_is_read_with_the_size_that_it_belongs_to() -> None:
    assert camera({FOCAL_35MM: 26, WIDTH: 4032, HEIGHT: 3024}) == Camera(focal_35mm=26.0, width_px=4032, height_px=3024)
    assert camera({FOCAL_35MM: 26}) == Camera(focal_35mm=26.0, width_px=96, height_px=64)


def test_a_focal_length_with_the_resolution_of_the_sensor_gives_pixels() -> None:
    # 24 mm on a sensor of 36 x 24 mm with 6000 x 4000 pixels
    tags = {FOCAL: (24, 1), PLANE_X: (60000, 360), PLANE_UNIT: 4, WIDTH: 6000, HEIGHT: 4000}
    found = camera(tags)
    assert found is not None
    assert found.focal_px == pytest.approx(4000.0)
    assert found.field_of_view_deg(6000, 4000) == pytest.approx(73.7, abs=0.1)
    inches = camera(tags | {PLANE_X: (60000 * 254, 3600), PLANE_UNIT: 2})
    assert inches is not None and inches.focal_px == pytest.approx(4000.0)


@pytest.mark.parametrize("orientation", [6, 8])
def test_the_size_of_a_camera_is_that_of_the_upright_picture(orientation: int) -> None:
    found = camera({FOCAL_35MM: 26, WIDTH: 4032, HEIGHT: 3024}, **{"0th": {0x0112: orientation}})
    assert found is not None and (found.width_px, found.height_px) == (3024, 4032)


@pytest.mark.parametrize(
    "tags",
    [
        {FOCAL_35MM: 0},
        {FOCAL_35MM: 65535},
        {FOCAL: (0, 1), PLANE_X: (6000, 1), PLANE_UNIT: 3},
        {FOCAL: (24, 0), PLANE_X: (6000, 1), PLANE_UNIT: 3},
        {FOCAL: (24, 1), PLANE_X: (0, 0), PLANE_UNIT: 3},
        {FOCAL: (24, 1), PLANE_X: (1, 1000), PLANE_UNIT: 3, WIDTH: 6000, HEIGHT: 4000},
        {FOCAL: (24, 1), PLANE_X: (6000, 1), PLANE_UNIT: 9, WIDTH: 6000, HEIGHT: 4000},
        {FOCAL: (24, 1)},
        {ELEVATION: (95, 1)},
    ],
)
def test_numbers_that_are_0_or_absurd_are_unknown(tags: dict[int, Any]) -> None:
    assert metadata(with_raw(tags)).camera is None


def with_raw(tags: dict[int, Any]) -> bytes:
    """A JPEG with these tags in its Exif table, those that piexif does not know as signed rationals."""
    if ELEVATION not in tags:
        return with_exif(None, tags)
    top, bottom = tags[ELEVATION]
    # big-endian: header, first table with the pointer to the Exif table, that table with one tag, its value
    table = b"\0\1" + ELEVATION.to_bytes(2, "big") + b"\0\x0a\0\0\0\1\0\0\0\x2c\0\0\0\0"
    block = b"MM\0*\0\0\0\x08" + b"\0\1\x87\x69\0\4\0\0\0\1\0\0\0\x1a\0\0\0\0" + table
    block += top.to_bytes(4, "big", signed=True) + bottom.to_bytes(4, "big", signed=True)
    return saved(scene(), exif=b"Exif\0\0" + block)


def test_the_elevation_of_a_camera_is_its_pitch() -> None:
    found = metadata(with_raw({ELEVATION: (-125, 10)})).camera
    assert found is not None and found.pitch_deg == -12.5
    assert metadata(with_raw({ELEVATION: (5, -1)})).camera is None  # this denominator means unknown


def test_two_focal_lengths_that_disagree_leave_the_one_for_film() -> None:
    tags = {FOCAL: (24, 1), FOCAL_35MM: 26, PLANE_X: (6000, 1), PLANE_UNIT: 3, WIDTH: 6000, HEIGHT: 4000}
    found = camera(tags)
    assert found is not None and (found.focal_px, found.focal_35mm) == (None, 26.0)


@pytest.mark.parametrize(
    ("gps", "altitude_m"),
    [
        ({5: 0, 6: (1234, 10)}, 123.4),
        ({5: 1, 6: (1234, 100)}, -12.34),
        ({6: (7, 1)}, 7.0),
        ({5: 0, 6: (0, 1)}, None),
        ({5: 0, 6: (5, 0)}, None),
        ({5: 0, 6: (4294967295, 1)}, None),
        ({5: 1, 6: (9000, 1)}, None),
    ],
)
def test_an_altitude_has_the_sign_of_its_reference(gps: dict[int, Any], altitude_m: float | None) -> None:
    found = camera(None, GPS | gps)
    assert (found and found.altitude_m) == altitude_m


def test_a_drone_says_how_its_camera_was_held() -> None:
    about = from_xmp(
        packet('drone:GimbalPitchDegree="-30.50" drone:GimbalRollDegree="+1.5" drone:AbsoluteAltitude="+88.8"')
    )
    assert about.camera == Camera(pitch_deg=-30.5, roll_deg=1.5, altitude_m=88.8)
    nonsense = packet('drone:GimbalPitchDegree="nan" drone:GimbalRollDegree="1e9" drone:AbsoluteAltitude="+0.00"')
    assert from_xmp(nonsense).camera is None


def test_a_panorama_says_which_part_of_the_sphere_it_is() -> None:
    names = (
        'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="equirectangular" '
        'GPano:FullPanoWidthPixels="8000" GPano:FullPanoHeightPixels="4000" GPano:CroppedAreaLeftPixels="0" '
        'GPano:CroppedAreaTopPixels="1000" GPano:CroppedAreaImageWidthPixels="8000" '
        'GPano:CroppedAreaImageHeightPixels="2000" GPano:PoseHeadingDegrees="90" GPano:PosePitchDegrees="2.5"'
    )
    about = from_xmp(packet(names))
    assert about.panorama == Panorama("equirectangular", 8000, 4000, 8000, 2000, 0, 1000)
    assert about.heading_deg == 90.0
    assert about.camera == Camera(pitch_deg=2.5)


def test_a_panorama_has_no_focal_length() -> None:
    exif = piexif.dump({"Exif": {FOCAL_35MM: 26, WIDTH: 8000, HEIGHT: 4000}})
    sphere = packet('xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="equirectangular"')
    found = metadata(saved(scene(), exif=exif, xmp=sphere)).camera
    assert found == Camera(width_px=8000, height_px=4000)


def test_xmp_fills_what_exif_leaves_open_about_the_camera() -> None:
    exif = piexif.dump({"Exif": {FOCAL_35MM: 26, WIDTH: 4000, HEIGHT: 3000}})
    xmp = packet('drone:GimbalPitchDegree="-90" exif:FocalLengthIn35mmFilm="50"')
    assert metadata(saved(scene(), exif=exif, xmp=xmp)).camera == Camera(
        focal_35mm=26.0, width_px=4000, height_px=3000, pitch_deg=-90.0
    )
    pixels = Metadata(camera=Camera(focal_px=900.0, width_px=1000, height_px=800))
    assert Metadata(camera=Camera(focal_35mm=26.0, width_px=500, height_px=400)).filled(pixels).camera == Camera(
        900.0, 26.0, 1000, 800
    )
