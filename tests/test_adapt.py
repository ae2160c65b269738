"""A model is fitted to a map, is kept only where held-out photos are found more often, and lies beside the map then."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="adapting needs viewfix[train]")
onnx = pytest.importorskip("onnx", reason="adapting needs viewfix[train]")
for package in ("scipy", "pytorch_metric_learning"):
    pytest.importorskip(package, reason="adapting needs viewfix[train]")

from onnx import TensorProto, helper  # noqa: E402

from viewfix import Map  # noqa: E402
from viewfix.cli import run as viewfix  # noqa: E402
from viewfix.errors import BadInput  # noqa: E402
from viewfix.models.onnx import OnnxModel  # noqa: E402
from viewfix.store.store import ModelIdentity, Store  # noqa: E402
from viewfix.train import adapt as adapt_module  # noqa: E402
from viewfix.train.adapt import adapt, write  # noqa: E402

METRE = 1 / 111_195  # degrees of latitude


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapt_module, "STEPS", 20)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Describes a picture by the mean colours of 6 x 6 tiles: bad at night, for want of somebody who tells it so."""
    nodes = [
        helper.make_node("AveragePool", ["pixels"], ["tiles"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["tiles"], ["flat"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, 48, 48])
    flat = helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["batch", 108])
    graph = helper.make_graph(nodes, "tiles", [pixels], [flat])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    rules = {"sizing": "exact", "width_px": 48, "height_px": 48, "layout": "NCHW float32",
             "mean": [0.0] * 3, "std": [1.0] * 3}  # fmt: skip
    helper.set_model_props(
        made, {"viewfix": json.dumps({"format": 1, "name": "tiles", "dim": 108, "preprocessing": rules})}
    )
    path = tmp_path_factory.mktemp("model") / "tiles.onnx"
    onnx.save(made, path)
    return path


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 places 40 m apart, 3 photos each within 6 m: a pattern of its own, noise and another exposure on top."""
    folder = tmp_path_factory.mktemp("town")
    rng = np.random.default_rng(0)
    rows = ["file,lat,lon,heading_deg"]
    for place in range(90):
        pattern = Image.fromarray(rng.integers(60, 200, (4, 4, 3)).astype(np.uint8))
        large = np.asarray(pattern.resize((64, 64), Image.Resampling.BICUBIC), np.float32)
        for shot in range(3):
            pixels = large * rng.uniform(0.6, 1.3) + rng.normal(0, 15, large.shape)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{place:02}_{shot}.png")
            lat = 50 + (40 * (place // 9) + 3 * shot) * METRE
            lon = 40 * (place % 9) * METRE / math.cos(math.radians(50))
            rows.append(f"{place:02}_{shot}.png,{lat:.7f},{lon:.7f},90")
    (folder / "map.csv").write_text("\n".join(rows) + "\n")
    return folder / "map.csv"


@pytest.fixture
def path(model: Path, town: Path, tmp_path: Path) -> Path:
    Map.build(tmp_path / "city.map", town, model=model).close()
    return tmp_path / "city.map"


def test_a_model_that_gets_better_is_kept_and_serves_from_beside_the_map(
    path: Path, model: Path, town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = town.parent / "17_1.png"
    assert viewfix(["adapt", str(path), "--model", str(model), "-q"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("kept: held-out recall@1 ") and "270 photos re-embedded" in said
    beside = list(path.parent.glob("city.map.*.onnx"))
    assert len(beside) == 1 and beside[0].name in said
    with Map.open(path) as city:  # no --model: it is found
        assert city.model.fingerprint.startswith(beside[0].name.split(".")[2])
        assert city.model.name == "tiles, adapted"
        assert city.locate(asked).candidates[0].photo.id == "17_1.png"


def test_what_is_kept_is_what_was_judged(path: Path, model: Path, tmp_path: Path) -> None:
    outcome = adapt(path, model)
    assert outcome.kept and outcome.after > outcome.before and outcome.won > outcome.lost
    assert outcome.asked >= 200
    again = adapt(path, model)
    assert (again.before, again.after) == (outcome.before, outcome.after), "the same seed, the same outcome"
    assert outcome.layer is not None
    adapted = write(OnnxModel(model), outcome.layer, tmp_path / "a.onnx")
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    plain = torch.from_numpy(OnnxModel(model).embed([picture]))
    expected = torch.nn.functional.normalize(outcome.layer(plain), dim=1).detach().numpy()
    assert np.allclose(adapted.embed([picture]), expected, atol=1e-5)
    twice = write(adapted, torch.nn.Linear(adapted.dim, 7), tmp_path / "b.onnx")
    assert twice.embed([picture]).shape == (1, 7) and twice.name == "tiles, adapted"


def test_a_layer_that_finds_nothing_more_is_not_kept(
    path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def same(*_: object) -> list[torch.nn.Linear]:
        layer = torch.nn.Linear(108, 108, bias=False)
        torch.nn.init.orthogonal_(layer.weight)
        return [layer.requires_grad_(False)]

    monkeypatch.setattr(adapt_module._Work, "candidates", same)
    before = path.read_bytes()
    assert viewfix(["adapt", str(path), "--model", str(model), "-q"]) == 0
    assert capsys.readouterr().out.startswith("not kept: held-out recall@1 ")
    assert path.read_bytes() == before and not list(path.parent.glob("*.onnx"))


def test_a_dry_run_changes_nothing(path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    assert viewfix(["adapt", str(path), "--model", str(model), "-q", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("kept: ")
    assert path.read_bytes() == before and not list(path.parent.glob("*.onnx"))


def test_a_small_map_teaches_nothing(town: Path, model: Path, tmp_path: Path) -> None:
    few = sorted(town.parent.glob("*.png"))[:4]
    lines = town.read_text().splitlines()[: 1 + len(few)]
    (town.parent / "few.csv").write_text("\n".join(lines) + "\n")
    Map.build(tmp_path / "few.map", town.parent / "few.csv", model=model).close()
    with pytest.raises(BadInput, match=r"has 4 photos; at least 200 are needed. Add more."):
        adapt(tmp_path / "few.map", model)


def test_files_that_are_gone_are_not_learned_from(path: Path, model: Path, town: Path, tmp_path: Path) -> None:
    gone = town.parent / "80_2.png"
    content = gone.read_bytes()
    gone.unlink()
    try:
        assert adapt(path, model).asked > 0
    finally:
        gone.write_bytes(content)


def test_an_unfinished_migration_is_not_thrown_away(path: Path, model: Path) -> None:
    other = ModelIdentity("other", "f" * 32, 5)
    with Store.open(path, write=True) as store:
        store.begin_migration(other)
    assert viewfix(["adapt", str(path), "--model", str(model), "-q"]) == BadInput.exit_code
    with Store.open(path) as store:
        assert store.pending_migration() == other
