"""Tables of any kind: quotes that are never closed, cells of any length, times of any unit, views and cameras."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from viewfix.errors import BadInput
from viewfix.sources import csv_rows, open_source
from viewfix.types import Camera, Photo, Position, Skipped, View


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / f"{name}.jpg").write_bytes(b"never opened by a manifest")


def read(tmp_path: Path, content: str, name: str = "m.csv") -> tuple[list[Photo], list[str]]:
    """The photos of a manifest, and the problems with its other rows."""
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    items = list(open_source(tmp_path / name))
    return (
        [item for item in items if isinstance(item, Photo)],
        [item.reason for item in items if isinstance(item, Skipped)],
    )


# Quotes and long cells


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("rows", "ids", "line"),
    [
        (['a.jpg,1,2,"Bob', "b.jpg,1,3,Ann", "c.jpg,1,4,Eve"], "bc", 2),
        (['a.jpg,1,2,"Bob', 'b.jpg,1,3,"Ann"', "c.jpg,1,4,Eve"], "bc", 2),
        (['a.jpg,1,2,"Bob', "b.jpg,1,3,Ann", 'c.jpg,1,4,Eve"'], "bc", 2),
        (["a.jpg,1,2,Bob", 'b.jpg,1,3,"Ann', 'c.jpg,1,4,""', "d.jpg,1,5,Kim"], "acd", 3),
        (["a.jpg,1,2,Bob", "b.jpg,1,3,Ann", 'c.jpg,1,4,"Eve'], "ab", 4),
        (['a.jpg,1,2,"Bob', 'b.jpg,1,3,"Ann', "c.jpg,1,4,Eve"], "c", 2),
    ],
)
def test_a_quote_that_is_never_closed_is_reported_and_the_rows_after_it_are_read(
    rows: list[str], ids: str, line: int, end: str, tmp_path: Path
) -> None:
    photos, reasons = read(tmp_path, end.join(["file,lat,lon,author", *rows, ""]))
    assert [photo.id for photo in photos] == [f"{name}.jpg" for name in ids]
    assert len(photos) + len(reasons) == len(rows), "no row vanishes"
    assert f"line {line} of m.csv: it opens a quote" in reasons[0]


def test_closed_quotes_may_contain_anything(tmp_path: Path) -> None:
    author = 'Ann "A"\nof 1,2\r\nand "3, 4"\n'
    file = io.StringIO()
    csv.writer(file).writerows([["file", "lat", "lon", "author"], ["a.jpg", 1, 2, author], ["b.jpg", 1, 3, '5" wide']])
    photos, reasons = read(tmp_path, file.getvalue())
    assert not reasons and [photo.attribution for photo in photos] == [author.strip(), '5" wide']
    photos, reasons = read(tmp_path, 'file,lat,lon,author\na.jpg,1,2,5" wide\nb.jpg,1,3,6" wide\n')
    assert not reasons and photos[0].attribution == '5" wide', "a quote inside a cell opens nothing"


def test_a_cell_may_be_of_any_length(tmp_path: Path) -> None:
    csv.field_size_limit(131_072)  # as Python begins
    long = "x" * 3_000_000
    photos, reasons = read(tmp_path, f'file,lat,lon,note\na.jpg,1,2,{long}\nb.jpg,1,3,"{long}\n{long}"\nc.jpg,1,4,\n')
    assert [photo.id for photo in photos] == ["a.jpg", "b.jpg", "c.jpg"] and not reasons


def test_a_row_without_an_end_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MOST", 1 << 12)
    rows = ["file,lat,lon,note", "a.jpg,1,2," + "x" * 9000, "b.jpg,1,3,", 'c.jpg,1,4,"' + "\nx" * 9000, "d.jpg,1,5,"]
    photos, reasons = read(tmp_path, "\n".join(rows))
    assert [photo.id for photo in photos] == ["b.jpg", "d.jpg"]
    assert "longer than" in reasons[0] and "never closed" in reasons[1]


def test_a_lone_surrogate_in_json_loses_at_most_one_row(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(
        '[{"file": "a.jpg", "lat": 1, "lon": 2, "id": "\\ud83d"}, {"file": "b.jpg", "lat": 1, "lon": 3}]'
    )
    items = list(open_source(tmp_path / "m.json"))
    assert [item.id for item in items][1] == "b.jpg" and all(item.id.encode() for item in items)


# Views and cameras


COLUMNS = "file,id,lat,lon,view_yaw_deg,view_pitch_deg,view_fov_deg,view_time_s,focal_35mm,focal_px,width_px,height_px,pitch_deg,roll_deg,altitude_m"  # fmt: skip  # noqa: E501


def test_one_file_may_contain_many_photos_with_different_views_and_cameras(tmp_path: Path) -> None:
    rows = [
        COLUMNS,
        "a.jpg,north,1,2,0,10,90,,,,,,,,",
        "a.jpg,east,1,2,-270,,60,,,,,,,,",
        "b.jpg,frame,1,2,,,,12.5,26,,4000,3000,-5,2.5,80",
        "c.jpg,plain,1,2,,,,,,1200,1600,1200,,,",
    ]
    photos, reasons = read(tmp_path, "\n".join(rows))
    assert not reasons
    assert [(photo.id, photo.view) for photo in photos] == [
        ("north", View(yaw_deg=0, pitch_deg=10, field_of_view_deg=90)),
        ("east", View(yaw_deg=90, field_of_view_deg=60)),
        ("frame", View(time_s=12.5)),
        ("plain", None),
    ]
    assert photos[0].source == photos[1].source and photos[0].camera is None
    assert photos[2].camera == Camera(None, 26, 4000, 3000, -5, 2.5, 80)
    assert photos[3].camera == Camera(1200, None, 1600, 1200)


def test_a_row_with_a_wrong_view_is_skipped_and_a_wrong_camera_is_unknown(tmp_path: Path) -> None:
    rows = [
        COLUMNS,
        "a.jpg,1,1,2,north,,,,,,,,,,",
        "a.jpg,2,1,2,0,,180,,,,,,,,",
        "a.jpg,3,1,2,0,,nan,,,,,,,,",
        "a.jpg,4,1,2,0,,90,,0,-3,nan,1e400,999,x,1e9",
    ]
    photos, reasons = read(tmp_path, "\n".join(rows))
    assert [(photo.id, photo.camera) for photo in photos] == [("4", None)]
    assert "its view_yaw_deg is 'north', which is not a number" in reasons[0]
    assert "field_of_view_deg must be between 0 and 180; got 180.0" in reasons[1] and "'nan'" in reasons[2]


def test_views_are_read_from_geojson_and_parquet_too(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"file": "a.jpg", "id": str(yaw), "lat": 1.0, "lon": 2.0, "view_yaw_deg": yaw, "view_fov_deg": 90} for yaw in (0, 90)]  # fmt: skip  # noqa: E501
    features = [{"type": "Feature", "geometry": {"type": "Point", "coordinates": [2, 1]}, "properties": row} for row in rows]  # fmt: skip  # noqa: E501
    (tmp_path / "m.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "m.parquet")
    for name in ("m.geojson", "m.parquet"):
        views = [item.view for item in open_source(tmp_path / name) if isinstance(item, Photo)]
        assert views == [View(0, None, 90), View(90, None, 90)]


# Parquet


def parquet_of(tmp_path: Path, **columns: Any) -> list[Photo]:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = {"file": ["a.jpg", "b.jpg"], "lat": [60.1, 60.2], "lon": [24.9, 24.8], **columns}
    parquet.write_table(arrow.table(table), tmp_path / "m.parquet")
    photos = list(open_source(tmp_path / "m.parquet"))
    assert all(isinstance(photo, Photo) for photo in photos) and len(photos) == 2
    assert [photo.position for photo in photos if isinstance(photo, Photo)] == [
        Position(60.1, 24.9),
        Position(60.2, 24.8),
    ]
    return [photo for photo in photos if isinstance(photo, Photo)]


def test_times_of_parquet_are_cut_to_microseconds_or_unknown_beyond_pythons_range(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    count = 1_714_557_600_123_456_789
    moments = {
        "s": (arrow.timestamp("s"), [0, 10**12], [datetime(1970, 1, 1), None]),
        "ms": (arrow.timestamp("ms"), [-(10**15), None], [None, None]),
        "us": (arrow.timestamp("us", "Europe/Helsinki"), [count // 1000, 0], None),
        "ns": (arrow.timestamp("ns", "UTC"), [count, 1], None),
        "day": (arrow.date32(), [19844, -800_000], [datetime(2024, 5, 1), None]),
    }
    taken = datetime(2024, 5, 1, 10, 0, 0, 123456, UTC)
    for kind, values, expected in moments.values():
        photos = parquet_of(tmp_path, captured_at=arrow.array(values, kind))
        wanted = expected or [taken, datetime(1970, 1, 1, tzinfo=UTC)]
        assert [photo.taken_at for photo in photos] == wanted
    for kind in (arrow.duration("ns"), arrow.time64("us")):
        photos = parquet_of(tmp_path, time=arrow.array([1, 2], kind))
        assert [photo.taken_at for photo in photos] == [None, None]


def test_columns_of_parquet_that_are_not_used_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    asked: list[Any] = []
    original = parquet.ParquetFile.iter_batches
    monkeypatch.setattr(
        parquet.ParquetFile,
        "iter_batches",
        lambda *args, **more: asked.append(more["columns"]) or original(*args, **more),
    )
    far = arrow.array([2**62, -(2**62)], arrow.timestamp("ms"))
    photos = parquet_of(
        tmp_path,
        exposure=arrow.array([1, 3], arrow.duration("ns")),
        exported=far,
        blob=[b"x" * 9, None],
        credit=arrow.array(["Ann", None]).dictionary_encode(),
    )
    assert asked == [["file", "lat", "lon", "credit"]]
    assert [photo.attribution for photo in photos] == ["Ann", None]


def test_a_parquet_file_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(
        arrow.table({"file": ["a.jpg"] * 99, "lat": [1.0] * 99, "lon": [2.0] * 99}), tmp_path / "m.parquet"
    )
    whole = (tmp_path / "m.parquet").read_bytes()
    for at in range(4, len(whole), 37):
        (tmp_path / "m.parquet").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            list(open_source(tmp_path / "m.parquet"))
        except BadInput as error:
            assert "m.parquet" in str(error) and "\n" not in str(error)


def test_a_time_before_1970_is_read_on_every_system(tmp_path: Path) -> None:
    photos, _ = read(tmp_path, "file,lat,lon,timestamp\na.jpg,1,2,-86400\n")
    assert photos[0].taken_at == datetime(1970, 1, 1, tzinfo=UTC) - timedelta(days=1)


@pytest.mark.parametrize(
    "number", ["1E9999999999999999999999", "-1E-9999999999999999999999", "1E99999999999999999999999"]
)
def test_a_number_with_an_endless_exponent_is_a_damaged_table(number: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(f'[{{"lat": {number}, "lon": 2, "file": "a.jpg"}}]')
    with pytest.raises(BadInput, match="a number that is too large"):
        list(open_source(tmp_path / "a.json"))
