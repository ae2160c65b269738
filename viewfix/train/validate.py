"""Validation recall: held-out photos as queries against the other held-out photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .. import metrics
from ..errors import BadInput
from .pictures import AS_IS, NIGHT, Sample
from .places import Places

RANKS = (1, 5)
AT_ONCE = 16

Floats = npt.NDArray[np.float32]
Describe = Callable[[Sequence[Sample]], Tensor]
"""BatchSource of validation photos to (B, dim) descriptors."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Which validation photos are queries, which are the map, and which answers are right.

    `queries` (Q,) and `map` (M,) int64 rows of the photos, none in both; `right` (Q, M) bool:
    every query has at least one. `versions` of the queries that are asked.
    """

    queries: npt.NDArray[np.int64]
    map: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    versions: tuple[int, ...]

    @classmethod
    def of(cls, places: Places, *, night: bool, seed: int) -> Validation:
        """Halves of the photos, drawn so that every query has a photo of its place in the map.

        In a random order, a photo of a place that the map has already is a query, any other goes
        into the map. A right answer shows the same place: within `positive_m`, looking the same way.

        Raises:
            BadInput: no two of the photos show one place.
        """
        in_map = np.zeros(len(places.photos), bool)
        asking = []
        for row in np.random.default_rng(seed).permutation(len(places.photos)):
            if in_map[places.positives(int(row))].any():
                asking.append(int(row))
            else:
                in_map[row] = True
        if not asking:
            raise BadInput(
                f"No two of the {len(places.photos)} validation photos show one place, so no recall can be measured. "
                "Add photos, or raise validation_share, positive_m or heading_tolerance_deg."
            )
        right = np.zeros((len(asking), len(places.photos)), bool)
        for line, row in enumerate(asking):
            right[line, places.positives(row)] = True
        rows = np.flatnonzero(in_map)
        return cls(np.array(asking, np.int64), rows, right[:, rows], (AS_IS, NIGHT) if night else (AS_IS,))

    @property
    def samples(self) -> list[Sample]:
        """Everything that is described for one validation."""
        asked = [(int(row), version) for version in self.versions for row in self.queries]
        return [(int(row), AS_IS) for row in self.map] + asked

    def recall(self, describe: Describe) -> dict[str, float]:
        """`recall@1`, `recall@5`, the same of `night` queries, and `score`: the mean recall@1; all in [0, 1]."""
        samples = self.samples
        with torch.inference_mode():
            parts = [describe(samples[i : i + AT_ONCE]).float().cpu() for i in range(0, len(samples), AT_ONCE)]
        described: Floats = torch.cat(parts).numpy()
        known, asked = (
            described[: len(self.map)],
            described[len(self.map) :].reshape(len(self.versions), -1, described.shape[1]),
        )
        outcome: dict[str, float] = {}
        firsts = []
        for version, queries in zip(self.versions, asked, strict=True):
            found = metrics.ranked(queries @ known.T, min(max(RANKS), len(known)))
            hits = np.take_along_axis(self.right, found, axis=1)
            recalls = metrics.recall_at(hits, RANKS)
            name = "night recall" if version == NIGHT else "recall"
            outcome |= {f"{name}@{rank}": float(share) for rank, share in recalls.items()}
            firsts.append(float(recalls[1]))
        return outcome | {"score": float(np.mean(firsts))}
