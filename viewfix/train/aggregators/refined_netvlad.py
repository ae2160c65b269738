"""NetVLAD over features that a small network has corrected and weighted.

NetVLAD is of Arandjelović et al. (2016); that some features should count for less is in
DELF (Noh et al., 2017) and, as clusters to be thrown away, in GhostVLAD (Zhong et al., 2018).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .netvlad import NetVLAD, residuals

LIVELY = 5.0
"""Features of length 1 are small numbers in each channel; this brings them to where a ReLU makes a difference."""


class RefinedNetVLAD(NetVLAD):
    """(B, C, H, W) float to (B, clusters * C) float, rows of length 1.

    Each feature, of length 1, gets a correction from a perceptron with `hidden` units, and a weight in
    (0, 2) for how much it tells about the place. Untrained, correction and weight are 0 and 1: plain NetVLAD.
    """

    def __init__(self, clusters: int, channels: int, *, hidden: int = 224) -> None:
        super().__init__(clusters, channels)
        self.widen = nn.Conv2d(channels, hidden, 1)
        self.narrow = nn.Conv2d(hidden, channels, 1)
        self.weigh = nn.Conv2d(channels, 1, 1)
        for layer in (self.narrow, self.weigh):
            nn.init.zeros_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        seen = F.normalize(features, dim=1)
        refined = F.normalize(seen + self.narrow(F.relu(self.widen(seen * LIVELY))), dim=1).flatten(2)  # (B, C, P)
        weight = 2 * torch.sigmoid(self.weigh(seen * LIVELY)).flatten(2)  # (B, 1, P)
        shares = torch.softmax(self.weight @ refined + self.bias[:, None], dim=1) * weight
        return residuals(refined, shares, self.centres)
