"""Readers of headers and metadata survive any bytes: they return a result or one clear error, in bounded time."""

import os
from collections.abc import Callable

import piexif
import pytest
from drawn import GPS, saved, scene
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_photos_chunks import SAID, XMP, heic, png
from test_photos_position import packet

from viewfix.errors import UnreadablePhoto
from viewfix.photos import Metadata, metadata
from viewfix.photos.coordinates import Unclear, exif_degrees, text_degrees
from viewfix.photos.header import exif_tags
from viewfix.photos.tiff import Ratio
from viewfix.photos.xmp import from_xmp

EXIF = piexif.dump({"GPS": GPS, "Exif": {0x9003: b"2024:05:01 12:34:56", 0xA405: 26}, "0th": {0x0112: 6}})
WHOLE = {
    "JPEG": saved(scene(), exif=EXIF, xmp=XMP),
    "PNG": png(before=SAID["raw exif"][0], behind=SAID["XMP packed"][0]),
    "WEBP": saved(scene(), "WEBP", exif=EXIF, xmp=XMP),
    "TIFF": saved(scene(), "TIFF", exif=EXIF),
    "AVIF": saved(scene(), "AVIF", exif=EXIF, xmp=XMP),
}
EXAMPLES = int(os.environ.get("VIEWFIX_FUZZ_EXAMPLES", "60"))
"""Examples of each test by default: seconds in all. The slow tests take fifteen times as many."""

Change = list[tuple[float, int, bytes]]
changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=6)
numbers = st.one_of(
    st.builds(Ratio, st.integers(-(2**31), 2**32), st.integers(-(2**31), 2**32)), st.floats(), st.integers(), st.none()
)
references = st.one_of(st.none(), st.sampled_from([b"N", b"S", b"E", b"W", b"", b"\xff"]), st.binary(max_size=3))


def changed(data: bytes, change: Change) -> bytes:
    """The bytes, with some taken out and others put in, at shares of the length."""
    for share, taken, put in change:
        at = int(share * len(data))
        data = data[:at] + put + data[at + taken :]
    return data


def read(data: bytes) -> None:
    try:
        about = metadata(data)
    except UnreadablePhoto as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(about, Metadata)
        assert about.position is None or about.no_position is None


def bounded(examples: int) -> Callable[..., object]:
    quiet = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=examples, deadline=5_000, suppress_health_check=quiet)


def damaged_files(form: str, examples: int) -> None:
    whole = heic(scene(), exif=EXIF, xmp=XMP) if form == "HEIF" else WHOLE[form]

    @bounded(examples)
    @given(changes)
    def one(change: Change) -> None:
        read(changed(whole, change))

    one()


@pytest.mark.parametrize("form", [*WHOLE, "HEIF"])
def test_a_damaged_file_is_read_or_refused_with_one_line(form: str) -> None:
    damaged_files(form, EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("form", [*WHOLE, "HEIF"])
def test_many_more_damaged_files_are_read_or_refused_with_one_line(form: str) -> None:
    damaged_files(form, 15 * EXAMPLES)


BEGINNINGS = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"II*\0", b"MM\0+", b"\0\0\0\x18ftypheic"]


@bounded(EXAMPLES)
@given(st.sampled_from([b"", *BEGINNINGS]), st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_with_one_line(beginning: bytes, rest: bytes) -> None:
    read(beginning + rest)


@bounded(EXAMPLES)
@given(
    st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"Exif\0\0II*\0\x08\0\0\0", b""]), st.binary(max_size=300)
)
def test_any_exif_gives_tables_of_tags(beginning: bytes, rest: bytes) -> None:
    tags, gps = exif_tags(beginning + rest)
    assert all(isinstance(number, int) for number in (*tags, *gps))


@bounded(EXAMPLES)
@given(changes)
def test_any_xmp_gives_metadata(change: Change) -> None:
    whole = packet(
        'exif:GPSLatitude="50,5.4N" exif:GPSLongitude="14,25.2E" drone:GimbalPitchDegree="1"',
        "<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li rdf:parseType='Resource'><exif:GPSLatitude>1N"
        "</exif:GPSLatitude></rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>",
    )
    assert isinstance(from_xmp(changed(whole, change)), Metadata)


@bounded(EXAMPLES)
@given(st.one_of(numbers, st.lists(numbers, max_size=4).map(tuple), st.binary(max_size=20)), references)
def test_any_coordinate_of_exif_is_degrees_or_unclear(value: object, reference: bytes | None) -> None:
    try:
        degrees = exif_degrees(value, reference, "latitude")
    except Unclear:
        return
    assert isinstance(degrees, float)


@bounded(EXAMPLES)
@given(
    st.text(alphabet="0123456789.,/+-NSEWnsew °'\"", max_size=30),
    st.one_of(st.none(), st.text(alphabet="NSEWnsew? -", max_size=3)),
)
def test_any_coordinate_of_xmp_is_degrees_or_unclear(text: str, reference: str | None) -> None:
    try:
        degrees = text_degrees(text, reference, "longitude")
    except Unclear:
        return
    assert isinstance(degrees, float)
