"""The losses: descriptors of a batch and their place labels to one number to minimise.

Every loss is a module: (B, D) float descriptors and (B,) int64 labels, equal for photos of one place, to a
scalar float of at least 32 bits on the descriptors' device. A batch that holds nothing to learn from gives
0, which back-propagates as zeros: for triplets and multi-similarity that is one without positives or without
negatives, for contrastive one without either. Distances are Euclidean.

No loss makes a tensor without naming a device. Those of pytorch-metric-learning choose pairs by `nonzero`,
which the `meta` device cannot do (it has no values); the triplets that are ours run there too.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..optional import optional
from .named import made


class MultiSimilarity(nn.Module):
    """Multi-similarity loss over the pairs that its miner finds hard (Wang et al., 2019), as MixVPR and SALAD use it.

    Args:
        alpha: how sharply the farthest positives count most.
        beta: how sharply the nearest negatives count most.
        base: the cosine similarity that positives should exceed and negatives stay under.
        epsilon: a pair is mined if it comes within this cosine similarity of breaking the order.
    """

    def __init__(self, *, alpha: float = 1.0, beta: float = 50.0, base: float = 0.0, epsilon: float = 0.1) -> None:
        super().__init__()
        self.loss: nn.Module = _losses().MultiSimilarityLoss(alpha=alpha, beta=beta, base=base)
        self.miner: nn.Module = _miners().MultiSimilarityMiner(epsilon=epsilon)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return _mined(self.loss, self.miner, embeddings, labels)


class TripletBatchHard(nn.Module):
    """Each photo with its farthest positive and nearest negative of the batch (Hermans et al., 2017).

    The mean over the triplets that break the margin; descriptors are scaled to length 1 first.

    Args:
        margin: by how much the negative must be farther off than the positive; distances run from 0 to 2.
    """

    def __init__(self, *, margin: float = 0.1) -> None:
        super().__init__()
        self.loss: nn.Module = _losses().TripletMarginLoss(margin=margin)
        self.miner: nn.Module = _miners().BatchHardMiner()

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return _mined(self.loss, self.miner, embeddings, labels)


class Contrastive(nn.Module):
    """Positives to one spot, negatives at least the margin away (Hadsell et al., 2006), without the easy pairs.

    The mean over positives plus the mean over negatives; descriptors are scaled to length 1 first.

    Args:
        margin: the distance, from 0 to 2, beyond which a negative costs nothing.
        easy_positive: positives nearer than this are left out.
        easy_negative_share: negatives farther than this share of the margin are left out.
    """

    def __init__(self, *, margin: float = 1.0, easy_positive: float = 0.2, easy_negative_share: float = 0.8) -> None:
        super().__init__()
        self.loss: nn.Module = _losses().ContrastiveLoss(pos_margin=0.0, neg_margin=margin)
        self.miner: nn.Module = _miners().PairMarginMiner(
            pos_margin=easy_positive, neg_margin=easy_negative_share * margin
        )

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return _mined(self.loss, self.miner, embeddings, labels)


class OnlineHardestTriplet(nn.Module):
    """For each photo max(0, farthest positive - nearest negative + margin): the mean over photos that have both.

    Of Schroff et al. (2015) and Hermans et al. (2017); pytorch-metric-learning's averages over
    the triplets that break the margin instead, and scales descriptors to length 1, which this does not.

    Args:
        margin: by how much the negative must be farther off than the positive.
        squared: compare squared distances.
    """

    def __init__(self, *, margin: float = 0.1, squared: bool = False) -> None:
        super().__init__()
        self.margin, self.squared = margin, squared

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        distances = _distances(embeddings, squared=self.squared)
        positive, negative = _pairs(labels.to(embeddings.device))
        # A photo without a positive or a negative gets max(0, -inf) = 0, and takes no part in the mean.
        farthest = distances.masked_fill(~positive, -torch.inf).amax(dim=1)
        nearest = distances.masked_fill(~negative, torch.inf).amin(dim=1)
        complete = positive.any(dim=1) & negative.any(dim=1)
        return F.relu(farthest - nearest + self.margin).sum() / complete.sum().clamp(min=1)


class OnlineAllTriplet(nn.Module):
    """max(0, anchor to positive - anchor to negative + margin): the mean over all triplets where it is not 0.

    Of Schroff et al. (2015). Works on a (B, B, B) array: 4 bytes times 480³ is 440 MB for a batch of 120 x 4.

    Args:
        margin: by how much the negative must be farther off than the positive.
        squared: compare squared distances.
    """

    def __init__(self, *, margin: float = 0.1, squared: bool = False) -> None:
        super().__init__()
        self.margin, self.squared = margin, squared

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        distances = _distances(embeddings, squared=self.squared)
        positive, negative = _pairs(labels.to(embeddings.device))
        excess = distances[:, :, None] - distances[:, None, :] + self.margin  # anchor, positive, negative
        costs = F.relu(excess) * (positive[:, :, None] & negative[:, None, :])
        return costs.sum() / (costs > 0).sum().clamp(min=1)


def _distances(embeddings: Tensor, *, squared: bool) -> Tensor:
    """(B, D) float to (B, B) float: Euclidean distances, or their squares.

    Between equal rows `cdist` passes back a gradient of 0, where that of a square root would be infinite.
    """
    embeddings = _widened(embeddings)
    distances = torch.cdist(embeddings, embeddings)
    return distances.square() if squared else distances


def _widened(embeddings: Tensor) -> Tensor:
    """16 bits as 32: an exponential of 50 times a similarity, or a sum over a batch, needs them."""
    return embeddings.float() if embeddings.dtype in (torch.float16, torch.bfloat16) else embeddings


def _pairs(labels: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) labels to two (B, B) bool masks: another photo of the same place, a photo of another place."""
    same = labels[:, None] == labels[None, :]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return same & ~itself, ~same


def _mined(loss: nn.Module, miner: nn.Module, embeddings: Tensor, labels: Tensor) -> Tensor:
    embeddings, labels = _widened(embeddings), labels.to(embeddings.device)
    value: Tensor = loss(embeddings, labels, miner(embeddings, labels))
    return value


def _losses() -> Any:
    return optional("pytorch_metric_learning.losses")


def _miners() -> Any:
    return optional("pytorch_metric_learning.miners")


MAKERS: dict[str, type[nn.Module]] = {
    "multi-similarity": MultiSimilarity,
    "triplet-batch-hard": TripletBatchHard,
    "contrastive": Contrastive,
    "online-hardest-triplet": OnlineHardestTriplet,
    "online-all-triplet": OnlineAllTriplet,
}
NAMES: tuple[str, ...] = tuple(MAKERS)


def make(name: str, *, margin: float | None = None, **hyper: Any) -> nn.Module:
    """The loss of that name: a module from (B, D) float descriptors and (B,) int64 labels to a scalar.

    Args:
        name: one of `NAMES`.
        margin: None for the loss's own. multi-similarity has none, and says so rather than ignore one.
        hyper: further keyword arguments of the class.

    Raises:
        BadInput: an unknown name or hyper-parameter, or a value of the wrong kind.
        MissingExtra: pytorch-metric-learning is not installed and the loss comes from there.
    """
    given = hyper if margin is None else {"margin": margin, **hyper}
    return made("loss", MAKERS, name, {}, **given)
