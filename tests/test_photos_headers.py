"""The metadata of a photo: where, which way, when and by whom it was taken. What is missing stays unknown."""

import io
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import piexif
import pytest
from drawn import GPS, INGEST, real, saved, scene, with_exif
from PIL import Image, PngImagePlugin

from viewfix.errors import UnreadablePhoto
from viewfix.photos import Metadata, metadata
from viewfix.types import Position


def xmp(attributes: str = "", elements: str = "") -> bytes:
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
    <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
      xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" xmlns:cc="http://creativecommons.org/ns#"
      xmlns:drone="http://www.dji.com/drone-dji/1.0/" {attributes}>{elements}</rdf:Description>
    </rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def test_a_camera_says_where_which_way_and_when() -> None:
    gps = GPS | {16: b"T", 17: (30550, 100), 31: (65, 10)}
    camera = {0x9003: b"2024:05:01 12:34:56", 0x9011: b"+02:00"}
    names = {0x013B: "Jörg Müller".encode(), 0x8298: b"CC BY 4.0\0"}
    assert metadata(with_exif(gps, camera, **{"0th": names})) == Metadata(
        position=Position(-(33 + 52 / 60 + 10.44 / 3600), 151 + 12 / 60 + 30 / 3600, 6.5),
        heading_deg=305.5,
        taken_at=datetime(2024, 5, 1, 12, 34, 56, tzinfo=timezone(timedelta(hours=2))),
        attribution="Jörg Müller",
        licence="CC BY 4.0",
    )


def test_a_photo_without_metadata_says_nothing() -> None:
    for form in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF"):
        assert metadata(saved(scene(), form)) == Metadata()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_format_carries_a_position(form: str) -> None:
    exif = piexif.dump({"GPS": GPS})
    if form == "HEIF":
        heif = pytest.importorskip("pillow_heif", reason="pillow-heif writes the HEIC files of the tests")
        file = io.BytesIO()
        heif.from_pillow(Image.fromarray(scene())).save(file, exif=exif)
        data = file.getvalue()
    else:
        data = saved(scene(), form, exif=exif)
    position = metadata(data).position
    assert position is not None
    assert (position.lat, position.lon) == pytest.approx((-33.869567, 151.208333), abs=1e-6)


def test_reading_a_header_decodes_no_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", xmp('exif:GPSLatitude="50,5.4N" exif:GPSLongitude="14,25,12E"').decode())
    files = [
        with_exif(GPS),
        saved(scene(), "PNG", pnginfo=texts),
        saved(scene(), "PNG", exif=piexif.dump({"GPS": GPS})),
    ]

    def forbidden(*args: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", forbidden)
    assert all(metadata(data).position for data in files)


def test_a_heading_from_magnetic_north_says_so() -> None:
    assert metadata(with_exif({16: b"M", 17: (36000, 100)})) == Metadata(heading_deg=0.0, heading_magnetic=True)


@pytest.mark.parametrize("direction", [(1, 0), (65535, 100), (4294967295, 1)])
def test_a_heading_that_no_compass_shows_is_unknown(direction: tuple[int, int]) -> None:
    assert metadata(with_exif(GPS | {17: direction})).heading_deg is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {2: ((0, 1), (0, 1), (0, 1)), 4: ((0, 1), (0, 1), (0, 1))},
            r"\(0, 0\), which cameras write when they have no fix",
        ),
        ({2: ((0, 0), (0, 0), (0, 0))}, "a division by zero"),
        ({2: ((33, 1), (52, 1), (1, 0))}, "a division by zero"),
        ({2: ((97, 1), (0, 1), (0, 1))}, "not on Earth"),
        ({4: ((190, 1), (0, 1), (0, 1))}, "not on Earth"),
        ({1: b""}, "north or south"),
        ({3: b"?"}, "east or west"),
        ({4: None}, "only one of latitude and longitude"),
    ],
)
def test_a_position_that_cannot_be_used_says_why(changes: dict[int, Any], reason: str) -> None:
    gps = {tag: value for tag, value in (GPS | changes).items() if value is not None}
    about = metadata(with_exif(gps))
    assert about.position is None
    assert re.search(reason, about.no_position or "")


def test_a_position_on_the_equator_is_a_position() -> None:
    about = metadata(with_exif(GPS | {2: ((0, 1), (0, 1), (0, 1))}))
    assert about.position is not None
    assert (about.position.lat, about.position.lon) == pytest.approx((0.0, 151 + 12.5 / 60))


@pytest.mark.parametrize(
    ("camera", "gps", "taken_at"),
    [
        ({0x9003: b"2024:05:01 12:34:56"}, {}, datetime(2024, 5, 1, 12, 34, 56)),
        ({0x9003: b"0000:00:00 00:00:00"}, {}, None),
        ({0x9003: b"    :  :     :  :  "}, {}, None),
        ({0x9003: b"2024:05:01 12:34:56", 0x9011: b"+99:99"}, {}, datetime(2024, 5, 1, 12, 34, 56)),
        ({0x9004: b"2023:01:02 03:04:05", 0x9012: b"Z"}, {}, datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ({}, {29: b"2024:05:01", 7: ((9, 1), (8, 1), (7, 1))}, datetime(2024, 5, 1, 9, 8, 7, tzinfo=UTC)),
        ({}, {29: b"2024:05:01", 7: ((99, 1), (8, 0), (7, 1))}, None),
    ],
)
def test_a_time_has_a_zone_only_where_one_is_known(camera: Any, gps: Any, taken_at: datetime | None) -> None:
    assert metadata(with_exif(GPS | gps, camera)).taken_at == taken_at


def test_xmp_fills_what_exif_leaves_open() -> None:
    packet = xmp(
        'exif:GPSLatitude="50,5.4N" exif:GPSLongitude="14,25,12W" GPano:PoseHeadingDegrees="350.5" '
        'exif:DateTimeOriginal="2020-07-23T10:00:00+02:00"',
        "<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Ben</rdf:li></rdf:Seq></dc:creator>"
        '<cc:license rdf:resource="https://creativecommons.org/licenses/by/4.0/"/>',
    )
    about = metadata(saved(scene(), xmp=packet))
    assert about == Metadata(
        position=Position(50.09, -14.42),
        heading_deg=350.5,
        taken_at=datetime(2020, 7, 23, 10, tzinfo=timezone(timedelta(hours=2))),
        attribution="Ann, Ben",
        licence="https://creativecommons.org/licenses/by/4.0/",
    )


def test_exif_has_precedence_over_xmp() -> None:
    packet = xmp('exif:GPSLatitude="50,5.4N" exif:GPSLongitude="14,25,12E" exif:GPSImgDirection="1234/10"')
    about = metadata(saved(scene(), exif=piexif.dump({"GPS": GPS}), xmp=packet))
    assert about.position is not None and about.position.lat < 0
    assert about.heading_deg == pytest.approx(123.4)


def test_a_bad_exif_position_gives_way_to_a_good_one_in_xmp() -> None:
    packet = xmp('exif:GPSLatitude="50,5.4N" exif:GPSLongitude="14,25,12E"')
    nowhere = GPS | {2: ((0, 0), (0, 0), (0, 0))}
    about = metadata(saved(scene(), exif=piexif.dump({"GPS": nowhere}), xmp=packet))
    assert about.position == Position(50.09, 14.42)
    assert about.no_position is None


def test_a_drone_says_where_its_camera_looked() -> None:
    packet = xmp('drone:GpsLatitude="+50.5" drone:GpsLongtitude="-14.25" drone:GimbalYawDegree="-90.0"')
    about = metadata(saved(scene(), xmp=packet))
    assert (about.position, about.heading_deg) == (Position(50.5, -14.25), 270.0)


def test_xmp_that_is_an_attack_or_not_xml_says_nothing() -> None:
    laughs = b'<!DOCTYPE x [<!ENTITY a "gps"><!ENTITY b "&a;&a;&a;">]>'
    for packet in (
        laughs + xmp(elements="<dc:creator>&b;</dc:creator>").split(b"?>", 1)[1],
        b"<gps",
        b"gps",
        b"\xff\xfegps>",
    ):
        assert metadata(saved(scene(), xmp=packet)) == Metadata()


def test_a_file_that_is_not_a_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(UnreadablePhoto, match="it is text that begins with 'no picture'"):
        metadata(tmp_path / "notes.jpg")
    with pytest.raises(UnreadablePhoto, match="There is no file"):
        metadata(tmp_path / "none.jpg")


@real
def test_a_real_iphone_says_how_sure_it_is() -> None:
    about = metadata(INGEST / "exif_cases" / "heic-iphone7.heic")
    assert about.position is not None
    assert (about.position.lat, about.position.lon) == pytest.approx((38.046642, 12.994411), abs=1e-6)
    assert about.position.radius_m == pytest.approx(6.0, abs=0.01)
    assert about.heading_deg == pytest.approx(264.3, abs=0.1)


@real
def test_headers_that_broke_other_readers_do_not_break_this_one() -> None:
    files = [*INGEST.glob("bad_exif/*.jpg"), *INGEST.glob("exif_cases/**/*.jp*g")]
    assert len(files) > 40
    for file in files:
        about = metadata(file)
        assert about.position is None or about.no_position is None
