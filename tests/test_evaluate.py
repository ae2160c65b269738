"""An evaluation of a small street with known positions: its figures, its refusals, and its report."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED, Toy
from PIL import Image

from viewfix import Map, Position, Skipped
from viewfix.cli import run
from viewfix.errors import BadInput, StorageFailed
from viewfix.evaluate import selfchecks
from viewfix.evaluate.datasets import Areas, pair
from viewfix.evaluate.descriptors import embed_pictures
from viewfix.evaluate.inputs import RadiusProtocol, open_queries
from viewfix.evaluate.proximity import nearest_m, points_m, strips, within_m
from viewfix.evaluate.report import page, write_report
from viewfix.evaluate.run import Settings, evaluate
from viewfix.evaluate.tables import tables
from viewfix.geo import distance_m, moved
from viewfix.types import View

START = Position(60.17, 24.94)
STEP_M = 10.0


@dataclass(frozen=True)
class Picture:
    id: str
    source: str
    position: Position | None
    heading_deg: float | None = None
    attribution: str | None = None
    licence: str | None = None
    view: View | None = None
    taken_at: datetime | None = None


@dataclass(frozen=True)
class Street:
    """Photos every 10 m along a line, and queries of some of them on another day."""

    name: str
    map: tuple[Picture, ...]
    queries: tuple[Picture, ...]
    positives: tuple[np.ndarray, ...]
    skipped: tuple[Skipped, ...] = ()
    protocol: RadiusProtocol = field(default_factory=RadiusProtocol)
    notes: tuple[str, ...] = ()
    areas: Areas | None = None


def draw(path: Path, place: int, *, visit: int | None = None) -> str:
    """Blocks of grey that are another pattern at every place, and at every visit a third of something else."""
    blocks = np.random.default_rng(place).integers(20, 230, (6, 8, 1))
    if visit is not None:
        blocks = (2 * blocks + np.random.default_rng(5000 + visit).integers(20, 230, (6, 8, 1))) // 3
    Image.fromarray(np.repeat(blocks, 3, axis=2).repeat(8, 0).repeat(8, 1).astype(np.uint8)).save(path)
    return str(path)


def along(step: float) -> Position:
    return moved(START, 90.0, step * STEP_M)


@pytest.fixture(scope="session")
def drawn_street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """60 photos; queries show place 0, 3, 6, ...; the last two stand 5 km away and show nothing that is known."""
    folder = tmp_path_factory.mktemp("evaluate")
    photos = tuple(Picture(f"m{n}", draw(folder / f"m{n}.png", n), along(n)) for n in range(60))
    queries = [Picture(f"q{n}", draw(folder / f"q{n}.png", n, visit=n), along(n + 0.2)) for n in range(0, 60, 3)]
    queries += [Picture(f"far{n}", draw(folder / f"far{n}.png", 900 + n), along(500 + n)) for n in range(2)]
    right = within_m([each.position for each in queries], [each.position for each in photos], 25.0)
    return Street("street", photos, tuple(queries), tuple(right))


@pytest.fixture(scope="session")
def found(drawn_street: Street):
    return evaluate(Toy(), drawn_street)


def test_recall_is_given_by_both_conventions_for_queries_without_a_positive(found) -> None:
    assert (found.recall.queries, found.recall.without_positive) == (22, 2)
    assert found.recall.counted[1].value == pytest.approx(20 / 22)
    assert found.recall.dropped[1].value == 1.0
    assert found.recall.counted[1].low < 20 / 22 < found.recall.counted[1].high


def test_the_figures_of_the_street_are_those_computed_by_hand(found) -> None:
    assert found.matching.average_precision == pytest.approx(1.0), "strangers score below every resident"
    assert found.matching.recall_at_100_precision == 1.0
    assert found.best_match_error is not None
    assert found.best_match_error.median_m == pytest.approx(0.2 * STEP_M, abs=0.01)
    assert found.best_match_error.within[5.0] == pytest.approx(20 / 22)
    assert (found.sizes.dim, found.sizes.descriptor_bytes) == (48, 96)
    assert found.sizes.map_bytes > 60 * 96
    assert found.latency.verify is None
    assert 0 < found.latency.decode.p50_ms <= found.latency.decode.p95_ms
    assert found.latency.total.p50_ms >= found.latency.search.p50_ms


def test_fixes_are_judged_by_their_own_radius(found) -> None:
    fixes = found.fixes
    assert fixes.error_always.answered == 22
    assert fixes.confidence.right_share == pytest.approx(20 / 22)
    assert fixes.error.answered == round(22 * fixes.found_share)
    assert 0 <= fixes.confidence.area <= 2 / 22
    assert sum(fixes.confidence.bin_count) == 22


def test_regions_are_held_out_and_their_queries_have_nothing_near(found, drawn_street: Street) -> None:
    outside = found.fixes.outside
    assert (outside.regions, outside.queries) == (4, 22)
    assert outside.false_accepts.value < 0.5, "a street without the place is a street of strangers"
    none = evaluate(Toy(), drawn_street, settings=Settings(regions=0))
    assert none.fixes is not None and none.fixes.outside is None
    assert none.fixes.confidence.ece_with_outside is None


def test_a_map_too_small_to_hold_out_a_region_says_so(drawn_street: Street) -> None:
    small = replace(drawn_street, map=drawn_street.map[:15], positives=tuple(p[p < 15] for p in drawn_street.positives))
    fixes = evaluate(Toy(), small).fixes
    assert fixes is not None and fixes.outside is None
    assert "fewer than 20 photos" in fixes.outside_note


def test_failures_show_the_wrong_and_the_right_match(found, drawn_street: Street) -> None:
    assert {each.query_id for each in found.failures} == {"far0", "far1"}
    assert found.failures[0].right_id is None
    swapped = list(drawn_street.positives)
    swapped[0] = np.array([40])
    wrong = evaluate(Toy(), replace(drawn_street, positives=tuple(swapped)), settings=Settings(regions=0)).failures
    [mine] = [each for each in wrong if each.query_id == "q0"]
    assert (mine.wrong_id, mine.right_id) == ("m0", "m40")
    assert mine.right_rank > 1
    assert mine.wrong_m == pytest.approx(2.0, abs=0.01)


def test_the_same_evaluation_gives_the_same_figures(found, drawn_street: Street) -> None:
    again = evaluate(Toy(), drawn_street)
    assert replace(again, latency=found.latency, sizes=found.sizes) == replace(found, sizes=found.sizes)


def test_a_map_searches_its_own_photos(drawn_street: Street, tmp_path: Path) -> None:
    rows = "".join(f"{Path(p.source)},{p.position.lat},{p.position.lon}\n" for p in drawn_street.map)
    asked = "".join(f"{Path(p.source)},{p.position.lat},{p.position.lon}\n" for p in drawn_street.queries)
    (tmp_path / "map.csv").write_text("file,lat,lon\n" + rows)
    (tmp_path / "queries.csv").write_text("file,lat,lon\n" + asked)
    with Map.build(tmp_path / "a.map", tmp_path / "map.csv", model=Toy()) as city:
        found = evaluate(city, open_queries(tmp_path / "queries.csv"))
    assert found.ranked_by == "the index of the map"
    assert found.recall.counted[1].value == pytest.approx(20 / 22)
    assert found.subject == "a.map"


def test_two_manifests_make_a_dataset(drawn_street: Street, tmp_path: Path) -> None:
    for name, pictures in (("map.csv", drawn_street.map), ("queries.csv", drawn_street.queries)):
        rows = "".join(f"{p.source},{p.position.lat},{p.position.lon}\n" for p in pictures)
        (tmp_path / name).write_text("file,lat,lon\n" + rows)
    found = pair(tmp_path / "map.csv", tmp_path / "queries.csv")
    assert [rows.tolist() for rows in found.positives] == [rows.tolist() for rows in drawn_street.positives]
    assert found.name == "queries.csv in map.csv"
    (tmp_path / "queries.csv").write_text("file,lat,lon\nnone.jpg,60,24\n")
    with pytest.raises(BadInput, match="has a position"):
        pair(tmp_path / "map.csv", tmp_path / "queries.csv")


def test_a_query_is_never_compared_with_photos_of_another_area(drawn_street: Street) -> None:
    """As if every other place were in another town: the most similar photos there do not count."""
    own = np.array([int(p.id[1:]) % 2 for p in drawn_street.map])
    asked = np.array([int(q.id[1:]) % 2 for q in drawn_street.queries[:-2]])
    swapped = replace(
        drawn_street,
        queries=drawn_street.queries[:-2],
        positives=tuple(rows[own[rows] != town] for rows, town in zip(drawn_street.positives, asked, strict=False)),
        areas=Areas(own, 1 - asked),
        notes=("two towns",),
    )
    found = evaluate(Toy(), swapped, settings=Settings(regions=0))
    pooled = evaluate(Toy(), replace(swapped, areas=None), settings=Settings(regions=0))
    assert pooled.recall.counted[1].value == 0.0, "the same place is more alike than its neighbours"
    assert found.notes[0] == "two towns"
    assert any("one map of all areas" in note for note in found.notes)
    wrong = {each.wrong_id for each in found.failures}
    town = dict(zip((p.id for p in drawn_street.map), own, strict=True))
    assert all(town[each.wrong_id] != int(each.query_id[1:]) % 2 for each in found.failures) and wrong


def test_pictures_without_positions_are_ranked_without_figures_in_metres(drawn_street: Street) -> None:
    def lost(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
        return tuple(replace(each, position=None) for each in pictures)

    found = evaluate(Toy(), replace(drawn_street, map=lost(drawn_street.map), queries=lost(drawn_street.queries)))
    assert found.recall.dropped[1].value == 1.0
    assert (found.best_match_error, found.fixes, found.sizes.map_bytes) == (None, None, None)
    assert "no positions" in found.notes[0]


def test_two_views_of_one_panorama_are_two_pictures(tmp_path: Path) -> None:
    blocks = np.random.default_rng(0).integers(0, 255, (10, 20, 3)).astype(np.uint8)
    Image.fromarray(blocks.repeat(20, 0).repeat(20, 1)).save(tmp_path / "panorama.png")
    source = str(tmp_path / "panorama.png")
    views = [Picture(str(yaw), source, START, view=View(yaw_deg=yaw, field_of_view_deg=60.0)) for yaw in (0.0, 120.0)]
    found = embed_pictures(views, Toy(), stage="queries")
    assert found.descriptors[0] @ found.descriptors[1] < 0.9
    assert len(set(found.hashes)) == 2


# ---- self-checks -------------------------------------------------------------------------


class BatchDependent(Toy):
    """Looks at its neighbours: subtracts the mean of the batch, as some published models do in effect."""

    def _embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        found = super()._embed(pictures)
        if len(found) > 1:
            found = found - 0.05 * found.mean(axis=0)
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_a_descriptor_that_changes_with_its_batch_ends_the_run(drawn_street: Street) -> None:
    with pytest.raises(BadInput, match="batch: a descriptor changes by .*--allow batch"):
        evaluate(BatchDependent(), drawn_street)
    told = evaluate(BatchDependent(), drawn_street, settings=Settings(allow=("batch",), regions=0))
    [check] = [each for each in told.checks if each.name == "batch"]
    assert (check.passed, check.allowed) == (False, True)
    assert "Do not compare these figures" in page(told)


def test_the_same_file_in_map_and_queries_ends_the_run(drawn_street: Street) -> None:
    copied = replace(drawn_street.queries[1], source=drawn_street.map[3].source)
    street = replace(drawn_street, queries=(drawn_street.queries[0], copied, *drawn_street.queries[2:]))
    with pytest.raises(BadInput, match=r"1 of 22 queries are pictures of the map: q3 is m3.*--allow duplicates"):
        evaluate(Toy(), street)


def test_the_same_picture_saved_again_ends_the_run(drawn_street: Street, tmp_path: Path) -> None:
    again = tmp_path / "again.jpg"
    Image.open(drawn_street.map[3].source).resize((96, 72)).save(again, quality=90)
    copied = replace(drawn_street.queries[1], source=str(again))
    with pytest.raises(BadInput, match="q3 is m3"):
        evaluate(Toy(), replace(drawn_street, queries=(copied,), positives=(drawn_street.positives[1],)))


def test_a_model_that_finds_all_alike_does_not_make_duplicates(drawn_street: Street) -> None:
    class Blind(Toy):
        def _embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
            return np.tile(np.eye(1, 48, dtype=np.float32), (len(pictures), 1))

    found = evaluate(Blind(), drawn_street, settings=Settings(regions=0))
    assert all(each.passed is not False for each in found.checks)
    assert found.recall.counted[1].value < 0.5


def test_training_places_near_the_test_places_end_the_run_unless_allowed(drawn_street: Street) -> None:
    near = moved(along(59), 90.0, 65.0)
    with pytest.raises(BadInput, match="nearest training place is 65 m from a test place; 5 of 82 test photos"):
        evaluate(Toy(), drawn_street, settings=Settings(trained_on=(near,)))
    told = evaluate(Toy(), drawn_street, settings=Settings(trained_on=(near,), allow=("training",), regions=0))
    assert "65 m" in page(told).split("Self-checks")[1]
    far = moved(START, 0.0, 150.0)
    [check] = [
        c for c in evaluate(Toy(), drawn_street, settings=Settings(trained_on=(far,))).checks if c.name == "training"
    ]
    assert check.passed and "150 m" in check.seen


@pytest.mark.parametrize(
    ("about", "passed", "seen"),
    [
        ({}, None, "does not say"),
        ({"training_places": [[60.17, 24.94]]}, False, "is 0 m"),
        ({"training_area": {"lat": 60.2, "lon": 24.94, "radius_m": 3000}}, True, "336 m"),
        ({"training_area": [{"lat": 60.17, "lon": 24.94, "radius_m": 9}]}, False, "is 0 m"),
        ({"training_places": [[48.2, 16.4]]}, True, "1437 km"),
    ],
)
def test_the_training_places_of_a_model_are_read_from_its_description(
    about: dict[str, object], passed: bool | None, seen: str
) -> None:
    check = selfchecks.training(about, (), (START,), frozenset())
    assert check.passed is passed
    assert seen in check.seen


def test_training_places_that_cannot_be_read_are_one_clear_line() -> None:
    with pytest.raises(BadInput, match="Write training_places as"):
        selfchecks.training({"training_area": {"lat": 60}}, (), (START,), frozenset())


def test_a_count_that_differs_from_the_protocol_ends_the_run(drawn_street: Street) -> None:
    with pytest.raises(BadInput, match=r"count: 22 queries \(the protocol has 315\)"):
        evaluate(Toy(), replace(drawn_street, protocol=RadiusProtocol("tokyo247", queries=315, database=None)))
    exact = evaluate(
        Toy(), replace(drawn_street, protocol=RadiusProtocol("mine", 22, 60)), settings=Settings(regions=0)
    )
    assert next(each for each in exact.checks if each.name == "count").passed


def test_a_query_that_cannot_be_read_ends_the_run_and_is_not_dropped_silently(
    drawn_street: Street, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(b"\xff\xd8\xff nothing more")
    queries = (replace(drawn_street.queries[0], source=str(torn)), *drawn_street.queries[1:])
    street = replace(drawn_street, queries=queries)
    with pytest.raises(BadInput, match="readable: 1 could not be read: q0"):
        evaluate(Toy(), street)
    told = evaluate(Toy(), street, settings=Settings(allow=("readable",), regions=0))
    assert told.recall.queries == 21
    assert told.recall.dropped[1].value == 1.0, "positives stay with their queries"
    assert [each.id for each in told.skipped] == ["q0"]


def test_positives_stay_right_when_a_map_photo_cannot_be_read(drawn_street: Street, tmp_path: Path) -> None:
    photos = (replace(drawn_street.map[0], source=str(tmp_path / "gone.png")), *drawn_street.map[1:])
    told = evaluate(Toy(), replace(drawn_street, map=photos), settings=Settings(allow=("readable",), regions=0))
    assert told.map_photos == 59
    assert {each.query_id for each in told.failures} == {"q0", "far0", "far1"}


def test_an_unknown_check_and_a_dataset_without_queries_are_refused(drawn_street: Street) -> None:
    with pytest.raises(BadInput, match="no check called 'duplicate'"):
        evaluate(Toy(), drawn_street, settings=Settings(allow=("duplicate",)))
    with pytest.raises(BadInput, match="has no queries"):
        evaluate(Toy(), replace(drawn_street, queries=()))


# ---- positions ---------------------------------------------------------------------------


def test_nearness_is_geodesic_enough_at_the_meridian_and_the_pole() -> None:
    for one, other in (
        (Position(-17.0, 179.9999), Position(-17.0, -179.9999)),
        (Position(89.9995, 0.0), Position(89.9995, 180.0)),
        (START, moved(START, 45.0, 100.0)),
    ):
        apart = nearest_m(points_m([one]), points_m([other]))[0]
        assert apart == pytest.approx(distance_m(one, other), rel=0.01)
    assert np.isinf(nearest_m(points_m([START]), np.empty((0, 3)))).all()


def test_positives_within_a_radius_are_measured_on_the_ellipsoid() -> None:
    there = [moved(START, 10.0 * n, 24.99 if n % 2 else 25.01) for n in range(36)]
    [rows] = within_m([START], there, 25.0)
    assert rows.tolist() == list(range(1, 36, 2))


def test_strips_hold_every_query_once_and_lie_side_by_side() -> None:
    order = np.random.default_rng(0).permutation(40)
    parts = strips(points_m([along(int(n)) for n in order]), 4)
    assert sorted(np.concatenate(parts).tolist()) == list(range(40))
    spans = sorted((order[part].min(), order[part].max()) for part in parts)
    assert spans == [(0, 9), (10, 19), (20, 29), (30, 39)]


# ---- report ------------------------------------------------------------------------------


def test_the_report_is_one_page_that_needs_no_other_file_and_one_json(found, tmp_path: Path) -> None:
    written = write_report(tmp_path / "new" / "report", found)
    text = written.read_text()
    assert not re.search(r'(?:src|href)="(?!data:)', text), "nothing is fetched"
    assert "prefers-color-scheme: dark" in text
    assert text.count("<svg") == 4
    assert text.count("data:image/jpeg;base64,") == 4, "two failures: query and wrong match, no right one"
    stored = json.loads((written.parent / "result.json").read_text())
    assert stored["recall"]["counted"]["1"]["value"] == pytest.approx(20 / 22)
    assert stored["matching"]["threshold"][0] is None, "JSON has no infinity"
    assert [each["name"] for each in stored["checks"]] == list(selfchecks.NAMES)


def test_names_in_the_report_cannot_become_html(drawn_street: Street) -> None:
    strange = replace(drawn_street, name="<script>alert(1)</script>")
    assert "<script" not in page(evaluate(Toy(), strange, settings=Settings(regions=0)))


def test_every_table_has_as_many_cells_as_columns(found) -> None:
    for table in tables(found):
        assert {len(row) for row in table.rows} == {len(table.columns)}, table.title


def test_a_report_that_cannot_be_written_is_one_clear_line(found, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot be written"):
        write_report(tmp_path / "file", found)


@pytest.mark.skipif(not (SHARED / "cambridge" / "test").is_dir(), reason=f"the photos of {SHARED} are not here")
def test_photos_of_a_real_street_are_ranked_as_by_the_benchmark() -> None:
    """The first 40 queries: enough to see that positions, positives and pictures meet."""
    queries = open_queries(SHARED / "cambridge" / "test" / "queries.csv").queries[:40]
    photos = open_queries(SHARED / "cambridge" / "test" / "map.csv").queries
    right = within_m([q.position for q in queries], [p.position for p in photos], 25.0)
    near = sorted({int(row) for rows in right for row in rows})[:120]
    some = tuple(photos[row] for row in near)
    street = Street("cambridge", some, queries, tuple(np.flatnonzero(np.isin(near, rows)) for rows in right))
    found = evaluate("lite0-netvlad-512", street, settings=Settings(regions=0))
    assert found.recall.dropped[1].value > 0.8


# ---- the command -------------------------------------------------------------------------


def test_the_command_refuses_queries_that_are_photos_of_the_map(
    real_map: Path, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", str(real_map), str(street), "--regions", "0"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert "--allow duplicates" in told.err


def test_the_command_writes_a_report_and_says_what_was_allowed(
    real_map: Path, street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "figures"
    command = ["eval", str(real_map), str(street), "--regions", "0", "--allow", "duplicates", "--report", str(folder)]
    assert run(command) == 0
    out = capsys.readouterr().out
    count = len(list(street.glob("*.jpg")))
    assert f"{count} queries, {count} photos" in out
    assert "duplicates: FAILED, and allowed" in out
    assert "Recall@1   100.0 (100.0–100.0)" in out
    assert run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    stored = json.loads((folder / "result.json").read_text())
    assert told["recall"] == stored["recall"]
    assert (folder / "index.html").exists()


def test_a_report_folder_that_is_a_file_is_refused_before_the_work(street: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(["eval", str(tmp_path / "no.map"), str(street), "--report", str(tmp_path / "file")]) == 2


def test_a_model_needs_map_photos_and_queries(street: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "lite0-netvlad-512", str(street)]) == 2
    assert "--queries" in capsys.readouterr().err


def test_training_photos_without_positions_are_refused(real_map: Path, street: Path, tmp_path: Path) -> None:
    draw(tmp_path / "nowhere.png", 1)
    assert run(["eval", str(real_map), str(street), "--trained-on", str(tmp_path)]) == 2


def test_a_protocol_is_measured_by_its_name_and_its_counts_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for walk, visit in (("day_right", None), ("day_left", 1)):
        (tmp_path / walk).mkdir()
        for frame in range(8):
            draw(tmp_path / walk / f"Image{frame:03d}.png", frame, visit=visit)
    assert run(["eval", "lite0-netvlad-512", "gardens-point", "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "8 queries, but 100 to 200 (unverified) are published: the folder is incomplete" in out
    assert "have no positions" in out
    folders = [str(tmp_path / walk) for walk in ("day_right", "day_left")]
    assert run(["eval", "lite0-netvlad-512", folders[0], "--queries", folders[1], "--frames", "0"]) == 0
    assert "right: within 0 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["pitts30k"], "pitts30k is a protocol. Pass the folder of its files: --data FOLDER"),
        (["pitts31k", "--data", "."], "Did you mean 'pitts30k'?"),
        (["pitts30k", "--data", ".", "--queries", "."], "has its own queries and frames"),
        (["photos", "--frames", "2"], "Pass the second one with --queries"),
    ],
)
def test_an_incomplete_dataset_is_refused(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "lite0-netvlad-512", *given]) == 2
    assert said in capsys.readouterr().err
