"""Every model of the catalogue keeps the contract; files that are not models are refused in one line."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from viewfix.errors import BadInput, UnknownModel
from viewfix.models import catalogue
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
    with pytest.raises(UnknownModel, match="There are: "):
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
        (None, "does not say how pictures reach it"),
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
