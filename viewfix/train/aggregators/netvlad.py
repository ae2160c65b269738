"""NetVLAD (Arandjelović et al., 2016): residuals to soft-assigned centres, as one vector of length 1."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .aggregator import Aggregator


class NetVLAD(Aggregator):
    """(B, C, H, W) float to (B, clusters * C) float, rows of length 1.

    A feature x, scaled to length 1, belongs to centre c with softmax(-alpha |x - c|²);
    spelled out, the weights of that softmax are 2 alpha c and its bias -alpha |c|².
    """

    def __init__(self, clusters: int, channels: int) -> None:
        super().__init__()
        self.dim = clusters * channels
        self.centres = nn.Parameter(torch.empty(clusters, channels))
        self.weight = nn.Parameter(torch.empty(clusters, channels))
        self.bias = nn.Parameter(torch.empty(clusters))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Centres anywhere on the unit sphere; `set_vocabulary` or a state dict gives real ones."""
        with torch.no_grad():
            nn.init.normal_(self.centres)
            self.set_vocabulary(F.normalize(self.centres, dim=1), alpha=10.0)

    def set_vocabulary(self, centres: Tensor, *, alpha: float) -> None:
        """Takes (clusters, C) centres; the larger `alpha`, the harder the assignment to the nearest."""
        with torch.no_grad():
            self.centres.copy_(centres)
            self.weight.copy_(2 * alpha * centres)
            self.bias.copy_(-alpha * centres.square().sum(dim=1))

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        x = F.normalize(features.flatten(2), dim=1)  # (B, C, P)
        shares = torch.softmax(self.weight @ x + self.bias[:, None], dim=1)  # (B, K, P)
        return residuals(x, shares, self.centres)


def residuals(x: Tensor, shares: Tensor, centres: Tensor) -> Tensor:
    """The sums over positions of a (x - c), each centre's scaled to length 1, then all together.

    Args:
        x: (B, C, P) float features.
        shares: (B, K, P) float, how much of each feature belongs to each centre.
        centres: (K, C) float.

    Returns:
        (B, K * C) float, rows of length 1.
    """
    # Two products: the residuals themselves would fill B * K * C * P numbers.
    sums = shares @ x.transpose(1, 2) - shares.sum(dim=2, keepdim=True) * centres
    return F.normalize(F.normalize(sums, dim=2).flatten(1), dim=1)


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of deep-visual-geo-localization-benchmark (`centroids`, `conv.weight`, at times `conv.bias`) as ours.

    There the bias is left out: with centres of one common length it changes nothing.
    """
    centres = state["centroids"]
    return {
        "centres": centres,
        "weight": state["conv.weight"].flatten(1),
        "bias": state.get("conv.bias", torch.zeros(len(centres), dtype=centres.dtype, device=centres.device)),
    }
