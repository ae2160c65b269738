"""ResNet cut after layer4 or layer3: a map at stride 32 or 16.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016
(arXiv:1512.03385). Under the tensor names of torchvision, whose ResNet50 also moves the
stride of a block from its first convolution to the 3x3 one.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .backbone import Backbone

WIDTHS = (64, 128, 256, 512)


class Basic(nn.Module):
    """Two 3x3 convolutions, added to their input. Of ResNet18."""

    expansion = 1

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """Narrow, filter 3x3, widen fourfold, added to its input. Of ResNet50."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        wide = width * self.expansion
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.downsample = _shortcut(channels_in, wide, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Sequential | None:
    """What brings the input of a block to the shape of its output; None where it has it."""
    if stride == 1 and channels_in == channels_out:
        return None
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out))


class ResNet(Backbone):
    """(B, 3, H, W) float, normalised as for ImageNet, to (B, C, H / stride, W / stride) float, not negative.

    Stages: conv1 with its pooling, then layer1 and so on.

    Args:
        block: Basic or Bottleneck.
        depths: blocks of layer1, layer2 and so on; four, or three to cut at stride 16.
    """

    def __init__(self, block: type[Basic] | type[Bottleneck], depths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.depth = len(depths)
        channels = WIDTHS[0]
        for i, (count, width) in enumerate(zip(depths, WIDTHS, strict=False)):
            blocks: list[nn.Module] = []
            for j in range(count):
                blocks.append(block(channels, width, stride=2 if i > 0 and j == 0 else 1))
                channels = width * block.expansion
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.channels = channels
        self.stride = self.multiple_px = 2 ** (self.depth + 1)
        self.beyond = ("fc.weight", "fc.bias", *(f"layer{i}." for i in range(self.depth + 1, len(WIDTHS) + 1)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def stages(self) -> tuple[nn.Module, ...]:
        stem = nn.Sequential(self.conv1, self.bn1, self.relu, self.maxpool)
        return stem, *(self.get_submodule(f"layer{i + 1}") for i in range(self.depth))
