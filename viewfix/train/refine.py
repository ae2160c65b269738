"""Cached feature maps of one street go in; a head comes out that was trained on them in minutes, on a CPU.

What is trained: the correction and the weight of every local feature, and the vocabulary, with the
whitening held; it is learned anew afterwards, by `whiten.learned`. Trained by gradients as well it fitted
the training street and did no better elsewhere (docs/model-card.md).
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


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast. `prefixes` are lengths of the descriptor that are to work on their own, with their share
    in the loss: 256 of 512 numbers then do nearly as well as all (Kusupati et al., 2022).
    """

    steps: int = 260
    places: int = 40
    photos_per_place: int = 4
    warmup_steps: int = 20
    feature_rate: float = 3e-3
    vocabulary_rate: float = 2e-3
    weight_decay: float = 1e-2
    from_beside: float = 0.7
    """How often a further photo of a place is from another spot, where there is one."""
    far_m: float = 25.0
    prefixes: tuple[tuple[int, float], ...] = ((512, 1.0), (256, 0.7), (128, 0.3))


class Batches:
    """Shots of places: `places` that surely differ, a few shots of each that surely do not."""

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
        """(N,) spot, (N, 2) metres and (N,) heading of every shot."""
        self.spots, self.spots_m, self.headings_deg = spots, spots_m, headings_deg
        self.alike, self.schedule = alike, schedule
        self.rng = np.random.default_rng(seed)

    def next(self) -> tuple[npt.NDArray[np.int64], Tensor]:
        """Indices of shots, and the place of each as a label."""
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
                f"No two photos are {self.schedule.far_m:g} m apart or look opposite ways, so that there is nothing to "
                "tell apart. Give photos of a larger area."
            )
        return chosen

    def _others(self, anchor: int) -> list[int]:
        found = self.alike(self.spots_m, self.headings_deg, anchor)
        same, beside = (found[(self.spots[found] == self.spots[anchor]) == here] for here in (True, False))
        chosen: list[int] = []
        for _ in range(self.schedule.photos_per_place - 1):
            pool = beside if len(beside) and self.rng.random() < self.schedule.from_beside else same
            pool = pool if len(pool) else beside
            if len(pool):
                chosen.append(int(pool[self.rng.integers(len(pool))]))
        return chosen


def refine(head: Head, maps: Maps, batches: Batches, schedule: Schedule, *, say: Callable[[str], None]) -> None:
    """Train the aggregator of a head in place, the whitening held.

    Args:
        maps: (N, C, H, W) float16, one a shot, as `batches` counts them.
        say: told the loss, now and then.

    Raises:
        BadInput: the loss is no number any more; the head is left as it was at the last good step.
    """
    objective = losses.make("multi-similarity")
    aggregator = head.aggregator.train()
    vocabulary = {name for name, _ in aggregator.named_parameters() if name in ("centres", "weight", "bias")}
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
            say(f"step {step} of {schedule.steps}, loss {np.mean(seen[-20:]):.3f}")
    head.whitening.requires_grad_(True)
    head.eval()


def rate(step: int, schedule: Schedule) -> float:
    """The share of the full rate at a step: up in a line, down along a cosine to a twentieth."""
    down = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / schedule.steps)))
    return min(1.0, (step + 1) / schedule.warmup_steps) * down


@torch.inference_mode()
def vectors(head: Head, maps: Maps, rows: Sequence[int] | npt.NDArray[np.int64], *, at_once: int = 64) -> Tensor:
    """(n, D) float32: what the whitening takes, for those rows of the maps."""
    chosen = np.asarray(rows, np.int64)
    parts = [chosen[start : start + at_once] for start in range(0, len(chosen), at_once)]
    return torch.cat([head.aggregated(torch.from_numpy(maps[part].astype(np.float32))) for part in parts])
