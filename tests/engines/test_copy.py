"""Copies between engines and files change nothing: interrupted, continued, compared, read from Parquet."""

from __future__ import annotations

import json
import math
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from viewfix.cli import run
from viewfix.copying import copy, extras, same, sides
from viewfix.copying.marker import Marker
from viewfix.errors import BadInput, MapBusy, NotAMap, StorageFailed, ViewfixError
from viewfix.map import Map
from viewfix.search.open import open_search
from viewfix.store.points import PointSource
from viewfix.store.roads import RoadSource
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Camera, Photo, PointOfInterest, Position, Skipped, View

from .conftest import Engine, fresh_name
from .made import DIM, TOY, descriptors, record, records
from .servers import PostgresServer

arrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def rich(place: str) -> None:
    """A map with some of everything."""
    units = descriptors(300)
    odd = Photo(
        'odd, "é" \t\n',
        "https://x/a?b=c",
        Position(-89.9, 179.9, 3.5),
        359.9,
        datetime(2020, 1, 2, 3, 4, 5),
        "Me",
        "CC0",
        View(1 / 3, -0.0, 1e-9, 0.1),
        Camera(math.pi, None, 640, 480, -1e-300, 180.0, -11_000.5),
    )
    with Store.create(place, TOY) as store:
        store.put(records(200), units[:200], [Skipped("a.jpg", "damaged"), Skipped("b.jpg", "no position")])
        store.put([*records(99, 200), Record(odd, "hash", None)], (units[200:] * 1.0003).astype(np.float16))
        store.remove([record(5).photo.id])
        store.update_photo(record(6, lat=10.0))
        version = store.version
        changes = {"last_row": version.last_row - 3, "removals": version.removals, "photos": 299}
        store.set_meta("calibration", {"weights": [1, 2], **changes})
        for name in ("one.csv", "two.csv"):
            with store.points.replacing(PointSource(name, "Me", "ODbL")) as filling:
                for n in range(3):
                    point = PointOfInterest(
                        f"{name}/{n}",
                        f"Church {n}",
                        "a=b",
                        Position(60.0 + n, 24.0),
                        {"de": "Kirche"},
                        outline=((60.0, 24.0), (60.5, 24.5)),
                    )
                    filling.put(point, name_key=f"church {n}", wikidata=None)
        for name in ("one.osm", "two.osm"):
            store.roads.replace(RoadSource(name, "Me", "ODbL", 3, 1000.0), name.encode())
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "base.pmtiles"
            file.write_bytes(b"tiles")
            store.basemap_file.replace(file)
        store.set_meta("basemap", {"file": "town.osm"})
        features = store.local_features("xfeat")
        features.keep_all({(r.photo.id, r.content_hash): b"F" * 20 for r in records(50)})


def everything(place: str) -> dict[str, object]:
    with Store.open(place) as store:
        rows = store.rows()
        photos = store.photos(rows)
        halves = {}
        for chunk_rows, chunk in store.iter_descriptors():
            for photo, half in zip(store.photos(chunk_rows), chunk, strict=True):
                halves[photo.id] = half.tobytes()
        version, calibration = store.version, store.meta("calibration")
        return {
            "records": {r.photo.id: r for r in store.records()},
            "halves": halves,
            "photos": sorted(photos, key=lambda p: p.id),
            "skipped": store.skipped(),
            "points": [(p.id, p.name, p.position, p.attribution, dict(p.names), p.outline) for p in store.points.all()],
            "sources": [(s.file, s.points, s.licence) for s in store.points.sources()],
            "roads": [(s.file, s.licence, store.roads.load(s)) for s in store.roads.sources()],
            "basemap": (store.meta("basemap"), file.read_bytes() if (file := store.basemap_file.path()) else None),
            "model": store.model,
            "created_at": store.created_at,
            "changed since the calibration": version.last_row - calibration["last_row"] if calibration else None,
            "features": store.local_features("xfeat").load([(r.photo.id, r.content_hash) for r in records(60)]),
        }


def test_a_map_goes_from_a_file_to_every_engine_and_back_the_same(engine: Engine, tmp_path: Path) -> None:
    origin, there, back = str(tmp_path / "a.map"), engine.place(), str(tmp_path / "back.map")
    rich(origin)
    before = everything(origin)
    outcome = copy(origin, there)
    assert (outcome.copied, outcome.copied_before, outcome.verified) == (299, 0, True)
    copy(there, back)
    assert everything(there) == before
    assert everything(back) == before
    with Store.open(back) as store:
        with Store.open(origin) as other:
            assert store.map_id != other.map_id
        assert open_search(store).nearest(descriptors(300)[7], 1)[1][0] > 0.999


def test_a_map_goes_through_parquet_and_back(engine: Engine, tmp_path: Path) -> None:
    origin, file, back = engine.place(), str(tmp_path / "a.parquet"), engine.place()
    rich(origin)
    assert copy(origin, file).verified
    outcome = copy(file, back)
    assert outcome.verified and outcome.copied == 299 and not outcome.skipped
    before, after = everything(origin), everything(back)
    for key in ("records", "halves", "photos", "model"):
        assert after[key] == before[key], key
    table = parquet.read_table(file)  # as anybody else reads it
    assert table.num_rows == 299 and table.schema.field("descriptor").type.list_size == DIM


def _copy_slowly(source: str, target: str) -> None:
    sides.CHUNK = 20

    def progress(what: str, done: int, total: int | None) -> None:
        if what == "copying photos":
            time.sleep(0.03)

    copy(source, target, progress=progress)


def test_a_killed_copy_continues_and_cannot_be_queried_until_then(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, target = str(tmp_path / "a.map"), engine.place()
    rich(origin)
    process = multiprocessing.get_context("spawn").Process(target=_copy_slowly, args=(origin, target))
    process.start()
    copied = 0
    for _ in range(600):
        time.sleep(0.02)
        try:
            with Store.open(target) as store:
                copied = (store.meta("copy") or {}).get("photos", 0)
        except ViewfixError:
            continue
        if copied >= 60:
            break
    process.kill()
    process.join()
    assert 60 <= copied < 299
    with pytest.raises(NotAMap, match="unfinished copy.*viewfix copy") as error:
        Map.open(target)
    assert "\n" not in str(error.value)
    other = str(tmp_path / "other.map")
    rich(other)
    with pytest.raises(BadInput, match="unfinished copy of another map"):
        copy(other, target)
    monkeypatch.setattr(sides, "CHUNK", 20)
    outcome = copy(origin, target)
    assert outcome.copied_before >= 60 and outcome.copied + outcome.copied_before == 299
    assert everything(target) == everything(origin)
    with Store.open(target) as store:
        assert store.version.removals == 0, "nothing was stored twice"
    with pytest.raises(BadInput, match="already"):
        copy(origin, target)


FLIPPED = descriptors(300)[8:9].astype(np.float16)
FLIPPED.view(np.uint16)[0, 3] ^= 1


@pytest.mark.parametrize(
    ("spoil", "number", "seen"),
    [
        (lambda store: store.remove([record(33).photo.id]), 33, "is missing"),
        (lambda store: store.put([record(8)], FLIPPED), 8, "differs in its descriptor"),
        (lambda store: store.put([record(500)], descriptors(1)), 500, "only in the copy"),
    ],
)
def test_damage_is_reported_and_the_copy_stays_unfinished(
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Store], object],
    number: int,
    seen: str,
) -> None:
    origin, target = str(tmp_path / "a.map"), engine.place()
    rich(origin)
    with monkeypatch.context() as patch:
        patch.setattr(extras, "model_file", lambda source, target: spoil(target))
        with pytest.raises(StorageFailed, match=seen) as error:
            copy(origin, target)
    assert record(number).photo.id in str(error.value) and "--restart" in str(error.value)
    with pytest.raises(NotAMap, match="unfinished copy"):
        Map.open(target)
    assert copy(origin, target, restart=True).verified
    assert everything(target) == everything(origin)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda store: store.update_photo(record(7, content="two")), "differs in its position or text"),
        (lambda store: store.forget_skipped(["a.jpg"]), "skipped photo a.jpg"),
        (lambda store: store.put_skipped([Skipped("a.jpg", "late")]), "skipped photo a.jpg"),
        (lambda store: store.points.remove("two.csv"), "come from 1 files, where 2"),
        (lambda store: store.roads.remove("two.osm"), "roads from two.osm"),
        (lambda store: store.basemap_file.remove(), "the base map differs"),
        (
            lambda store: store.local_features("xfeat").keep_all({(record(3).photo.id, record(3).content_hash): b"f"}),
            "other local features",
        ),
    ],
)
def test_the_differences_between_two_maps_are_reported(
    engine: Engine, tmp_path: Path, change: Callable[[Store], object], seen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    origin, target = str(tmp_path / "a.map"), engine.place()
    rich(origin)
    copy(origin, target)
    assert same(origin, target).same
    with Store.open(target, write=True) as store:
        change(store)
    assert seen in str(same(origin, target))
    assert run(["copy", "--verify-only", origin, target, "-q"]) == 7
    assert seen in capsys.readouterr().err


def test_a_copy_that_another_process_wrote_to_is_not_continued(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sides, "CHUNK", 50)
    origin, target = str(tmp_path / "a.map"), engine.place()
    rich(origin)

    def stop(what: str, done: int, total: int | None) -> None:
        if done >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(origin, target, progress=stop)
    with Store.open(target, write=True) as store:
        store.put([record(900)], descriptors(1))
    with pytest.raises(MapBusy, match="another process"):
        copy(origin, target)
    assert copy(origin, target, restart=True).copied == 299
    with pytest.raises(BadInput, match="complete map"):
        copy(origin, target, restart=True)


def test_a_batch_committed_just_before_a_kill_is_not_copied_again(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sides, "CHUNK", 50)
    origin, target = str(tmp_path / "a.map"), engine.place()
    rich(origin)

    class Killed(BaseException):
        pass

    wrote = Marker.write

    def killed(self: Marker, store: Store) -> None:
        if self.photos == 100:
            raise Killed
        wrote(self, store)

    with monkeypatch.context() as patch:
        patch.setattr(Marker, "write", killed)
        with pytest.raises(Killed):
            copy(origin, target)
    outcome = copy(origin, target)
    assert (outcome.copied_before, outcome.copied, outcome.verified) == (100, 199, True)
    with Store.open(target) as store:
        assert store.version.removals == 0, "nothing was stored twice"
    assert everything(target) == everything(origin)


def test_half_a_copy_is_neither_exported_nor_copied_nor_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, target = str(tmp_path / "a.map"), str(tmp_path / "b.map")
    rich(origin)
    monkeypatch.setattr(extras, "points", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        copy(origin, target)
    for command in (["info", target], ["export", target, str(tmp_path / "b.csv")], ["migrate", target],
                    ["copy", target, str(tmp_path / "c.map")], ["remove", target, "x"]):  # fmt: skip
        assert run(command) == 2, command
    assert not (tmp_path / "b.csv").exists() and not (tmp_path / "c.map").exists()


def test_changes_to_the_source_during_a_copy_are_copied_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sides, "CHUNK", 50)
    origin, target = str(tmp_path / "a.map"), str(tmp_path / "b.map")
    rich(origin)

    def change(what: str, done: int, total: int | None) -> None:
        if what == "copying photos" and done == 100:
            with Store.open(origin, write=True) as store:
                store.put([record(1000), record(20, content="two")], descriptors(2, seed=9))
                store.remove([record(30).photo.id, record(250).photo.id])

    copy(origin, target, progress=change)
    assert everything(target) == everything(origin)


@pytest.mark.parametrize("verify", [True, False])
def test_changes_during_the_comparison_are_not_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verify: bool
) -> None:
    monkeypatch.setattr(sides, "CHUNK", 50)
    origin, target = str(tmp_path / "a.map"), str(tmp_path / "b.map")
    rich(origin)
    changes = [
        lambda store: store.remove([record(30).photo.id, record(250).photo.id]),
        lambda store: store.update_photo(record(8, content="two")),
        lambda store: store.update_photo(record(9, lat=11.0)),
        lambda store: store.put([record(1000), record(20, content="two")], descriptors(2, seed=9)),
        lambda store: store.put_skipped([Skipped("late.jpg", "damaged")]),
    ]
    done: list[object] = []

    def change(what: str, at: int, total: int | None) -> None:
        if what == ("verifying" if verify else "copying points of interest") and (change := next(left, None)):
            with Store.open(origin, write=True) as store:
                change(store)
            done.append(change)

    left = iter(changes if verify else changes[:1])
    assert copy(origin, target, verify=verify, progress=change).verified is verify
    assert len(done) == (5 if verify else 1)
    assert everything(target)["halves"] == everything(origin)["halves"]
    assert not verify or same(origin, target).same


def test_a_map_that_is_being_migrated_is_not_copied(tmp_path: Path) -> None:
    origin = str(tmp_path / "a.map")
    rich(origin)
    with Store.open(origin, write=True) as store:
        store.begin_migration(ModelIdentity("other", "e" * 64, 3))
    with pytest.raises(BadInput, match="being migrated to other"):
        copy(origin, tmp_path / "b.map")
    assert not (tmp_path / "b.map").exists()


def test_an_adapted_model_is_copied_too(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    origin, file = str(tmp_path / "a.map"), tmp_path / "model.onnx"
    rich(origin)
    file.write_bytes(b"weights")
    with Store.open(origin) as store:
        store.keep_model_file(store.model, file)
    there, back = server.url(fresh_name()), str(tmp_path / "b.map")
    copy(origin, there)
    copy(there, back)
    with Store.open(back) as store:
        found = store.model_file(store.model)
        assert found is not None and found.parent == tmp_path and found.read_bytes() == b"weights"


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    with Store.create(tmp_path / "a.map", TOY) as store:
        store.put(records(10), descriptors(10))
    copy(tmp_path / "a.map", tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def changed(file: Path, /, **columns: object) -> Path:
    """The file with other values in some of its columns."""
    table = parquet.read_table(file)
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        kind = table.schema.field(name).type
        table = table.set_column(at, table.schema.field(name), arrow.array(values, kind))
    target = file.with_name("changed.parquet")
    parquet.write_table(table, target)
    return target


def test_unusable_rows_of_a_foreign_file_are_reported_and_the_others_copied(exported: Path) -> None:
    table = parquet.read_table(exported).to_pydict()
    lats, ids, vectors, dates = table["lat"], table["id"], table["descriptor"], table["taken_at"]
    lats[1], lats[2] = 91.0, None
    ids[3], ids[4] = None, ids[0]
    vectors[5], vectors[6], vectors[7] = [float("nan")] * DIM, [0.0] * DIM, None
    dates[8] = "yesterday"
    target = exported.with_name("b.map")
    outcome = copy(changed(exported, lat=lats, id=ids, descriptor=vectors, taken_at=dates), target, verify=False)
    reasons = {each.id: each.reason for each in outcome.skipped}
    assert len(reasons) == 8 and outcome.copied == 2
    assert "came before" in reasons[record(0).photo.id]
    assert "not a WGS84" in reasons[record(1).photo.id] and "no position" in reasons[record(2).photo.id]
    assert "no id" in reasons["row 4"]
    for number in (5, 6, 7):
        assert "descriptor does not have length 1" in reasons[record(number).photo.id]
    with Store.open(target) as store:
        assert set(store.ids()) == {record(0).photo.id, record(9).photo.id}


def test_a_foreign_file_may_have_unusual_values(exported: Path) -> None:
    table = parquet.read_table(exported).to_pydict()
    headings, files, radii = table["heading_deg"], table["file"], table["radius_m"]
    headings[0], headings[1], radii[2], radii[3] = -1.0, float("nan"), -5.0, float("inf")
    files[4], files[5], files[6] = None, "a\0b", "x" * 200_000
    outcome = copy(changed(exported, heading_deg=headings, file=files, radius_m=radii), exported.with_name("b.map"))
    reasons = {each.id: each.reason for each in outcome.skipped}
    assert outcome.verified and outcome.copied == 3 and len(reasons) == 7
    for at, words in enumerate(("heading is -1", "heading is nan", "radius", "radius", "no file", "NUL", "200,000")):
        assert words in reasons[record(at).photo.id]
    with Store.open(exported.with_name("b.map")) as store:
        assert {each.id for each in store.skipped()} == set(reasons)


def test_descriptors_in_other_lists_and_numbers_are_read(exported: Path) -> None:
    table = parquet.read_table(exported)
    at = table.schema.get_field_index("descriptor")
    wide = arrow.array(
        [np.asarray(v, np.float32) for v in table["descriptor"].to_pylist()], arrow.list_(arrow.float32())
    )
    target = exported.with_name("wide.parquet")
    table = table.set_column(at, arrow.field("descriptor", wide.type), wide)
    parquet.write_table(table, target, row_group_size=3)
    outcome = copy(target, exported.with_name("b.map"))
    assert outcome.copied == 10 and outcome.verified
    with Store.open(exported.with_name("b.map")) as store:
        found = np.concatenate([halves for _, halves in store.iter_descriptors()]).astype(np.float32)
    assert np.abs(found - descriptors(10)).max() < 1e-3


@pytest.mark.parametrize(
    ("about", "seen"),
    [({"format": 4}, "newer viewfix"), ({"model": None}, "does not name the model"), ({"format": "x"}, "format")],
)
def test_a_file_of_another_format_is_refused(exported: Path, about: dict[str, object], seen: str) -> None:
    table = parquet.read_table(exported)
    head = json.loads(table.schema.metadata[b"viewfix"]) | about
    parquet.write_table(table.replace_schema_metadata({"viewfix": json.dumps(head)}), exported.with_name("c.parquet"))
    with pytest.raises(BadInput, match=seen):
        copy(exported.with_name("c.parquet"), exported.with_name("b.map"))


def test_a_copy_from_parquet_continues_in_the_middle_of_the_file(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, target, many = parquet.read_table(exported), exported.with_name("b.map"), exported.with_name("m.parquet")
    parquet.write_table(table, many, row_group_size=3)

    def stop(what: str, done: int, total: int | None) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(many, target, progress=stop)
    with pytest.raises(BadInput, match="unfinished copy of another map"):
        copy(exported, target)
    outcome = copy(many, target)
    assert outcome.copied_before >= 6 and outcome.copied + outcome.copied_before == 10 and outcome.verified


def test_parquet_preserves_the_calibration_and_the_changes_since(tmp_path: Path) -> None:
    from viewfix.locate.confidence import PRIOR

    origin, file, back = tmp_path / "a.map", tmp_path / "a.parquet", tmp_path / "b.map"
    with Store.create(origin, TOY) as store:
        store.put(records(20), descriptors(20))
        store.remove([record(1).photo.id])
        store.set_meta("calibration", {**PRIOR.to_json(), "photos": 19, "last_row": 18, "removals": 1})
    copy(origin, file)
    copy(file, back)
    with Store.open(back) as store:
        found, now = store.meta("calibration"), store.version
        assert now.last_row - found["last_row"] == 2 and now.removals - found["removals"] == 0
        assert store.created_at == Store.open(origin).created_at
    text = parquet.read_schema(file).metadata[b"viewfix"].decode()
    head = json.loads(text) | {"calibration": {"weights": "of a stranger"}}
    parquet.write_table(parquet.read_table(file).replace_schema_metadata({"viewfix": json.dumps(head)}), file)
    copy(file, tmp_path / "c.map")
    with Map.open(tmp_path / "c.map") as city:
        assert city.calibration == PRIOR


@pytest.mark.parametrize("spoil", ["text", "cut", "no metadata", "no descriptors", "bad metadata", "other numbers"])
def test_a_file_that_is_not_an_export_is_refused_in_one_line(exported: Path, spoil: str) -> None:
    target = exported.with_name("spoiled.parquet")
    table = parquet.read_table(exported)
    if spoil == "text":
        target.write_text("id,lat,lon\n")
    elif spoil == "cut":
        target.write_bytes(exported.read_bytes()[:-100])
    elif spoil == "no metadata":
        parquet.write_table(table.replace_schema_metadata({}), target)
    elif spoil == "no descriptors":
        parquet.write_table(table.drop_columns(["descriptor"]), target)
    elif spoil == "bad metadata":
        parquet.write_table(table.replace_schema_metadata({"viewfix": '{"model": 3}'}), target)
    else:
        about = json.loads(table.schema.metadata[b"viewfix"])
        about["model"]["dim"] = DIM + 1
        parquet.write_table(table.replace_schema_metadata({"viewfix": json.dumps(about)}), target)
    with pytest.raises(BadInput) as error:
        copy(target, exported.with_name("b.map"))
    assert "\n" not in str(error.value)


def test_a_file_of_viewfix_0_1_is_read(exported: Path) -> None:
    table = parquet.read_table(exported).drop_columns(["content_hash", "content_hint"])
    about = {"viewfix": json.dumps({"model": TOY.name, "fingerprint": TOY.fingerprint})}
    old = exported.with_name("old.parquet")
    parquet.write_table(table.replace_schema_metadata(about), old)
    assert copy(old, exported.with_name("b.map")).copied == 10
    with Store.open(exported.with_name("b.map")) as store:
        assert store.model == TOY and len({r.content_hash for r in store.records()}) == 10


def test_the_command_reports_what_was_copied(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["copy", str(tmp_path / "a.map"), str(tmp_path / "c.map"), "-q"]) == 0
    assert capsys.readouterr().out == "10 photos copied, both sides compared and equal\n"
    assert run(["copy", str(exported), str(tmp_path / "d.map"), "--no-verify", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] is False
    assert run(["copy", str(tmp_path / "a.map"), str(tmp_path / "c.map"), "-q"]) == 2
    assert "already" in capsys.readouterr().err
    assert run(["copy", str(exported), str(tmp_path / "x.parquet")]) == 2
