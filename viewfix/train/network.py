"""The whole network: normalised pixels go in, a short unit-length descriptor comes out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Describer(nn.Module):
    """Backbone, aggregator and whitening in a row.

    (B, 3, H, W) float, normalised as the backbone wants it, to (B, dim) float, rows of length 1.
    """

    def __init__(self, backbone: nn.Module, aggregator: nn.Module, whitening: nn.Linear) -> None:
        super().__init__()
        self.backbone = backbone
        self.aggregator = aggregator
        self.whitening = whitening

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.whitening(self.aggregator(self.backbone(x))), dim=1)
