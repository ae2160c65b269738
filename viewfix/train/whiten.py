"""Whitening: a linear layer, learned from pairs, that suppresses what varies between photos of one place.

Learned whitening (Mikolajczyk and Matas 2007; Radenović et al. 2018): the covariance of the
differences within pairs is made round, then the directions that vary most between places are kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def principal(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Standard deviations (count,), falling, and directions (count, D) of centred (N, D) data with N < D or so.

    By the (N, N) products of the rows: with thousands of pictures and dimensions that takes seconds.
    """
    values, vectors = torch.linalg.eigh(x @ x.T / len(x))
    values = values.flip(0)[:count].clamp_min(1e-12)
    vectors = vectors.flip(1)[:, :count]
    return values.sqrt(), (x.T @ vectors / (len(x) * values).sqrt()).T


def layer(mean: Tensor, projection: Tensor) -> nn.Linear:
    """x -> (x - mean) @ projection.T, as one linear layer; projection is (dim, D)."""
    linear = nn.Linear(projection.shape[1], projection.shape[0])
    with torch.no_grad():
        linear.weight.copy_(projection)
        linear.bias.copy_(-projection @ mean)
    return linear


def pca(x: Tensor, dim: int, *, power: float) -> nn.Linear:
    """Principal components of (N, D); `power` 1 evens out their variances, 0 leaves them as they are."""
    mean = x.mean(dim=0)
    deviations, directions = principal(x - mean, dim)
    return layer(mean, directions / deviations[:, None] ** power)


def learned(
    x: Tensor, pairs: tuple[Tensor, Tensor], dim: int, *, keep: int, shrinkage: float, power: float
) -> nn.Linear:
    """Whitening learned from pairs.

    Args:
        x: (N, D), one row a picture.
        pairs: two (M, D); row i of both shows the same place.
        dim: length of the outcome.
        keep: principal components of x that everything happens in; what is beyond is noise.
        shrinkage: [0, 1], how far the covariance of pairs is pulled to a round one; 1 learns nothing.
        power: [0, 1], how far the variances between places are evened out in the end.
    """
    mean = x.mean(dim=0)
    _, basis = principal(x - mean, min(keep, len(x) - 1))  # (keep, D)
    differences = (pairs[0] - pairs[1]) @ basis.T
    within = differences.T @ differences / len(differences)
    level = within.trace() / len(within)
    within = (1 - shrinkage) * within + shrinkage * level * torch.eye(len(within))
    values, vectors = torch.linalg.eigh(within)
    flatten = (vectors / values.sqrt()) @ vectors.T @ basis  # (keep, D)
    between = (x - mean) @ flatten.T
    values, vectors = torch.linalg.eigh(between.T @ between / len(between))
    values, vectors = values.flip(0)[:dim], vectors.flip(1)[:, :dim]
    return layer(mean, (vectors / values.sqrt() ** power).T @ flatten)
