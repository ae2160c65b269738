"""Coverage of streets of known shape: what is found, what looks alike, where gaps are, and what is suggested."""

import base64
import html.parser
import io
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED, Toy
from PIL import Image

from viewfix import Map, Photo, Position
from viewfix.cli import run
from viewfix.coverage import Coverage, LookAlike, LookAlikePhoto, page, plan, survey, write
from viewfix.coverage.geojson import to_geojson
from viewfix.coverage.grid import Grid, group_within, nearest_m
from viewfix.coverage.summary import facing, summary
from viewfix.errors import BadInput
from viewfix.geo import Plane, distance_m, earth_centred_m
from viewfix.store.store import ModelIdentity, Record, Store

HERE = Position(50.0, 20.0)
DIM = 256
REAL = SHARED / "cambridge" / "test" / "map"


class Builder:
    """A map of made-up photos: neighbours look alike, unless one is told to look like another place."""

    def __init__(self, path: Path, origin: Position = HERE) -> None:
        self.path, self.plane = path, Plane(origin)
        self.photos: list[Photo] = []
        self.looks: list[np.ndarray] = []

    def add(self, east_m: float, north_m: float = 0.0, headings: Sequence[float | None] = (0.0,),
            like: tuple[float, float] | None = None) -> None:  # fmt: skip
        """One photo a heading; it looks like the place `like`, or like its own."""
        x, y = like or (east_m, north_m)
        for heading in headings:
            name = f"{len(self.photos):04d}.jpg"
            at = self.plane.to_position(east_m, north_m)
            self.photos.append(Photo(name, f"/nowhere/{name}", at, heading))
            self.looks.append(look(x, y, heading or 0.0))

    def street(self, along_m: Sequence[float], north_m: float = 0.0, headings: Sequence[float | None] = (0.0,)) -> None:
        for east_m in along_m:
            self.add(east_m, north_m, headings)

    def build(self) -> Map:
        with Store.create(self.path, ModelIdentity("toy", "f" * 64, DIM)) as store:
            if self.photos:
                store.put([Record(photo, photo.id) for photo in self.photos], np.array(self.looks, np.float32))
        return Map.open(self.path)


def look(x_m: float, y_m: float, heading_deg: float) -> np.ndarray:
    """(DIM,) of length 1: waves over the ground, so that similarity falls to 0.8 in 20 m and to nothing in 100."""
    rng = np.random.default_rng(7)
    waves, phases = rng.normal(0, 1 / 30, (DIM, 2)), rng.uniform(0, 2 * np.pi, DIM)
    turn = rng.normal(0, 2, (DIM, 2)) @ [np.sin(np.radians(heading_deg)), np.cos(np.radians(heading_deg))]
    seen = np.cos(waves @ [x_m, y_m] + phases + turn)
    return np.asarray(seen / np.linalg.norm(seen), np.float32)


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path / "hand.map")


def survey_map(city: Map, **options: int) -> Coverage:
    return survey(city.context, **options)


def surveyed(builder: Builder, **options: int) -> Coverage:
    with builder.build() as city:
        return survey_map(city, **options)


# ---- spots and what is found


def test_a_street_with_a_photo_every_ten_metres_finds_its_photos(builder: Builder) -> None:
    builder.street(range(0, 200, 10), headings=(0.0, 180.0))
    found = surveyed(builder)
    assert (found.photos, found.asked, len(found.spots)) == (40, 40, 20)
    assert (found.found, found.doubtful, found.alone) == (40, 0, 0)
    assert found.share_found == 1
    assert {spot.state for spot in found.spots} == {"found"}
    assert found.spacing_m == pytest.approx(10, abs=0.01)
    assert (found.gaps, found.look_alikes) == ((), ())
    assert all(0.5 <= (spot.probability or 0) <= 1 for spot in found.spots)


def test_photos_within_a_few_metres_are_one_spot(builder: Builder) -> None:
    builder.street([0, 1, 3, 20, 21, 24, 40])
    found = surveyed(builder)
    assert [spot.photos for spot in found.spots] == [3, 3, 1]
    assert [spot.photo for spot in found.spots] == ["0000.jpg", "0003.jpg", "0006.jpg"]


def test_a_spot_without_neighbours_is_unknown_and_not_lost(builder: Builder) -> None:
    builder.street([0, 10, 20, 30, 500])
    found = surveyed(builder)
    assert [spot.state for spot in found.spots][-1] == "alone"
    assert found.spots[-1].probability is None
    assert found.spots[-1].share_found is None
    assert (found.alone, found.found, found.doubtful) == (1, 4, 0)
    [idea] = [idea for idea in found.suggestions if idea.kind == "alone"]
    assert distance_m(idea.position, found.spots[-1].position) < 0.01


def test_a_photo_that_looks_like_nothing_around_it_is_doubtful(builder: Builder) -> None:
    builder.street(range(0, 100, 10))
    builder.add(45, 6, like=(9000, 9000))
    found = surveyed(builder)
    assert [spot.state for spot in found.spots] == ["found"] * 10 + ["doubtful"]
    [idea] = found.suggestions
    assert idea.kind == "not found"
    assert "1 of 1 photos" in idea.reason


def test_a_single_spot_has_nothing_to_compare_with(builder: Builder, tmp_path: Path) -> None:
    builder.street([0, 0, 1], headings=(0.0, 90.0))
    found = surveyed(builder)
    assert [spot.state for spot in found.spots] == ["alone"]
    assert (found.share_found, found.spacing_m, found.alone) == (None, None, 6)
    assert "unknown" in "\n".join(summary(found))
    assert "<svg" in page.page(found)
    json.dumps(found.to_json(), allow_nan=False)


def test_a_sample_is_chosen_by_its_seed_and_the_summary_says_so(builder: Builder) -> None:
    builder.street(range(0, 400, 10))
    with builder.build() as city:
        some, again, other = (survey_map(city, sample=12, seed=seed) for seed in (1, 1, 2))
    assert (some.asked, sum(spot.asked for spot in some.spots)) == (12, 12)
    assert some == again != other
    assert {spot.state for spot in some.spots} == {"found", "unasked"}
    assert "12 of 40 photos, chosen by seed 1" in "\n".join(summary(some))
    assert "not in the sample" in page.page(some)


# ---- look-alikes


def test_two_streets_that_look_the_same_are_named_once_for_each_place(builder: Builder) -> None:
    builder.street(range(0, 50, 10))
    for east_m in range(0, 50, 10):
        builder.add(east_m + 1000, like=(east_m, 0))
    found = surveyed(builder)
    assert found.found == 0
    assert {spot.state for spot in found.spots} == {"doubtful"}
    assert 1 <= len(found.look_alikes) <= 3
    assert sum(pair.photos for pair in found.look_alikes) == 10
    worst = found.look_alikes[0]
    assert worst.wins
    assert worst.similarity == pytest.approx(1, abs=1e-3)
    assert worst.right is not None
    assert worst.right < worst.similarity
    assert worst.apart_m == pytest.approx(1000, abs=60)
    assert any("another place looks like it" in idea.reason for idea in found.suggestions)


def test_places_within_sight_of_each_other_are_not_look_alikes(builder: Builder) -> None:
    builder.street(range(0, 50, 10))
    for east_m in range(0, 50, 10):
        builder.add(east_m, 30, like=(east_m, 0))
    assert surveyed(builder).look_alikes == ()


def test_the_nearest_match_of_a_photo_that_resembles_nothing_is_not_a_look_alike(builder: Builder) -> None:
    builder.street(range(0, 200, 10))
    builder.add(45, 6, like=(9000, 9000))
    found = surveyed(builder)
    assert (found.doubtful, found.look_alikes) == (1, ())


# ---- gaps


def test_a_hole_in_a_street_is_a_gap_and_the_first_suggestion(builder: Builder) -> None:
    builder.street([east for east in range(0, 200, 10) if east not in (90, 100, 110)])
    found = surveyed(builder)
    [gap] = found.gaps
    assert gap.length_m == pytest.approx(40, abs=0.1)
    assert gap.missing == 3
    first = found.suggestions[0]
    assert (first.kind, first.gain, first.heading_deg) == ("gap", 3, None)
    assert distance_m(first.position, builder.plane.to_position(100, 0)) < 0.1


def test_two_lanes_of_a_street_have_one_gap(builder: Builder) -> None:
    along = [east for east in range(0, 200, 10) if east not in (90, 100, 110)]
    builder.street(along)
    builder.street(along, 7)
    assert len(surveyed(builder).gaps) == 1


def test_the_end_of_a_street_and_the_block_between_two_are_not_gaps(builder: Builder) -> None:
    builder.street(range(0, 200, 10))
    builder.street(range(0, 200, 10), 60)
    assert surveyed(builder).gaps == ()


def test_a_map_whose_photos_all_stand_far_apart_has_no_gaps(builder: Builder) -> None:
    builder.street(range(0, 1000, 60))
    found = surveyed(builder)
    assert (found.gaps, found.alone) == ((), 17)
    assert 0 < len(found.suggestions) <= 20


# ---- directions


def test_the_direction_that_one_spot_lacks_is_suggested(builder: Builder) -> None:
    every = (0.0, 90.0, 180.0, 270.0)
    corners = [(square + x, y) for square in (0, 500, 1000) for x, y in ((0, 0), (16, 0), (8, 14))]
    for number, corner in enumerate(corners):
        builder.add(*corner, headings=(0.0, 180.0, 270.0) if number == 4 else every)
    found = surveyed(builder)
    assert [spot.missing for spot in found.spots] == [("east",) if number == 4 else () for number in range(9)]
    assert (found.looks, found.spots_missing) == (4, 1)
    [idea] = [idea for idea in found.suggestions if idea.kind == "directions"]
    assert idea.heading_deg == 90
    assert "facing east" in facing(idea.heading_deg)


def test_a_neighbour_within_fifteen_metres_lends_its_direction(builder: Builder) -> None:
    builder.add(0, headings=(0.0, 90.0, 180.0))
    builder.add(12, headings=(270.0,))
    builder.add(40, headings=(45.0,))
    assert [spot.missing for spot in surveyed(builder).spots] == [(), (), ("south", "west")]


def test_unknown_headings_are_counted_and_are_never_north(builder: Builder) -> None:
    builder.street(range(0, 60, 10), headings=(None,))
    found = surveyed(builder)
    assert (found.headless, found.looks, found.spots_missing) == (6, None, 0)
    assert {spot.missing for spot in found.spots} == {None}
    assert "no photo has a heading" in "\n".join(summary(found))
    assert not [idea for idea in found.suggestions if idea.kind == "directions"]


def test_a_photo_without_a_heading_does_not_count_as_facing_north(builder: Builder) -> None:
    builder.add(0, headings=(None, 90.0, 180.0, 270.0))
    builder.add(20, headings=(0.0,))
    found = surveyed(builder)
    assert found.spots[0].missing == ("north",)
    assert (found.spots[0].headless, found.headless) == (1, 1)


def test_a_map_made_from_a_car_is_not_asked_for_views_backwards(builder: Builder) -> None:
    builder.street(range(0, 200, 10), headings=(90.0,))
    found = surveyed(builder)
    assert (found.spots_missing, found.looks) == (20, 1)
    assert found.suggestions == ()


# ---- the 180th meridian


def test_a_street_across_the_180th_meridian_is_one_street(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "fiji.map", Position(-17.0, 180.0))
    builder.street([east for east in range(-100, 100, 10) if east not in (-10, 0, 10)])
    found = surveyed(builder)
    assert found.found == 17
    [gap] = found.gaps
    assert gap.length_m == pytest.approx(40, abs=0.1)
    [line] = [f["geometry"] for f in to_geojson(found)["features"] if f["properties"]["kind"] == "gap"]
    assert line["type"] == "MultiLineString"
    assert [part[end][0] for part, end in zip(line["coordinates"], (-1, 0), strict=True)] == [180.0, -180.0]
    across = sorted({mark.x for mark in plan.plan_view(found).marks})
    assert max(np.diff(across)) < 0.3 * (across[-1] - across[0])  # no gulf of 360 degrees in the plan


@pytest.mark.parametrize(
    ("start", "end", "parts"),
    [
        ((10.0, 20.0), (11.0, 21.0), [[[20.0, 10.0], [21.0, 11.0]]]),
        ((0.0, 179.0), (2.0, -179.0), [[[179.0, 0.0], [180.0, 1.0]], [[-180.0, 1.0], [-179.0, 2.0]]]),
        ((2.0, -179.0), (0.0, 179.0), [[[179.0, 0.0], [180.0, 1.0]], [[-180.0, 1.0], [-179.0, 2.0]]]),
        ((5.0, 179.5), (5.0, -180.0), [[[179.5, 5.0], [180.0, 5.0]]]),
        ((5.0, 180.0), (5.0, -179.5), [[[-180.0, 5.0], [-179.5, 5.0]]]),
    ],
)
def test_lines_are_split_at_the_180th_meridian(
    builder: Builder, start: tuple[float, float], end: tuple[float, float], parts: list[list[list[float]]]
) -> None:
    builder.street([0, 10])
    found = surveyed(builder)
    ends = [LookAlikePhoto("a", "/a", Position(*start)), LookAlikePhoto("b", "/b", Position(*end))]
    changed = {**{name: getattr(found, name) for name in found.__slots__}, "gaps": (), "suggestions": ()}
    changed["look_alikes"] = (LookAlike(ends[0], ends[1], 1000.0, 0.9, 0.8, True, 1),)
    [line] = [f["geometry"] for f in to_geojson(Coverage(**changed))["features"] if f["geometry"]["type"] != "Point"]
    assert (line["coordinates"] if line["type"] == "MultiLineString" else [line["coordinates"]]) == parts


# ---- what is written


def test_geojson_has_longitude_first_and_a_kind_for_every_feature(builder: Builder) -> None:
    builder.street([east for east in range(0, 200, 10) if east not in (90, 100, 110)])
    found = surveyed(builder)
    collection = json.loads(json.dumps(to_geojson(found), allow_nan=False))
    assert collection["type"] == "FeatureCollection"
    assert collection["coverage"]["photos"] == 17
    kinds = [feature["properties"]["kind"] for feature in collection["features"]]
    assert kinds == ["spot"] * 17 + ["gap"] + ["suggestion"] * len(found.suggestions)
    for feature in collection["features"]:
        places = feature["geometry"]["coordinates"]
        for lon, lat in places if feature["geometry"]["type"] == "LineString" else [places]:
            assert (round(lon), round(lat)) == (20, 50)


class Tags(html.parser.HTMLParser):
    """What a page holds, and whether every element that is opened is closed."""

    VOID = {"meta", "br", "img", "path", "circle", "rect", "line"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_network(builder: Builder) -> None:
    builder.street(range(0, 50, 10))
    for east_m in range(0, 50, 10):
        builder.add(east_m + 1000, like=(east_m, 0))
    text = page.page(surveyed(builder))
    tags = Tags(text)
    assert tags.open == []
    assert not re.search(r"https?://|@import|url\(", text)
    assert "The picture cannot be read." in text
    assert {"h1", "svg", "table"} <= {tag for tag, _ in tags.seen}


def test_file_names_cannot_inject_html(builder: Builder) -> None:
    for east_m in (0, 10, 20, 30, 500):
        builder.add(east_m)
    evil = "<script>alert(1)</script>\"'&.jpg"
    builder.photos = [Photo(f"{n}{evil}", p.source, p.position, None) for n, p in enumerate(builder.photos)]
    builder.looks[2] = look(9000, 9000, 0)
    found = surveyed(builder)
    text = page.page(found)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert Tags(text).open == []


def test_thumbnails_are_small_upright_and_without_exif(builder: Builder, street: Path, tmp_path: Path) -> None:
    builder.street(range(0, 50, 10))
    for east_m in range(0, 50, 10):
        builder.add(east_m + 1000, like=(east_m, 0))
    files = sorted(street.glob("*.jpg"))
    sources = [str(files[n]) for n in range(9)] + ["https://example.org/a.jpg"]
    builder.photos = [Photo(p.id, s, p.position, 0.0) for p, s in zip(builder.photos, sources, strict=True)]
    pictures = [a["src"] or "" for tag, a in Tags(page.page(surveyed(builder))).seen if tag == "img"]
    assert pictures
    for data in pictures:
        with Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))) as picture:
            assert max(picture.size) <= 320
            assert not picture.getexif()


def test_a_plan_of_many_spots_joins_them(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST_MARKS", 12)
    builder.street(range(0, 600, 10))
    found = surveyed(builder)
    text = page.page(found)
    assert text.count('class="mark"') <= 12
    assert plan.plan_view(found).square_m > 10
    assert sum(int(n) for n in re.findall(r"<title>(\d+) spots", text)) == 60
    assert "one mark stands for all spots" in text


# ---- the command


@pytest.fixture
def drawn(real_map: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(real_map, tmp_path / "street.map"))


def test_the_command_prints_a_summary_and_writes_both_files(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, data = tmp_path / "out.html", tmp_path / "out.geojson"
    assert run(["coverage", str(drawn), "--html", str(target), "--geojson", str(data), "-q"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out[1:7]] == ["found", "doubtful", "unknown", "alike", "gaps", "directions"]
    assert out[-2:] == [f"wrote {target}", f"wrote {data}"]
    assert Tags(target.read_text(encoding="utf-8")).open == []
    kinds = {feature["properties"]["kind"] for feature in json.loads(data.read_text(encoding="utf-8"))["features"]}
    assert "spot" in kinds
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.geojson", "out.html", "street.map"]


def test_the_command_prints_json(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["coverage", str(drawn), "--json", "--sample", "5"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert said["asked"] == 5 == said["found"] + said["doubtful"] + said["alone"]
    assert len(said["spots"]) == said["spots_count"]


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("out.txt", 2, "does not end in .html"),
        ("nowhere/out.html", 2, "There is no folder"),
        ("folder.html", 2, "is a folder"),
        ("map.html", 2, "is a map"),
    ],
)
def test_a_bad_target_is_refused_before_the_work(
    target: str, code: int, said: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    shutil.copy(drawn, tmp_path / "map.html")
    assert run(["coverage", str(drawn), "--html", target]) == code
    [line] = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_file_that_cannot_be_written_is_one_clear_line(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert run(["coverage", str(drawn), "--html", str(tmp_path / "a.html"), "-q"]) == 7
    assert "No space left" in capsys.readouterr().err


@pytest.mark.parametrize(("photos", "said"), [(0, "no photos"), (1, "one photo")])
def test_a_map_without_two_photos_is_refused(photos: int, said: str, builder: Builder, tmp_path: Path,
                                                capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    builder.street([0.0] * photos)
    with builder.build() as city, pytest.raises(BadInput, match=said):
        survey_map(city)
    assert run(["coverage", str(builder.path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "viewfix add" in line


def test_an_empty_sample_is_refused(builder: Builder) -> None:
    builder.street([0, 10])
    with builder.build() as city, pytest.raises(BadInput, match="at least 1 photo; got 0"):
        survey_map(city, sample=0)


def test_coverage_does_not_change_the_map(drawn: Path) -> None:
    before = drawn.read_bytes()
    with Map.open(drawn, model=Toy()) as city:
        survey_map(city)
    assert drawn.read_bytes() == before


def test_the_endings_of_both_files_are_checked(tmp_path: Path) -> None:
    write.check_target(tmp_path / "a.HTML", (".html",))
    with pytest.raises(BadInput, match="does not end in"):
        write.check_target(tmp_path / "a.geojson", (".html", ".htm"))


# ---- near and far


def cloud(count: int, wide_m: float) -> np.ndarray:
    rng = np.random.default_rng(count)
    plane = Plane(Position(-17.0, 180.0))
    places = [plane.to_position(*xy) for xy in rng.uniform(-wide_m, wide_m, (count, 2))]
    return earth_centred_m([at.lat for at in places], [at.lon for at in places])


def pairs(points_m: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(points_m[:, None] - points_m[None], axis=2))


def test_the_grid_agrees_with_an_exhaustive_comparison() -> None:
    points_m = cloud(200, 60)
    apart_m = pairs(points_m)
    grid = Grid(points_m, 15.0)
    for i, point_m in enumerate(points_m):
        near, ways_m = grid.near(point_m)
        assert set(near.tolist()) == set(np.flatnonzero(apart_m[i] <= 15).tolist())
        assert near[0] == i
        assert np.allclose(ways_m, apart_m[i][near])
    np.fill_diagonal(apart_m, np.inf)
    nearest = apart_m.min(axis=1)
    assert np.allclose(nearest_m(points_m, 15.0), np.where(nearest <= 15, nearest, np.inf))


def test_every_photo_joins_a_leader_within_reach_and_leaders_are_apart() -> None:
    points_m = cloud(300, 40)
    groups, leaders = group_within(points_m, 5.0)
    assert (np.linalg.norm(points_m - points_m[leaders[groups]], axis=1) <= 5.0).all()
    apart_m = pairs(points_m[leaders])
    np.fill_diagonal(apart_m, np.inf)
    assert apart_m.min() > 5.0
    assert (groups[leaders] == np.arange(len(leaders))).all()


def test_no_points_make_no_groups() -> None:
    groups, leaders = group_within(np.empty((0, 3)), 5.0)
    assert (len(groups), len(leaders)) == (0, 0)
    assert len(nearest_m(np.empty((0, 3)), 5.0)) == 0


# ---- photos of a real town


@pytest.fixture
def cambridge(tmp_path: Path) -> Iterator[Map]:
    if not REAL.exists():
        pytest.skip(f"the real photos are not at {REAL}")
    with Map.build(tmp_path / "cambridge.map", REAL) as built:
        yield built


def test_a_real_town_is_found_for_the_most_part(cambridge: Map) -> None:
    found = survey_map(cambridge, sample=300)
    assert found.photos == 760
    assert 100 <= len(found.spots) <= 190
    assert 0.5 <= (found.share_found or 0) <= 0.9
    assert found.headless == 0
    assert found.spots_missing == 0  # every panorama was cut into four views
    assert 0 < len(found.suggestions) <= 20
    assert len(page.page(found)) < 3_000_000
