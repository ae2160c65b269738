"""GeM (Radenović et al., 2019): the generalised mean of each channel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .aggregator import Aggregator

LEAST = 1e-6  # features are raised to this: a power of 0 has no slope, a root of a negative no value


class GeM(Aggregator):
    """(B, C, H, W) float to (B, C) float, rows of length 1.

    Args:
        power: where the learned exponent starts: 1 is the mean, infinity the maximum.
    """

    def __init__(self, channels: int, *, power: float = 3.0) -> None:
        super().__init__()
        self.dim = channels
        self.p = nn.Parameter(torch.tensor([power]))

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        return F.normalize(generalised_mean(features, self.p), dim=1)


def generalised_mean(features: Tensor, p: Tensor) -> Tensor:
    """(B, C, H, W) float and (1,) exponent to (B, C): the p-th root of the mean of p-th powers.

    Each channel is divided by its maximum on the way, which changes nothing but the rounding: 1e-6 to the power
    of 8 is already 0 in 32 bits, and the root has no slope there.
    """
    x = features.flatten(2).clamp(min=LEAST)
    largest = x.detach().amax(dim=2, keepdim=True)
    means = (x / largest).pow(p).mean(dim=2)
    return means.pow(1 / p) * largest.squeeze(2)
