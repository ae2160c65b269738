"""Metadata is found wherever a format allows it, and only the orientation that counts turns a picture."""

import struct
import zlib
from pathlib import Path

import numpy as np
import piexif
import pytest
from drawn import GPS, STORED, difference, saved, scene, with_exif
from PIL import Image
from test_photos_position import packet

from viewfix.photos import HEAD_BYTES, SUFFIXES, Metadata, form_of, load, metadata, read_header
from viewfix.types import Position

HERE = Position(-(33 + 52 / 60 + 10.44 / 3600), 151 + 12 / 60 + 30 / 3600)
EXIF = piexif.dump({"GPS": GPS})[6:]
XMP = packet('exif:GPSLatitude="50,5.4N" exif:GPSLongitude="14,25.2E"')


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def raw_profile(name: bytes, content: bytes) -> bytes:
    digits = content.hex().encode()
    lines = b"\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    return b"\n%s\n%8d\n%s\n" % (name, len(content), lines)


SAID = {
    "eXIf": (chunk(b"eXIf", EXIF), HERE),
    "eXIf with a preamble": (chunk(b"eXIf", b"Exif\0\0" + EXIF), HERE),
    "raw exif": (chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(b"exif", EXIF))), HERE),
    "raw APP1": (
        chunk(b"tEXt", b"Raw profile type APP1\0" + raw_profile(b"generic profile", b"Exif\0\0" + EXIF)),
        HERE,
    ),
    "raw xmp": (chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(raw_profile(b"xmp", XMP))), None),
    "raw APP1 with XMP": (
        chunk(b"tEXt", b"Raw profile type APP1\0" + raw_profile(b"app1", b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
        None,
    ),
    "XMP": (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), None),
    "XMP packed": (chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0\0" + zlib.compress(XMP)), None),
}


def png(before: bytes = b"", behind: bytes = b"") -> bytes:
    whole = saved(scene(), "PNG")
    return whole[:33] + before + whole[33:-12] + behind + whole[-12:]


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_png_says_where_it_was_taken_before_or_behind_its_pixels(name: str, where: str) -> None:
    content, position = SAID[name]
    data = png(**{where: content})
    assert metadata(data).position == (position or Position(50.09, 14.42))
    assert difference(load(data), scene()) == 0


def test_exif_behind_the_pixels_of_a_png_turns_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = saved(STORED[6](scene()), "PNG")
    data = stored[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + stored[-12:]
    assert difference(load(data), scene()) == 0


@pytest.mark.parametrize(
    "large",
    [
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"tEXt", b"Comment\0" + b"x" * 3_000_000),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * 3_000_000 + XMP)),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(b"exif", bytes(1_000_000)))),
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"iCCP", b"profile\0\0not packed at all"),
        chunk(b"eXIf", EXIF)[:-4] + b"\0\0\0\0",
    ],
)
def test_a_chunk_of_a_png_that_is_too_large_or_damaged_costs_that_chunk_only(large: bytes) -> None:
    data = png(before=large, behind=chunk(b"eXIf", EXIF))
    assert metadata(data).position == HERE
    assert difference(load(data), scene()) == 0


def jpeg_with(*segments: bytes) -> bytes:
    whole = with_exif(GPS)
    return whole[:2] + b"".join(segments) + whole[2:]


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def test_the_header_of_a_jpeg_is_followed_however_much_lies_before_its_size() -> None:
    extension = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000))
    data = jpeg_with(*[extension] * 40, b"\xff" * 300, segment(0xE2, b"ICC_PROFILE\0" + bytes(60_000)))
    header = read_header(data)
    assert (header.width_px, header.height_px) == (96, 64)
    assert metadata(data).position == HERE
    assert difference(load(data), scene()) < 3


def test_exif_over_64_kib_is_joined_from_several_segments() -> None:
    note = piexif.dump({"GPS": GPS, "Exif": {0x927C: b"x" * 60_000}})[6:]
    long = note + b"y" * 40_000
    data = jpeg_with()
    plain = saved(scene())
    data = plain[:2] + b"".join(segment(0xE1, b"Exif\0\0" + long[i : i + 65_000]) for i in (0, 65_000)) + plain[2:]
    assert metadata(data).position == HERE


@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
def test_only_the_boxes_of_heic_and_avif_turn_a_picture(form: str) -> None:
    stale = packet(elements="").replace(
        b"rdf:about", b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" rdf:about'
    )
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        if form == "AVIF":
            data = saved(STORED[orientation](scene()), "AVIF", quality=95, exif=exif, xmp=stale)
        else:
            hidden = stale.replace(b"Orientation", b"orientatioN")  # else the encoder would obey it
            data = heic(STORED[orientation](scene()), exif=exif.tobytes(), xmp=hidden)
            assert hidden in data
            data = data.replace(hidden, stale)
        assert difference(load(data), scene()) < 6


def heic(picture: np.ndarray, **options: bytes) -> bytes:
    import io

    heif = pytest.importorskip("pillow_heif", reason="pillow-heif writes the HEIC files of the tests")
    file = io.BytesIO()
    heif.from_pillow(Image.fromarray(np.ascontiguousarray(picture))).save(file, quality=95, **options)
    return file.getvalue()


def test_an_orientation_that_only_xmp_names_turns_a_jpeg() -> None:
    turned = packet().replace(
        b"rdf:about", b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" rdf:about'
    )
    assert difference(load(saved(STORED[6](scene()), xmp=turned)), scene()) < 3


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_the_size_and_xmp_of_every_format_are_read_without_a_decoder(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "HEIF":
        data = heic(scene(), xmp=XMP)
    elif form == "PNG":
        data = png(before=SAID["XMP"][0])
    elif form == "TIFF":
        data = saved(scene(), form, tiffinfo={700: XMP})
    else:
        data = saved(scene(), form, xmp=XMP)
    monkeypatch.setattr("viewfix.photos.decode._DECODERS", {})
    header = read_header(data)
    assert (header.width_px, header.height_px) == (96, 64)
    assert metadata(data) == Metadata(position=Position(50.09, 14.42))


@pytest.mark.parametrize("name", ["a.jpe", "b.jfif", "c.mpo", "d.insp", "e.pjpeg", "f", "g.jpg_large", "h.JPG"])
def test_a_jpeg_is_one_by_its_first_bytes_whatever_its_ending(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(with_exif(GPS))
    assert form_of(file.read_bytes()[:HEAD_BYTES]) == "JPEG"
    assert metadata(file).position == HERE
    assert (Path(name).suffix.lower() in SUFFIXES) == (name not in ("f", "g.jpg_large"))


def test_what_is_not_a_picture_has_no_format() -> None:
    assert form_of(b"") is None
    assert form_of(b"no picture") is None
    assert form_of(b"\0\0\0\x18ftypisom\0\0\0\0isommp42") is None
