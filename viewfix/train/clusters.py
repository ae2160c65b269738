"""The initial vocabulary of NetVLAD, by k-means over local features of many pictures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def sample(maps: Iterable[npt.NDArray[np.floating]], *, per_picture: int, seed: int) -> Floats:
    """(N * per_picture, C) float32 rows of length 1 out of N (positions, C) feature maps, drawn at random."""
    rng = np.random.default_rng(seed)
    drawn = [m[rng.choice(len(m), min(per_picture, len(m)), replace=False)] for m in maps]
    features = np.concatenate(drawn).astype(np.float32)
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12), np.float32)


def vocabulary(features: Floats, clusters: int, *, seed: int, rounds: int = 40) -> Floats:
    """(clusters, C) float32 centres of (N, C) features by k-means; the better of two starts."""
    import faiss

    kmeans = faiss.Kmeans(features.shape[1], clusters, niter=rounds, nredo=2, seed=seed, max_points_per_centroid=10**6)
    kmeans.train(features)
    return np.asarray(kmeans.centroids, np.float32)


def sharpness(features: Floats, centres: Floats, *, share: float = 0.01) -> float:
    """The alpha at which, at the mean gap, the second nearest centre gets `share` times what the nearest gets.

    The gap is that of squared distances to the two nearest centres, over (N, C) features.
    """
    distances = (centres**2).sum(axis=1)[None] - 2 * features @ centres.T  # less |x|², which is common to all
    nearest = np.partition(distances, 1, axis=1)
    return float(-np.log(share) / (nearest[:, 1] - nearest[:, 0]).mean())
