"""Training of a head on the cached feature maps of one street, in minutes on a CPU.

The aggregation is trained; the whitening stays fixed and is computed again afterwards by `whiten.learned`. A whitening
trained by gradient descent overfitted the training street and was no better elsewhere (docs/model-card.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import BadInput
from . import losses
from .network import Head
from .street import Likeness, apart

Maps = npt.NDArray[np.float16]

VOCABULARY = ("centres", "weight", "bias")
"""Parameters of NetVLAD that k-means initialises."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast a head is trained on cached features: the part of a recipe that `refine` needs.

    `prefixes` are lengths of the descriptor with their weight in the loss; `other_spot_share` is how often a further
    photo of a place is from another spot.
    """

    steps: int
    places: int
    photos_per_place: int
    warmup_steps: int
    feature_rate: float
    vocabulary_rate: float
    weight_decay: float
    other_spot_share: float
    far_m: float
    prefixes: tuple[tuple[int, float], ...]


class Batches:
    """Batches of pictures: several places that certainly differ, a few pictures of each place."""

    def __init__(
        self,
        spots: npt.NDArray[np.int64],
        spots_m: npt.NDArray[np.float64],
        headings_deg: npt.NDArray[np.float64],
        alike: Likeness,
        schedule: Schedule,
        *,
        seed: int,
    ) -> None:
        """Takes (N,) spot, (N, 2) position in metres and (N,) heading of every picture."""
        self.spots, self.spots_m, self.headings_deg = spots, spots_m, headings_deg
        self.alike, self.schedule = alike, schedule
        self.rng = np.random.default_rng(seed)

    def next(self) -> tuple[npt.NDArray[np.int64], Tensor]:
        """Indices of pictures, and the place of each as a label."""
        rows: list[int] = []
        labels: list[int] = []
        for label, anchor in enumerate(self._anchors()):
            place = [anchor, *self._others(anchor)]
            rows += place
            labels += [label] * len(place)
        return np.array(rows, np.int64), torch.tensor(labels)

    def _anchors(self) -> list[int]:
        chosen: list[int] = []
        for _ in range(2000):
            i = int(self.rng.integers(len(self.spots)))
            if apart(self.spots_m, self.headings_deg, i, chosen, far_m=self.schedule.far_m):
                chosen.append(i)
            if len(chosen) == self.schedule.places:
                break
        if len(chosen) < 2:
            raise BadInput(
                f"All photos are within {self.schedule.far_m:g} m of each other and look the same way, so the model "
                "cannot learn to tell places apart. Use photos of a larger area."
            )
        return chosen

    def _others(self, anchor: int) -> list[int]:
        found = self.alike(self.spots_m, self.headings_deg, anchor)
        same, beside = (found[(self.spots[found] == self.spots[anchor]) == here] for here in (True, False))
        chosen: list[int] = []
        for _ in range(self.schedule.photos_per_place - 1):
            pool = beside if len(beside) and self.rng.random() < self.schedule.other_spot_share else same
            pool = pool if len(pool) else beside
            if len(pool):
                chosen.append(int(pool[self.rng.integers(len(pool))]))
        return chosen


def refine(head: Head, maps: Maps, batches: Batches, schedule: Schedule, *, notify: Callable[[str], None]) -> None:
    """Train the aggregator of a head in place, with the whitening fixed.

    Args:
        maps: (N, C, H, W) float16, one for each picture of `batches`.
        notify: called with the loss now and then.

    Raises:
        BadInput: the loss is not finite; the head stays as it was after the last good step.
    """
    objective = losses.make("multi-similarity")
    aggregator = head.aggregator.train()
    vocabulary = {name for name, _ in aggregator.named_parameters() if name in VOCABULARY}
    named = dict(aggregator.named_parameters())
    groups = [
        {"params": [named[name] for name in sorted(vocabulary)], "lr": schedule.vocabulary_rate, "weight_decay": 0.0},
        {
            "params": [value for name, value in named.items() if name not in vocabulary],
            "lr": schedule.feature_rate,
            "weight_decay": schedule.weight_decay,
        },
    ]
    optimiser = torch.optim.AdamW([group for group in groups if group["params"]])
    speed = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, schedule))
    head.whitening.requires_grad_(False)
    seen = []
    for step in range(1, schedule.steps + 1):
        rows, labels = batches.next()
        descriptors = head.whitening(head.aggregated(torch.from_numpy(maps[rows].astype(np.float32))))
        loss = descriptors.new_zeros(())
        for length, share in schedule.prefixes:
            loss = loss + share * objective(F.normalize(descriptors[:, :length], dim=1), labels)
        if not torch.isfinite(loss):
            raise BadInput(f"The loss of step {step} is {loss.item()}. Lower feature_rate and vocabulary_rate.")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        speed.step()
        seen.append(loss.item())
        if step % 20 == 0 or step == schedule.steps:
            notify(f"step {step} of {schedule.steps}, loss {np.mean(seen[-20:]):.3f}")
    head.whitening.requires_grad_(True)
    head.eval()


def rate(step: int, schedule: Schedule) -> float:
    """The share of the peak rate at a step: a linear warm-up, then a cosine down to 0.05."""
    down = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / schedule.steps)))
    return min(1.0, (step + 1) / schedule.warmup_steps) * down


@torch.inference_mode()
def vectors(head: Head, maps: Maps, rows: Sequence[int] | npt.NDArray[np.int64], *, at_once: int = 64) -> Tensor:
    """(n, D) float32 aggregated vectors, before the whitening, for those rows of the maps."""
    chosen = np.asarray(rows, np.int64)
    parts = [chosen[start : start + at_once] for start in range(0, len(chosen), at_once)]
    return torch.cat([head.aggregated(torch.from_numpy(maps[part].astype(np.float32))) for part in parts])
