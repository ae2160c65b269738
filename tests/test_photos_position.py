"""Positions are read in every form that EXIF and XMP use; contradictions are reported, never guessed away."""

import re
from typing import Any

import piexif
import pytest
from drawn import GPS, saved, scene, with_exif

from viewfix.photos import Metadata, metadata
from viewfix.photos.coordinates import Unclear, text_degrees
from viewfix.photos.xmp import from_xmp
from viewfix.types import Position

NAMESPACES = (
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:drone="http://www.dji.com/drone-dji/1.0/"'
)


def packet(attributes: str = "", elements: str = "") -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {NAMESPACES} {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def at(lat: str, lon: str, lat_ref: str | None = None, lon_ref: str | None = None, more: str = "") -> bytes:
    references = "" if lat_ref is None else f'exif:GPSLatitudeRef="{lat_ref}" '
    references += "" if lon_ref is None else f'exif:GPSLongitudeRef="{lon_ref}" '
    return packet(f"exif:GPSLatitude='{lat}' exif:GPSLongitude='{lon}' {references}{more}")


@pytest.mark.parametrize(
    ("text", "reference", "degrees"),
    [
        ("50,5.4N", None, 50.09),
        ("50,5,24S", None, -50.09),
        ("50,5.4n", None, 50.09),
        ("N50.09", None, 50.09),
        ("s 50.09", None, -50.09),
        (" 50.09 S ", None, -50.09),
        ("50.09", "S", -50.09),
        ("50.09", "n", 50.09),
        ("50.09", "South", -50.09),
        ("-50.09", "S", -50.09),
        ("-50.09", None, -50.09),
        ("+50.09", None, 50.09),
        ("50.09", "", 50.09),
        ("50,5.4S", "S", -50.09),
        ("50,5,24", "S", -50.09),
        ("-50,5,24", None, -50.09),
        ("-50,-5,-24", None, -50.09),
        ("-0,5,24", None, -0.09),
        ("50° 5' 24\" S", None, -50.09),
        ("50°5′24″N", None, 50.09),
        ("50 deg 5' 24.00\" S", None, -50.09),
        ("50 5 24 N", None, 50.09),
        ("50/1,5/1,24/1", "S", -50.09),
        ("50/1 54/10 0/0", "N", 50.09),
    ],
)
def test_a_coordinate_of_xmp_is_read_in_every_form(text: str, reference: str | None, degrees: float) -> None:
    assert text_degrees(text, reference, "latitude") == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "reference", "problem"),
    [
        ("50,5.4N", "S", "marked N in one place and S in another"),
        ("N 50,5.4 S", None, "marked N in one place and S in another"),
        ("-50.09", "N", "negative and marked N"),
        ("-50,5.4N", None, "negative and marked N"),
        ("50.09", "E", "marked E, which is east"),
        ("50.09W", None, "marked W, which is west"),
        ("50,5,24", None, "north or south"),
        ("50.09", "?", "north or south"),
        ("43,0764", "N", "gives no number"),
        ("50.5,30N", None, "gives no number"),
        ("50,-5N", None, "gives no number"),
        ("0/0 0/0 0/0", "N", "gives no number"),
        ("50/0", "N", "gives no number"),
        ("north", None, "gives no number"),
        ("", "N", "gives no number"),
        ("nan", "N", "gives no number"),
        ("1 2 3 4", "N", "gives no number"),
        ("5" * 1_000_000, "N", "gives no number"),
    ],
)
def test_a_coordinate_that_is_unclear_says_why(text: str, reference: str | None, problem: str) -> None:
    with pytest.raises(Unclear, match=problem):
        text_degrees(text, reference, "latitude")


def test_a_reference_gives_the_sign_and_never_another_hemisphere() -> None:
    assert from_xmp(at("43.0764", "79.077", "N", "W")).position == Position(43.0764, -79.077)
    assert from_xmp(at("36.8048", "174.7265", "S", "E")).position == Position(-36.8048, 174.7265)


def test_a_contradiction_in_xmp_is_named_and_costs_the_position() -> None:
    about = from_xmp(at("43,4.6N", "79,4.6W", "S", "W"))
    assert about.position is None
    assert "marked N in one place and S in another" in (about.no_position or "")


STRUCTURE = "<exif:GPSLatitude>50,5.4N</exif:GPSLatitude><exif:GPSLongitude>14,25.2E</exif:GPSLongitude>"
ATTRIBUTES = "exif:GPSLatitude='50,5.4N' exif:GPSLongitude='14,25.2E'"
FORMS = [
    f"<rdf:Bag><rdf:li rdf:parseType='Resource'>{STRUCTURE}</rdf:li></rdf:Bag>",
    f"<rdf:Bag><rdf:li><rdf:Description>{STRUCTURE}</rdf:Description></rdf:li></rdf:Bag>",
    f"<rdf:Bag><rdf:li><rdf:Description {ATTRIBUTES}/></rdf:li></rdf:Bag>",
    f"<rdf:Bag><rdf:li {ATTRIBUTES}/></rdf:Bag>",
    f"<rdf:Description>{STRUCTURE}</rdf:Description>",
]


@pytest.mark.parametrize("form", FORMS)
def test_the_place_where_a_photo_was_created_is_the_cameras_in_all_legal_forms(form: str) -> None:
    created = packet(elements=f"<Iptc4xmpExt:LocationCreated>{form}</Iptc4xmpExt:LocationCreated>")
    assert from_xmp(created).position == Position(50.09, 14.42)


@pytest.mark.parametrize("form", FORMS)
def test_the_place_that_is_shown_is_never_the_cameras(form: str) -> None:
    shown = f"<Iptc4xmpExt:LocationShown>{form}</Iptc4xmpExt:LocationShown>"
    about = from_xmp(packet(elements=shown))
    assert (about.position, about.no_position) == (None, None)
    both = packet("exif:GPSLatitude='1N' exif:GPSLongitude='2E'", shown)
    assert from_xmp(both).position == Position(1.0, 2.0)


def test_a_position_of_the_photo_itself_goes_before_where_it_was_created() -> None:
    created = f"<Iptc4xmpExt:LocationCreated>{FORMS[0]}</Iptc4xmpExt:LocationCreated>"
    both = packet("exif:GPSLatitude='1N' exif:GPSLongitude='2E'", created)
    assert from_xmp(both).position == Position(1.0, 2.0)


@pytest.mark.parametrize(
    "qualified",
    [
        "<exif:GPSLatitude rdf:parseType='Resource'><rdf:value>1N</rdf:value><exif:by>me</exif:by></exif:GPSLatitude>",
        "<exif:GPSLatitude><rdf:Description><rdf:value>1N</rdf:value></rdf:Description></exif:GPSLatitude>",
        "<exif:GPSLatitude><rdf:Description rdf:value='1N' exif:by='me'/></exif:GPSLatitude>",
    ],
)
def test_a_value_with_qualifiers_is_read(qualified: str) -> None:
    assert from_xmp(packet("exif:GPSLongitude='2E'", qualified)).position == Position(1.0, 2.0)


def test_xmp_in_utf_16_is_read() -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?>' + at("1N", "2E").decode()
    assert from_xmp(text.encode("utf-16")).position == Position(1.0, 2.0)


def test_positions_of_other_structures_are_not_the_cameras() -> None:
    derived = f"<exif:DerivedFrom><rdf:Description {ATTRIBUTES}/></exif:DerivedFrom>"
    assert from_xmp(packet(elements=derived)) == Metadata()


@pytest.mark.parametrize(
    ("lat", "expected"),
    [
        (((36804, 1000), (0, 0), (0, 0)), 36.804),
        (((50, 1), (53690, 1000), (0, 0)), 50 + 53.69 / 60),
        (((50, 1), (30, 1)), 50.5),
        (((505, 10), (0, 1), (0, 1)), 50.5),
    ],
)
def test_minutes_and_seconds_that_are_not_used_count_as_nothing(lat: Any, expected: float) -> None:
    about = metadata(with_exif(GPS | {1: b"N", 2: lat}))
    assert about.position is not None
    assert about.position.lat == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("lat", [((0, 0), (0, 0), (0, 0)), ((50, 1), (1, 0), (0, 0)), ((50, 1), (0, 0), (5, 1))])
def test_degrees_of_which_a_used_part_is_missing_are_not_a_position(lat: Any) -> None:
    assert "gives no number" in (metadata(with_exif(GPS | {2: lat})).no_position or "")


def test_degrees_are_added_up_plainly_so_that_every_python_reads_the_same_position() -> None:
    lat = metadata(with_exif(GPS | {1: b"N", 2: ((60, 1), (10, 1), (12, 1))})).position
    assert lat is not None
    assert lat.lat == 60.0 + 10 / 60.0 + 12 / 3600.0


@pytest.mark.parametrize(
    ("datum", "expected"),
    [
        (b"TOKYO", (35.681233, 139.767123)),
        (b"Tokyo Datum\0", (35.681233, 139.767123)),
        (b"WGS-84", (35.677994, 139.770357)),
        (b"WGS 84\0", (35.677994, 139.770357)),
        (b"JGD2000", (35.677994, 139.770357)),
        (b"", (35.677994, 139.770357)),
    ],
)
def test_a_position_in_an_old_datum_is_converted(datum: bytes, expected: tuple[float, float]) -> None:
    in_exif = {1: b"N", 2: ((35677994, 1000000), (0, 1), (0, 1)), 3: b"E", 4: ((139770357, 1000000), (0, 1), (0, 1))}
    in_xmp = at("35.677994", "139.770357", "N", "E", f'exif:GPSMapDatum="{datum.decode().strip(chr(0))}"')
    for about in (metadata(with_exif(in_exif | {18: datum})), from_xmp(in_xmp)):
        assert about.position is not None
        assert (about.position.lat, about.position.lon) == pytest.approx(expected, abs=2e-5)


def test_a_position_in_a_datum_that_cannot_be_converted_says_so() -> None:
    for about in (
        metadata(with_exif(GPS | {18: b"GCJ-02"})),
        from_xmp(at("1N", "2E", more='exif:GPSMapDatum="BD-09"')),
    ):
        assert about.position is None
        assert re.search("is in the datum '(GCJ-02|BD-09)', which cannot be converted", about.no_position or "")


def test_a_good_position_in_xmp_is_taken_where_exif_contradicts_itself() -> None:
    negative = GPS | {1: b"N", 2: ((-33, 1), (52, 1), (10, 1))}
    exif = piexif.dump({"GPS": GPS | {2: ((33, 0), (0, 1), (0, 1))}})
    assert negative and metadata(saved(scene(), exif=exif, xmp=at("1N", "2E"))).position == Position(1.0, 2.0)
