"""The contract of every engine: photos are read back by id, by row, by region and by similarity."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import re
import sqlite3
import threading
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from viewfix.errors import BadInput, ModelMismatch, StorageFailed, ViewfixError
from viewfix.geo import Box, Circle
from viewfix.map import Map
from viewfix.search.open import open_search
from viewfix.store.points import PointSource
from viewfix.store.roads import RoadSource
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Camera, Photo, PointOfInterest, Position, Skipped, View

from .conftest import Engine
from .made import DIM, TOY, descriptors, nearest_ids, record, records

NORTH = Circle(60.0 + 100 * 1e-4, 24.9, 120.0)  # photos 90 to 110 lie in it


def filled(engine: Engine, count: int = 300) -> tuple[str, np.ndarray]:
    """Build a map of `count` photos and close it. Returns its place and its descriptors."""
    place, units = engine.place(), descriptors(count)
    with Store.create(place, TOY) as store:
        for start in range(0, count, 100):
            store.put(records(100, start), units[start : start + 100])
    return place, units


def test_stored_photos_are_read_back_unchanged(engine: Engine) -> None:
    place, units = filled(engine)
    with Store.open(place) as store:
        assert len(store) == 300 and store.model == TOY
        assert store.known([record(7).photo.id, "not there"]) == {record(7).photo.id: record(7)}
        assert {r.photo.id: r for r in store.records(chunk=64)} == {r.photo.id: r for r in records(300)}
        assert sorted(store.ids()) == [r.photo.id for r in records(300)]
        rows = store.rows()
        assert (np.diff(rows) > 0).all() and len(rows) == 300
        by_row = dict(zip(rows.tolist(), store.photos(rows), strict=True))
        again, lats, lons = store.positions()
        assert (again == rows).all()
        assert [(p.position.lat, p.position.lon) for p in by_row.values()] == list(zip(lats, lons, strict=True))
        asked = np.array([rows[5], -1, rows[250], rows[0], 2**52])
        there, found = store.present(asked)
        assert there.tolist() == [rows[5], rows[250], rows[0]]
        numbers = [int(by_row[row].id[-9:-4]) for row in there.tolist()]
        np.testing.assert_allclose(found, units[numbers], atol=1e-3)
        assert store.ids_of_source("/photos/street/00003.jpg") == ["street/00003.jpg"]
        sources = ["/photos/street/00005.jpg", "/photos/not there.jpg", "/photos/street/00004.jpg"]
        assert store.ids_of_sources(sources) == {sources[0]: ["street/00005.jpg"], sources[2]: ["street/00004.jpg"]}
        assert store.ids_of_sources([]) == {}
        assert store.info()["photos"] == 300 and store.info()["area"]["south"] == 60.0
        assert store.photos([]) == [] and len(store.descriptors([])) == 0


def panorama_views() -> list[Record]:
    """Four views of one panorama file, each as a photo."""
    cameras = [Camera(focal_px=512.25, width_px=1024, height_px=768, pitch_deg=-0.1, roll_deg=179.9, altitude_m=-3.5)]
    cameras += [Camera(focal_35mm=1 / 3), Camera(), None]
    at = Position(60.1, 24.9)
    return [
        Record(
            Photo(f"pano.jpg#{yaw}", "/photos/pano.jpg", at, float(yaw), view=View(yaw, 0.1, 90.0), camera=camera),
            f"hash-{yaw}",
        )
        for yaw, camera in zip((0.0, 90.0, 180.0, 359.99999999999994), cameras, strict=True)
    ]


def test_four_views_of_one_panorama_are_four_photos(engine: Engine) -> None:
    views, units, place = panorama_views(), descriptors(4), engine.place()
    film = Record(Photo("film.mp4#1.5", "/photos/film.mp4", Position(1, 2), view=View(time_s=1.5)), "frame")
    with Store.create(place, TOY) as store:
        store.put([*views, film], np.concatenate([units, descriptors(1, seed=9)]))
    by_id = {each.photo.id: each for each in (*views, film)}
    with Store.open(place, write=True) as store:
        assert {each.photo.id: each for each in store.records()} == by_id == store.known(list(by_id))
        assert {photo.id: photo for photo in store.photos(store.rows())} == {k: r.photo for k, r in by_id.items()}
        assert sorted(store.ids_of_source("/photos/pano.jpg")) == sorted(each.photo.id for each in views)
        assert store.remove([views[1].photo.id]) == 1
        rest = {each.photo.id for each in views} - {views[1].photo.id}
        assert set(store.ids_of_source("/photos/pano.jpg")) == rest and len(store) == 4
        store.put(views[1:2], units[1:2])
        assert len(store) == 5 and store.known(list(by_id)) == by_id
        found = open_search(store).nearest(units[1], 1)[0]
        assert store.photos(found) == [views[1].photo]
        turned = Record(dataclasses.replace(views[2].photo, view=View(181.0, 0.1, 90.0), camera=None), "hash-180")
        store.update_photo(turned)
        assert store.known([turned.photo.id]) == {turned.photo.id: turned} and len(store) == 5


def age(engine: Engine, place: str) -> None:
    """Turn a map into one of the schema before photos had a view and a camera, and maps had roads."""
    if engine.name == "sqlite":
        with contextlib.closing(sqlite3.connect(place)) as connection:
            connection.execute("ALTER TABLE photos DROP COLUMN view")
            connection.execute("ALTER TABLE photos DROP COLUMN camera")
            connection.executescript("DROP TABLE roads; DROP TABLE outlines")
            connection.execute("PRAGMA user_version = 3")
            connection.commit()
        return
    import psycopg

    for url in [unquote(url) for url in place.split(",")]:
        [name], [folder] = re.findall(r"map=(\w+)", url), re.findall(r"host=([^&]+)", url)
        with psycopg.connect(host=folder, user="viewfix", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"ALTER TABLE {name}.photos DROP COLUMN view, DROP COLUMN camera")
            connection.execute(f"DROP TABLE {name}.roads, {name}.outlines")
            connection.execute(f"UPDATE {name}.meta SET value = '1' WHERE key = 'schema'")


def test_a_map_of_the_schema_before_views_is_read_as_it_is_and_migrated_when_written(engine: Engine) -> None:
    place, _ = filled(engine, 100)
    age(engine, place)
    with Store.open(place) as reader:
        older = reader.info()["schema_version"]
        assert older == reader.schema_version
        assert list(reader.points.all()) == [] == reader.roads.sources()
        assert {each.photo.id: each for each in reader.records()} == {each.photo.id: each for each in records(100)}
        with Store.open(place) as second:
            assert second.info()["schema_version"] == older, "a reader changes nothing"
        with Store.open(place, write=True) as store:
            assert store.info()["schema_version"] == store.schema_version > older
            assert store.roads.sources() == []
            store.put(panorama_views(), descriptors(4, seed=5))
        # Whoever had it open sees the views too.
        views = {each.photo.id: each for each in panorama_views()}
        assert reader.known(list(views)) == views and len(reader.photos(reader.rows())) == 104


def test_descriptors_of_another_map_are_kept_to_the_last_bit(engine: Engine) -> None:
    halves = (descriptors(50) * 1.0003).astype(np.float16)
    with Store.create(engine.place(), TOY) as store:
        rows = store.put(records(50), halves)
        found = {row: half for chunk in store.iter_descriptors(chunk=7) for row, half in zip(*chunk, strict=True)}
        assert sorted(found) == sorted(rows.tolist())
        for row, half in zip(rows.tolist(), halves, strict=True):
            assert found[row].tobytes() == half.tobytes()
        after = int(np.sort(rows)[30])
        assert sum(len(chunk) for chunk, _ in store.iter_descriptors(chunk=7, after=after)) == 19


@pytest.mark.parametrize("region", [None, NORTH, Box(60.0, 24.8, 60.005, 25.0), Circle(10.0, 10.0, 5.0)])
def test_the_nearest_are_those_of_an_exact_search(engine: Engine, region: Circle | Box | None) -> None:
    place, units = filled(engine)
    known = {r.photo.id: (r, unit) for r, unit in zip(records(300), units, strict=True)}
    with Store.open(place) as store:
        search = open_search(store)
        for query in descriptors(8, seed=1):
            rows, similarities = search.nearest(query, 10, region)
            assert [photo.id for photo in store.photos(rows)] == nearest_ids(known, query, 10, region)
            assert (np.diff(similarities) <= 0).all()
            np.testing.assert_allclose(similarities, store.descriptors(rows) @ query, atol=1e-5)
        if region is not None:
            inside = {r.photo.id for r in records(300) if region.contains(r.photo.position.lat, r.photo.position.lon)}
            assert {photo.id for photo in store.photos(store.rows_in(region))} == inside
            assert len(store.rows_in(region, 5)) == min(5, len(inside))
        search.close()


def test_a_region_is_found_across_the_180th_meridian_and_at_a_pole(engine: Engine) -> None:
    at = {"west": (0.0, 179.9999), "east": (0.0, -179.9999), "pole": (89.9999, 120.0), "other side": (89.9999, -60.0)}
    made = [
        Record(r.photo.__class__(key, key, Position(*where)), key)
        for r, (key, where) in zip(records(4), at.items(), strict=True)
    ]
    with Store.create(engine.place(), TOY) as store:
        store.put(made, descriptors(4))
        for region, ids in (
            (Circle(0.0, 180.0, 50.0), {"west", "east"}),
            (Circle(90.0, 0.0, 50.0), {"pole", "other side"}),
        ):
            assert {photo.id for photo in store.photos(store.rows_in(region))} == ids
            rows, _ = open_search(store).nearest(descriptors(1)[0], 10, region)
            assert {photo.id for photo in store.photos(rows)} == ids


def test_open_readers_see_changes(engine: Engine) -> None:
    place, units = filled(engine)
    with Store.open(place) as reader, Store.open(place, write=True) as writer:
        search, before = open_search(reader), reader.version
        writer.put([record(7, content="two")], units[299:300])  # another picture under an id that is there
        assert reader.known([record(7).photo.id])[record(7).photo.id].content_hash == "two-7"
        rows, similarities = search.nearest(units[299], 2)
        assert {p.id for p in reader.photos(rows)} == {record(7).photo.id, record(299).photo.id}
        assert similarities.min() > 0.99 and len(reader) == 300
        assert reader.version != before
        assert writer.remove([record(7).photo.id, "not there"]) == 1
        rows, _ = search.nearest(units[299], 2)
        assert record(7).photo.id not in {p.id for p in reader.photos(rows)} and len(reader) == 299
        version = reader.version
        assert version.removals - before.removals == 2 and version.last_row - before.last_row == 1


@pytest.mark.parametrize("region", [None, Circle(60.1, 24.9, 50_000.0)])
def test_a_smaller_k_returns_the_beginning_and_equal_photos_are_sorted_by_age(
    engine: Engine, region: Circle | None
) -> None:
    units = descriptors(300)
    units[50:250] = units[7]  # with that of row 7 more than any shortlist for up to 20 holds
    with Store.create(engine.place(), TOY) as store:
        store.put(records(300), units)
        within = store.rows() if region is None else store.rows_in(region)
        ids = [photo.id for photo in store.photos(within)]
        alike = [ids.index(record(7).photo.id), *(ids.index(record(n).photo.id) for n in range(50, 250))]
        oldest = sorted(int(within[at]) for at in alike)
        search = open_search(store)
        for query in (units[7], units[299]):
            longer = search.nearest(query, 60, region)[0].tolist()
            for k in (20, 10, 5, 1):
                assert search.nearest(query, k, region)[0].tolist() == longer[:k]
            if query is units[7]:
                assert longer == oldest[:60]


def test_a_photo_that_moved_gets_a_new_row_and_keeps_its_descriptor(engine: Engine) -> None:
    place, units = filled(engine)
    told: list[int] = []
    with Store.open(place, write=True) as store:
        [old] = [
            row for row, p in zip(store.rows(), store.photos(store.rows()), strict=True) if p.id == record(3).photo.id
        ]
        store.update_photo(record(3, content="same place"), before_commit=lambda rows: told.extend(rows.tolist()))
        assert not told and store.known([record(3).photo.id])[record(3).photo.id].content_hash == "same place-3"
        store.update_photo(record(3, lat=10.0), before_commit=lambda rows: told.extend(rows.tolist()))
        assert len(told) == 1 and told[0] != old
        rows, similarities = open_search(store).nearest(units[3], 1, Circle(10.0, 24.9, 10.0))
        assert rows.tolist() == told and similarities[0] > 0.999
        with pytest.raises(BadInput, match="not there"):
            store.update_photo(Record(record(3).photo.__class__("not there", "x", Position(0, 0)), "x"))


def test_nothing_of_a_failed_batch_is_stored(engine: Engine) -> None:
    place, units = filled(engine, 100)

    def fails(rows: np.ndarray) -> None:
        raise RuntimeError("not so")

    with Store.open(place, write=True) as store:
        version = store.version
        with pytest.raises(RuntimeError, match="not so"):
            store.put(
                [record(5, content="two")], units[:1], before_commit=fails
            )  # of one server, where there are several
        assert store.version == version and store.known([record(5).photo.id])[record(5).photo.id] == record(5)
        bad = units[:3].copy()
        bad[1] = np.nan
        with pytest.raises(BadInput, match="nothing can be compared"):
            store.put(records(3, 500), bad)
        with pytest.raises(BadInput, match="shape"):
            store.put(records(2, 500), units[:3])
        assert len(store) == 100


def test_before_commit_gets_the_rows_before_others_see_the_batch(engine: Engine) -> None:
    told = np.zeros(40, np.int64)
    with Store.create(engine.place(), TOY) as store:

        def look(rows: np.ndarray) -> None:
            told[rows > 0] = rows[rows > 0]
            assert not len(store.photos(rows[rows > 0])), "others see them already"

        rows = store.put(records(40), descriptors(40), before_commit=look)
        assert told.tolist() == rows.tolist()


def test_two_photos_with_the_same_id_in_one_batch_are_stored_once(engine: Engine) -> None:
    with Store.create(engine.place(), TOY) as store:
        rows = store.put([record(1), record(1, content="two")], descriptors(2))
        assert rows[0] == rows[1] and len(store) == 1
        assert store.known([record(1).photo.id])[record(1).photo.id].content_hash == "two-1"


def test_skipped_photos_are_listed_until_they_are_stored(engine: Engine) -> None:
    with Store.create(engine.place(), TOY) as store:
        names = [record(n).photo.id for n in range(4)]
        store.put([], descriptors(0), [Skipped(name, "damaged") for name in names])
        store.put_skipped([Skipped(names[1], "damaged still"), Skipped("ß \n'\"", "odd")])
        assert store.skipped()[1:3] == [Skipped(names[1], "damaged still"), Skipped(names[2], "damaged")]
        store.put([record(0)], descriptors(1))
        assert store.forget_skipped([names[2], "not there"]) == 1
        assert {each.id for each in store.skipped()} == {names[1], names[3], "ß \n'\""}


def test_meta_stores_any_json_value(engine: Engine) -> None:
    place = engine.place()
    with Store.create(place, TOY) as store:
        store.set_meta("x", {"a": [1, None, "é"]})
        store.set_meta("x", {"a": [2, None, "é"]})
    with Store.open(place) as store:
        assert store.meta("x") == {"a": [2, None, "é"]} and store.meta("y", 3) == 3
        with pytest.raises(ViewfixError, match="write=True"):
            store.set_meta("x", 1)


def test_points_of_interest_are_replaced_file_by_file(engine: Engine) -> None:
    place = engine.place()
    church = PointOfInterest(
        "node/1",
        "Church",
        "a=b",
        Position(60.0, 24.9),
        {"de": "Kirche"},
        {"website": "https://a"},
        2.0,
        outline=((60.0, 24.9), (60.0, 24.91), (60.01, 24.9)),
    )
    with Store.create(place, TOY) as store:
        points = store.points
        with points.replacing(PointSource("a.csv", "Me", "CC0")) as filling:
            number = filling.put(church, name_key="church", wikidata="Q1")
            assert filling.has("node/1") and not filling.has("node/2")
            assert [n for n, _ in filling.alike("name_key", "church", Position(60.0001, 24.9), 50.0)] == [number]
            assert not filling.alike("wikidata", "Q1", Position(60.01, 24.9), 50.0)
        with pytest.raises(RuntimeError), points.replacing(PointSource("a.csv")):
            raise RuntimeError
        assert len(points) == 1 and [s.file for s in points.sources()] == ["a.csv"]
        spots = points.spots(Circle(60.0, 24.9, 10.0))
        [found] = points.get(spots.numbers)
        assert found.outline == church.outline
        assert found.names == {"de": "Kirche"} and found.attribution == "Me" and list(points.all()) == [found]
        with pytest.raises(BadInput, match="a.csv"):
            points.remove("b.csv")
        assert points.remove() == 1 and not len(points)


def test_a_base_map_is_stored_replaced_and_removed(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place, _ = filled(engine, 100)
    file = tmp_path / "a.pmtiles"
    with Store.open(place, write=True) as store:
        assert store.basemap_file.path() is None and not store.basemap_file.remove()
        versions = []
        for content in (b"first", b"second one"):
            file.write_bytes(content)
            store.basemap_file.replace(file)
            versions.append(store.basemap_file.version())
        assert None not in versions and len(set(versions)) == 2
    with Store.open(place) as store:
        found = store.basemap_file.path()
        assert found is not None and found.read_bytes() == b"second one"
    with Store.open(place, write=True) as store:
        assert store.basemap_file.remove() and store.basemap_file.path() is None


def test_roads_are_replaced_file_by_file(engine: Engine) -> None:
    place = engine.place()
    with Store.create(place, TOY) as store:
        assert not store.roads.sources() and store.info()["roads_km"] == 0
        store.roads.replace(RoadSource("a.osm", "Me", "ODbL", 7, 1234.5), b"first")
        store.roads.replace(RoadSource("b.osm", length_m=100.0), b"other")
        store.roads.replace(RoadSource("a.osm", "Me", "ODbL", 8, 2000.0), b"second" * 1000)
    with Store.open(place) as store:
        other, mine = store.roads.sources()
        assert (mine.file, mine.attribution, mine.licence, mine.edges, mine.length_m) == ("a.osm", "Me", "ODbL", 8, 2e3)
        assert store.roads.load(mine) == b"second" * 1000 and store.roads.load(other) == b"other"
        assert store.info()["roads_km"] == 2.1 and mine.added_at is not None
        with pytest.raises(ViewfixError, match="write=True"):
            store.roads.replace(mine, b"third")
    with Store.open(place, write=True) as store:
        with pytest.raises(BadInput, match=r"b\.osm, a\.osm"):
            store.roads.remove("c.osm")
        assert store.roads.remove("b.osm") == 1 and store.roads.remove() == 1 and store.roads.remove() == 0
        with pytest.raises(StorageFailed, match="roads add"):
            store.roads.load(mine)


def test_local_features_belong_to_one_content(engine: Engine) -> None:
    place, _ = filled(engine, 100)
    identity = [(r.photo.id, r.content_hash) for r in records(100)]
    with Store.open(place) as store:  # a query keeps them, on a map that is open for reading
        cache = store.local_features("one", limit_bytes=10_000)
        assert cache.keep({identity[0]: b"A" * 10, identity[1]: b"B" * 10, ("not there", "x"): b"C"})
        assert cache.load([*identity[:3], ("not there", "x")]) == {identity[0]: b"A" * 10, identity[1]: b"B" * 10}
        assert cache.load([(identity[0][0], "another content")]) == {}
        assert store.local_features("two").load(identity) == {}
        assert not store.local_features("one", limit_bytes=0).keep({identity[2]: b"C"})
        missing = [photo.id for chunk in cache.missing(chunk=30) for photo in chunk]
        assert sorted(missing) == [photo_id for photo_id, _ in identity[2:]]
        assert not cache.complete
    with Store.open(place, write=True) as store:
        cache = store.local_features("two")
        cache.keep_all({each: b"D" for each in identity})
        assert cache.complete and not list(cache.missing()) and store.local_features("one").load(identity) == {}


def test_the_oldest_features_are_deleted_first(engine: Engine) -> None:
    if engine.name == "shards":
        pytest.skip("each server has a limit of its own")
    place, _ = filled(engine, 100)
    identity = [(r.photo.id, r.content_hash) for r in records(100)]
    with Store.open(place) as store:
        cache = store.local_features("one", limit_bytes=25)
        for each in identity[:4]:
            cache.keep({each: b"x" * 10})
        assert set(cache.load(identity)) == set(identity[2:4])


def test_a_map_is_migrated_to_another_model_in_place(engine: Engine) -> None:
    place, units = filled(engine)
    other = ModelIdentity("other", "e" * 64, 2 * DIM)
    wide = np.concatenate([units, units], axis=1)
    with Store.open(place) as reader, Store.open(place, write=True) as store:
        migration = store.begin_migration(other)
        todo = list(migration.todo(chunk=70))
        assert {photo.id for photo in todo} == {r.photo.id for r in records(300)}
        migration.put(records(100), wide[:100])
        with pytest.raises(BadInput, match="have no descriptor"):
            migration.finish()
        store.put([record(300)], units[:1])  # comes meanwhile
        assert len(reader) == 301 and len(open_search(reader).nearest(units[0], 3)[0]) == 3
        migration = store.begin_migration(other)  # as after a kill
        assert migration.done() == 100 and reader.pending_migration() == other
        with pytest.raises(BadInput, match="not finished"):
            store.begin_migration(ModelIdentity("third", "d" * 64, 3))
        rest = list(migration.todo())
        assert len(rest) == 201
        migration.put(records(200, 100), wide[100:])
        migration.finish([Skipped(record(300).photo.id, "gone")])
        with pytest.raises(ModelMismatch):
            _ = reader.version
    with Store.open(place) as store:
        assert store.model == other and len(store) == 300 and store.pending_migration() is None
        rows, similarities = open_search(store).nearest(wide[17] / np.sqrt(2), 1)
        assert store.photos(rows)[0].id == record(17).photo.id and similarities[0] > 0.99
        assert [each.id for each in store.skipped()] == [record(300).photo.id]


def test_an_abandoned_migration_leaves_the_map_unchanged(engine: Engine) -> None:
    place, units = filled(engine, 100)
    other = ModelIdentity("other", "e" * 64, DIM)
    with Store.open(place, write=True) as store:
        store.begin_migration(other).put(records(10), units[:10])
        store.give_up_migration()
        store.give_up_migration()
        assert store.pending_migration() is None and store.begin_migration(other).done() == 0


def test_a_map_is_created_once_and_can_be_discarded(engine: Engine) -> None:
    place = engine.place()
    assert not Store.exists(place)
    with pytest.raises(ViewfixError, match="(?i)no map at|There is no map"):
        Store.open(place)
    Store.create(place, TOY).close()
    assert Store.exists(place)
    with pytest.raises(BadInput, match="already something"):
        Store.create(place, TOY)
    store = Store.open(place, write=True)
    store.discard()
    assert not Store.exists(place)
    store.close()


def test_a_model_trained_for_the_map_is_stored_with_it(engine: Engine, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "made.onnx"
    file.write_bytes(b"weights" * 1000)
    with Store.create(engine.place(), TOY) as store:
        assert store.model_file(TOY) is None
        kept = store.keep_model_file(TOY, file)
        assert store.model_file(TOY) == kept and kept.read_bytes() == file.read_bytes()
        store.forget_model_file(TOY)
        assert store.model_file(TOY) is None


def test_a_map_of_another_model_is_refused_in_one_line(engine: Engine) -> None:
    place, _ = filled(engine, 100)
    with Map.open(place, model="lite0-refined-512") as city, pytest.raises(ModelMismatch) as error:
        _ = city.model
    assert "was built with toy" in str(error.value) and "\n" not in str(error.value)


def test_many_threads_read_while_one_writes(engine: Engine) -> None:
    place, units = filled(engine, 100)
    wrong: list[BaseException] = []
    stop = threading.Event()
    with Store.open(place) as store, Store.open(place, write=True) as writer:
        search = open_search(store)

        def ask() -> None:
            try:
                while not stop.is_set():
                    rows, similarities = search.nearest(units[5], 3)
                    photos = store.photos(rows)
                    assert photos[0].id == record(5).photo.id and similarities[0] > 0.99
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(100, 200):
            writer.put([record(number)], descriptors(1, seed=number))
            if number % 3 == 0:
                writer.remove([record(number).photo.id])
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong


def _write(place: str, start: int) -> None:
    with Store.open(place, write=True) as store:
        for number in range(start, start + 100, 10):
            store.put([record(50), *records(10, number)], descriptors(11, seed=number))


def test_many_processes_write_at_once(engine: Engine) -> None:
    if engine.name == "sqlite":
        pytest.skip("a file has one writer at a time: tests/test_store.py says what a second is told")
    place, _ = filled(engine, 100)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(place, start)) for start in (1000, 2000, 3000)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(60)
        assert each.exitcode == 0
    with Store.open(place) as store:
        assert len(store) == 400 and len(set(store.ids())) == 400
        assert len(np.unique(store.rows())) == 400
        assert store.version.removals == 30  # each writer replaced photo 50 ten times
