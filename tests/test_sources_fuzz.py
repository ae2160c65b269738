"""Every reader of tables, sidecars and OpenStreetMap files, given anything: one clear line or values, never a crash.

A few seconds by default; `-m slow` gives each reader a minute's share.
"""

import json
import string
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from viewfix.errors import BadInput
from viewfix.pois.ingest import reader_of
from viewfix.sources import open_source, takeout
from viewfix.sources.sidecars import Siblings, key_of, read_xmp, xmp_files
from viewfix.types import Photo, PointOfInterest, Skipped

FEW, MANY = 25, 1500

# Pieces that formats are made of, so that what is put together at random gets past the first check.
CSV_PIECES = [
    "file,lat,lon\n",
    "lat,lon,name\n",
    "a.jpg",
    "60.1",
    "24,9",
    '"',
    '""',
    ",",
    ";",
    "\t",
    "\n",
    "\r\n",
    "\0",
    "\ufeff",
    "é",
    "-",
    "1e999",
    "nan",
    "(",
    "x" * 70,
    "view_yaw_deg",
    "captured_at",
    "20240501",
    "\ud800",
]
JSON_PIECES = [
    '{"type": "FeatureCollection", "features": [',
    '{"type": "Feature", "geometry": ',
    '{"type": "Point", ',
    '"coordinates": [24.9, 60.1]',
    '"properties": {',
    '"file": "a.jpg"',
    '"lat": 1',
    '"lon": 2',
    '"name": "x"',
    "}",
    "]",
    "[",
    "{",
    ",",
    ":",
    "NaN",
    "-Infinity",
    "1e999",
    "1" * 40,
    '"\\ud83d"',
    "null",
    "true",
    "\x1e",
    '"elements": [',
    '{"type": "node", "id": 1',
    '"tags": ',
    '"Polygon"',
    '"\\',
    "\0",
]
XML_PIECES = [
    "<osm>",
    "</osm>",
    '<node id="1" lat="60" lon="24">',
    "</node>",
    '<way id="2">',
    "</way>",
    '<nd ref="1"/>',
    '<relation id="3">',
    "</relation>",
    '<member type="way" ref="2" role="outer"/>',
    '<tag k="name" v="x"/>',
    '<tag k="tourism" v="museum"/>',
    '<tag k="type" v="multipolygon"/>',
    '<center lat="1" lon="2"/>',
    "<a>",
    "</a>",
    '<!DOCTYPE a [<!ENTITY b "c">]>',
    "&b;",
    '<nd ref="x" lat="," lon="1e999"/>',
    "<",
    ">",
    "&",
    "\0",
]
XMP_PIECES = [
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">',
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
    '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="43,4.5N" ',
    'exif:GPSLongitude="',
    "79,4W",
    '"/>',
    "</rdf:RDF>",
    "</x:xmpmeta>",
    "0/0",
    "°",
    "S",
    "GPSImgDirection",
]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([60.1, "60,1", "a.jpg"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "geometry",
                    "coordinates",
                    "properties",
                    "features",
                    "file",
                    "lat",
                    "lon",
                    "name",
                    "tags",
                    "id",
                    "elements",
                    "members",
                    "nodes",
                    "geoData",
                    "latitude",
                    "longitude",
                    "photoTakenTime",
                    "timestamp",
                    "view_fov_deg",
                    "focal_px",
                    "center",
                    "names",
                    "links",
                ]
            ),
            inner | st.sampled_from(["Point", "Polygon", "Feature", "FeatureCollection", "node", "way", "relation"]),
            max_size=6,
        )
    ),
    max_leaves=20,
)


def put_together(pieces: list[str]) -> st.SearchStrategy[bytes]:
    parts = st.lists(st.sampled_from(pieces) | st.text(string.printable, max_size=3), max_size=30)
    return parts.map("".join).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=200)


def photos_of(file: Path) -> Iterable[Any]:
    return open_source(file)


def points_of(file: Path) -> Iterable[Any]:
    return reader_of(file)(file)


READERS: dict[str, tuple[str, Callable[[Path], Iterable[Any]], st.SearchStrategy[bytes]]] = {
    "manifest": ("m.csv", photos_of, put_together(CSV_PIECES)),
    "manifest in UTF-16": ("m.csv", photos_of, put_together(CSV_PIECES).map(lambda data: b"\xff\xfe" + data)),
    "manifest in JSON": ("m.json", photos_of, put_together(JSON_PIECES) | values.map(json.dumps).map(str.encode)),
    "manifest in Parquet": ("m.parquet", photos_of, st.binary(max_size=200).map(lambda data: b"PAR1" + data + b"PAR1")),
    "points in CSV": ("p.csv", points_of, put_together(CSV_PIECES)),
    "points in GeoJSON": ("p.geojson", points_of, put_together(JSON_PIECES) | values.map(json.dumps).map(str.encode)),
    "points in JSON": ("p.json", points_of, put_together(JSON_PIECES) | values.map(json.dumps).map(str.encode)),
    "OpenStreetMap": ("p.osm", points_of, put_together(XML_PIECES)),
    "OpenStreetMap, begun right": ("p.osm", points_of, put_together(XML_PIECES).map(lambda data: b"<osm>" + data)),
}


def check(name: str, data: bytes, folder: Path) -> None:
    file_name, read, _ = READERS[name]
    file = folder / file_name
    file.write_bytes(data)
    try:
        items = list(read(file))
    except BadInput as error:
        assert "\n" not in str(error) and file_name in str(error)
        return
    for item in items:
        assert isinstance(item, Photo | PointOfInterest | Skipped)
        texts = (item.id, item.reason) if isinstance(item, Skipped) else (item.id,)
        assert all(text.encode() and "\n" not in text for text in texts if isinstance(item, Skipped) or text)


def fuzz(examples: int) -> Callable[[Any], Any]:
    calm = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, deadline=None, suppress_health_check=calm, database=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "a.jpg").write_bytes(b"never opened")
    return folder


@pytest.mark.parametrize("name", READERS)
def test_a_reader_survives_any_input(name: str, folder: Path) -> None:
    fuzz(FEW)(given(READERS[name][2])(lambda data: check(name, data, folder)))()


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_reader_survives_any_input_in_a_long_run(name: str, folder: Path) -> None:
    fuzz(MANY)(given(READERS[name][2])(lambda data: check(name, data, folder)))()


@fuzz(2 * FEW)
@given(put_together(XMP_PIECES), values)
def test_sidecars_survive_any_input(folder: Path, packet: bytes, about: Any) -> None:
    (folder / "s.xmp").write_bytes(packet)
    (folder / "s.json").write_text(json.dumps(about))
    for found in (read_xmp(folder / "s.xmp"), takeout.read(folder / "s.json")):
        assert found.position is None or found.no_position is None


NAMES = st.text(st.sampled_from("aÄ\u0308é😀-(1).jpgedited "), min_size=1, max_size=60).filter(
    lambda name: "/" not in name
)


@fuzz(2 * FEW)
@given(NAMES, st.lists(NAMES, max_size=4), st.integers(0, 60))
@example("a" * 45 + "😀.jpg", [], 46)
def test_a_sidecar_is_found_whatever_the_name_of_the_photo(photo: str, others: list[str], cut: int) -> None:
    sidecar = f"{photo}.supplemental-metadata"
    sidecar = f"{sidecar[: max(cut, min(len(photo), 46))]}.json"
    siblings = Siblings([photo, sidecar, *others])
    assert takeout.sidecar_of(photo, siblings) in siblings.names
    assert all(name in siblings.names for name in xmp_files(photo, siblings))
    assert key_of(photo) == key_of(key_of(photo))
