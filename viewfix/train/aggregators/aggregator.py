"""The interface of aggregation layers: a feature map to one vector of length 1 for each picture."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class Aggregator(nn.Module):
    """(B, C, H, W) float, and the (B, C) global token of a transformer, to (B, dim) float, rows of length 1.

    Layers that have no use for a token ignore it. Every tensor that a layer makes is on the device of its
    input, and a picture's vector does not depend on the others of its batch.
    """

    dim: int

    @abstractmethod
    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor: ...
