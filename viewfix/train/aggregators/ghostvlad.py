"""GhostVLAD (Zhong et al., 2018): NetVLAD with extra centres for useless features, which are then dropped."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import BadInput
from .aggregator import Aggregator
from .netvlad import residuals


class GhostVLAD(Aggregator):
    """(B, C, H, W) float to (B, clusters * C) float, rows of length 1.

    Features are shared out as in NetVLAD, among `clusters` centres and `ghosts` more: sky, road and cars can go
    to a ghost, whose residuals are dropped.
    """

    def __init__(self, clusters: int, channels: int, *, ghosts: int = 1) -> None:
        super().__init__()
        if ghosts > clusters:
            raise BadInput(f"GhostVLAD was asked for {ghosts} ghosts beside {clusters} clusters. Ask for fewer ghosts.")
        self.dim = clusters * channels
        self.clusters, self.ghosts = clusters, ghosts
        self.centres = nn.Parameter(torch.empty(clusters, channels))
        self.weight = nn.Parameter(torch.empty(clusters + ghosts, channels))
        self.bias = nn.Parameter(torch.empty(clusters + ghosts))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Centres anywhere on the unit sphere; `set_vocabulary` or a state dict gives real ones."""
        with torch.no_grad():
            nn.init.normal_(self.centres)
            self.set_vocabulary(F.normalize(self.centres, dim=1), alpha=10.0)

    def set_vocabulary(self, centres: Tensor, *, alpha: float) -> None:
        """Takes (clusters, C) centres; the larger `alpha`, the harder the assignment to the nearest.

        A ghost starts at the mean of every `ghosts`-th centre: near the middle, nearest to what
        resembles no centre in particular, and no two ghosts alike, or they would stay alike.
        """
        with torch.no_grad():
            means = [centres[first :: self.ghosts].mean(dim=0) for first in range(self.ghosts)]
            everyone = torch.cat([centres, torch.stack(means)])
            self.centres.copy_(centres)
            self.weight.copy_(2 * alpha * everyone)
            self.bias.copy_(-alpha * everyone.square().sum(dim=1))

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        x = F.normalize(features.flatten(2), dim=1)  # (B, C, P)
        shares = torch.softmax(self.weight @ x + self.bias[:, None], dim=1)  # (B, K + G, P)
        return residuals(x, shares[:, : self.clusters], self.centres)
