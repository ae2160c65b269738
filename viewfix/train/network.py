"""The whole network: normalised pixels go in, a short unit-length descriptor comes out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Head(nn.Module):
    """What follows the backbone: (B, C, H, W) float feature map to (B, dim) float, rows of length 1."""

    def __init__(self, aggregator: nn.Module, whitening: nn.Linear) -> None:
        super().__init__()
        self.aggregator = aggregator
        self.whitening = whitening

    def forward(self, features: Tensor) -> Tensor:
        return F.normalize(self.whitening(self.aggregator(features)), dim=1)


class Describer(nn.Module):
    """(B, 3, H, W) float, normalised as the backbone wants it, to (B, dim) float, rows of length 1."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        descriptors: Tensor = self.head(self.backbone(x))
        return descriptors
