"""Every model of the catalogue keeps the contract; files that are not models are refused in one line."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tiles

from viewfix import Map, protobuf
from viewfix.demo.town import Town
from viewfix.errors import BadInput, UnknownModel
from viewfix.geo import distance_m
from viewfix.models import catalogue, trial
from viewfix.models.catalogue import CATALOGUE, Entry
from viewfix.models.model import Model
from viewfix.models.onnx import OnnxModel
from viewfix.models.preprocessing import Preprocessing

SIZES = [(1, 1), (1, 500), (500, 1), (2, 3), (320, 320), (97, 640), (600, 401), (1200, 900)]


def pictures(count: int, *, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*SIZES[i % len(SIZES)], 3)).astype(np.uint8) for i in range(count)]


@pytest.fixture(scope="module", params=[e for e in CATALOGUE if e.ships], ids=lambda entry: entry.name)
def entry(request: pytest.FixtureRequest) -> Entry:
    found: Entry = request.param
    return found


@pytest.fixture(scope="module")
def model(entry: Entry) -> Model:
    return catalogue.load(entry.name, threads=1)


def test_descriptors_are_unit_rows_of_the_promised_length(model: Model, entry: Entry) -> None:
    descriptors = model.embed(pictures(5))
    assert descriptors.shape == (5, entry.dim) and descriptors.dtype == np.float32
    assert np.allclose(np.linalg.norm(descriptors, axis=1), 1, atol=1e-5)
    assert model.dim == entry.dim and model.name == entry.name


def test_no_pictures_give_no_descriptors(model: Model) -> None:
    assert model.embed([]).shape == (0, model.dim)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_picture_of_any_size_can_be_described(model: Model, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert np.linalg.norm(model.embed([picture])[0]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("level", [0, 127, 128, 255])
def test_a_picture_of_one_colour_can_be_described(model: Model, level: int) -> None:
    assert np.isfinite(model.embed([np.full((64, 64, 3), level, np.uint8)])).all()


def test_a_descriptor_does_not_depend_on_the_rest_of_its_batch(model: Model) -> None:
    batch = pictures(6)
    together = model.embed(batch)
    alone = np.concatenate([model.embed([picture]) for picture in batch])
    backwards = model.embed(batch[::-1])[::-1]
    assert np.array_equal(together, alone) and np.array_equal(together, backwards)


def test_the_same_picture_gives_the_same_descriptor_in_every_thread(model: Model) -> None:
    batch = pictures(4)
    expected = [model.embed([picture])[0] for picture in batch]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda i: model.embed([batch[i % 4]])[0], range(16)))
    assert all(np.array_equal(row, expected[i % 4]) for i, row in enumerate(got))


def test_the_number_of_threads_does_not_change_the_descriptor(model: Model, entry: Entry) -> None:
    other = catalogue.load(entry.name, threads=2)
    assert other.fingerprint == model.fingerprint
    assert np.allclose(other.embed(pictures(3)), model.embed(pictures(3)), atol=1e-5)


def test_pictures_need_not_be_contiguous(model: Model) -> None:
    picture = pictures(5)[4]
    mirrored = picture[:, ::-1]
    assert np.array_equal(model.embed([mirrored]), model.embed([np.ascontiguousarray(mirrored)]))


def test_a_dark_grey_copy_is_closer_than_another_picture(model: Model) -> None:
    y, x = np.mgrid[:320, :320]
    street = np.stack([(np.sin(x / 9) > 0) * 200, (np.cos(y / 17) > 0) * 150, x // 2], axis=2).astype(np.uint8)
    other = np.stack([(x * y) % 255, (x + y) % 255, (x * 3) % 255], axis=2).astype(np.uint8)
    dark = np.repeat(street.mean(axis=2, keepdims=True) * 0.5, 3, axis=2).astype(np.uint8)
    a, b, c = model.embed([street, dark, other])
    assert a @ b > a @ c


def test_the_facts_of_the_catalogue_are_those_of_the_file(entry: Entry) -> None:
    model = OnnxModel(entry.file, threads=1)
    size_mb = entry.file.stat().st_size / 1e6
    assert size_mb == pytest.approx(entry.size_mb, abs=0.05) and size_mb < 8
    assert model.about["licence"] == entry.licence
    assert "/" not in model.about["name"]
    notice = (entry.file.parent / "NOTICE").read_text()
    assert entry.file.name in notice and "Apache" in notice


def test_the_default_is_loaded_when_no_name_is_passed() -> None:
    assert catalogue.load(None, threads=1).name == catalogue.DEFAULT


def test_a_name_that_is_nearly_right_gets_a_suggestion() -> None:
    with pytest.raises(UnknownModel, match=f"Did you mean '{catalogue.DEFAULT}'"):
        catalogue.load(catalogue.DEFAULT.replace("refined", "refinde"))
    with pytest.raises(UnknownModel, match="Use lite0-refined-512, "):
        catalogue.load("zzz")


def test_a_file_or_a_folder_with_one_file_can_be_loaded(tmp_path: Path) -> None:
    shipped = CATALOGUE[0].file
    shutil.copy(shipped, tmp_path / "mine.onnx")
    expected = OnnxModel(shipped, threads=1).fingerprint
    assert catalogue.load(tmp_path / "mine.onnx", threads=1).fingerprint == expected
    assert catalogue.load(str(tmp_path), threads=1).fingerprint == expected
    shutil.copy(shipped, tmp_path / "another.onnx")
    with pytest.raises(BadInput, match="another.onnx, mine.onnx"):
        catalogue.load(tmp_path)


@pytest.mark.parametrize("damage", ["cut short", "empty", "text"])
def test_a_damaged_file_is_reported_in_one_line(tmp_path: Path, damage: str) -> None:
    content = CATALOGUE[0].file.read_bytes()
    broken = {"cut short": content[: len(content) // 2], "empty": b"", "text": b"not a model\n" * 50}[damage]
    (tmp_path / "model.onnx").write_bytes(broken)
    with pytest.raises(BadInput) as caught:
        catalogue.load(tmp_path / "model.onnx")
    assert "model.onnx" in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_is_reported() -> None:
    with pytest.raises(BadInput, match="no model file at nowhere.onnx"):
        catalogue.load("nowhere.onnx")


def test_a_model_without_a_description_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(CATALOGUE[0].file)
    about = json.loads(model.metadata_props[0].value)
    for value, complaint in (
        (None, "has no description of its preprocessing"),
        ("{", "not JSON"),
        ("[]", "lacks format, name, dim, preprocessing"),
        (json.dumps({**about, "format": 99}), "Upgrade viewfix"),
        (json.dumps({**about, "dim": 100}), "Check 'dim'"),
        (json.dumps({**about, "preprocessing": {"sizing": "area"}}), "cannot be read"),
        (json.dumps({**about, "preprocessing": {**about["preprocessing"], "std": [0, 1, 1]}}), "std"),
    ):
        onnx.helper.set_model_props(model, {} if value is None else {"viewfix": value})
        onnx.save(model, tmp_path / "foreign.onnx")
        with pytest.raises(BadInput, match=complaint):
            catalogue.load(tmp_path / "foreign.onnx")


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the marks of files that passed."""
    monkeypatch.setattr(trial, "cache_folder", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "models"


def test_a_custom_file_is_tried_once_in_its_own_process(
    tmp_path: Path, checked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(CATALOGUE[0].file, tmp_path / "mine.onnx")
    assert catalogue.load(tmp_path / "mine.onnx").dim == 512
    assert len(list(checked.iterdir())) == 1
    monkeypatch.setattr(trial, "_try", lambda path: pytest.fail("it was tried again"))
    catalogue.load(tmp_path / "mine.onnx")


def custom(path: Path, *, nested: bool = False, external: bool = False, loops: bool = False) -> Path:
    """A small self-describing model: the mean of each channel; on request with the faults of a hostile file."""
    onnx = pytest.importorskip("onnx", reason="needs viewfix[train]")
    helper, kind = onnx.helper, onnx.TensorProto
    weight = onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32), "weight")
    if external:
        weight.ClearField("raw_data")
        weight.data_location = kind.EXTERNAL
        weight.external_data.add(key="location", value="secret.bin")
    constant = helper.make_node("Constant", [], ["weight"], value=weight)
    nodes = [constant] if nested else []
    nodes += [helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[2, 3], keepdims=0)]
    nodes += [helper.make_node("MatMul", ["mean", "weight"], ["out"])]
    if loops:
        count, yes = (
            helper.make_tensor(*each) for each in (("n", kind.INT64, [], [2**62]), ("yes", kind.BOOL, [], [1]))
        )
        body = helper.make_graph(
            [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["x", "x"], ["y"])],
            "body",
            [
                helper.make_tensor_value_info("i", kind.INT64, []),
                helper.make_tensor_value_info("go", kind.BOOL, []),
                helper.make_tensor_value_info("x", kind.FLOAT, None),
            ],
            [
                helper.make_tensor_value_info("go_on", kind.BOOL, []),
                helper.make_tensor_value_info("y", kind.FLOAT, None),
            ],
        )
        nodes[-1] = helper.make_node("MatMul", ["mean", "weight"], ["start"])
        nodes += [helper.make_node("Constant", [], ["count"], value=count)]
        nodes += [helper.make_node("Constant", [], ["always"], value=yes)]
        nodes += [helper.make_node("Loop", ["count", "always", "start"], ["out"], body=body)]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("pixels", kind.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("out", kind.FLOAT, [1, 3])],
        [] if nested else [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    rules = {"sizing": "exact", "width_px": 8, "height_px": 8, "layout": "NCHW float32"}
    about = {"format": 1, "name": "mean", "dim": 3, "preprocessing": rules}
    helper.set_model_props(model, {"viewfix": json.dumps(about)})
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("nested", [False, True])
def test_a_file_that_reads_other_files_is_refused(
    tmp_path: Path, checked: Path, monkeypatch: pytest.MonkeyPatch, nested: bool
) -> None:
    (tmp_path / "secret.bin").write_bytes(np.eye(3, dtype=np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    assert catalogue.load(custom(tmp_path / "good.onnx", nested=nested)).dim == 3
    with pytest.raises(BadInput, match=r"bad\.onnx reads its weights from other files"):
        catalogue.load(custom(tmp_path / "bad.onnx", nested=nested, external=True))


def test_an_unknown_group_does_not_hide_that_a_file_reads_other_files(tmp_path: Path, checked: Path) -> None:
    """ONNX Runtime skips such a group, and reads what stands behind it."""
    path = custom(tmp_path / "bad.onnx", external=True)
    start, end = (tiles.varint(1000 << 3 | kind) for kind in (protobuf.START_GROUP, protobuf.END_GROUP))
    path.write_bytes(start + end + path.read_bytes())
    with pytest.raises(BadInput, match=r"bad\.onnx reads its weights from other files"):
        catalogue.load(path)


def test_a_model_that_never_finishes_is_stopped(tmp_path: Path, checked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "TRIAL_S", 6.0)
    with pytest.raises(BadInput, match="did not describe one picture within 6 s"):
        catalogue.load(custom(tmp_path / "endless.onnx", loops=True))
    assert not checked.exists(), "it is tried again next time"


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.onnx").write_bytes(b"x" * 2000)
    monkeypatch.setattr(trial, "MAX_BYTES", 1000)
    monkeypatch.setattr(trial, "read", lambda path: pytest.fail("it was read"))
    with pytest.raises(BadInput, match="larger than 2 GB"):
        catalogue.load(tmp_path / "large.onnx")


def test_the_model_name_of_a_map_is_never_opened_as_a_path(
    real_map: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(real_map, tmp_path / "city.map")
    shutil.copy(CATALOGUE[0].file, tmp_path / "evil.onnx")
    db = sqlite3.connect(tmp_path / "city.map")
    [(stored,)] = db.execute("SELECT value FROM meta WHERE key = 'model'").fetchall()
    changed = stored.replace(catalogue.DEFAULT, "evil.onnx")
    assert changed != stored
    db.execute("UPDATE meta SET value = ? WHERE key = 'model'", (changed,))
    db.commit()
    db.close()
    with Map.open(tmp_path / "city.map") as city, pytest.raises(UnknownModel, match="custom model. Pass it with"):
        _ = city.model


class ArmModel(Model):
    """The default model, with the differences that ARM processors make: 5e-4 of a similarity, 5e-3 at most."""

    def __init__(self, real: Model) -> None:
        self.real, self.name, self.dim, self.least_side_px = real, real.name, real.dim, real.least_side_px

    @property
    def fingerprint(self) -> str:
        return self.real.fingerprint

    def _embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        exact = self.real.embed(pictures)
        noise = np.random.default_rng(0).normal(0, 7.5e-4, exact.shape)  # median of |N(0, s)| is 0.67 s
        moved = exact + noise
        return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


def test_a_map_answers_the_same_on_a_processor_that_rounds_differently(real_map: Path, town: Town) -> None:
    real = catalogue.load(None, threads=1)
    arm = ArmModel(real)
    queries = [town.render(view, width_px=160, height_px=120) for view in town.query_views(6)]
    with Map.open(real_map, model=real) as here, Map.open(real_map, model=arm) as there:
        answers = [(here.locate(query), there.locate(query)) for query in queries]
    changes = [
        abs(a.similarity - b.similarity)
        for one, other in answers
        for a in one.candidates
        for b in other.candidates
        if a.photo.id == b.photo.id
    ]
    assert 2e-4 < np.median(changes) < 2e-3, "as far apart as measured"
    for one, other in answers:
        assert one.found == other.found
        if one.position and other.position:
            assert distance_m(one.position, other.position) < 1.0
        assert other.confidence == pytest.approx(one.confidence, abs=0.05)


def test_listing_the_models_imports_nothing_heavy() -> None:
    code = (
        "import viewfix.models.catalogue, sys; print([m for m in ('onnxruntime', 'torch', 'PIL') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_picture_keeps_its_shape_and_about_its_area() -> None:
    rules = Preprocessing("area", 320, 320)
    assert rules.size_px(400, 400) == (320, 320)
    assert rules.size_px(640, 360) == (416, 256)
    assert rules.size_px(360, 640) == (256, 416)
    assert rules.size_px(10_000, 1) == rules.size_px(2, 1) == (448, 224)
    assert Preprocessing("exact", 320, 240).size_px(1, 999) == (320, 240)


def test_pixels_of_the_right_size_are_not_resized() -> None:
    picture = pictures(5)[4]
    assert np.array_equal(Preprocessing("area", 320, 320).apply(picture)[0], picture)
    floats = Preprocessing("exact", 320, 320, layout="NCHW float32", mean=(0.5, 0.5, 0.5), std=(0.25, 0.5, 1.0)).apply(
        picture
    )
    assert floats.shape == (1, 3, 320, 320) and floats.dtype == np.float32
    assert floats[0, :, 7, 9] == pytest.approx((picture[7, 9] / 255 - 0.5) / [0.25, 0.5, 1.0], abs=1e-6)
