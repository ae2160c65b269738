"""Migration of a map to another model: it answers meanwhile, continues after a kill, and loses nothing."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Toy

from viewfix import Map, Photo, Position
from viewfix import migrate as migrate_module
from viewfix.cli import run as viewfix
from viewfix.errors import BadInput, MapBusy, ModelMismatch
from viewfix.migrate import Migrated, migrate
from viewfix.models import catalogue
from viewfix.store.sqlite.migration import SqliteMigration
from viewfix.store.store import Store


class Other(Toy):
    """Another model than the toy: fewer numbers, and all of them different."""

    name = "other"
    dim = 12

    def __init__(self) -> None:
        super().__init__("other")

    def _embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        wide = super()._embed(pictures)
        folded = wide.reshape(len(wide), 12, 4)[..., ::-1].sum(2) + wide[:, :12] + 1e-3
        return folded / np.linalg.norm(folded, axis=1, keepdims=True)


@pytest.fixture
def folder(street: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(street, tmp_path / "street"))


@pytest.fixture
def path(folder: Path, tmp_path: Path) -> Path:
    Map.build(tmp_path / "city.map", folder, model=Toy()).close()
    return tmp_path / "city.map"


def held(path: Path) -> tuple[str, dict[Photo, bytes]]:
    """The model of a map, and its contents."""
    with Store.open(path) as store:
        found = {
            photo: half.tobytes()
            for rows, halves in store.iter_descriptors()
            for photo, half in zip(store.photos(rows), halves, strict=True)
        }
        return store.model.name, found


class Stop(BaseException):
    """Like kill -9: no clean-up runs."""


def stopped_after(batches: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that ends after a few committed batches of 3 photos."""
    real = SqliteMigration.put
    left = [batches]

    def put(self: SqliteMigration, *values: object) -> None:
        real(self, *values)  # type: ignore[arg-type]
        left[0] -= 1
        if not left[0]:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(migrate_module, "BATCH", 3)
        patch.setattr(SqliteMigration, "put", put)
        with pytest.raises(Stop):
            migrate(path, Other())


def test_a_migrated_map_equals_one_built_with_the_new_model(path: Path, folder: Path, tmp_path: Path) -> None:
    before = held(path)
    outcome = migrate(path, Other())
    Map.build(tmp_path / "built.map", folder, model=Other()).close()
    assert held(path) == held(tmp_path / "built.map") != before
    assert outcome == Migrated("toy", "other", embedded=len(before[1]))
    assert path.stat().st_size <= (tmp_path / "built.map").stat().st_size, "the old descriptors take no room"
    with Map.open(path, model=Other()) as city, Map.open(tmp_path / "built.map", model=Other()) as built:
        assert replace(city.calibration, made_at=None) == replace(built.calibration, made_at=None), "examined anew"
        asked = sorted(folder.rglob("*.jpg"))[3]
        assert city.locate(asked).candidates[0].photo.id == asked.name
    assert sorted(each.name for each in path.parent.glob("city.map*")) == ["city.map"]


def test_the_tables_are_those_of_any_map(path: Path) -> None:
    def tables() -> list[tuple[str, ...]]:
        with Store.open(path) as store, store._connections.borrow() as connection:
            found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
            return [(name, (sql or "").replace('"', "")) for name, sql in found]

    before = tables()
    migrate(path, Other())
    assert tables() == before


def test_the_old_descriptors_answer_until_the_new_are_complete(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, asked = held(path), sorted(folder.rglob("*.jpg"))[0]
    stopped_after(2, path, monkeypatch)
    assert held(path) == before
    with Map.open(path, model=Toy()) as city:
        assert city.locate(asked).candidates[0].similarity == pytest.approx(1, abs=1e-3)


def test_an_interrupted_migration_continues_after_photos_were_added_and_removed(
    path: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(2, path, monkeypatch)
    files = sorted(folder.rglob("*.jpg"))
    extra = tmp_path / "extra.jpg"
    shutil.copy(files[5], extra)
    with Map.open(path, model=Toy()) as city:
        city.remove([files[0].name])
        city.add([Photo("extra.jpg", str(extra), Position(10.0, 10.0))])
        count = len(city)
    outcome = migrate(path, Other())
    assert (outcome.embedded_before, outcome.embedded) == (5, count - 5), "6 were embedded, one of them is gone"
    name, found = held(path)
    assert name == "other" and len(found) == count
    assert "extra.jpg" in {photo.id for photo in found} and files[0].name not in {photo.id for photo in found}


def test_files_that_are_gone_stop_the_switch_or_are_dropped(path: Path, folder: Path) -> None:
    before, gone = held(path), sorted(folder.rglob("*.jpg"))[2]
    content = gone.read_bytes()
    gone.unlink()
    with pytest.raises(BadInput, match=rf"^1 photo of .* cannot be read; the first is {gone.name}: .*--drop-miss"):
        migrate(path, Other())
    assert held(path) == before
    outcome = migrate(path, Other(), drop_missing=True)
    assert [each.id for each in outcome.dropped] == [gone.name] and outcome.embedded == 0
    assert len(held(path)[1]) == len(before[1]) - 1
    with Store.open(path) as store:
        assert [each.id for each in store.skipped()] == [gone.name] and len(store) == len(before[1]) - 1
    gone.write_bytes(content)
    with Map.open(path, model=Other()) as city:
        assert city.add(folder).added == 1


def test_a_map_whose_files_are_all_gone_is_not_emptied(path: Path, folder: Path) -> None:
    before = held(path)
    shutil.rmtree(folder)
    with pytest.raises(BadInput, match="No photo of .* can be read"):
        migrate(path, Other(), drop_missing=True)
    assert held(path) == before


def test_a_file_that_changed_is_described_as_it_is_now(path: Path, folder: Path) -> None:
    first, second = sorted(folder.rglob("*.jpg"))[:2]
    shutil.copy(second, first)
    migrate(path, Other())
    found = {photo.id: vector for photo, vector in held(path)[1].items()}
    assert found[first.name] == found[second.name]
    with Map.open(path, model=Other()) as city:
        again = city.add(folder)
    assert again.unchanged + again.replaced == len(found)
    assert {photo.id: vector for photo, vector in held(path)[1].items()} == found


def test_an_unfinished_migration_to_another_model_must_be_abandoned_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(1, path, monkeypatch)
    third = Toy("third")
    with pytest.raises(BadInput, match=r"to other \(.*\) is not finished. .* give it up with --restart"):
        migrate(path, third)
    with pytest.raises(BadInput, match=r"is toy already, and a migration to another is not finished"):
        migrate(path, Toy())
    assert migrate(path, third, restart=True).embedded_before == 0
    with Store.open(path) as store:
        assert store.model.fingerprint == third.fingerprint and store.pending_migration() is None


def test_abandoning_a_migration_leaves_the_map_unchanged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = held(path)
    stopped_after(1, path, monkeypatch)
    outcome = migrate(path, Toy(), restart=True)
    assert str(outcome) == "nothing to do: the map already has the model toy"
    assert held(path) == before


def test_a_reader_is_told_to_reopen_a_migrated_map(path: Path, folder: Path) -> None:
    asked = sorted(folder.rglob("*.jpg"))[0]
    with Map.open(path, model=Toy()) as reader:
        reader.locate(asked)
        migrate(path, Other())
        with pytest.raises(ModelMismatch, match="migrated to another model, .* while it was open. Open it again"):
            reader.locate(asked)


def test_a_map_cannot_be_migrated_while_another_process_writes(path: Path) -> None:
    with Store.open(path, write=True), pytest.raises(MapBusy):
        migrate(path, Other())


def test_a_killed_migration_continues_to_the_same_result(real_map: Path, folder: Path, tmp_path: Path) -> None:
    """`kill -9` at several moments, from the command line, with the model that ships."""
    Map.build(tmp_path / "toy.map", folder, model=Toy()).close()
    whole = Path(shutil.copy(tmp_path / "toy.map", tmp_path / "whole.map"))
    assert viewfix(["migrate", str(whole), "-q"]) == 0
    killed = tmp_path / "toy.map"
    for patience_s in (0.4, 0.8, 1.2):
        process = subprocess.Popen([sys.executable, "-m", "viewfix", "migrate", str(killed), "-q"])
        time.sleep(patience_s)
        process.kill()
        process.wait()
        assert held(killed)[0] in ("toy", held(whole)[0])
    assert viewfix(["migrate", str(killed), "-q"]) == 0
    assert held(killed) == held(whole)


def test_the_command_reports_what_it_did(path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = sorted(folder.rglob("*.jpg"))[0]
    gone.unlink()
    assert viewfix(["migrate", str(path), "-q"]) == BadInput.exit_code
    assert "--drop-missing" in capsys.readouterr().err
    assert viewfix(["migrate", str(path), "-q", "--drop-missing", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["old_model"] == "toy" and [each["id"] for each in said["dropped"]] == [gone.name]
    assert viewfix(["migrate", str(path), "-q"]) == 0
    assert capsys.readouterr().out.startswith("nothing to do: the map already has the model ")


def test_a_map_of_the_old_default_model_still_works_and_migrates(folder: Path, tmp_path: Path) -> None:
    path, asked = tmp_path / "old.map", sorted(folder.rglob("*.jpg"))[4]
    Map.build(path, folder, model="lite0-netvlad-512").close()
    with Map.open(path) as city:
        assert city.model.name == "lite0-netvlad-512" != catalogue.DEFAULT
        assert city.locate(asked).candidates[0].photo.id == asked.name
        assert city.add(folder).added == 0
    assert viewfix(["migrate", str(path), "-q"]) == 0
    with Map.open(path) as city:
        assert city.model.name == catalogue.DEFAULT
        assert city.locate(asked).candidates[0].photo.id == asked.name
