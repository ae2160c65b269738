"""Small folders in every layout of the field: which match is right, what is counted, and what is refused."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED
from pyproj import Transformer

from viewfix import Position
from viewfix.errors import BadInput, MissingExtra
from viewfix.evaluate import datasets
from viewfix.evaluate.datasets import Dataset
from viewfix.evaluate.datasets.truth import by_frame, by_place, by_plane
from viewfix.evaluate.proximity import within_m
from viewfix.geo import distance_m, moved

io = pytest.importorskip("scipy.io", reason="the extra 'evaluate' is not installed")


def touch(folder: Path, names: Iterable[str]) -> None:
    """Empty files: loaders read names and tables, never pixels."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def utm_name(at: Position, zone: int, *, letter: str = "N", degrees: bool = True, tile: int = 0) -> str:
    east, north = Transformer.from_crs(4326, 32600 + zone, always_xy=True).transform(at.lon, at.lat)
    written = f"{at.lat:08.5f}@{at.lon:09.5f}" if degrees else "@"
    return f"@{east:010.2f}@{north:010.2f}@{zone:02d}@{letter}@{written}@pano@{tile:02d}@090@@@@20200101@@.jpg"


def right(dataset: Dataset) -> dict[str, list[str]]:
    """The ids of the right map pictures of every query, by its id."""
    return {
        query.id: [dataset.map[row].id for row in rows]
        for query, rows in zip(dataset.queries, dataset.positives, strict=True)
    }


def counts(dataset: Dataset) -> list[int]:
    return [len(rows) for rows in dataset.positives]


HERE = Position(40.4406, -79.9959)  # Pittsburgh, zone 17


def walk(count: int, step_m: float, start: Position = HERE) -> list[Position]:
    return [moved(start, 90.0, step_m * n) for n in range(count)]


# Positions in file names


def test_positions_come_from_file_names_and_25_m_decide(tmp_path: Path) -> None:
    touch(tmp_path / "database", [utm_name(at, 17, letter="T") for at in walk(10, 10.0)])
    touch(tmp_path / "queries", [utm_name(moved(HERE, 90.0, 3.0), 17, letter="T")])
    found = datasets.open("pitts30k", tmp_path)
    rows = found.positives[0]
    assert [round(distance_m(found.map[row].position, found.queries[0].position)) for row in rows] == [3, 7, 17]
    assert found.queries[0].heading_deg == 90.0
    assert found.answerable.tolist() == [True]


def test_views_at_one_place_are_all_right(tmp_path: Path) -> None:
    touch(tmp_path / "images/test/database", [utm_name(HERE, 17, letter="T", tile=n) for n in range(24)])
    touch(tmp_path / "images/test/queries", [utm_name(HERE, 17, letter="T")])
    assert counts(datasets.open("pitts30k", tmp_path)) == [24]


def test_a_folder_with_an_at_sign_in_its_path_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "me@work@2024" / "sets"
    touch(root / "database", [utm_name(at, 17, letter="T") for at in walk(3, 100.0)])
    touch(root / "queries", [utm_name(HERE, 17, letter="T")])
    assert counts(datasets.open("eynsham", root)) == [1]


def test_distances_across_two_zones_are_right(tmp_path: Path) -> None:
    """12 E is the border of zones 32 and 33: 10 m apart on the ground, half a million metres in eastings."""
    west, east = Position(55.0, 11.99995), Position(55.0, 12.00005)
    same_metres = Position(55.0, 11.99995 + 6.0)  # the very eastings of `west`, one zone on
    touch(tmp_path / "database", [utm_name(east, 33, letter="U"), utm_name(same_metres, 33, letter="U")])
    touch(tmp_path / "queries", [utm_name(west, 32, letter="U", degrees=False)])
    found = datasets.open("st-lucia", tmp_path)
    [row] = found.positives[0]
    assert distance_m(found.map[row].position, east) < 1


def test_the_southern_hemisphere_is_not_the_northern(tmp_path: Path) -> None:
    name = "@0500000.00@7000000.00@56@{}@@@p@@@@@@@@.jpg"
    touch(tmp_path / "database", [name.format("J"), name.format("V")])
    touch(tmp_path / "queries", [name.format("J")])
    found = datasets.open("st-lucia", tmp_path)
    assert [found.map[row].position.lat < 0 for row in found.positives[0]] == [True]


def test_svox_and_sf_xl_use_their_own_folders_of_queries(tmp_path: Path) -> None:
    svox = tmp_path / "svox" / "images" / "test"
    touch(svox / "gallery", [utm_name(HERE, 17, letter="T")])
    touch(svox / "queries_night", [utm_name(HERE, 17, letter="T", tile=n) for n in range(2)])
    touch(svox / "queries_sun", [utm_name(HERE, 17, letter="T")])
    assert len(datasets.open("svox-night", tmp_path / "svox").queries) == 2
    assert len(datasets.open("svox-sun", tmp_path / "svox").queries) == 1
    sf_xl = tmp_path / "sf_xl" / "processed" / "test"
    place = Position(37.75606, -122.50882)
    touch(sf_xl / "database" / "37.75", [utm_name(place, 10, letter="S")])
    for version, number in {"v1": 1, "v2": 2, "night": 3, "occlusion": 4}.items():
        touch(sf_xl / f"queries_{version}", [utm_name(place, 10, letter="S", tile=n) for n in range(number)])
        found = datasets.open(f"sf-xl-{version}", tmp_path / "sf_xl")
        assert counts(found) == [1] * number


def test_a_query_far_from_everything_is_kept_and_flagged(tmp_path: Path) -> None:
    touch(tmp_path / "database", [utm_name(HERE, 17, letter="T")])
    touch(tmp_path / "queries", [utm_name(at, 17, letter="T") for at in walk(2, 500.0)])
    found = datasets.open("eynsham", tmp_path)
    assert sorted(found.answerable.tolist()) == [False, True]


def test_names_without_any_position_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, ["database/1.jpg", "queries/@0@7.1@@@@@3@@@@@@@@.jpg"])
    with pytest.raises(BadInput, match="database has a position in its name"):
        datasets.open("eynsham", tmp_path)


def metres_name(east_m: float, north_m: float, name: str, *, zone: str = "") -> str:
    return f"@{east_m:.2f}@{north_m:.2f}@{zone}@{name}@.jpg" if zone else f"@{east_m:.2f}@{north_m:.2f}@{name}@.jpg"


@pytest.mark.parametrize("way", ["two folders", "a protocol"])
def test_names_with_metres_but_no_zone_are_compared_in_their_plane(way: str, tmp_path: Path) -> None:
    touch(tmp_path / "database", [metres_name(385000 + 100 * n, 6672000, f"a{n}") for n in range(4)])
    touch(tmp_path / "queries", [metres_name(385003 + 100 * n, 6672002, f"b{n}") for n in range(4)])
    if way == "two folders":
        found = datasets.pair(tmp_path / "database", tmp_path / "queries")
        assert found.protocol.radius_m == 25.0
    else:
        found = datasets.open("st-lucia", tmp_path)
        assert found.protocol.name == "st-lucia"
    pairs = {query[-7:-5]: [name[-7:-5] for name in names] for query, names in right(found).items()}
    assert pairs == {f"b{n}": [f"a{n}"] for n in range(4)}
    assert all(picture.position is None for picture in (*found.map, *found.queries)), "the plane has no place on Earth"
    assert any("without a UTM zone" in note for note in found.notes)


@pytest.mark.parametrize("form", ["@{}@{}@{:04d}@.jpg", "@{}@{}@{}@name@.JPG", "@{}@{}.png", "street@{}@{}@{}.jpg"])
def test_metres_are_read_whatever_else_is_in_the_name(form: str, tmp_path: Path) -> None:
    """The tools of the field read what lies between the first three signs; a counter behind them is not a zone."""
    touch(tmp_path / "database", [form.format(385000.0 + 100 * n, 6672000.0, 17 + n) for n in range(3)])
    touch(tmp_path / "queries", [form.format(385103.0, 6672002.0, 20)])
    [names] = right(datasets.pair(tmp_path / "database", tmp_path / "queries")).values()
    assert names == [form.format(385100.0, 6672000.0, 18)]


def test_queries_with_metres_only_are_compared_with_a_map_in_one_zone_and_refused_with_two(tmp_path: Path) -> None:
    photos = [utm_name(at, 17, letter="T") for at in walk(3, 100.0)]
    east, north = (float(cell) for cell in photos[0].split("@")[1:3])
    touch(tmp_path / "database", photos)
    touch(tmp_path / "queries", [metres_name(east + 3, north, "q"), "no-metres.jpg"])
    found = datasets.pair(tmp_path / "database", tmp_path / "queries")
    assert [names == [photos[0]] for names in right(found).values()] == [True]
    assert [skipped.id for skipped in found.skipped] == ["no-metres.jpg"]
    touch(tmp_path / "database", [utm_name(Position(40.44, -84.5), 16, letter="T")])
    with pytest.raises(BadInput, match="queries has a position"):
        datasets.pair(tmp_path / "database", tmp_path / "queries")


@pytest.mark.parametrize("name", ["@0.0@1000.0@x@.jpg", "@nan@6672000@x@.jpg", "@385000@inf@x@.jpg", "@a@b@c@.jpg"])
def test_metres_that_cannot_be_utm_are_not_a_plane(name: str, tmp_path: Path) -> None:
    touch(tmp_path / "database", [name])
    touch(tmp_path / "queries", [metres_name(385003, 6672002, "b")])
    with pytest.raises(BadInput, match="database has a position"):
        datasets.pair(tmp_path / "database", tmp_path / "queries")


# dbStruct


def db_struct(file: Path, photos: Sequence[str], photos_m: np.ndarray, queries: Sequence[str], queries_m: np.ndarray):
    """A .mat in the nesting of Arandjelovic and Torii: cells N by 1, metres 2 by N, a struct of 1 by 1."""

    def cells(names: Sequence[str]) -> np.ndarray:
        table = np.empty((len(names), 1), object)
        table[:, 0] = names
        return table

    kinds = "whichSet dbImageFns utmDb qImageFns utmQ numImages numQueries posDistThr posDistSqThr nonTrivPosDistSqThr"
    values = ["test", cells(photos), photos_m.T, cells(queries), queries_m.T, len(photos), len(queries), 25, 625, 100]
    file.parent.mkdir(parents=True, exist_ok=True)
    io.savemat(file, {"dbStruct": dict(zip(kinds.split(), values, strict=True))})


PHOTOS_M = np.array([[584000.0, 4476000.0], [584020.0, 4476000.0], [584100.0, 4476000.0]])
QUERIES_M = np.array([[584000.0, 4476020.0], [584125.0, 4476000.0], [584126.0, 4476000.0]])


def pitts(root: Path) -> None:
    photos = [f"000/000{n}_pitch1_yaw1.jpg" for n in range(3)]
    queries = [f"001/q{n}.jpg" for n in range(3)]
    db_struct(root / "datasets" / "pitts30k_test.mat", photos, PHOTOS_M, queries, QUERIES_M)
    touch(root, photos)
    touch(root / "queries_real", queries)


def test_a_dbstruct_is_read_in_the_plane_of_its_publishers(tmp_path: Path) -> None:
    pitts(tmp_path)
    found = datasets.open("pitts30k", tmp_path)
    assert [rows.tolist() for rows in found.positives] == [[0], [2], []], "the edge of 25 m counts, 26 m do not"
    assert found.queries[0].source.endswith("queries_real/001/q0.jpg")
    assert distance_m(found.map[0].position, found.map[1].position) == pytest.approx(20, abs=0.02)
    assert found.map[0].position.lat == pytest.approx(40.43, abs=0.01)
    assert not found.skipped and len(found.notes) == 1, "the count"


def test_a_dbstruct_of_one_picture_each_is_not_transposed(tmp_path: Path) -> None:
    db_struct(tmp_path / "pitts250k_test.mat", ["a.jpg"], PHOTOS_M[:1], ["q.jpg"], QUERIES_M[:1])
    touch(tmp_path, ["a.jpg", "queries_real/q.jpg"])
    assert counts(datasets.open("pitts250k", tmp_path)) == [1]


def test_as_many_pictures_as_axes_are_read_as_published(tmp_path: Path) -> None:
    db_struct(tmp_path / "pitts30k_test.mat", ["a.jpg", "b.jpg"], PHOTOS_M[::2], ["q.jpg"], QUERIES_M[1:2])
    touch(tmp_path, ["a.jpg", "b.jpg", "queries_real/q.jpg"])
    assert right(datasets.open("pitts30k", tmp_path)) == {"queries_real/q.jpg": ["b.jpg"]}


def test_missing_pictures_of_a_dbstruct_are_listed(tmp_path: Path) -> None:
    pitts(tmp_path)
    (tmp_path / "000" / "0000_pitch1_yaw1.jpg").unlink()
    found = datasets.open("pitts30k", tmp_path)
    assert [skipped.id for skipped in found.skipped] == ["000/0000_pitch1_yaw1.jpg"]
    assert [rows.tolist() for rows in found.positives] == [[], [1], []], "rows count what is there"


def test_a_file_that_is_not_a_dbstruct_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pitts30k_test.mat"
    file.write_text("<!DOCTYPE html>" * 20)
    with pytest.raises(BadInput, match="is not a readable dbStruct"):
        datasets.open("pitts30k", tmp_path)
    io.savemat(file, {"other": 1})
    with pytest.raises(BadInput, match="is not a readable dbStruct"):
        datasets.open("pitts30k", tmp_path)
    db_struct(file, ["a.jpg"], PHOTOS_M, ["q.jpg"], QUERIES_M[:1])
    with pytest.raises(BadInput, match="1 names and a 2 by 3 table"):
        datasets.open("pitts30k", tmp_path)
    file.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124, b" ") + b"\x00\x02IM" + bytes(64))
    with pytest.raises(BadInput, match="was saved as MATLAB 7.3"):
        datasets.open("pitts30k", tmp_path)


def test_a_dbstruct_without_its_pictures_is_refused(tmp_path: Path) -> None:
    db_struct(tmp_path / "pitts30k_test.mat", ["000/a.jpg"], PHOTOS_M[:1], ["q.jpg"], QUERIES_M[:1])
    with pytest.raises(BadInput, match="None of the pictures in the dbStruct exists below .* for example 000/a.jpg"):
        datasets.open("pitts30k", tmp_path)


# Tokyo 24/7


def test_tokyo_reads_png_for_jpg_and_a_table_for_every_query(tmp_path: Path) -> None:
    place = Position(35.6595, 139.7005)
    east, north = Transformer.from_crs(4326, 32654, always_xy=True).transform(place.lon, place.lat)
    metres = np.array([[east, north], [east + 300, north]])
    names = ["03814/381454_1_012_000.jpg", "03814/381454_2_012_030.jpg"]
    db_struct(tmp_path / "datasets" / "tokyo247.mat", names, metres, ["00001.jpg"], metres[:1])
    touch(tmp_path / "tokyo247", [name.replace(".jpg", ".png") for name in names])
    queries = tmp_path / "247query_subset_v2"
    touch(queries, ["00001.jpg", "00002.jpg"])
    near = moved(place, 0.0, 20.0)
    (queries / "00001.csv").write_text(f"00001.jpg,{near.lat},{near.lon},0,0,S\n")
    found = datasets.open("tokyo247", tmp_path)
    assert right(found) == {"00001.jpg": [names[0].replace(".jpg", ".png")]}
    assert [skipped.id for skipped in found.skipped] == ["00002.jpg"]
    assert "00002.csv" in found.skipped[0].reason
    (queries / "00002.csv").write_text("00002.jpg,not,a number\n")
    assert len(datasets.open("tokyo247", tmp_path).skipped) == 1
    (queries / "00002.csv").write_text("00002.jpg,139.7,35.6\n")
    assert "WGS84" in datasets.open("tokyo247", tmp_path).skipped[0].reason, "latitude and longitude swapped"


def test_tokyo_in_the_format_of_other_tools_is_read_too(tmp_path: Path) -> None:
    place = Position(35.6595, 139.7005)
    touch(tmp_path / "database", [utm_name(place, 54, letter="S")])
    touch(tmp_path / "queries", [utm_name(place, 54, letter="S")])
    found = datasets.open("tokyo247", tmp_path)
    assert counts(found) == [1]
    assert found.map[0].position.lat == pytest.approx(35.6595, abs=1e-4), "S is a band in the north, not the south"


# MSLS

Row = tuple[str, float, float, bool, bool]  # key, easting, northing, panorama, in the subtask


def msls_side(folder: Path, rows: Sequence[Row], lat: float, lon: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "raw": [("", "key", "lon", "lat", "ca", "captured_at", "pano")]
        + [(n, row[0], lon, lat, 370.0, "2018-01-01", row[3]) for n, row in enumerate(rows)],
        "postprocessed": [
            ("", "key", "easting", "northing", "unique_cluster", "night", "control_panel", "view_direction")
        ]
        + [(n, *row[:3], n, False, False, "Forward") for n, row in enumerate(rows)],
        "subtask_index": [("", "all", "s2w")] + [(n, row[4], False) for n, row in enumerate(rows)],
    }
    for name, table in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(table)
    touch(folder / "images", [f"{row[0]}.jpg" for row in rows])


def msls(root: Path) -> None:
    """Both cities use the same eastings and northings: mixed up, every query would match the other city."""
    for city, lat, lon in (("cph", 55.68, 12.57), ("sf", 37.77, -122.42)):
        photos = [("a", 0.0, 0.0), ("b", 20.0, 0.0), ("pano", 1.0, 0.0), ("off", 2.0, 0.0)]
        msls_side(
            root / city / "database",
            [(f"{city}{key}", x, y, key == "pano", key != "off") for key, x, y in photos],
            lat,
            lon,
        )
        queries = [("q", 1.0, 1.0), ("far", 900.0, 0.0), ("qpano", 1.0, 1.0), ("qoff", 40.0, 0.0)]
        msls_side(
            root / city / "query",
            [(f"{city}{key}", x, y, key == "qpano", key != "qoff") for key, x, y in queries],
            lat,
            lon,
        )


def test_the_740_are_the_subtask_without_panoramas_and_without_the_unanswerable(tmp_path: Path) -> None:
    msls(tmp_path / "train_val")
    found = datasets.open("msls-val-740", tmp_path)
    assert right(found) == {
        "cph/query/cphq": ["cph/database/cpha", "cph/database/cphb"],
        "sf/query/sfq": ["sf/database/sfa", "sf/database/sfb"],
    }
    assert found.answerable.all()
    assert any("2 queries without a map picture within the radius are left out" in note for note in found.notes)
    assert found.queries[0].heading_deg == 10.0
    assert found.queries[0].position == Position(55.68, 12.57)


def test_a_city_is_never_compared_with_another(tmp_path: Path) -> None:
    msls(tmp_path / "train_val")
    found = datasets.open("msls-val-full", tmp_path)
    assert found.areas is not None
    assert found.areas.map.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.areas.queries.tolist() == [0, 0, 0, 1, 1, 1]
    for query, rows in enumerate(found.positives):
        assert (found.areas.map[rows] == found.areas.queries[query]).all()


def test_the_full_set_keeps_every_query_except_panoramas(tmp_path: Path) -> None:
    msls(tmp_path)
    found = datasets.open("msls-val-full", tmp_path)
    assert [query.id for query in found.queries][:3] == ["cph/query/cphq", "cph/query/cphfar", "cph/query/cphqoff"]
    assert found.answerable.tolist() == [True, False, True] * 2


def test_a_city_that_lacks_a_table_a_column_or_a_row_is_refused(tmp_path: Path) -> None:
    msls(tmp_path)
    index = tmp_path / "sf" / "query" / "subtask_index.csv"
    lines = index.read_text().splitlines()
    index.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(BadInput, match="differ in length"):
        datasets.open("msls-val-740", tmp_path)
    index.write_text("\n".join(line.replace("all", "none") for line in lines) + "\n")
    with pytest.raises(BadInput, match=r"has no column all\. It has: , none, s2w"):
        datasets.open("msls-val-740", tmp_path)
    index.unlink()
    with pytest.raises(BadInput, match="subtask_index.csv cannot be read"):
        datasets.open("msls-val-740", tmp_path)
    assert len(datasets.open("msls-val-full", tmp_path).queries) == 6, "which asks for no subtask"


def test_tables_whose_rows_do_not_match_are_refused(tmp_path: Path) -> None:
    msls(tmp_path)
    raw = tmp_path / "cph" / "query" / "raw.csv"
    raw.write_text(raw.read_text().replace("cphfar", "another"))
    with pytest.raises(BadInput, match="Row 2 of the tables in .* is cphfar in one and another in the other"):
        datasets.open("msls-val-full", tmp_path)


def test_a_missing_picture_of_a_city_is_listed(tmp_path: Path) -> None:
    msls(tmp_path)
    (tmp_path / "sf" / "database" / "images" / "sfa.jpg").unlink()
    found = datasets.open("msls-val-740", tmp_path)
    assert [skipped.id for skipped in found.skipped] == ["sf/database/sfa"]
    assert right(found)["sf/query/sfq"] == ["sf/database/sfb"]


# Frames


def mock_name(frame: int, step_m: float = 25 / 10.5) -> str:
    return f"@0@{frame * step_m:07.1f}@@@@@{frame}@@@@@@@@.jpg"


def test_nordland_n10_is_ten_frames_to_either_side(tmp_path: Path) -> None:
    for side in ("database", "queries"):
        touch(tmp_path / "images/test" / side, [mock_name(frame) for frame in range(40)])
    found = datasets.open("nordland-n10", tmp_path)
    assert counts(found)[:3] == [11, 12, 13]
    assert counts(found)[20] == 21


def test_nordland_n1_searches_the_other_way_round(tmp_path: Path) -> None:
    touch(tmp_path, [f"summer/images-{frame:05d}.png" for frame in range(1, 41)])
    touch(tmp_path, [f"winter/images-{frame:05d}.png" for frame in range(1, 41)])
    ten, one = datasets.open("nordland-n10", tmp_path), datasets.open("nordland-n1", tmp_path)
    assert Path(ten.queries[0].source).parent.name == "winter" and Path(ten.map[0].source).parent.name == "summer"
    assert Path(one.queries[0].source).parent.name == "summer" and Path(one.map[0].source).parent.name == "winter"
    assert [query.id for query in one.queries] == [f"images-{frame:05d}.png" for frame in (1, 11, 21, 31)]
    assert right(one)["images-00011.png"] == [f"images-{frame:05d}.png" for frame in (10, 11, 12)]
    assert "every 10th is a query" in one.notes[1]


def test_nordland_n1_in_the_folders_of_vpr_bench(tmp_path: Path) -> None:
    touch(tmp_path / "ref", [f"{frame:07d}.jpg" for frame in range(40)])
    touch(tmp_path / "query", [f"{number:07d}.jpg" for number in range(4)])  # numbered by themselves
    found = right(datasets.open("nordland-n1", tmp_path))
    assert found["0000002.jpg"] == ["0000019.jpg", "0000020.jpg", "0000021.jpg"]
    assert [len(names) for names in found.values()] == [2, 3, 3, 3]


def test_nordland_n1_in_the_format_of_other_tools(tmp_path: Path) -> None:
    """Frame 1 stands before frame 10 in the numbers, after it in the order of names."""
    touch(tmp_path / "database", [f"@0@{frame * 16.6}@@@@@{frame}@@@@@@@@.jpg" for frame in range(40)])
    touch(tmp_path / "queries", [f"@0@{frame * 16.6}@@@@@{frame}@@@@@@@@.jpg" for frame in range(0, 40, 10)])
    for query, photos in right(datasets.open("nordland-n1", tmp_path)).items():
        frame = int(query.split("@")[7])
        assert {int(name.split("@")[7]) for name in photos} == {frame - 1, frame, frame + 1} - {-1}


def test_nordland_n1_is_not_measured_on_the_files_of_n10(tmp_path: Path) -> None:
    for side in ("database", "queries"):
        touch(tmp_path / side, [mock_name(frame) for frame in range(40)])
    with pytest.raises(BadInput, match=r"which of 40 queries belongs to which of 40 map pictures \(one to 10\)"):
        datasets.open("nordland-n1", tmp_path)


def test_frames_cut_out_of_both_rides_do_not_count(tmp_path: Path) -> None:
    kept = [*range(1, 11), *range(500, 520)]  # a long stop was taken out
    for side in ("summer", "winter"):
        touch(tmp_path / side, [f"image-{frame:05d}.png" for frame in kept])
    found = right(datasets.open("nordland-n10", tmp_path))
    assert "image-00500.png" in found["image-00010.png"], "the next frame that was kept"


def test_a_frame_missing_in_one_folder_moves_no_other(tmp_path: Path) -> None:
    touch(tmp_path / "day_right", [f"Image{frame:03d}.jpg" for frame in range(20) if frame != 5])
    touch(tmp_path / "day_left", [f"Image{frame:03d}.jpg" for frame in range(20)])
    found = right(datasets.open("gardens-point", tmp_path))
    assert found["Image010.jpg"] == [f"Image{frame:03d}.jpg" for frame in range(8, 13)]
    assert found["Image005.jpg"] == ["Image003.jpg", "Image004.jpg", "Image006.jpg", "Image007.jpg"]


def test_folders_numbered_from_different_starts_are_matched_by_order(tmp_path: Path) -> None:
    touch(tmp_path / "map", [f"{frame}.jpg" for frame in range(100, 110)])
    touch(tmp_path / "asked", [f"{frame}.jpg" for frame in range(700, 710)])
    found = datasets.pair(tmp_path / "map", tmp_path / "asked", frames=0)
    assert right(found)["703.jpg"] == ["103.jpg"]
    (tmp_path / "asked" / "700.jpg").unlink()
    with pytest.raises(BadInput, match="do not tell which of 9 queries belongs to which of 10 map pictures"):
        datasets.pair(tmp_path / "map", tmp_path / "asked", frames=0)


# Pairs


def test_pairs_go_by_name_whatever_the_ending(tmp_path: Path) -> None:
    touch(tmp_path / "new", ["1.png", "2.png", "10.png"])
    touch(tmp_path / "old", ["1.jpg", "2.jpg", "10.jpg", "77.jpg"])
    found = datasets.open("amstertime", tmp_path)
    assert right(found) == {"1.jpg": ["1.png"], "2.jpg": ["2.png"], "10.jpg": ["10.png"], "77.jpg": []}
    assert found.answerable.tolist().count(False) == 1
    assert all(picture.position is None for picture in (*found.map, *found.queries))


def test_made_up_metres_in_names_are_not_positions(tmp_path: Path) -> None:
    for side in ("database", "queries"):
        touch(tmp_path / side, [f"@0@{number * 1000}@@@@@{number}@@@@@@@@.jpg" for number in range(12)])
    found = datasets.open("sped", tmp_path)
    assert all(rows.tolist() == [row] for row, rows in enumerate(found.positives))
    assert found.map[0].position is None


def test_pairs_with_different_names_go_by_order_with_a_note(tmp_path: Path) -> None:
    touch(tmp_path / "a", ["x1.jpg", "x2.jpg"])
    touch(tmp_path / "b", ["y1.jpg", "y2.jpg"])
    found = datasets.pair(tmp_path / "a", tmp_path / "b", exact=True)
    assert right(found) == {"y1.jpg": ["x1.jpg"], "y2.jpg": ["x2.jpg"]}
    assert "order of name" in found.notes[0]
    touch(tmp_path / "b", ["y3.jpg"])
    with pytest.raises(BadInput, match="the pairs are unknown"):
        datasets.pair(tmp_path / "a", tmp_path / "b", exact=True)


# Anybody's folders and manifests


def test_two_manifests_make_a_dataset(tmp_path: Path) -> None:
    touch(tmp_path, ["m0.jpg", "m1.jpg", "q0.jpg"])
    places = walk(2, 40.0)
    rows = "".join(f"m{n}.jpg,{at.lat},{at.lon},{90 * n}\n" for n, at in enumerate(places))
    (tmp_path / "map.csv").write_text("file,lat,lon,heading_deg\n" + rows)
    (tmp_path / "queries.csv").write_text(f"file,lat,lon\nq0.jpg,{HERE.lat},{HERE.lon}\n")
    found = datasets.pair(tmp_path / "map.csv", tmp_path / "queries.csv")
    assert right(found) == {"q0.jpg": ["m0.jpg"]}
    assert [picture.heading_deg for picture in found.map] == [0.0, 90.0]
    assert counts(datasets.pair(tmp_path / "map.csv", tmp_path / "queries.csv", radius_m=50.0)) == [2]
    assert found.protocol.radius_m == 25.0
    assert found.count_check() == "queries.csv in map.csv: 1 queries; 2 map pictures"


def test_a_pair_that_cannot_be_right_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, ["a/1.jpg", "b/1.jpg"])
    with pytest.raises(BadInput, match="Both frames and exact are set"):
        datasets.pair(tmp_path / "a", tmp_path / "b", frames=2, exact=True)
    with pytest.raises(BadInput, match="frames must be 0 or more; got -1"):
        datasets.pair(tmp_path / "a", tmp_path / "b", frames=-1)
    with pytest.raises(BadInput, match="radius_m must be more than 0; got nan"):
        datasets.pair(tmp_path / "a", tmp_path / "b", radius_m=float("nan"))
    with pytest.raises(BadInput, match="has a position.*Use a manifest"):
        datasets.pair(tmp_path / "a", tmp_path / "b")
    with pytest.raises(BadInput, match="is not a folder"):
        datasets.pair(tmp_path / "a" / "1.jpg", tmp_path / "b", frames=2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no photos in"):
        datasets.pair(tmp_path / "a", tmp_path / "empty", frames=2)


# Patch-NetVLAD


def test_ground_truth_of_patch_netvlad_is_read_and_nothing_in_it_is_executed(tmp_path: Path) -> None:
    touch(tmp_path, ["db/a.jpg", "db/b.jpg", "db/c.jpg", "q/a.jpg", "q/b.jpg", "q/c.jpg"])
    (tmp_path / "map.txt").write_text("db/a.jpg\ndb/b.jpg\ndb/c.jpg\n")
    (tmp_path / "queries.txt").write_text("q/a.jpg\r\nq/b.jpg\r\nq/c.jpg\r\n")
    lists = (tmp_path / "map.txt", tmp_path / "queries.txt", tmp_path)
    file = tmp_path / "truth.npz"
    np.savez(file, utmDb=PHOTOS_M, utmQ=QUERIES_M, posDistThr=25)
    found = datasets.from_npz(file, *lists)
    assert right(found) == {"q/a.jpg": ["db/a.jpg"], "q/b.jpg": ["db/c.jpg"], "q/c.jpg": []}
    assert (found.name, found.protocol.radius_m) == ("truth", 25.0)
    np.savez(file, utmDb=PHOTOS_M[:2], utmQ=QUERIES_M, posDistThr=25)
    with pytest.raises(BadInput, match="map.txt has 3 names, but the ground truth has 2 positions"):
        datasets.from_npz(file, *lists)
    np.savez(file, utmDb=PHOTOS_M.astype(object), utmQ=QUERIES_M, posDistThr=25)
    with pytest.raises(BadInput, match="pickled objects are not opened"):
        datasets.from_npz(file, *lists)
    np.savez(file, utmDb=PHOTOS_M.T.ravel(), utmQ=QUERIES_M, posDistThr=25)
    with pytest.raises(BadInput, match=r"of shape \(6,\)"):
        datasets.from_npz(file, *lists)


# Counts and refusals


def test_the_number_of_queries_is_compared_with_the_published_one(tmp_path: Path) -> None:
    touch(tmp_path / "day_right", [f"{frame:03d}.jpg" for frame in range(100)])
    touch(tmp_path / "day_left", [f"{frame:03d}.jpg" for frame in range(100)])
    whole = datasets.open("gardens-point-day", tmp_path)
    assert whole.warning is None
    assert "100 queries, as far as known: 100 to 200 (unverified);" in whole.count_check()
    (tmp_path / "day_left" / "050.jpg").unlink()
    short = datasets.open("gardens-point-day", tmp_path)
    assert short.warning == short.count_check()
    assert "99 queries, but 100 to 200 (unverified) are published: the folder is incomplete" in short.count_check()


def test_a_certain_count_is_called_as_published(tmp_path: Path) -> None:
    for side in ("new", "old"):
        touch(tmp_path / side, [f"{number:04d}.jpg" for number in range(1231)])
    found = datasets.open("amstertime", tmp_path)
    assert found.count_check() == "amstertime: 1,231 queries, as published; 1,231 map pictures, as published"
    touch(tmp_path / "old", ["1231.jpg"])
    more = datasets.open("amstertime", tmp_path)
    assert more.warning is not None
    assert "1,232 queries, but 1,231 are published: the folder has more pictures" in more.warning


def test_the_error_for_a_wrong_folder_lists_what_was_expected_and_what_was_found(tmp_path: Path) -> None:
    touch(tmp_path, ["train/1.jpg", "readme.txt"])
    with pytest.raises(BadInput) as refused:
        datasets.open("pitts30k", tmp_path)
    said = str(refused.value)
    assert "does not contain pitts30k. Expected: database/ and queries/" in said
    assert "pitts30k_test.mat" in said and "Found: readme.txt, train/." in said
    with pytest.raises(BadInput, match="There is no folder at"):
        datasets.open("pitts30k", tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"train_val/\{cph,sf\}"):
        datasets.open("msls-val-740", tmp_path)


# Truth, against plain loops


def test_places_planes_and_frames_agree_with_plain_loops() -> None:
    draw = np.random.default_rng(3)
    metres = draw.uniform(0, 300, (120, 2)).round()
    asked = draw.uniform(0, 300, (40, 2)).round()
    for query, rows in zip(asked, by_plane(asked, metres, 25.0), strict=True):
        assert rows.tolist() == [n for n, at in enumerate(metres) if np.hypot(*(at - query)) <= 25.0]
    frames, others = draw.integers(0, 60, 80), draw.integers(0, 60, 30)
    for frame, rows in zip(others, by_frame(others, frames, 3), strict=True):
        assert rows.tolist() == [n for n, other in enumerate(frames) if abs(other - frame) <= 3]


@pytest.mark.parametrize("middle", [Position(0.0, 180.0), Position(89.9995, 0.0), Position(-52.0, -180.0)])
def test_places_at_the_edges_of_the_world_agree_with_plain_loops(middle: Position) -> None:
    draw = np.random.default_rng(5)
    those = [
        moved(middle, float(b), float(m))
        for b, m in zip(draw.uniform(0, 360, 80), draw.uniform(0, 90, 80), strict=True)
    ]
    for query, rows in zip(those[:20], within_m(those[:20], those, 25.0), strict=True):
        assert rows.tolist() == [n for n, at in enumerate(those) if distance_m(query, at) <= 25.0]


def test_a_picture_without_position_matches_nothing() -> None:
    known, unknown = datasets.Picture("a", "a", HERE), datasets.Picture("b", "b")
    assert [rows.tolist() for rows in by_place([unknown, known], [unknown, known], 25.0)] == [[], [1]]


def test_a_missing_scipy_names_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:

    def without_scipy(module: str) -> None:
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    pitts(tmp_path)
    monkeypatch.setattr("viewfix.optional.importlib.import_module", without_scipy)
    with pytest.raises(MissingExtra, match=r"\.mat files needs scipy.*viewfix\[evaluate\]"):
        datasets.open("pitts30k", tmp_path)


# Real pictures


@pytest.mark.skipif(not (SHARED / "gardens_point").is_dir(), reason="needs ../shared/data/gardens_point")
def test_gardens_point_is_three_pairs_of_walks() -> None:
    root = SHARED / "gardens_point"
    for name, asked, photos in (
        ("gardens-point", "day_left", "day_right"),
        ("gardens-point-night", "night_right", "day_right"),
        ("gardens-point-night-left", "night_right", "day_left"),
    ):
        found = datasets.open(name, root)
        assert (Path(found.queries[0].source).parent.name, Path(found.map[0].source).parent.name) == (asked, photos)
        assert counts(found)[:3] == [3, 4, 5] and len(found.queries) == 100
        assert found.warning is None


@pytest.mark.skipif(not (SHARED / "cambridge" / "test").is_dir(), reason="needs ../shared/data/cambridge")
def test_cambridge_is_a_pair_of_manifests_and_one_place_of_63_has_no_answer() -> None:
    root = SHARED / "cambridge" / "test"
    found = datasets.pair(root / "map.csv", root / "queries.csv")
    assert (len(found.map), len(found.queries)) == (760, 252)
    assert found.answerable.sum() == 248, "the nearest map picture of one place lies 26.5 m away"
    row = 17
    expected = [n for n, at in enumerate(found.map) if distance_m(at.position, found.queries[row].position) <= 25]
    assert found.positives[row].tolist() == expected
