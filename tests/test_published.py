"""Published checkpoints fit our networks, tensor by tensor; what does not is listed; what does runs without PyTorch."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs viewfix[train]")
onnx = pytest.importorskip("onnx", reason="needs viewfix[train]")
pytest.importorskip("onnxscript", reason="needs viewfix[train]")

from published_modules import published_shapes as shapes  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from viewfix.cli import run  # noqa: E402
from viewfix.errors import BadInput, UnknownModel, ViewfixError  # noqa: E402
from viewfix.models.catalogue import CATALOGUE, entry  # noqa: E402
from viewfix.models.onnx import OnnxModel  # noqa: E402
from viewfix.train import aggregators, export, published  # noqa: E402
from viewfix.train.published_names import architecture  # noqa: E402

NAME = "cosplace-resnet18-512"
MEGALOC = "MegaLoc (gmberton/MegaLoc:megaloc_model.py)"
CHECKPOINTS = {
    "megaloc": MEGALOC,
    "cosplace-resnet50-2048": "CosPlace ResNet50/2048",
    "cosplace-resnet18-512": "CosPlace ResNet18/512",
    "cosplace-vgg16-512": "CosPlace VGG16/512",
    "eigenplaces-resnet50-2048": "CosPlace ResNet50/2048",
    "eigenplaces-resnet18-512": "CosPlace ResNet18/512",
    "eigenplaces-vgg16-512": "CosPlace VGG16/512",
    "mixvpr-4096": "MixVPR 4096",
    "mixvpr-512": "MixVPR 512",
    "convap-4096": "ConvAP 4096",
    "boq-resnet50-16384": "BoQ ResNet50",
    "salad": "DINOv2-SALAD",
    "clique-mining": "DINOv2-SALAD",
    "boq-dinov2-12288": "BoQ DINOv2",
}
LOADABLE = [known for known in CATALOGUE if known.weights and not known.obstacle]


def made_state(case: str) -> dict[str, torch.Tensor]:
    """Weights of the published names and shapes, each tensor with one number of its own: they take no memory."""
    return {
        key: torch.tensor(number, dtype=torch.int64 if key.endswith("tracked") else torch.float32).expand(shape)
        for number, (key, shape) in enumerate(shapes(case).items())
    }


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_published_tensor_finds_exactly_one_of_ours(name: str) -> None:
    state = made_state(CHECKPOINTS[name])
    made_of = architecture(name)
    ours = published.fitted(name, state, origin="made").state_dict()
    homes = {key: made_of.ours(key) for key in state}
    assert len(set(homes.values())) == len(state), "two published tensors share one of ours"
    left_over = {key for key, home in homes.items() if home not in ours}
    assert all(made_of.spare(homes[key]) for key in left_over)
    assert {key for key in ours if not made_of.spare(key)} <= set(homes.values())
    for key, home in homes.items():
        if key not in left_over:
            assert ours[home].shape == state[key].shape and (ours[home] == state[key]).all(), key


def test_only_what_describes_nothing_may_be_left_over() -> None:
    for name, case in CHECKPOINTS.items():
        made_of = architecture(name)
        spare = {key for key in shapes(case) if made_of.spare(made_of.ours(key))}
        allowed = {"mask_token", "norm.weight", "norm.bias"} if name == "boq-dinov2-12288" else {"mask_token"}
        assert {key.split(".", 2)[2] for key in spare} <= allowed, name


def test_the_older_names_of_megaloc_are_known_too() -> None:
    old = {key.replace("backbone.", "backbone.model."): tensor for key, tensor in made_state(MEGALOC).items()}
    assert "backbone.model.cls_token" in old
    published.fitted("megaloc", old, origin="made")


@pytest.mark.parametrize("known", LOADABLE, ids=lambda known: known.name)
def test_length_and_size_in_the_catalogue_are_those_of_the_network(known) -> None:
    made_of = architecture(known.name)
    with torch.device("meta"):
        network = published.assembled(made_of)
    assert (made_of.linear_dim or network.head.aggregator.dim) == known.dim
    numbers = sum(p.numel() for key, p in network.named_parameters() if not made_of.spare(key))
    assert 4 * numbers / 1e6 == pytest.approx(known.size_mb, rel=0.005)


def test_what_does_not_match_is_listed() -> None:
    state = made_state("CosPlace ResNet18/512")
    state["backbone.0.weight"] = torch.zeros(64, 1, 7, 7)
    state["classifier.weight"] = torch.zeros(3)
    del state["aggregation.1.p"], state["aggregation.3.bias"]
    with pytest.raises(BadInput) as caught:
        published.fitted("cosplace-resnet18-512", state, origin="mine.pth")
    said = str(caught.value)
    assert "\n" not in said and said.startswith("mine.pth does not hold the weights of cosplace-resnet18-512")
    assert "2 missing (head.aggregator.linear.bias, head.aggregator.p)" in said
    assert "1 unexpected (classifier.weight)" in said
    assert "1 of another shape (backbone.0.weight is 64x1x7x7, not 64x3x7x7)" in said


def test_the_weights_of_another_model_are_refused_and_the_list_stays_short() -> None:
    with pytest.raises(BadInput, match=r"and \d+ more") as caught:
        published.fitted("megaloc", made_state("MixVPR 4096"), origin="mine.pth")
    assert len(str(caught.value)) < 3000
    with pytest.raises(BadInput, match="another shape"):
        published.fitted("mixvpr-512", made_state("MixVPR 4096"), origin="mine.pth")


def test_the_same_tensor_under_two_names_is_refused() -> None:
    state = made_state(MEGALOC)
    state["backbone.model.cls_token"] = state["backbone.cls_token"]
    with pytest.raises(BadInput, match="occur twice"):
        published.fitted("megaloc", state, origin="mine")


@pytest.mark.parametrize("name", ["anyloc-urban", "lite0-netvlad-512", "resnet18"])
def test_what_is_not_published_or_cannot_be_made_is_refused(name: str) -> None:
    with pytest.raises(UnknownModel, match="viewfix models"):
        architecture(name)


def test_wrappers_around_a_state_are_taken_off(tmp_path: Path) -> None:
    plain = {"a.weight": torch.arange(3.0), "b": torch.tensor(4)}
    parallel = {f"module.{key}": tensor for key, tensor in plain.items()}
    saved = {
        "plain.pth": plain,
        "lightning.ckpt": {"state_dict": plain, "epoch": 3},
        "parallel.pth": parallel,
        "both.pth": {"model_state_dict": parallel, "optimizer": {}},
        "half.pt": {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in plain.items()},
    }
    for name, content in saved.items():
        torch.save(content, tmp_path / name)
    torch.save(plain, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(plain, tmp_path / "plain.safetensors")
    for name in (*saved, "old.pth", "plain.safetensors"):
        state = published.read_state(tmp_path / name)
        assert set(state) == set(plain), name
        assert state["a.weight"].dtype == torch.float32 and torch.equal(state["a.weight"], plain["a.weight"]), name


class Harmful:
    """What would run a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, ("harm",)


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"a": torch.zeros(1)}, "extra": Harmful()}, tmp_path / "harmful.ckpt")
    with pytest.raises(BadInput, match="nothing is unpickled"):
        published.read_state(tmp_path / "harmful.ckpt")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_weights_that_were_cut_short_are_said_to_be(tmp_path: Path, ending: str) -> None:
    file, state = tmp_path / f"w.{ending}", {"a": torch.zeros(10_000)}
    save_file(state, file) if ending == "safetensors" else torch.save(state, file)
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(BadInput, match="cut short") as caught:
        published.read_state(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [torch.zeros(3), {}, {"a": 1}, {"state_dict": {"a": "b"}}], ids=str)
def test_a_file_without_a_state_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(BadInput, match="holds no state_dict"):
        published.read_state(tmp_path / "w.pth")


@pytest.fixture(scope="module")
def cosplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole CosPlace ResNet18 with random weights, saved under its authors' names."""
    torch.manual_seed(0)
    made_of = architecture(NAME)
    ours = published.assembled(made_of).state_dict()
    file = tmp_path_factory.mktemp("weights") / "ResNet18_512_cosplace.pth"
    torch.save({key: ours[made_of.ours(key)] for key in shapes("CosPlace ResNet18/512")}, file)
    return file


@pytest.fixture(scope="module")
def made(cosplace: Path) -> tuple[Path, str]:
    """A weights directory after `viewfix models get cosplace-resnet18-512`, and what was printed."""
    home = cosplace.parent / "home"
    with contextlib.redirect_stdout(io.StringIO()) as said:
        arguments = ["get", NAME, "--weights", str(cosplace), "--weights-dir", str(home), "--offline"]
        assert run(["models", *arguments]) == 0
    return home, said.getvalue()


def test_a_model_that_was_made_ready_says_what_it_is(made: tuple[Path, str]) -> None:
    home, said = made
    assert "recorded, later changes are refused" in said and f"--model {home / NAME}.onnx" in said
    assert sorted(path.name for path in home.iterdir()) == [f"{NAME}.json", f"{NAME}.onnx"]
    about = OnnxModel(home / f"{NAME}.onnx", threads=1).about
    assert about["name"] == NAME and about["licence"] == "MIT"
    assert json.loads((home / f"{NAME}.json").read_text())["sha256"] in about["sources"][0]


def test_a_published_model_once_made_ready_needs_no_pytorch(
    made: tuple[Path, str], tmp_path: Path, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIEWFIX_WEIGHTS", str(made[0]))
    map_path = str(tmp_path / "a.map")
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['onnx'] = None\n"
        "from viewfix.cli import run; from viewfix import Map\n"
        f"assert run(['build', {map_path!r}, {str(street)!r}, '--model', {NAME!r}]) == 0\n"
        f"with Map.open({map_path!r}) as city: print(city.model.name, city.model.dim)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == f"{NAME} 512"


def test_a_model_that_is_here_is_not_made_again(
    made: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIEWFIX_WEIGHTS", str(made[0]))
    assert run(["models", "get", NAME]) == 0
    assert "was fetched before" in capsys.readouterr().out
    assert run(["models", "--json"]) == 0
    facts = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert facts[NAME]["here"] and not facts["megaloc"]["here"]


def test_other_weights_than_those_first_used_are_refused(
    made: tuple[Path, str], cosplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, file = made[0], made[0] / f"{NAME}.onnx"
    before = file.read_bytes()
    other = tmp_path / "other.pth"
    torch.save({key: tensor + 1 for key, tensor in torch.load(cosplace, weights_only=True).items()}, other)
    assert run(["models", "get", NAME, "--weights", str(other), "--weights-dir", str(home)]) == 2
    assert "changed and are not used: SHA-256" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_the_exported_file_describes_as_pytorch_does(made: tuple[Path, str], cosplace: Path) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (300, 500, 3)).astype(np.uint8)
    preprocessing = entry(NAME).preprocessing
    assert preprocessing is not None
    with torch.inference_mode():
        expected = published.load_published(NAME, cosplace)(torch.from_numpy(preprocessing.apply(picture))).numpy()
    found = OnnxModel(made[0] / f"{NAME}.onnx", threads=1).embed([picture])
    assert np.abs(found - expected).max() < 1e-4
    assert np.linalg.norm(expected) == pytest.approx(1, abs=1e-5)


def test_an_export_that_differs_from_pytorch_is_not_kept(
    made: tuple[Path, str], cosplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = onnx.load(made[0] / f"{NAME}.onnx")
    linear = next(tensor for tensor in graph.graph.initializer if list(tensor.dims) == [512])
    changed = onnx.numpy_helper.to_array(linear) + 0.01
    linear.CopyFrom(onnx.numpy_helper.from_array(changed.astype(np.float32), linear.name))
    monkeypatch.setattr(published, "_graph", lambda *args: graph)
    with pytest.raises(ViewfixError, match="was not kept"):
        published.export_published(NAME, cosplace, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_weights_that_do_not_load_are_not_remembered(
    tmp_path: Path, cosplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--weights-dir", str(tmp_path / "home")]
    assert run(["models", "get", "eigenplaces-resnet50-2048", "--weights", str(cosplace), *home]) == 2
    assert "does not hold the weights" in capsys.readouterr().err
    assert not list((tmp_path / "home").iterdir())


def test_a_frozen_bag_of_queries_can_be_exported() -> None:
    layer = aggregators.make("boq", 8, width=64, queries=3, blocks=1, out_rows=2).requires_grad_(False).eval()
    with torch.inference_mode():
        graph = export.to_onnx(layer, torch.ones(2, 8, 4, 4), names=("features", "descriptor"), any_size=False)
    assert [d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim][1:] == [8, 4, 4]
    assert torch.backends.mha.get_fastpath_enabled(), "what was switched off for the export is on again"


def test_boq_takes_the_patches_of_its_transformer_before_the_last_norm() -> None:
    def last_norm(name: str) -> object:
        with torch.device("meta"):
            return published.assembled(architecture(name)).backbone.stages[-1].norm

    assert isinstance(last_norm("boq-dinov2-12288"), torch.nn.Identity)
    assert isinstance(last_norm("salad"), torch.nn.LayerNorm) and isinstance(last_norm("megaloc"), torch.nn.LayerNorm)
