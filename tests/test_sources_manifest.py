"""Manifests in CSV, GeoJSON and Parquet: columns by their usual names, mistakes reported row by row."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from drawn import SHARED

from viewfix.errors import BadInput
from viewfix.sources import open_source, open_sources
from viewfix.types import Photo, Position, Skipped

Items = list[Photo | Skipped]


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("a.jpg", "b.jpg", "below/c d.jpg"):
        (tmp_path / name).write_bytes(b"never opened by a manifest")


def read(
    tmp_path: Path, content: str | bytes | dict[str, Any] | list[Any], name: str = "m.csv"
) -> list[Photo | Skipped]:
    file = tmp_path / name
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return list(open_source(file))


def only(items: Items) -> Photo:
    (photo,) = items
    assert isinstance(photo, Photo), photo.reason
    return photo


def test_a_manifest_can_contain_all_metadata_of_a_photo(tmp_path: Path) -> None:
    photo = only(
        read(
            tmp_path,
            "file,lat,lon,heading_deg,taken_at,id,attribution,licence,radius_m\n"
            'below/c d.jpg,60.17,24.94,370,2024-05-01T12:00:00Z,p1,"Ann, Ben",CC0,4.5\n',
        )
    )
    assert photo == Photo(
        id="p1",
        source=str(tmp_path.resolve() / "below/c d.jpg"),
        position=Position(60.17, 24.94, 4.5),
        heading_deg=10.0,
        taken_at=datetime(2024, 5, 1, 12, tzinfo=UTC),
        attribution="Ann, Ben",
        licence="CC0",
    )


@pytest.mark.parametrize(
    "text",
    [
        "FileName;Latitude;Longitude\na.jpg;60,17;24,94\n",
        "Path\tLNG\tLat\na.jpg\t24.94\t60.17\n",
        "\ufefffile,lat,lon\r\na.jpg,60.17,24.94\r\n\r\n",
        ' image , y , x \n"a.jpg", 60.17 , 24.94 ',
        "key,GPS Latitude,gps-longitude,File Name\na.jpg,60.17,24.94,a.jpg\n",
    ],
)
def test_columns_are_found_under_all_names_and_delimiters(text: str, tmp_path: Path) -> None:
    photo = only(read(tmp_path, text))
    assert (photo.id, photo.position) == ("a.jpg", Position(60.17, 24.94))


def test_a_spreadsheets_utf_16_is_read(tmp_path: Path) -> None:
    assert only(read(tmp_path, "file\tlat\tlon\na.jpg\t1\t2\n".encode("utf-16"))).position == Position(1, 2)


def test_a_row_that_is_not_utf_8_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    bad, good = read(tmp_path, "file,lat,lon,höhe\nJörg.jpg,1,2,3\na.jpg,1,2,3\n".encode("latin-1"))
    assert isinstance(good, Photo)
    assert isinstance(bad, Skipped) and "line 2 of m.csv: it contains bytes that are not text. Save" in bad.reason


def test_photos_on_the_web_are_not_looked_for_on_disk(tmp_path: Path) -> None:
    photo = only(read(tmp_path, "url,lat,lon\nhttps://example.org/1.jpg,1,2\n"))
    assert photo.source == photo.id == "https://example.org/1.jpg"


def test_absolute_paths_and_those_of_windows_are_found(tmp_path: Path) -> None:
    items = read(tmp_path, f"file,lat,lon\n{tmp_path / 'a.jpg'},1,2\nbelow\\c d.jpg,1,2\n")
    assert [item.source for item in items if isinstance(item, Photo)] == [
        str(tmp_path / "a.jpg"),
        str(tmp_path.resolve() / "below/c d.jpg"),
    ]
    assert items[1].id == "below\\c d.jpg", "the id is what is written"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("file,latt,lon", "has no column 'lat', nor latitude, .* Its columns: file, latt, lon. Did you mean 'latt'"),
        ("a,b,c", "has no column 'file', nor path, .* Its columns: a, b, c. Call one 'file', in the first line"),
        ("a.jpg,60.17,24.94", "Its columns: a.jpg, 60.17, 24.94"),
        ("", "is empty"),
    ],
)
def test_a_missing_column_is_reported_with_the_columns_found(header: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        read(tmp_path, header + "\n")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",1,2", "line 2 of m.csv: it names no file."),
        ("none.jpg,1,2", r"there is no file at .*none.jpg. Files are looked for beside the manifest."),
        ("a.jpg,,2", "it has no latitude."),
        ("a.jpg,1", "it has no longitude."),
        ("a.jpg,north,2", "its latitude is 'north', which is not a number."),
        ("a.jpg,nan,2", "its latitude is 'nan', which is not a number."),
        ("a.jpg,151.2,-33.8", r"not on Earth. Are latitude and longitude swapped\?"),
        ("a.jpg,6672000,385000", r"not on Earth. Are these UTM metres\?"),
        ("a.jpg,0,0", r"its position is \(0, 0\), which usually means that it is unknown."),
        ("a.jpg,60,17,24,94", "it has 5 cells where the header has 3. Put quotes around a cell that contains ','"),
    ],
)
def test_a_bad_row_is_skipped_with_its_line_and_the_problem(row: str, message: str, tmp_path: Path) -> None:
    bad, good = read(tmp_path, f"file,lat,lon\n{row}\nb.jpg,1,2\n")
    assert isinstance(good, Photo)
    assert isinstance(bad, Skipped)
    assert re.search(message, bad.reason), bad.reason


def test_an_id_is_used_only_once(tmp_path: Path) -> None:
    first, second = read(tmp_path, "file,lat,lon\na.jpg,1,2\na.jpg,1,3\n")
    assert isinstance(first, Photo)
    assert (
        isinstance(second, Skipped)
        and "the id 'a.jpg' is used in line 2 already. Write a different id for every photo" in second.reason
    )


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2024-05-01", datetime(2024, 5, 1)),
        ("2024-05-01 12:34:56", datetime(2024, 5, 1, 12, 34, 56)),
        ("2024:05:01 12:34:56", datetime(2024, 5, 1, 12, 34, 56)),
        ("20240501", datetime(2024, 5, 1)),
        ("20240501123456", datetime(2024, 5, 1, 12, 34, 56)),
        ("1714566896", datetime(2024, 5, 1, 12, 34, 56, tzinfo=UTC)),
        ("1714566896000", datetime(2024, 5, 1, 12, 34, 56, tzinfo=UTC)),
        ("yesterday", None),
        ("9e99", None),
        ("", None),
    ],
)
def test_times_are_read_as_people_and_cameras_write_them(cell: str, moment: datetime | None, tmp_path: Path) -> None:
    assert only(read(tmp_path, f"file,lat,lon,captured_at\na.jpg,1,2,{cell}\n")).taken_at == moment


def test_an_invalid_optional_cell_counts_as_unknown(tmp_path: Path) -> None:
    photo = only(read(tmp_path, "file,lat,lon,heading,accuracy\na.jpg,1,2,north,-1\n"))
    assert (photo.heading_deg, photo.position.radius_m) == (None, None)


def feature(at: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": at}, "properties": properties}


def test_geojson_has_the_longitude_first(tmp_path: Path) -> None:
    features = [
        feature([24.94, 60.17, 12.0], file="a.jpg", heading=90, lat=0),
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": []}, "properties": {"file": "b.jpg"}},
        {"type": "Feature", "geometry": None, "properties": None},
        feature(["x", None], file="b.jpg"),
        feature([1], file="b.jpg"),
        feature([1, 2], file="b.jpg") | {"id": 7},
    ]
    for name in ("m.geojson", "m.json"):
        items = read(tmp_path, {"type": "FeatureCollection", "features": features}, name)
        assert items[0] == Photo("a.jpg", str(tmp_path.resolve() / "a.jpg"), Position(60.17, 24.94), 90.0)
        assert (
            isinstance(items[1], Skipped) and "feature 2 of m." in items[1].reason and "LineString" in items[1].reason
        )
        assert all(isinstance(item, Skipped) for item in items[1:5])
        assert items[5].id == "7"


def test_a_list_of_objects_is_a_manifest(tmp_path: Path) -> None:
    photo = only(read(tmp_path, [{"file": "a.jpg", "lat": 1.5, "lng": 2, "timestamp": 1714566896}], "m.json"))
    assert photo.position == Position(1.5, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "could not be read as a manifest"),
        ("7", "neither an object nor a list was found.*A manifest is a GeoJSON FeatureCollection"),
        ('{"type": "FeatureCollection"}', "could not be read as a manifest"),
        ('{"type": "FeatureCollection", "features": []}', "is empty"),
        ('{"type": "FeatureCollection", "features": [3]}', "names no photo. item 1: it is not an object"),
    ],
)
def test_json_that_is_not_a_manifest_is_refused(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        read(tmp_path, content, "m.json")


def test_parquet_is_read_without_its_descriptors(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    moment = datetime(2024, 5, 1, tzinfo=UTC)
    table = {
        "file": ["a.jpg", "b.jpg", "none.jpg"],
        "lat": [60.17, float("nan"), 1.0],
        "lon": [24.94, 2.0, 2.0],
        "captured_at": [moment, None, None],
        "descriptor": [[1.0, 2.0]] * 3,
    }
    parquet.write_table(arrow.table(table), tmp_path / "m.parquet")
    source = open_source(tmp_path / "m.parquet")
    assert source.count == 3
    first, second, third = source
    assert isinstance(first, Photo) and first.taken_at == moment
    assert isinstance(second, Skipped) and "row 2 of m.parquet: it has no latitude." in second.reason
    assert isinstance(third, Skipped) and "row 3" in third.reason


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(BadInput, match="could not be read as a manifest"):
        read(tmp_path, b"PAR1 no", "m.parquet")


def test_a_manifest_and_a_folder_together_have_prefixes(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("file,lat,lon\na.jpg,1,2\n")
    both = open_sources([tmp_path / "m.csv", tmp_path / "below"])
    assert both.count == 2
    assert [item.id for item in both] == ["m.csv/a.jpg", "below/c d.jpg"]


@pytest.mark.skipif(not SHARED.exists(), reason=f"the real photos are not at {SHARED}")
def test_a_real_manifest_agrees_with_the_headers_of_its_photos() -> None:
    town = SHARED / "cambridge" / "test"
    listed = {item.source: item for item in open_source(town / "map.csv") if isinstance(item, Photo)}
    read_from_files = [item for item in open_source(town / "map") if isinstance(item, Photo)]
    assert len(listed) == len(read_from_files) == 760
    for photo in read_from_files:
        other = listed[photo.source]
        assert (photo.position.lat, photo.position.lon) == pytest.approx(
            (other.position.lat, other.position.lon), abs=1e-6
        )
        assert photo.heading_deg == pytest.approx(other.heading_deg, abs=0.01)
