"""From a folder of photos to a fix, with a toy model: build, continue, change and locate."""

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Toy
from PIL import Image

from viewfix import Map, Photo, Position, Skipped, ViewfixError
from viewfix.demo import light
from viewfix.demo.town import Town
from viewfix.embed import ingest as ingest_module
from viewfix.errors import BadInput, MapBusy, ModelMismatch, NotAMap, UnknownModel, UnreadablePhoto
from viewfix.geo import distance_m, distances_m
from viewfix.locate.fuse import strength
from viewfix.sources import open_source
from viewfix.store.store import ModelIdentity, Store


def photos_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jpg"))


def rows_of(path: Path) -> dict[str, tuple[str, bytes]]:
    """The contents of a map, without its row numbers."""
    with Store.open(path) as store:
        return {
            photo.id: (repr(photo), vector.tobytes())
            for rows, vectors in store.iter_descriptors()
            for photo, vector in zip(store.photos(rows), vectors, strict=True)
        }


def test_a_photo_of_the_map_is_found_where_it_was_taken(city: Map, street: Path) -> None:
    fix = city.locate(photos_of(street)[7])
    assert fix.candidates[0].photo.id == photos_of(street)[7].name
    assert fix.candidates[0].similarity == pytest.approx(1, abs=1e-3)
    assert fix.position is not None
    assert distance_m(fix.position, fix.candidates[0].photo.position) < 15
    assert fix.heading_deg == pytest.approx(fix.candidates[0].photo.heading_deg, abs=1)


def test_a_photo_from_elsewhere_is_not_in_the_map_but_the_evidence_is_returned(real_map: Path) -> None:
    elsewhere = Town.elsewhere()
    noise = np.random.default_rng(9).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    with Map.open(real_map) as city:
        for picture in (noise, *(elsewhere.render(view) for view in elsewhere.query_views(3))):
            fix = city.locate(picture)
            assert not fix.found
            assert fix.candidates
            assert str(fix).startswith("not in this map")


def test_another_viewpoint_at_another_hour_is_found_within_its_radius(real_map: Path, town: Town) -> None:
    view = town.map_views(step_m=30)[4]
    aside = replace(view, east_m=view.east_m + 1.5, heading_deg=view.heading_deg + 6, light=light.AFTERNOON)
    with Map.open(real_map) as city:
        fix = city.locate(town.render(aside, width_px=160, height_px=120))
    assert fix.position is not None
    assert fix.position.radius_m is not None
    assert distance_m(fix.position, town.position(aside)) <= fix.position.radius_m


def test_the_caller_can_set_the_threshold(real_map: Path) -> None:
    noise = np.random.default_rng(9).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    with Map.open(real_map) as city:
        assert city.locate(noise, least_confidence=0.0).found


def test_a_path_bytes_an_image_and_an_array_have_the_same_answer(city: Map, street: Path) -> None:
    file = photos_of(street)[3]
    image = Image.open(file)
    asked = (file, str(file), file.read_bytes(), image, np.asarray(image.convert("RGB")))
    fixes = [city.locate(photo) for photo in asked]
    assert {fix.candidates[0].photo.id for fix in fixes} == {file.name}
    # A JPEG file is decoded at half its size where that is enough, an image that is decoded already is not.
    assert np.ptp([fix.confidence for fix in fixes]) < 0.01


def test_building_again_does_nothing(city: Map, street: Path) -> None:
    before = rows_of(city.path)
    added = city.add(street)
    assert (added.added, added.replaced, added.unchanged) == (0, 0, len(before))
    assert rows_of(city.path) == before


def test_a_changed_photo_replaces_and_a_touched_one_does_not(street: Path, tmp_path: Path, toy: Toy) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(street, folder)
    changed, touched = photos_of(folder)[:2]
    with Map.build(tmp_path / "a.map", folder, model=toy) as city:
        count = len(city)
        picture = Image.open(changed)
        exif = picture.getexif()
        Image.fromarray(255 - np.asarray(picture)).save(changed, exif=exif)
        touched.touch()
        added = city.add(folder)
        assert (added.added, added.replaced, added.unchanged) == (0, 1, count - 1)
        assert len(city) == count
        assert city.locate(changed).candidates[0].similarity == pytest.approx(1, abs=1e-3)


def test_a_photo_with_a_corrected_position_moves_without_being_embedded_again(
    street: Path, tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = photos_of(street)[0]
    here, there = (Photo("one", str(file), Position(10.0, lon)) for lon in (20.0, 21.0))
    with Map.build(tmp_path / "a.map", [here], model=toy) as city:
        monkeypatch.setattr(Toy, "_embed", lambda *_: pytest.fail("embedded again"))
        assert city.add([there]).replaced == 1
        [photo] = city.photos()
        assert photo.position.lon == 21.0


def test_a_second_folder_with_the_same_names_replaces_nothing(street: Path, tmp_path: Path, toy: Toy) -> None:
    a, b = photos_of(street)[:2]
    for name, file in (("first", a), ("second", b)):
        (tmp_path / name).mkdir()
        shutil.copy(file, tmp_path / name / "IMG_1.jpg")
    with Map.build(tmp_path / "a.map", tmp_path / "first", model=toy) as city:
        assert city.add(tmp_path / "second").added == 1
        assert city.add(tmp_path / "second").unchanged == 1
        assert [p.id for p in city.photos()] == ["IMG_1.jpg", "second/IMG_1.jpg"]
        assert {city.locate(file).candidates[0].photo.id for file in (a, b)} == {"IMG_1.jpg", "second/IMG_1.jpg"}


def test_a_folder_passed_alone_and_then_with_another_is_not_stored_twice(
    street: Path, tmp_path: Path, toy: Toy
) -> None:
    for name, files in (("first", photos_of(street)[:2]), ("second", photos_of(street)[2:4])):
        (tmp_path / name).mkdir()
        for file in files:
            shutil.copy(file, tmp_path / name)
    with Map.build(tmp_path / "a.map", tmp_path / "first", model=toy) as city:
        added = city.add(tmp_path / "first", tmp_path / "second")
        assert (added.added, added.unchanged, len(city)) == (2, 2, 4)
        assert city.add(tmp_path / "first", tmp_path / "second").unchanged == 4


def test_a_folder_that_was_moved_is_the_same_folder(street: Path, tmp_path: Path, toy: Toy) -> None:
    shutil.copytree(street, tmp_path / "old")
    with Map.build(tmp_path / "a.map", tmp_path / "old", model=toy) as city:
        (tmp_path / "old").rename(tmp_path / "new")
        added = city.add(tmp_path / "new")
        assert (added.added, added.replaced) == (0, len(city))
        assert {Path(p.source).parent.name for p in city.photos()} == {"new"}


def test_the_first_of_two_photos_with_the_same_id_in_a_run_is_kept_with_a_note(
    street: Path, tmp_path: Path, toy: Toy
) -> None:
    a, b = photos_of(street)[:2]
    twice = [Photo("same", str(a), Position(1, 2)), Photo("same", str(b), Position(3, 4))]
    with Map.build(tmp_path / "a.map", twice, model=toy) as city:
        assert city.last_added.added == 1
        assert "same id" in city.last_added.skipped[0].reason


def test_an_interrupted_build_continues_where_it_stopped(
    street: Path, tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "BATCH", 4)
    Map.build(tmp_path / "calm.map", street, model=toy).close()

    def stop(stage: str, done: int, total: int | None) -> None:
        if done >= 10:
            raise KeyboardInterrupt

    path = tmp_path / "stopped.map"
    with pytest.raises(KeyboardInterrupt):
        Map.build(path, street, model=toy, progress=stop)
    assert 4 <= len(rows_of(path)) < len(photos_of(street))
    with Map.build(path, street, model=toy) as city:
        assert city.last_added.unchanged >= 4
    assert rows_of(path) == rows_of(tmp_path / "calm.map")


def test_bad_photos_are_skipped_and_the_build_continues(street: Path, tmp_path: Path, toy: Toy) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for file in photos_of(street)[:5]:
        shutil.copy(file, folder)
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "cut.jpg").write_bytes(photos_of(street)[5].read_bytes()[:3000])
    Image.new("RGB", (32, 32)).save(folder / "nowhere.png")
    with Map.build(tmp_path / "a.map", folder, model=toy) as city:
        assert len(city) == 5
        reasons = {s.id: s.reason for s in city.last_added.skipped}
        assert set(reasons) == {"empty.jpg", "text.jpg", "cut.jpg", "nowhere.png"}
        assert "position" in reasons["nowhere.png"]
        assert {s.id for s in city.store.skipped()} == set(reasons)


def test_a_folder_without_positions_is_refused_and_leaves_no_map(tmp_path: Path, toy: Toy) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "nowhere.png")
    with pytest.raises(BadInput, match="None of the photos"):
        Map.build(tmp_path / "a.map", tmp_path, model=toy)
    assert not (tmp_path / "a.map").exists()


def test_a_missing_source_is_refused_before_a_map_is_created(tmp_path: Path, toy: Toy) -> None:
    with pytest.raises(BadInput, match="nowhere"):
        Map.build(tmp_path / "a.map", tmp_path / "nowhere", model=toy)
    assert not (tmp_path / "a.map").exists()


def test_a_missing_map_is_reported_with_the_command_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(NotAMap, match="viewfix build"):
        Map.open(tmp_path / "nowhere.map")


def test_another_model_is_refused_for_adding_and_locating(city: Map, street: Path) -> None:
    with Map.open(city.path, model=Toy("other")) as strange:
        with pytest.raises(ModelMismatch, match="cannot be compared"):
            strange.locate(photos_of(street)[0])
        with pytest.raises(ModelMismatch):
            strange.add(street)


def test_a_query_that_is_not_an_image_is_refused_in_one_line(city: Map) -> None:
    with pytest.raises(UnreadablePhoto) as refused:
        city.locate(b"hello")
    assert "\n" not in str(refused.value)


def test_near_and_box_narrow_the_map(city: Map, street: Path) -> None:
    photos = list(city.photos())
    east = max(photos, key=lambda p: p.position.lon).position
    near = city.locate(photos_of(street)[0], near=(east.lat, east.lon, 20.0), k=50)
    lats, lons = [c.photo.position.lat for c in near.candidates], [c.photo.position.lon for c in near.candidates]
    assert len(near.candidates)
    assert distances_m(east.lat, east.lon, lats, lons).max() <= 20
    boxed = city.locate(photos_of(street)[0], box=(-89, -179, -88, 179))
    assert (boxed.candidates, boxed.found, boxed.confidence) == ((), False, 0.0)
    with pytest.raises(BadInput, match="one of them"):
        city.locate(photos_of(street)[0], near=(1, 2, 3), box=(1, 2, 3, 4))


def test_removed_photos_are_no_longer_found(city: Map, street: Path) -> None:
    file = photos_of(street)[2]
    count = len(city)
    assert city.locate(file).candidates[0].photo.id == file.name
    assert city.remove([file.name, "never there"]) == 1
    assert len(city) == count - 1
    assert file.name not in {c.photo.id for c in city.locate(file, k=100).candidates}


def test_a_second_writer_is_refused_and_readers_continue(city: Map, street: Path) -> None:
    with Store.open(city.path, write=True):
        with pytest.raises(MapBusy):
            city.add(street)
        assert city.locate(photos_of(street)[0]).candidates


def test_many_threads_query_one_map(city: Map, street: Path) -> None:
    wrong: list[str] = []

    def ask(file: Path) -> None:
        if city.locate(file).candidates[0].photo.id != file.name:
            wrong.append(file.name)

    threads = [threading.Thread(target=ask, args=(file,)) for file in photos_of(street)[:16]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_k_is_the_number_of_candidates_best_first(city: Map, street: Path) -> None:
    candidates = city.locate(photos_of(street)[0], k=15).candidates
    assert len(candidates) == 15
    for how, shown in (
        ("accurate", candidates),
        (None, city.locate(photos_of(street)[0], k=15, verify="off").candidates),
    ):
        strengths = [strength(c, how) for c in shown]
        assert strengths == sorted(strengths, reverse=True)
    with pytest.raises(BadInput):
        city.locate(photos_of(street)[0], k=0)


def test_skipped_values_of_a_custom_source_are_stored(street: Path, tmp_path: Path, toy: Toy) -> None:
    source = [Skipped("bad", "no reason"), Photo("good", str(photos_of(street)[0]), Position(1, 2))]
    with Map.build(tmp_path / "a.map", source, model=toy) as city:
        assert city.last_added.skipped == [Skipped("bad", "no reason")]


def test_every_error_is_one_line_with_an_exit_code() -> None:
    def tree(kind: type[ViewfixError]) -> list[type[ViewfixError]]:
        return [kind, *(below for child in kind.__subclasses__() for below in tree(child))]

    for kind in tree(ViewfixError):
        assert 1 <= kind.exit_code <= 7
        assert 400 <= kind.http_status <= 599


def test_a_photo_that_was_repaired_is_no_longer_listed_as_skipped(street: Path, tmp_path: Path, toy: Toy) -> None:
    shutil.copytree(street, tmp_path / "photos")
    file = photos_of(tmp_path / "photos")[0]
    good, stat = file.read_bytes(), file.stat()
    with Map.build(tmp_path / "a.map", tmp_path / "photos", model=toy) as city:
        file.write_text("junk")
        assert [s.id for s in city.add(tmp_path / "photos").skipped] == [file.name]
        assert len(city) == len(photos_of(street)), "what was stored stays"
        assert city.store.skipped() == [], "the map holds it, from before"
        file.write_bytes(good)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert city.add(tmp_path / "photos").unchanged == len(city)
        assert city.store.skipped() == []


def test_skipped_photos_are_listed_even_after_an_interruption(
    street: Path, tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "BATCH", 2)
    source = [Skipped(f"bad{i}", "no reason") for i in range(5)]
    source += [Photo(f.name, str(f), Position(1, 2)) for f in photos_of(street)]

    def stop(stage: str, done: int, total: int | None) -> None:
        if done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Map.build(tmp_path / "a.map", source, model=toy, progress=stop)
    with Store.open(tmp_path / "a.map") as store:
        assert len(store.skipped()) == 5


def test_a_folder_and_a_folder_in_it_are_not_stored_twice(street: Path, tmp_path: Path, toy: Toy) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    for file in photos_of(street)[:3]:
        shutil.copy(file, inner)
    with Map.build(tmp_path / "a.map", tmp_path / "outer", inner, inner / ".." / "inner", model=toy) as city:
        assert (city.last_added.added, city.last_added.unchanged, len(city)) == (3, 3, 3)
        assert all(not photo.id.startswith("/") for photo in city.photos())


def test_removing_many_photos_calibrates_the_map_again(city: Map) -> None:
    before = city.store.meta("calibration")
    city.remove([photo.id for photo in list(city.photos())[:10]])
    assert city.store.meta("calibration")["photos"] == before["photos"] - 10


def test_a_busy_map_is_never_deleted(street: Path, tmp_path: Path, toy: Toy) -> None:
    """Two builds of one new map: the one that comes second gives up and leaves the file to the first."""
    path = tmp_path / "a.map"
    with Store.create(path, ModelIdentity(toy.name, toy.fingerprint, toy.dim)):
        with pytest.raises(MapBusy):
            Map.build(path, street, model=toy)
        assert path.exists()


@pytest.mark.parametrize("count", [1, 2])
def test_a_map_of_one_spot_finds_its_own_photo(count: int, street: Path, tmp_path: Path) -> None:
    here = [Photo(f.name, str(f), Position(1, 2)) for f in photos_of(street)[:count]]
    noise = np.random.default_rng(9).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    with Map.build(tmp_path / "a.map", here) as city:
        assert city.locate(photos_of(street)[0]).found
        assert not city.locate(noise).found


def test_a_region_elsewhere_does_not_turn_a_rejection_into_a_fix(real_map: Path, street: Path) -> None:
    """The query was taken 50 m outside the circle: the best photo inside it must not become the answer."""
    with Map.open(real_map) as city:
        for file in photos_of(street)[::5]:
            [truth] = [p.position for p in city.photos() if p.id == file.name]
            others = [p.position for p in city.photos() if distance_m(p.position, truth) > 50]
            fix = city.locate(file, near=(others[0].lat, others[0].lon, 10.0))
            assert fix.candidates
            assert not fix.found


def test_a_card_that_was_taken_out_keeps_its_photos_in_the_map(street: Path, tmp_path: Path, toy: Toy) -> None:
    a, b = photos_of(street)[:2]
    for name, file in (("first", a), ("second", b)):
        (tmp_path / name).mkdir()
        shutil.copy(file, tmp_path / name / "DSC_0001.jpg")
    with Map.build(tmp_path / "a.map", tmp_path / "first", model=toy) as city:
        (tmp_path / "first").rename(tmp_path / "gone")
        assert (city.add(tmp_path / "second").added, len(city)) == (1, 2)


def test_many_photos_of_one_spot_do_not_hide_that_another_place_looks_alike(
    street: Path, tmp_path: Path, toy: Toy
) -> None:
    crowd = [
        Photo(f"c{i}", str(street / photos_of(street)[0].name), Position(50.0, 20.0 + 1e-7 * i)) for i in range(60)
    ]
    for i, photo in enumerate(crowd):  # one file each, or they would be one photo
        shutil.copy(photo.source, tmp_path / f"{i}.jpg")
    crowd = [replace(photo, source=str(tmp_path / f"{i}.jpg")) for i, photo in enumerate(crowd)]
    far = Photo("far", str(photos_of(street)[1]), Position(51.0, 20.0))
    with Map.build(tmp_path / "a.map", [*crowd, far], model=toy) as city:
        fix = city.locate(photos_of(street)[0])
    assert "no other place" not in fix.reason


def test_a_lone_surrogate_costs_one_photo_and_not_the_build(street: Path, tmp_path: Path, toy: Toy) -> None:
    a, b = (str(file) for file in photos_of(street)[:2])
    source = [Photo("a\ud800b", a, Position(1, 2)), Skipped("c\ud800", "why \ud800"), Photo("good", b, Position(1, 2))]
    with Map.build(tmp_path / "a.map", source, model=toy) as city:
        assert (city.last_added.added, len(city.last_added.skipped)) == (1, 2)


def test_one_file_at_two_positions_is_named_and_not_counted_as_there(street: Path, tmp_path: Path, toy: Toy) -> None:
    file = str(photos_of(street)[0])
    with Map.build(
        tmp_path / "a.map", [Photo("a", file, Position(1, 2)), Photo("b", file, Position(3, 4))], model=toy
    ) as c:
        assert (c.last_added.added, c.last_added.unchanged) == (1, 0)
        assert "another position" in c.last_added.skipped[0].reason


@pytest.mark.parametrize("line", [float("nan"), -0.1, 7])
def test_a_threshold_that_is_not_a_probability_is_refused(line: float, city: Map, street: Path) -> None:
    with pytest.raises(BadInput, match="least_confidence must be"):
        city.locate(photos_of(street)[0], least_confidence=line)


@pytest.mark.parametrize("descriptor", [np.ones(7, np.float32), np.full(48, np.nan, np.float32)])
def test_a_descriptor_of_another_kind_is_refused(descriptor: np.ndarray, city: Map) -> None:
    with pytest.raises(BadInput, match="finite numbers"):
        city.locate_descriptor(descriptor)


def test_a_map_with_a_custom_model_asks_for_its_file(city: Map, street: Path) -> None:
    with Map.open(city.path) as nameless, pytest.raises(UnknownModel, match="--model FILE.onnx"):
        nameless.locate(photos_of(street)[0])


def test_photos_of_a_list_are_ingested(street: Path, toy: Toy, tmp_path: Path) -> None:
    photos = [each for each in open_source(street) if isinstance(each, Photo)]
    with Store.create(tmp_path / "a.map", ModelIdentity(toy.name, toy.fingerprint, toy.dim)) as store:
        assert ingest_module.ingest(photos, store, toy).added == len(photos) == len(store)
