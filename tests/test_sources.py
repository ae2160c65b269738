"""Folders, single files and several sources at once: each photo becomes a Photo, or a Skipped with a reason."""

import itertools
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import piexif
import pytest
from drawn import GPS, INGEST, real, saved, scene, with_exif

from viewfix.errors import BadInput
from viewfix.sources import Files, Folder, image_files, notes_of, open_source, open_sources, pictures_in
from viewfix.sources.sidecars import Siblings
from viewfix.sources.takeout import sidecar_of
from viewfix.types import Photo, Position, Skipped

SYDNEY = (pytest.approx(-33.869567, abs=1e-6), pytest.approx(151.208333, abs=1e-6))


def write(folder: Path, *names: str, data: bytes | None = None) -> None:
    data = with_exif(GPS) if data is None else data
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def ids(source: Iterable[Photo | Skipped]) -> list[str]:
    return [item.id for item in source]


def only(source: Iterable[Photo | Skipped]) -> Photo:
    (photo,) = source
    assert isinstance(photo, Photo), photo.reason
    return photo


def skipped(source: Iterable[Photo | Skipped]) -> str:
    (item,) = source
    assert isinstance(item, Skipped)
    return item.reason


# ---- folders


def test_a_folder_yields_all_photos_below_it_in_order(tmp_path: Path) -> None:
    write(tmp_path, "b.JPG", "a.jpeg", "2024/z.jpg", "2024/05/1.jpg", ".hidden.jpg", ".git/c.jpg")
    write(tmp_path, "notes.txt", data=b"a day out")
    source = open_source(tmp_path)
    assert source.count == 4
    assert ids(source) == ["a.jpeg", "b.JPG", "2024/z.jpg", "2024/05/1.jpg"]
    assert ids(source) == ids(source), "it can be gone through again"
    first = next(iter(source))
    assert isinstance(first, Photo)
    assert first.source == str(tmp_path.resolve() / "a.jpeg")
    assert (first.position.lat, first.position.lon) == SYDNEY


def test_a_folder_is_read_lazily(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, *(f"{n}.jpg" for n in range(9)))
    opened: list[Path] = []
    original = Path.open

    def watched(path: Path, *args: Any, **options: Any) -> Any:
        opened.append(path)
        return original(path, *args, **options)

    monkeypatch.setattr(Path, "open", watched)
    source = open_source(tmp_path)
    assert source.count == 9
    assert not opened
    list(itertools.islice(source, 2))
    assert len(opened) == 2


def test_a_photo_that_cannot_be_used_is_skipped_with_a_reason_and_the_others_are_not(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", "5.jpg")
    write(tmp_path, "2.jpg", data=saved(scene()))
    write(tmp_path, "3.jpg", data=b"")
    write(tmp_path, "4.jpg", data=with_exif({**GPS, 2: ((0, 1),) * 3, 4: ((0, 1),) * 3}))
    one, two, three, four, five = open_source(tmp_path)
    assert isinstance(one, Photo) and isinstance(five, Photo)
    assert isinstance(two, Skipped) and two.reason.startswith("it carries no GPS position. Geotag it, or")
    assert isinstance(three, Skipped) and "it is empty" in three.reason
    assert isinstance(four, Skipped) and "(0, 0), which cameras write when they have no fix" in four.reason


def test_a_link_that_leads_into_itself_does_not_go_on_forever(tmp_path: Path) -> None:
    write(tmp_path, "a/1.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "dead.jpg").symlink_to(tmp_path / "none.jpg")
    items = list(open_source(tmp_path))
    assert [item.id for item in items if isinstance(item, Photo)] == ["a/1.jpg", "b/1.jpg"]
    assert [item.id for item in items if isinstance(item, Skipped)] == ["dead.jpg"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_listed_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", "secret/2.jpg")
    (tmp_path / "secret").chmod(0)
    try:
        one, secret = open_source(tmp_path)
    finally:
        (tmp_path / "secret").chmod(0o700)
    assert isinstance(one, Photo)
    assert isinstance(secret, Skipped) and "could not be listed" in secret.reason


def test_a_name_that_is_not_utf_8_is_skipped_and_can_be_printed(tmp_path: Path) -> None:
    try:
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))).write_bytes(with_exif(GPS))
    except OSError:
        pytest.skip("this disk takes no such names")
    (item,) = Folder(tmp_path)
    assert isinstance(item, Skipped) and "Rename it" in item.reason
    assert item.id.encode()
    (tmp_path / "1.jpg").write_bytes(with_exif(GPS))
    for name, data in ((b"gif\xe9.gif", b"GIF89a"), (b"1.jpg.xmp", b"<x"), (b"notes\xe9.txt", b"")):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(data)
    source = Folder(tmp_path)
    found = [*source, *(item for item in pictures_in(tmp_path) if isinstance(item, Skipped))]
    assert len(found) == 5 and all(item.id.encode() for item in found) and notes_of(source).kept[0].encode()


def test_an_xmp_sidecar_adds_what_the_photo_lacks(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", data=saved(scene()))
    (tmp_path / "1.xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="50,5.4N" '
        'exif:GPSLongitude="14,25,12E"/></rdf:RDF></x:xmpmeta>'
    )
    assert only(open_source(tmp_path)).position == Position(50.09, 14.42)


# ---- Google Takeout


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1.jpg", "IMG_1.jpg.json"),
        ("IMG_1(2).jpg", "IMG_1.jpg.supplemental-metadata(2).json"),
        ("IMG_1(2).jpg", "IMG_1.jpg(2).json"),
        ("IMG_1(2).jpg", "IMG_1(2).jpg.json"),
        ("PXL_20240501_123456789.PORTRAIT.jpg", "PXL_20240501_123456789.PORTRAIT.jpg.supplemen.json"),
        ("PXL_20240501_123456789.PORTRAIT(1).jpg", "PXL_20240501_123456789.PORTRAIT.jpg.supplemen(1).json"),
        ("a-name-that-is-so-long-that-takeout-cuts-its-end.jpg", "a-name-that-is-so-long-that-takeout-cuts-its-e.json"),
        ("IMG_1-edited.jpg", "IMG_1.jpg.supplemental-metadata.json"),
    ],
)
def test_takeout_sidecars_are_found_under_all_their_names(photo: str, sidecar: str) -> None:
    assert sidecar_of(photo, Siblings([photo, sidecar, "metadata.json"])) == sidecar


@pytest.mark.parametrize("other", ["IMG_10.jpg.json", "IMG_10.json", "IMG_1.jpg.supplemental-metadata(2).json"])
def test_the_sidecar_of_another_photo_is_left_alone(other: str) -> None:
    assert sidecar_of("IMG_1.jpg", Siblings([other])) is None


def takeout(lat: float, lon: float, exif: tuple[float, float] = (0.0, 0.0)) -> bytes:
    return json.dumps(
        {
            "title": "1.jpg",
            "photoTakenTime": {"timestamp": "1728767973", "formatted": "Oct 12, 2024, 9:19:33 PM UTC"},
            "geoData": {"latitude": lat, "longitude": lon, "altitude": 0.0},
            "geoDataExif": {"latitude": exif[0], "longitude": exif[1]},
        }
    ).encode()


def test_a_sidecar_fills_what_the_photo_lacks(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", data=saved(scene()))
    write(tmp_path, "1.jpg.supplemental-metadata.json", data=takeout(33.65, -117.84))
    photo = only(open_source(tmp_path))
    assert photo.position == Position(33.65, -117.84)
    assert photo.taken_at == datetime(2024, 10, 12, 21, 19, 33, tzinfo=UTC)


def test_a_sidecar_overrides_only_the_position_of_the_photo(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", data=with_exif(GPS, {piexif.ExifIFD.DateTimeOriginal: b"2024:05:01 12:34:56"}))
    write(tmp_path, "1.jpg.json", data=takeout(33.65, -117.84))
    source = open_source(tmp_path)
    photo = only(source)
    assert photo.position == Position(33.65, -117.84)
    assert photo.taken_at == datetime(2024, 5, 1, 12, 34, 56)
    [note] = notes_of(source).kept
    assert note.startswith("1.jpg: the photo itself says -33.869567, 151.208333, but 1.jpg.json says 33.650000")
    assert note.endswith("Used: 1.jpg.json. For the other: --prefer exif")
    by_photo = open_source(tmp_path, prefer="exif")
    photo = only(by_photo)
    assert (photo.position.lat, photo.position.lon) == SYDNEY
    assert "Used: the photo's own. For the other: --prefer sidecar" in notes_of(by_photo).kept[0]
    with pytest.raises(BadInput, match='prefer must be "sidecar" or "exif"; got \'both\''):
        open_source(tmp_path, prefer="both")  # type: ignore[arg-type]


def test_zero_zero_in_a_sidecar_means_unknown(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", data=saved(scene()))
    write(tmp_path, "1.jpg.json", data=takeout(0.0, 0.0))
    assert "it carries no GPS position" in skipped(open_source(tmp_path))
    write(tmp_path, "1.jpg.json", data=takeout(0.0, 0.0, (33.65, -117.84)))
    assert only(open_source(tmp_path)).position == Position(33.65, -117.84)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"geoData": 3}', b"\xff\xfe"])
def test_a_damaged_sidecar_loses_only_its_own_metadata(data: bytes, tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    write(tmp_path, "1.jpg.json", data=data)
    assert only(open_source(tmp_path)).taken_at is None


# ---- what was named


def test_one_photo_is_a_source_too(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    assert ids(open_source(tmp_path / "1.jpg")) == ["1.jpg"]
    assert ids(open_source(str(tmp_path / "1.jpg"))) == ["1.jpg"]


def test_a_missing_path_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(BadInput, match=r"There is nothing at .*phtos\. Did you mean .*photos\?"):
        open_source(tmp_path / "phtos")
    with pytest.raises(BadInput, match="nor a folder at"):
        open_source(tmp_path / "no" / "photos")
    with pytest.raises(BadInput, match="is a web address"):
        open_source("https://example.org/photos")


def test_a_folder_of_films_says_how_films_are_read(tmp_path: Path) -> None:
    (tmp_path / "walk.MP4").write_bytes(b"")
    with pytest.raises(BadInput, match=r"it contains 1 x \.mp4\. Pass a folder with JPEG.*, or the films themselves\."):
        open_sources([str(tmp_path)])


def test_a_folder_without_photos_is_refused_with_its_contents(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="it contains nothing at all"):
        open_source(tmp_path)
    write(tmp_path, "a.gif", "b.gif", data=b"GIF89a" + bytes(9))
    write(tmp_path, "film.mp4", data=b"\0\0\0\x20ftypisom")
    with pytest.raises(BadInput, match="2 x .gif, 1 x .mp4. Pass a folder with JPEG"):
        open_source(tmp_path)
    with pytest.raises(BadInput, match="neither a folder, nor a photo, nor a film, nor a manifest"):
        open_source(tmp_path / "a.gif")


def test_photos_of_two_folders_with_the_same_names_stay_apart(tmp_path: Path) -> None:
    write(tmp_path, "north/1.jpg", "south/1.jpg", "x/south/1.jpg")
    assert ids(open_sources([tmp_path / "north"])) == ["1.jpg"]
    both = open_sources([tmp_path / "north", tmp_path / "south"])
    assert both.count == 2
    assert ids(both) == ["north/1.jpg", "south/1.jpg"]
    apart = ids(open_sources([tmp_path / "x" / "south", tmp_path / "south"]))
    assert apart == ["x/south/1.jpg", f"{tmp_path.name}/south/1.jpg"]


def test_a_folder_that_is_passed_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    assert ids(open_sources([tmp_path, str(tmp_path)])) == ["1.jpg"]


def test_single_photos_keep_their_names_unless_two_are_equal(tmp_path: Path) -> None:
    write(tmp_path, "a/1.jpg", "b/1.jpg", "b/2.jpg")
    files = [tmp_path / "a" / "1.jpg", tmp_path / "b" / "1.jpg", tmp_path / "b" / "2.jpg"]
    assert ids(Files(files)) == ["a/1.jpg", "b/1.jpg", "2.jpg"]
    assert ids(open_sources([tmp_path / "b", files[0]])) == ["b/1.jpg", "b/2.jpg", "1.jpg"]


def test_pictures_without_positions_can_be_listed(tmp_path: Path) -> None:
    write(tmp_path, "b.png", "a/1.webp", "c.txt", data=b"")
    assert image_files(tmp_path) == [tmp_path / "b.png", tmp_path / "a" / "1.webp"]
    assert image_files(str(tmp_path / "c.txt")) == [tmp_path / "c.txt"]
    with pytest.raises(BadInput, match="There is nothing at"):
        image_files(tmp_path / "d.png")


# ---- the real photos


@real
@pytest.mark.parametrize(
    ("folder", "photos", "without"),
    [("phone_photos", 107, 2), ("opensfm_berlin", 3, 0), ("opensfm_lund", 29, 0), ("panoramas", 0, 2)],
)
def test_real_folders_are_read(folder: str, photos: int, without: int) -> None:
    items = list(open_source(INGEST / folder))
    assert sum(isinstance(item, Photo) for item in items) == photos
    reasons = [item.reason for item in items if isinstance(item, Skipped)]
    assert len(reasons) == without
    assert all(reason.startswith("it carries no GPS position") for reason in reasons)


@real
def test_photos_with_broken_headers_are_photos_or_skipped_with_a_reason() -> None:
    for item in [*open_source(INGEST / "exif_cases"), *open_source(INGEST / "bad_exif")]:
        assert isinstance(item, Photo) or item.reason.endswith("file, lat, lon.")
    assert all(isinstance(item, Skipped) for item in open_source(INGEST / "exif_cases" / "invalid"))
