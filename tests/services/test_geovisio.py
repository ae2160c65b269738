"""The connector for Panoramax against a real server, with photos that these tests draw and upload."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import piexif
import pytest
from conftest import Toy, photos_of
from drawn import scene
from PIL import Image

from viewfix import Map, Photo, ServiceOptions, fetch, open_service
from viewfix.sources import open_for_map, open_source
from viewfix.sources.services import downloads, panoramax

from .geovisio import LICENCE, GeoVisio, why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_not() is not None, reason=why_not() or "")]

BOX = "49.9,19.9,50.1,20.1"
PANORAMA_AT = (50.05, 20.05)
POSE = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:GPano="http://ns.google.com/photos/1.0/panorama/"
 GPano:ProjectionType="equirectangular" GPano:PoseHeadingDegrees="137.5" GPano:UsePanoramaViewer="True"
 GPano:FullPanoWidthPixels="2048" GPano:FullPanoHeightPixels="1024" GPano:CroppedAreaImageWidthPixels="2048"
 GPano:CroppedAreaImageHeightPixels="1024" GPano:CroppedAreaLeftPixels="0" GPano:CroppedAreaTopPixels="0"/>
</rdf:RDF></x:xmpmeta>"""


def panorama() -> bytes:
    """A drawn sphere whose GPano metadata give its direction; its EXIF does not."""

    def degrees(value: int) -> tuple[tuple[int, int], ...]:
        return (value, 1), (3, 1), (0, 1)  # and three minutes, which are 0.05 degrees

    gps = {1: b"N", 2: degrees(50), 3: b"E", 4: degrees(20)}
    taken = {36867: b"2024:05:02 12:00:00", 36881: b"+02:00"}
    names = {piexif.ImageIFD.Make: b"Drawn", piexif.ImageIFD.Artist: b"someone@example.org"}
    file = io.BytesIO()
    exif = piexif.dump({"0th": names, "GPS": gps, "Exif": taken})
    Image.fromarray(scene(2048, 1024)).save(file, "JPEG", quality=90, exif=exif, xmp=POSE.encode())
    return file.getvalue()


@pytest.fixture(scope="module")
def geovisio(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GeoVisio]:
    """A server with the photos of the street and a panorama."""
    sphere = tmp_path_factory.mktemp("sphere") / "sphere.jpg"
    sphere.write_bytes(panorama())
    server = GeoVisio()
    try:
        server.upload([*photos_of(street), sphere])
        yield server
    finally:
        server.close()


@pytest.fixture
def spec(geovisio: GeoVisio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setattr(downloads, "cache_folder", lambda name: tmp_path / "cache" / name)
    return f"panoramax+{geovisio.url}:{BOX}"


def flat(spec: str, **options: object) -> list[Photo]:
    """The photos that are not views of the panorama."""
    source = open_for_map(open_service(spec, ServiceOptions(**options)))  # type: ignore[arg-type]
    return [photo for photo in source if isinstance(photo, Photo) and photo.view is None]


def test_every_uploaded_photo_is_listed_with_its_place_direction_and_time(spec: str, street: Path) -> None:
    uploaded = {
        (round(p.position.lat, 6), round(p.position.lon, 6), round(p.heading_deg or 0) % 360, p.taken_at)
        for p in open_source(street)
        if isinstance(p, Photo)
    }
    listed = flat(spec)
    assert len(listed) == len(photos_of(street))
    for photo in listed:
        near = [u for u in uploaded if abs(u[0] - photo.position.lat) < 2e-6 and abs(u[1] - photo.position.lon) < 2e-6]
        turns = [abs((u[2] - (photo.heading_deg or 0) + 180) % 360 - 180) for u in near if u[3] == photo.taken_at]
        assert turns and min(turns) <= 1.0, photo
        assert photo.licence == LICENCE and photo.attribution == "Panoramax, Default account"


def test_every_photo_is_found_although_the_search_has_no_pages(
    spec: str, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panoramax, "LIMIT", 5)
    assert len(flat(spec)) == len(photos_of(street))


def test_a_polygon_is_asked_for_by_intersects(spec: str, tmp_path: Path, street: Path) -> None:
    corners = [[19.9, 49.9], [20.02, 49.9], [20.02, 50.02], [19.9, 50.02], [19.9, 49.9]]
    area = tmp_path / "area.geojson"
    area.write_text(json.dumps({"type": "Polygon", "coordinates": [corners]}))
    assert len(flat(spec.replace(BOX, str(area)))) == len(photos_of(street))


def test_a_collection_is_listed_page_by_page(geovisio: GeoVisio, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panoramax, "LIMIT", 4)
    items = geovisio.items("19.9,49.9,20.02,50.02")
    collection = items[0]["collection"]
    expected = {f"panoramax/{item['id']}" for item in items if item["collection"] == collection}
    assert {photo.id for photo in flat(spec.replace(BOX, collection))} == expected


def test_a_period_and_a_circle_are_understood(spec: str, street: Path) -> None:
    assert len(flat(spec, since=date(2026, 6, 1), until=date(2026, 6, 1))) == len(photos_of(street))
    assert not flat(spec, since=date(2026, 6, 2))
    lat, lon = PANORAMA_AT
    around = open_service(spec.replace(BOX, f"{lat},{lon}"), ServiceOptions(radius_m=50.0))
    assert len(list(around)) == 1


def test_the_views_of_a_panorama_look_where_its_pose_says(spec: str) -> None:
    views = [photo for photo in open_for_map(spec) if isinstance(photo, Photo) and photo.view is not None]
    assert [photo.heading_deg for photo in views] == [(137.5 + 45 * i) % 360 for i in range(8)]
    assert (views[0].position.lat, views[0].position.lon) == pytest.approx(PANORAMA_AT)
    assert "example.org" not in repr(views)


def test_a_map_is_built_refreshed_and_told_what_is_gone(
    geovisio: GeoVisio, spec: str, street: Path, tmp_path: Path, toy: Toy
) -> None:
    count = len(photos_of(street)) + 8
    with Map.build(tmp_path / "a.map", spec, model=toy) as city:
        assert len(city) == count and not city.last_added.skipped
    extra = tmp_path / "extra.jpg"
    exif = piexif.load(str(photos_of(street)[0]))
    exif["Exif"][36867] = b"2026:06:03 10:00:00"
    picture = Image.fromarray(scene(160, 120))
    picture.save(extra, exif=piexif.dump(exif))
    geovisio.upload([extra], "another day")
    [added] = [item for item in geovisio.items("19.9,49.9,20.1,50.1") if item["properties"]["datetime"] > "2026-06-02"]
    with Map.build(tmp_path / "a.map", spec, model=toy) as city:
        assert str(city.last_added) == f"1 added, {count} already there, 0 skipped"
        assert city.locate(picture, verify="off").candidates[0].photo.id == f"panoramax/{added['id']}"
    geovisio.delete(added)
    with Map.build(tmp_path / "a.map", spec, model=toy) as city:
        assert city.last_added.gone == [f"panoramax/{added['id']}"] and city.last_added.unchanged == count
    assert not list((tmp_path / "cache").rglob("*.jpg"))


def test_fetched_pictures_are_the_uploaded_ones(spec: str, street: Path, tmp_path: Path, toy: Toy) -> None:
    made = fetch([open_service(spec)], tmp_path / "out")
    assert made.downloaded == len(photos_of(street)) + 1 and not made.skipped
    with Map.build(tmp_path / "a.map", made.manifest, model=toy) as city:
        answer = city.locate(photos_of(street)[3], verify="off")
        assert answer.candidates[0].similarity > 0.99
    assert fetch([open_service(spec)], tmp_path / "out").downloaded == 0
