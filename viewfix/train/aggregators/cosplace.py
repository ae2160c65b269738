"""The head of CosPlace and EigenPlaces (Berton et al., 2022 and 2023): GeM and one linear layer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .aggregator import Aggregator
from .gem import generalised_mean


class CosPlace(Aggregator):
    """(B, C, H, W) float to (B, dim) float, rows of length 1.

    Args:
        dim: length of the descriptor.
        power: where the learned exponent of the generalised mean starts.
    """

    def __init__(self, channels: int, *, dim: int = 512, power: float = 3.0) -> None:
        super().__init__()
        self.dim = dim
        self.p = nn.Parameter(torch.tensor([power]))
        self.linear = nn.Linear(channels, dim)

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        pooled = generalised_mean(F.normalize(features, dim=1), self.p)
        return F.normalize(self.linear(pooled), dim=1)


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The `aggregation.1.p`, `aggregation.3.weight` and `aggregation.3.bias` of a published checkpoint as ours."""
    return {
        "p": state["aggregation.1.p"],
        "linear.weight": state["aggregation.3.weight"],
        "linear.bias": state["aggregation.3.bias"],
    }
