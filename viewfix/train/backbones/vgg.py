"""VGG16 without its last pooling: a map with 512 channels at stride 16.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
ICLR 2015 (arXiv:1409.1556). Under the tensor names of torchvision.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from .backbone import Backbone

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the 3x3 convolutions between two poolings."""


class VGG16(Backbone):
    """(B, 3, H, W) float, normalised as for ImageNet, to (B, 512, H / 16, W / 16) float.

    The map is the output of the last convolution, before ReLU and pooling: where NetVLAD and
    CosPlace cut it. Stages: what lies between two poolings, five of them.
    """

    channels = 512
    stride = multiple_px = 16
    beyond = tuple(f"classifier.{layer}.{kind}" for layer in (0, 3, 6) for kind in ("weight", "bias"))

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.cuts, channels = [0], 3
        for widths in WIDTHS:
            for width in widths:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2, 2))
            self.cuts.append(len(layers))
        self.cuts[-1] -= 2
        self.features = nn.Sequential(*layers[:-2])
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    @property
    def stages(self) -> tuple[nn.Module, ...]:
        return tuple(self.features[start:end] for start, end in pairwise(self.cuts))
