"""Aggregation layers compute what the published ones compute, alone or in a batch, on any device, and can leave."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs viewfix[train]")

from published_modules import golden as arrays_of  # noqa: E402
from published_modules import published_shapes, state_of  # noqa: E402

from viewfix.errors import BadInput  # noqa: E402
from viewfix.train import aggregators  # noqa: E402
from viewfix.train.aggregators import Aggregator, cosplace, netvlad  # noqa: E402
from viewfix.train.aggregators.convap import ConvAP  # noqa: E402
from viewfix.train.aggregators.gem import GeM, generalised_mean  # noqa: E402
from viewfix.train.aggregators.ghostvlad import GhostVLAD  # noqa: E402
from viewfix.train.aggregators.netvlad import NetVLAD  # noqa: E402
from viewfix.train.aggregators.salad import SALAD, transport  # noqa: E402

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")),
]
CHANNELS, ROWS, COLUMNS = 8, 5, 6
SMALL: dict[str, dict[str, Any]] = {
    "netvlad": {"clusters": 3},
    "ghostvlad": {"clusters": 3, "ghosts": 2},
    "refined-netvlad": {"clusters": 3, "hidden": 5},
    "gem": {},
    "spoc": {},
    "mac": {},
    "convap": {"out_channels": 5, "cells": (2, 3)},
    "cosplace": {"dim": 6},
    "mixvpr": {"grid": (ROWS, COLUMNS), "out_channels": 4, "out_rows": 3, "depth": 2},
    "salad": {"clusters": 4, "cluster_dim": 3, "token_dim": 5, "hidden": 7},
    "boq": {"width": 64, "queries": 3, "blocks": 1, "out_rows": 2},
}


def small(name: str) -> Aggregator:
    torch.manual_seed(0)
    return aggregators.make(name, CHANNELS, **SMALL[name]).eval()


def maps(batch: int = 3, rows: int = ROWS, columns: int = COLUMNS) -> "tuple[torch.Tensor, torch.Tensor]":
    """Features and tokens of a few pictures."""
    values = torch.Generator().manual_seed(1)
    return torch.randn(batch, CHANNELS, rows, columns, generator=values), torch.randn(batch, CHANNELS, generator=values)


def golden(name: str) -> "tuple[torch.Tensor, np.ndarray, dict[str, torch.Tensor]]":
    case = arrays_of(name)
    state = {key: torch.from_numpy(value) for key, value in state_of(case).items()}
    return torch.from_numpy(case["input"]), case["output"], state


def without(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def from_tokens(rows: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """The golden input of a transformer, (B, 1 + 6 * 7, C), as a map and its token."""
    return rows[:, 1:].transpose(1, 2).unflatten(2, (6, 7)), rows[:, 0]


def check(layer: Any, inputs: "tuple[torch.Tensor, ...]", expected: np.ndarray) -> None:
    """Equal to 1e-5 all at once, each alone, and with another first; with gradients on and off."""
    layer.eval()
    assert np.allclose(layer(*inputs).detach(), expected, atol=1e-5)
    with torch.inference_mode():
        for rows in (slice(None), [0], [1], [2], [2, 0]):
            assert np.allclose(layer(*(x[rows] for x in inputs)), expected[rows], atol=1e-5)


@pytest.mark.parametrize(
    ("case", "name", "channels", "hyper"),
    [
        ("boq", "boq", 48, {"width": 64, "queries": 6, "blocks": 2, "out_rows": 4}),
        ("mixvpr", "mixvpr", 32, {"grid": [5, 5], "out_channels": 16, "depth": 3, "ratio": 1, "out_rows": 4}),
        ("convap", "convap", 24, {"out_channels": 8, "cells": [2, 2]}),
    ],
)
def test_a_layer_computes_what_the_published_one_computes(
    case: str, name: str, channels: int, hyper: dict[str, Any]
) -> None:
    features, expected, state = golden(case)
    layer = aggregators.make(name, channels, **hyper)
    layer.load_state_dict(state, strict=True)
    assert layer.dim == expected.shape[1]
    check(layer, (features,), expected)


def test_the_head_of_cosplace_computes_what_the_published_one_computes() -> None:
    features, expected, state = golden("cosplace_head")
    layer = aggregators.make("cosplace", 24, dim=10)
    layer.load_state_dict(cosplace.from_published(state), strict=True)
    check(layer, (features,), expected)


def test_netvlad_computes_what_the_published_one_computes() -> None:
    features, expected, state = golden("netvlad_dvgb")
    layer = aggregators.make("netvlad", 16, clusters=6)
    layer.load_state_dict(netvlad.from_published(state), strict=True)
    assert layer.dim == expected.shape[1]
    check(layer, (features,), expected)


def test_salad_computes_what_the_published_one_computes() -> None:
    rows, expected, state = golden("salad")
    layer = aggregators.make("salad", 32, clusters=8, cluster_dim=12, token_dim=16)
    layer.load_state_dict(without("agg.", state), strict=True)
    assert layer.dim == expected.shape[1]
    check(layer, from_tokens(rows), expected)


def test_the_head_of_megaloc_is_salad_and_one_linear_layer() -> None:
    rows, expected, state = golden("megaloc_head")
    salad = aggregators.make("salad", 32, clusters=8, cluster_dim=12, token_dim=16, hidden=24)
    salad.load_state_dict(without("aggregator.agg.", state), strict=True)
    linear = torch.nn.Linear(salad.dim, 20)
    linear.load_state_dict(without("aggregator.linear.", state), strict=True)

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.salad, self.linear = salad, linear

        def forward(self, features: "torch.Tensor", token: "torch.Tensor") -> "torch.Tensor":
            return torch.nn.functional.normalize(self.linear(self.salad(features, token)), dim=1)

    check(Head(), from_tokens(rows), expected)


def test_the_defaults_are_the_published_sizes() -> None:
    published = {"netvlad": 64 * 512, "ghostvlad": 64 * 512, "gem": 512, "spoc": 512, "mac": 512, "convap": 4096}
    published |= {"refined-netvlad": 64 * 512}  # ours: NetVLAD with more to learn
    published |= {"cosplace": 512, "mixvpr": 4096, "salad": 8448, "boq": 16384}
    with torch.device("meta"):
        assert {name: aggregators.make(name, 512).dim for name in aggregators.NAMES} == published


@pytest.mark.parametrize(
    ("checkpoint", "prefix", "name", "channels", "hyper"),
    [
        ("DINOv2-SALAD", "aggregator.", "salad", 768, {}),
        ("MegaLoc (gmberton/MegaLoc:megaloc_model.py)", "aggregator.agg.", "salad", 768, {"cluster_dim": 256}),
        ("BoQ ResNet50", "aggregator.", "boq", 1024, {}),
        ("BoQ DINOv2", "aggregator.", "boq", 768, {"width": 384}),
        ("MixVPR 4096", "aggregator.", "mixvpr", 1024, {}),
        ("MixVPR 512", "aggregator.", "mixvpr", 1024, {"out_channels": 256, "out_rows": 2}),
        ("ConvAP 4096", "aggregator.", "convap", 2048, {}),
    ],
)
def test_the_parameters_are_those_of_the_published_checkpoint(
    checkpoint: str, prefix: str, name: str, channels: int, hyper: dict[str, Any]
) -> None:
    with torch.device("meta"):
        ours = aggregators.make(name, channels, **hyper).state_dict()
    theirs = without(prefix, published_shapes(checkpoint))
    assert {key: list(value.shape) for key, value in ours.items()} == theirs


@pytest.mark.parametrize("name", aggregators.NAMES)
def test_a_vector_has_length_one_and_does_not_depend_on_its_batch(name: str) -> None:
    layer, (features, token) = small(name), maps()
    with torch.inference_mode():
        together = layer(features, token)
        alone = torch.cat([layer(features[i : i + 1], token[i : i + 1]) for i in range(3)])
    assert together.shape == (3, layer.dim) and together.dtype == torch.float32
    assert torch.allclose(together.norm(dim=1), torch.ones(3), atol=1e-6)
    assert torch.allclose(together, alone, atol=1e-6)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", aggregators.NAMES)
def test_no_layer_makes_tensors_on_the_default_device(name: str, device: str) -> None:
    layer, (features, token) = small(name), maps()
    expected = layer(features, token).detach()
    layer, features, token = layer.to(device), features.to(device).requires_grad_(), token.to(device)
    with torch.device("meta"):
        values = layer(features, token)
        values.square().sum().backward()
        layer.train()(features)
    assert values.device.type == device and torch.allclose(values.detach().cpu(), expected, atol=1e-5)
    assert features.grad.device.type == device and features.grad.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("name", aggregators.NAMES)
def test_a_layer_and_its_inputs_can_be_on_another_device_than_the_default(name: str) -> None:
    with torch.device("meta"):
        layer = aggregators.make(name, CHANNELS, **SMALL[name])
    # What a forward pass makes without naming a device would now be on the CPU, and clash.
    for mode in (True, False):
        values = layer.train(mode)(*(x.to("meta") for x in maps()))
        assert values.device.type == "meta" and values.shape == (3, layer.dim)


@pytest.mark.parametrize("name", aggregators.NAMES)
def test_an_exported_layer_computes_the_same_for_any_batch_and_map(name: str) -> None:
    pytest.importorskip("onnxscript", reason="needs viewfix[train]")
    from onnxruntime import InferenceSession

    from viewfix.train import export

    layer = small(name)
    file = export.to_onnx(layer, maps(batch=2)[0], names=("features", "descriptor")).SerializeToString()
    session = InferenceSession(file, providers=["CPUExecutionProvider"])
    sizes = [(1, ROWS, COLUMNS), (3, ROWS, COLUMNS)]
    if name != "mixvpr":
        sizes += [(1, 7, 9), (2, 9, 4)]
    for size in sizes:
        features, _ = maps(*size)
        (values,) = session.run(None, {"features": features.numpy()})
        with torch.inference_mode():
            assert np.allclose(values, layer(features), atol=1e-5)


def test_a_layer_without_a_token_takes_the_mean_of_the_map() -> None:
    layer, (features, token) = small("salad"), maps()
    with torch.inference_mode():
        assert torch.allclose(layer(features), layer(features, features.mean(dim=(2, 3))), atol=1e-7)
        assert not torch.allclose(layer(features), layer(features, token), atol=1e-3)


def test_optimal_transport_gives_each_position_away_and_each_cluster_its_due() -> None:
    values = torch.Generator().manual_seed(0)
    scores = 4 * torch.randn(2, 4, 30, generator=values, dtype=torch.float64)
    dust_bin = torch.tensor(1.0, dtype=torch.float64)
    settled = transport(scores, dust_bin, rounds=1000)
    assert torch.allclose(settled.sum(dim=2), torch.ones(2, 4, dtype=torch.float64), atol=1e-6)
    after_three = transport(scores, dust_bin, rounds=3)
    assert (after_three >= 0).all() and (after_three.sum(dim=1) <= 1).all()
    assert not torch.allclose(after_three, settled, atol=1e-3)


def test_optimal_transport_survives_large_scores() -> None:
    scores = (1000 * torch.randn(2, 4, 30, generator=torch.Generator().manual_seed(0))).requires_grad_()
    shares = transport(scores, torch.tensor(1.0), rounds=3)
    shares.square().sum().backward()
    assert shares.isfinite().all() and scores.grad.isfinite().all()


def test_a_ghost_takes_its_share_and_adds_nothing() -> None:
    features, _ = maps()
    layer = GhostVLAD(3, CHANNELS, ghosts=2).double()
    centres = torch.nn.functional.normalize(
        torch.randn(3, CHANNELS, generator=torch.Generator().manual_seed(2), dtype=torch.float64), dim=1
    )
    layer.set_vocabulary(centres, alpha=3.0)
    everyone = np.concatenate([centres.numpy(), [centres[[0, 2]].mean(0).numpy(), centres[1].numpy()]])
    for feature, vector in zip(features.double(), layer(features.double()).detach().numpy(), strict=True):
        sums = np.zeros((3, CHANNELS))
        for x in feature.flatten(1).T.numpy():
            x = x / np.linalg.norm(x)
            shares = np.exp(-3.0 * ((x - everyone) ** 2).sum(axis=1))
            sums += (shares / shares.sum())[:3, None] * (x - everyone[:3])
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        assert np.allclose(vector, sums.ravel() / np.linalg.norm(sums), atol=1e-12)


def test_without_anything_for_its_ghosts_ghostvlad_is_netvlad() -> None:
    features, _ = maps()
    ghost, plain = small("ghostvlad"), NetVLAD(3, CHANNELS)
    plain.set_vocabulary(ghost.centres, alpha=5.0)
    ghost.set_vocabulary(plain.centres, alpha=5.0)
    with torch.inference_mode():
        assert not torch.allclose(ghost(features), plain(features), atol=1e-3)
        ghost.bias[3:] = -1e4
        assert torch.allclose(ghost(features), plain(features), atol=1e-6)


@pytest.mark.parametrize("power", [1.0, 3.0, 5.5])
def test_gem_and_its_slopes_are_those_of_the_formula(power: float) -> None:
    features = maps()[0].double().relu()
    features[:, 0] = 0.0  # a dead channel
    slopes = []
    for pooled in (generalised_mean, lambda x, p: x.clamp(min=1e-6).pow(p).mean(dim=(2, 3)).pow(1 / p)):
        x, p = features.clone().requires_grad_(), torch.tensor([power], dtype=torch.float64, requires_grad=True)
        values = pooled(x, p)
        values.sin().sum().backward()
        slopes.append((values.detach(), x.grad, p.grad))
    for ours, formula in zip(*slopes, strict=True):
        assert torch.allclose(ours, formula, atol=1e-10)


def test_gem_stays_finite_where_powers_vanish_in_32_bits() -> None:
    features, _ = maps()
    features = features.relu()
    features[:, 0] = 0.0
    layer = GeM(CHANNELS, power=12.0)
    values = layer(features.requires_grad_())
    values[:, 0].sum().backward()
    assert values.isfinite().all() and features.grad.isfinite().all() and layer.p.grad.isfinite().all()


def test_spoc_is_the_mean_and_mac_the_maximum() -> None:
    features = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 16.0]]]])
    assert torch.allclose(aggregators.make("spoc", 2)(features), torch.tensor([[3.0, 4.0]]) / 5)
    assert torch.allclose(aggregators.make("mac", 2)(features / 2), torch.tensor([[3.0, 8.0]]) / 73**0.5)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 7), (8, 12)])
def test_the_cells_of_convap_are_those_of_adaptive_pooling(size: tuple[int, int]) -> None:
    features, _ = maps(2, *size)
    layer = ConvAP(CHANNELS, out_channels=4, cells=(2, 3))
    pooled = torch.nn.functional.adaptive_avg_pool2d(layer.channel_pool(features), (2, 3)).flatten(1)
    assert torch.allclose(layer(features), torch.nn.functional.normalize(pooled, dim=1), atol=1e-6)


def test_mixvpr_refuses_a_map_of_another_size() -> None:
    with pytest.raises(BadInput) as caught:
        small("mixvpr")(maps(2, COLUMNS, ROWS)[0])
    assert str(caught.value).startswith("This MixVPR takes feature maps of 5x6 and was given 6x5. ")
    assert "\n" not in str(caught.value)


def test_salad_refuses_as_many_clusters_as_positions() -> None:
    layer = SALAD(CHANNELS, clusters=6)
    assert layer(maps(2, 1, 7)[0]).isfinite().all()
    with pytest.raises(BadInput, match="6 clusters needs more positions than that.* map of 2x3. Use larger pictures"):
        layer(maps(2, 2, 3)[0])


@pytest.mark.parametrize(
    ("name", "hyper", "answer"),
    [
        ("netvald", {}, "There is no aggregation layer called 'netvald'. Did you mean 'netvlad'?"),
        ("zzz", {}, "There are: netvlad, ghostvlad, refined-netvlad, gem"),
        ("salad", {"cluster": 3}, "The aggregation layer salad has no parameter 'cluster'. Did you mean 'clusters'?"),
        ("netvlad", {"channels_in": 3}, "has no parameter 'channels_in'. It has: clusters."),
        ("mac", {"power": 3}, "has no parameter 'power'. It has: none."),
        ("netvlad", {"clusters": 0}, "clusters of the aggregation layer netvlad is 0. It must be a whole number of at"),
        ("netvlad", {"clusters": "64"}, "is '64'. It must be a whole number of at least 1; the usual value is 64."),
        ("netvlad", {"clusters": True}, "is True. It must be a whole number"),
        ("gem", {"power": -1}, "is -1. It must be a number of at least 0"),
        ("mixvpr", {"grid": [20]}, "is [20]. It must be 2 whole numbers; the usual value is (20, 20)."),
        ("boq", {"width": 100}, "width of BoQ is 100. It must be a multiple of 64"),
        ("salad", {"dropout": 1.5}, "dropout of SALAD is 1.5. It is a share of channels, under 1"),
        ("ghostvlad", {"clusters": 2, "ghosts": 3}, "3 ghosts beside 2 clusters"),
    ],
)
def test_a_wrong_name_or_value_is_refused_in_one_line(name: str, hyper: dict[str, Any], answer: str) -> None:
    with pytest.raises(BadInput) as caught:
        aggregators.make(name, 64, **hyper)
    assert answer in str(caught.value) and "\n" not in str(caught.value)
