"""The command line, in-process: words on standard output, one line on standard error, exit codes."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from viewfix import Map, Position, store
from viewfix.cli import COMMANDS, run
from viewfix.cli.doctor import SQLITE_FEATURES, _sqlite
from viewfix.geo import distance_m

Out = pytest.CaptureFixture[str]


def said(capsys: Out) -> tuple[list[str], list[str]]:
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err.splitlines()


@pytest.fixture
def query(street: Path) -> str:
    return str(sorted(street.glob("*.jpg"))[5])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: Out) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: viewfix" in capsys.readouterr().out


def test_help_names_every_command(capsys: Out) -> None:
    assert run(["--help"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.split("Commands:")[1].splitlines() if line.strip()}
    assert set(COMMANDS) <= listed


def test_a_mistyped_command_gets_a_suggestion(capsys: Out) -> None:
    assert run(["biuld"]) == 2
    assert "Did you mean 'build'?" in capsys.readouterr().err


def test_build_add_locate_remove_and_info(street: Path, tmp_path: Path, query: str, capsys: Out) -> None:
    path = str(tmp_path / "a.map")
    count = len(list(street.glob("*.jpg")))
    assert run(["build", path, str(street), "-q"]) == 0
    assert said(capsys)[0][0] == f"{count} added, 0 already there, 0 skipped"
    assert run(["add", path, str(street), "-q"]) == 0
    assert said(capsys)[0][0] == f"0 added, {count} already there, 0 skipped"
    assert run(["locate", path, query, "-v"]) == 0
    out, _ = said(capsys)
    assert out[0].startswith(f"{query}: ")
    assert "similarity 1.000" in out[2]
    assert run(["remove", path, Path(query).name]) == 0
    assert said(capsys)[0] == [f"1 removed, {count - 1} left"]
    assert run(["info", path, "--json"]) == 0
    assert json.loads(said(capsys)[0][0])["photos"] == count - 1


def test_locate_tells_where_the_time_went(real_map: Path, query: str, capsys: Out) -> None:
    assert run(["locate", str(real_map), query, "--verify", "off", "--profile"]) == 0
    assert re.search(
        r"\n  [\d.]+ ms: decode [\d.]+, embed [\d.]+, search [\d.]+, fuse [\d.]+\n", capsys.readouterr().out
    )
    assert run(["locate", str(real_map), query, "--verify", "off", "--profile", "--json"]) == 0
    timings_ms = json.loads(capsys.readouterr().out)["properties"]["timings_ms"]
    assert set(timings_ms) == {"decode", "embed", "search", "fuse"} and all(ms >= 0 for ms in timings_ms.values())


def test_locate_speaks_geojson(real_map: Path, query: str, tmp_path: Path, capsys: Out) -> None:
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)).save(noise)
    assert run(["locate", str(real_map), query, str(noise), "--json", "-k", "4"]) == 0
    found, lost = (json.loads(line) for line in said(capsys)[0])
    properties = found["properties"]
    assert found["type"] == "Feature"
    told = ["query", "found", "confidence", "radius_m", "heading_deg", "reason", "candidates", "attribution", "nearby",
            "links"]  # fmt: skip
    assert list(properties) == told and properties["nearby"] == []
    assert list(properties["candidates"][0]) == [
        "id", "similarity", "inliers", "position", "heading_deg", "taken_at", "attribution", "licence",
    ]  # fmt: skip
    with Map.open(real_map) as city:
        [truth] = [p.position for p in city.photos() if p.id == Path(query).name]
    lon, lat = found["geometry"]["coordinates"]
    assert distance_m(Position(lat, lon), truth) < 25
    assert (lost["geometry"], lost["properties"]["found"]) == (None, False)
    assert len(lost["properties"]["candidates"]) == 4


def test_one_bad_query_does_not_keep_the_others_from_an_answer(
    real_map: Path, query: str, tmp_path: Path, capsys: Out
) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    assert run(["locate", str(real_map), str(tmp_path / "bad.jpg"), query]) == 2
    out, err = said(capsys)
    assert len(out) == 1
    assert len(err) == 1
    assert err[0].startswith("viewfix: ")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["locate", "nowhere.map", "a.jpg"], 2, "viewfix build nowhere.map"),
        (["build", "a.map", "nowhere"], 2, "nowhere"),
        (["places", "x", "y", "--model", "viewfix-lite1"], 3, "no model"),
        (["info", "text.map"], 2, "text.map"),
        (["locate", "a.map", "x.jpg", "--near", "1"], 2, "LAT,LON,RADIUS_M"),
        (["compare", "nowhere.jpg", "x.jpg"], 2, "nowhere.jpg"),
        (["places", "."], 2, "two or more"),
    ],
)
def test_bad_input_gets_one_clear_line(
    args: list[str], code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.map").write_text("this is no map, it is a letter " * 50)
    assert run(args) == code
    out, err = said(capsys)
    assert out == []
    assert words in err[-1]
    assert "Traceback" not in "".join(err)


def test_compare_prints_a_table_and_draws_a_picture(street: Path, tmp_path: Path, capsys: Out) -> None:
    files = [str(file) for file in sorted(street.glob("*.jpg"))[:3]]
    picture = tmp_path / "matrix.png"
    assert run(["compare", *files, files[0], "-o", str(picture)]) == 0
    out, _ = said(capsys)
    first = out[5].split()
    assert (first[1], first[4]) == ("0.00", "0.00")
    with Image.open(picture) as drawn:
        assert drawn.size == (5 * 96, 5 * 96)


def test_places_tells_two_buildings_apart_and_knows_a_third_is_neither(
    town, tmp_path: Path, capsys: Out
) -> None:  # fmt: skip
    from viewfix.demo.town import write_views

    views = town.map_views()
    apart = {"north": views[:6], "south": views[-6:]}
    for name, chosen in apart.items():
        write_views(town, chosen[:5], tmp_path / name, width_px=160, height_px=120)
    write_views(town, [views[5], views[-6]], tmp_path / "asked", width_px=160, height_px=120)
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    folders = [str(tmp_path / name) for name in apart]
    assert run(["places", *folders, "-p", str(tmp_path / "noise.png"), "--json"]) == 0
    verdict = json.loads(said(capsys)[0][0])
    assert verdict["place"] is None
    assert sum(verdict["probabilities"].values()) == pytest.approx(1, abs=0.01)
    assert run(["places", *folders]) == 0
    assert said(capsys)[0][-1].split()[2] == "10"


@pytest.mark.parametrize("colour", ["place", "position"])
def test_plot_draws_a_map(colour: str, real_map: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    target = tmp_path / "plot.png"
    assert run(["plot", str(real_map), "-o", str(target), "--colour", colour, "--method", "pca"]) == 0
    with Image.open(target) as drawn:
        assert drawn.width > 500


@pytest.mark.parametrize("name", ["map.geojson", "map.csv", "map.parquet"])
def test_an_export_is_a_manifest_that_builds_the_same_map(name: str, real_map: Path, tmp_path: Path) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    target = tmp_path / name
    assert run(["export", str(real_map), str(target)]) == 0
    with Map.open(real_map) as city, Map.build(tmp_path / "again.map", target) as again:
        assert sorted(map(repr, again.photos())) == sorted(map(repr, city.photos()))


def test_parquet_brings_the_descriptors(real_map: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run(["export", str(real_map), str(tmp_path / "map.parquet")]) == 0
    table = parquet.read_table(tmp_path / "map.parquet")
    with Map.open(real_map) as city:
        _, stored = next(city.store.iter_descriptors())
    np.testing.assert_array_equal(np.stack(table["descriptor"].to_numpy()), stored)


def test_the_projector_gets_a_row_of_numbers_and_a_row_of_words_for_every_photo(real_map: Path, tmp_path: Path) -> None:
    assert run(["export", str(real_map), str(tmp_path / "projector")]) == 0
    vectors = np.loadtxt(tmp_path / "projector" / "vectors.tsv", delimiter="\t")
    names = (tmp_path / "projector" / "metadata.tsv").read_text().splitlines()
    assert len(vectors) == len(names) - 1
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_models_and_doctor_know_the_model_that_ships(capsys: Out) -> None:
    assert run(["models", "--json"]) == 0
    [default, *_] = json.loads(said(capsys)[0][0])
    assert run(["doctor", "--json", "--no-speed"]) == 0
    facts = json.loads(said(capsys)[0][0])
    assert default["name"] in facts["checks"]["default model"]
    assert run(["models"]) == 0
    assert run(["doctor", "--no-speed"]) == 0


class WithoutFeature(sqlite3.Connection):
    """A SQLite that was built without one feature."""

    lacks = ""

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if self.lacks in sql:
            raise sqlite3.OperationalError(f"no such module: {self.lacks}")
        return super().execute(sql, *parameters)


@pytest.mark.parametrize("feature", SQLITE_FEATURES)
def test_doctor_names_a_feature_that_sqlite_lacks(feature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _sqlite().startswith("works")
    purpose, [statement] = SQLITE_FEATURES[feature]
    monkeypatch.setattr(WithoutFeature, "lacks", statement)
    seen = _sqlite(lambda path: sqlite3.connect(path, factory=WithoutFeature))
    assert seen.startswith("fails") and feature in seen and purpose in seen


def test_doctor_checks_every_feature_that_the_schema_of_a_map_uses() -> None:
    checked = " ".join(statement for _, statements in SQLITE_FEATURES.values() for statement in statements).upper()
    sql = " ".join(file.read_text(encoding="utf-8") for file in Path(store.__file__).parent.rglob("sqlite/*.py"))
    words = (
        r"USING \w+",
        "WITHOUT ROWID",
        r"\) STRICT\b",
        r"json_\w+\(",
        "journal_mode = WAL",
        r"ON CONFLICT \(",
        "RETURNING",
    )
    for feature in set(re.findall("|".join(words), sql)):
        assert feature.upper() in checked, f"viewfix doctor does not check: {feature}"


@pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="needs bash")
def test_a_pipe_that_closes_early_is_no_error(real_map: Path) -> None:
    command = f"{sys.executable} -m viewfix info {real_map} | head -1"
    command = f"set -o pipefail; {command}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_an_export_never_destroys_a_map(street: Path, real_map: Path, tmp_path: Path, capsys: Out) -> None:
    path = tmp_path / "a.map"
    path.write_bytes(real_map.read_bytes())
    for form in ("csv", "geojson", "parquet"):
        assert run(["export", str(path), "--form", form, str(path)]) == 2
        assert "overwrite" in said(capsys)[1][-1]
    with Map.open(path) as city:
        assert len(city)


def test_an_export_that_fails_leaves_the_old_one_whole(
    real_map: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    target = tmp_path / "photos.csv"
    target.write_text("the old one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("csv.DictWriter.writerow", full)
    assert run(["export", str(real_map), str(target)]) == 7
    assert "No space left" in said(capsys)[1][-1]
    assert target.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [target]


def test_a_picture_is_never_drawn_over_a_photo_that_is_compared(street: Path, tmp_path: Path, capsys: Out) -> None:
    files = []
    for file in sorted(street.glob("*.jpg"))[:2]:
        files.append(tmp_path / file.name)
        files[-1].write_bytes(file.read_bytes())
    before = files[1].read_bytes()
    assert run(["compare", *map(str, files), "-o", str(files[1])]) == 2
    assert "overwritten" in said(capsys)[1][-1]
    assert files[1].read_bytes() == before


@pytest.mark.parametrize("command", ["compare", "plot"])
def test_an_ending_that_is_no_picture_is_refused_before_the_work(
    command: str, street: Path, real_map: Path, tmp_path: Path, capsys: Out
) -> None:
    what = [str(real_map)] if command == "plot" else [str(f) for f in sorted(street.glob("*.jpg"))[:2]]
    assert run([command, *what, "-o", str(tmp_path / "x.odd")]) == 2
    out, err = said(capsys)
    assert (out, len(err)) == ([], 1)


def test_every_query_gets_a_line_of_json_even_one_that_cannot_be_read(
    real_map: Path, query: str, tmp_path: Path, capsys: Out
) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    assert run(["locate", str(real_map), str(tmp_path / "bad.jpg"), query, "--json"]) == 2
    bad, good = (json.loads(line)["properties"] for line in said(capsys)[0])
    assert (bad["found"], bad["candidates"]) == (False, [])
    assert "bad.jpg" in bad["query"]
    assert good["candidates"]


def test_build_and_add_speak_json(street: Path, tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    assert run(["build", str(tmp_path / "a.map"), str(street), str(tmp_path / "bad.jpg"), "--json"]) == 0
    told = json.loads(said(capsys)[0][0])
    assert told["added"] == len(list(street.glob("*.jpg")))
    assert told["skipped"][0]["id"] == "bad.jpg"


def test_info_is_for_people_and_for_scripts(real_map: Path, capsys: Out) -> None:
    assert run(["info", str(real_map)]) == 0
    shown = "\n".join(said(capsys)[0])
    assert "too small to be calibrated" in shown
    assert "{" not in shown
    assert run(["info", str(real_map), "--json", "--skipped"]) == 0
    assert json.loads(said(capsys)[0][0])["skipped_photos"] == []


def test_a_map_named_after_its_photos_is_told_the_order(street: Path, tmp_path: Path, capsys: Out) -> None:
    assert run(["build", str(street), str(tmp_path / "a.map")]) == 2
    assert "comes first" in said(capsys)[1][-1]


def test_nothing_is_drawn_or_exported_over_a_photo(street: Path, tmp_path: Path, capsys: Out) -> None:
    pytest.importorskip("matplotlib")
    photo = tmp_path / "photos" / "a.png"
    photo.parent.mkdir()
    file = sorted(street.glob("*.jpg"))[0]
    (photo.parent / "b.jpg").write_bytes(file.read_bytes())
    with Image.open(file) as picture:
        picture.save(photo, exif=picture.getexif())
    before = photo.read_bytes()
    path = str(tmp_path / "a.map")
    assert run(["build", path, str(photo.parent), "-q"]) == 0
    assert run(["plot", path, "-o", str(photo), "--method", "pca"]) == 2
    assert run(["export", path, str(photo), "--form", "csv"]) == 2
    assert photo.read_bytes() == before


def test_a_terminal_that_cannot_show_a_name_still_gets_the_answer(real_map: Path, query: str, tmp_path: Path) -> None:
    named = tmp_path / "日本.jpg"
    named.write_bytes(Path(query).read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "viewfix", "locate", str(real_map), str(named)],
        capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )  # fmt: skip
    assert b"confidence" in done.stdout
