"""SPoC and MAC: the mean or the maximum of each channel."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .aggregator import Aggregator


class SPoC(Aggregator):
    """Mean over the map (Babenko and Lempitsky, 2015): (B, C, H, W) float to (B, C) float, rows of length 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dim = channels

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        return F.normalize(features.flatten(2).mean(dim=2), dim=1)


class MAC(Aggregator):
    """Maximum over the map (Tolias et al., 2016): (B, C, H, W) float to (B, C) float, rows of length 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dim = channels

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        return F.normalize(features.flatten(2).amax(dim=2), dim=1)
