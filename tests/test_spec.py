"""docs/spec: the sample maps are what their script makes, good ones are read, and every broken one is refused."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from viewfix.errors import NotAMap, ViewfixError
from viewfix.store.complete import require_complete
from viewfix.store.sqlite import schema
from viewfix.store.store import Store
from viewfix.types import Camera, View

SPEC = Path(__file__).parents[1] / "docs" / "spec"
_found = importlib.util.spec_from_file_location("make_map_samples", SPEC / "make_map_samples.py")
assert _found is not None and _found.loader is not None
make_map_samples = importlib.util.module_from_spec(_found)
_found.loader.exec_module(make_map_samples)
GOOD = [f"map-good-{name}" for name in make_map_samples.GOOD]
BROKEN = [f"map-broken-{name}" for name in make_map_samples.BROKEN]


@pytest.fixture
def sample(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return Path(shutil.copy(SPEC / "samples" / f"{request.param}.map", tmp_path / "sample.map"))


def test_the_samples_are_what_the_script_makes(tmp_path: Path) -> None:
    make_map_samples.main(tmp_path)
    names = sorted(each.name for each in (SPEC / "samples").glob("*.map"))
    assert names == sorted(each.name for each in tmp_path.iterdir()) == sorted(f"{n}.map" for n in [*GOOD, *BROKEN])
    for name in (
        f"{each}.map" for each in [*GOOD, *BROKEN] if each not in ("map-broken-cut-off", "map-broken-not-sqlite")
    ):
        with (
            contextlib.closing(sqlite3.connect(tmp_path / name)) as fresh,
            contextlib.closing(sqlite3.connect(SPEC / "samples" / name)) as stored,
        ):
            for query in (
                "SELECT * FROM sqlite_schema ORDER BY name",
                "SELECT * FROM photos",
                "PRAGMA user_version",
            ):
                assert fresh.execute(query).fetchall() == stored.execute(query).fetchall(), (name, query)
        assert (SPEC / "samples" / name).stat().st_size < 40_000


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("sample", GOOD, indirect=True, ids=GOOD)
def test_a_good_sample_is_read_and_migrated(sample: Path, write: bool, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["sample"]
    before = sample.read_bytes()
    with require_complete(Store.open(sample, write=write)) as store:
        assert store.model.name == "sample" and store.map_id == make_map_samples.META["map_id"]
        assert store.info()["schema_version"] == (
            len(schema.STEPS) if write or not name[-1].isdigit() else int(name[-1])
        )
        if name == "map-good-empty":
            assert len(store) == 0 and not store.photos([1])
            return
        photos = {photo.id: photo for photo in store.all_photos()}
        wanted = {each[1]: each for each in make_map_samples.PHOTOS}
        if name == "map-good-damaged-row":
            assert set(photos) == set(wanted) - {"far.jpg"} and store.present([4, 5])[0].tolist() == [5]
        else:
            assert set(photos) == set(wanted)
            [(rows, halves)] = store.iter_descriptors()
            found = dict(zip(rows.tolist(), [half.tobytes() for half in halves], strict=True))
            assert found == make_map_samples.descriptors()
            np.testing.assert_allclose(np.linalg.norm(store.descriptors([1, 2, 4, 5]), axis=1), 1, atol=1e-6)
        assert photos["a.jpg"].position.radius_m == 5 and photos["a.jpg"].licence == "CC-BY-4.0"
        assert store.ids_of_source("/photos/pano.jpg") == ["pano.jpg#0", "pano.jpg#90"]
        if name >= "map-good-schema-4" or not name[-1].isdigit():
            assert photos["pano.jpg#90"].view == View(90, 0, 90)
            assert photos["pano.jpg#90"].camera == Camera(focal_px=512.5, width_px=1024, height_px=768, altitude_m=12.5)
        assert len(store.points) == (0 if name in ("map-good-schema-1", "map-good-schema-2") else 1)
        assert [each.id for each in store.skipped()] == ["bad.jpg"]
    if not write:
        assert sample.read_bytes() == before, "a reader changes nothing"


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("sample", BROKEN, indirect=True, ids=BROKEN)
def test_a_broken_sample_is_refused_in_one_line(sample: Path, write: bool, request: pytest.FixtureRequest) -> None:
    before = sample.read_bytes()
    with pytest.raises(ViewfixError) as error:
        require_complete(Store.open(sample, write=write))
    assert "\n" not in str(error.value) and "sample.map" in str(error.value)
    if request.node.callspec.params["sample"] not in ("map-broken-cut-off",):
        assert isinstance(error.value, NotAMap)
    if request.node.callspec.params["sample"] != "map-broken-unfinished-copy":
        assert sample.read_bytes() == before


def test_the_specification_names_every_table_and_column() -> None:
    text = (SPEC / "map-file.md").read_text(encoding="utf-8")
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for step in schema.STEPS:
            step(connection)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            if table == "sqlite_sequence" or table.rpartition("_")[2] in ("rowid", "node", "parent"):
                continue
            section = re.split(r"^#+ ", text, flags=re.M)
            [mine] = [each for each in section if each.startswith(f"`{table}`")]
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                assert f"`{column}`" in mine, f"{table}.{column} is not specified"
    assert f"`{len(schema.STEPS)}`" in text, "the number of the current schema"
    for sample in [*GOOD, *BROKEN]:
        assert f"`{sample}.map`" in text
