"""SALAD (Izquierdo and Civera, 2024): features assigned to clusters by optimal transport, or discarded."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import BadInput
from .aggregator import Aggregator


class SALAD(Aggregator):
    """(B, C, H, W) float and (B, C) token to (B, token_dim + clusters * cluster_dim) float, rows of length 1.

    Every cluster takes in the same amount, a dustbin takes the rest; so there must be more positions
    than clusters. Without a token (a backbone that has none) the mean over the map stands in.
    Parameters are named as in the published checkpoints (after their `aggregator.`, MegaLoc's `aggregator.agg.`).

    Args:
        cluster_dim: numbers kept for each cluster; 128, in MegaLoc 256.
        token_dim: numbers kept of the token.
        hidden: width of the three small networks.
        dropout: share of hidden channels left out while training.
        rounds: of Sinkhorn's algorithm.
    """

    def __init__(
        self,
        channels: int,
        *,
        clusters: int = 64,
        cluster_dim: int = 128,
        token_dim: int = 256,
        hidden: int = 512,
        dropout: float = 0.3,
        rounds: int = 3,
    ) -> None:
        super().__init__()
        if dropout >= 1:
            raise BadInput(
                f"dropout of SALAD is {dropout}. It is a share of channels, under 1; the usual value is 0.3."
            )
        self.dim = token_dim + clusters * cluster_dim
        self.clusters, self.rounds = clusters, rounds
        self.token_features = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, token_dim))
        self.cluster_features = _per_position(channels, hidden, cluster_dim, dropout)
        self.score = _per_position(channels, hidden, clusters, dropout)
        self.dust_bin = nn.Parameter(torch.tensor(1.0))

    def forward(self, features: Tensor, token: Tensor | None = None) -> Tensor:
        rows, columns = features.shape[2:]
        if rows * columns <= self.clusters:
            raise BadInput(
                f"SALAD with {self.clusters} clusters needs more positions than that, and was given a feature map of "
                f"{rows}x{columns}. Use larger pictures or fewer clusters."
            )
        if token is None:
            token = features.mean(dim=(2, 3))
        kept = self.cluster_features(features).flatten(2)  # (B, cluster_dim, P)
        shares = transport(self.score(features).flatten(2), self.dust_bin, rounds=self.rounds)  # (B, clusters, P)
        sums = F.normalize(kept @ shares.transpose(1, 2), dim=1)  # (B, cluster_dim, clusters)
        whole = F.normalize(self.token_features(token), dim=1)
        return F.normalize(torch.cat([whole, sums.flatten(1)], dim=1), dim=1)


def transport(scores: Tensor, dust_bin: Tensor, *, rounds: int) -> Tensor:
    """How much of each position each cluster gets, by Sinkhorn's algorithm (Cuturi, 2013), in logarithms.

    A position gives 1, a cluster takes 1, the dustbin takes the P - K that are left; `rounds` times the rows are
    scaled to what clusters take, then the columns to what positions give.

    Args:
        scores: (B, K, P) float, with K < P.
        dust_bin: () float, the score of the dustbin at every position.

    Returns:
        (B, K, P) float, in [0, 1].
    """
    batch, clusters, positions = scores.shape
    scores = torch.cat([scores, dust_bin.expand(batch, 1, positions)], dim=1)  # (B, K + 1, P)
    # log 1 for each cluster, log(P - K) for the dustbin; as a tensor, so that P stays free in an exported file.
    left = torch.ones_like(scores[0, 0]).sum() - clusters
    takes = torch.cat([torch.zeros_like(scores[0, :clusters, 0]), left.log()[None]])[None, :, None]
    columns = torch.zeros_like(scores[:, :1])
    rows = torch.zeros_like(scores[:, :, :1])
    for _ in range(rounds):
        rows = takes - torch.logsumexp(scores + columns, dim=2, keepdim=True)
        columns = -torch.logsumexp(scores + rows, dim=1, keepdim=True)
    return (scores + rows + columns).exp()[:, :clusters]


def _per_position(channels: int, hidden: int, out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.Dropout(dropout), nn.ReLU(), nn.Conv2d(hidden, out, 1))
