"""The plan for thinning a map: which photos can go, and how many fewer photos the rest would find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..coverage.positions import MapPositions, read_positions
from ..errors import BadInput
from ..locate.context import MapContext
from ..store.store import Store
from ..types import Progress, silent
from .choice import Choice
from .questions import Questions, ask_own_photos

RECALL_BUDGET = 0.01
FOLDS = 5
"""Every spot is held out once, with one in five of all."""

STEPS = 200
"""The loss is compared at this many shares of removed photos, from 0 to 100 %."""

CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Thinning:
    """Which photos a map does not need.

    `removed` are their ids; `lost` of them would not be found by the photos that stay. The map has `photos` photos on
    `spots` spots (within 5 m of each other), and every spot keeps at least one. `recall_before` and `recall_after` are
    the shares, [0, 1], of photos from held-out spots that similarity alone finds within 25 m, by all other photos and
    by those of them that stay.
    """

    photos: int
    spots: int
    removed: Sequence[str]
    lost: int
    recall_before: float
    recall_after: float
    recall_budget: float

    @property
    def left(self) -> int:
        """The number of photos that stay."""
        return self.photos - len(self.removed)

    @property
    def share_removed(self) -> float:
        """The share of photos that go, [0, 1]."""
        return len(self.removed) / self.photos if self.photos else 0.0

    def to_json(self) -> dict[str, Any]:
        """The plan as a dictionary for JSON."""
        return {
            "photos": self.photos,
            "left": self.left,
            "spots": self.spots,
            "recall_budget": self.recall_budget,
            "lost": self.lost,
            "recall_before": round(self.recall_before, 4),
            "recall_after": round(self.recall_after, 4),
            "removed": list(self.removed),
        }

    def __str__(self) -> str:
        return (
            f"{len(self.removed):,} of {self.photos:,} photos ({self.share_removed:.0%}) can go, {self.left:,} stay; "
            f"each of the {self.spots:,} spots keeps at least one. Of photos taken between the spots, "
            f"{self.recall_before:.1%} are found now and {self.recall_after:.1%} afterwards"
        )


def plan_thinning(
    context: MapContext, *, recall_budget: float = RECALL_BUDGET, seed: int = 0, progress: Progress = silent
) -> Thinning:
    """Find the photos that a map does not need. Only the map is read: no picture, no network.

    How many can go is found by cross-validation: one spot in five is held out, the rest is thinned, and the photos of
    the held-out spots are searched for in what stays. The map itself is then thinned by the largest share that loses
    no more than the budget. No more than that share of its own photos may lose their place either.

    Args:
        context: the open map.
        recall_budget: the largest loss of Recall@1, [0, 1).
        seed: of the choice of spots to hold out together.
        progress: called with the progress.

    Raises:
        BadInput: the budget is out of range, or the map has fewer than two photos.
    """
    if not 0 <= recall_budget < 1:
        raise BadInput(f"The recall budget must be at least 0 % and below 100 %; got {100 * recall_budget:g} %.")
    _check(context.store)
    positions = read_positions(context.store, progress)
    questions = ask_own_photos(context, positions, progress)
    recalls = _cross_validated(questions, positions, recall_budget, seed, progress)
    worst_loss = np.maximum.accumulate(recalls[0] - recalls)
    step = int(np.flatnonzero(worst_loss <= recall_budget + 1e-9)[-1])
    progress("choosing photos", FOLDS, FOLDS + 1)
    choice = Choice(questions, positions.spot_of)
    choice.run(int(len(positions.rows) * step / STEPS), int(len(positions.rows) * recall_budget))
    progress("choosing photos", FOLDS + 1, FOLDS + 1)
    gone = positions.rows[~choice.kept]
    chunks = [context.store.photos(gone[start : start + CHUNK]) for start in range(0, len(gone), CHUNK)]
    return Thinning(
        photos=len(positions.rows),
        spots=len(positions.leaders),
        removed=tuple(photo.id for photos in chunks for photo in photos),
        lost=choice.lost,
        recall_before=float(recalls[0]),
        recall_after=float(recalls[step]),
        recall_budget=recall_budget,
    )


def _check(store: Store) -> None:
    if len(store) < 2:
        has = "one photo" if len(store) else "no photos"
        raise BadInput(
            f"The map {store.address} has {has}, so there is nothing to take out. "
            f"Add more: viewfix add {store.address.typed} PHOTOS"
        )


def _cross_validated(
    questions: Questions, positions: MapPositions, recall_budget: float, seed: int, progress: Progress
) -> npt.NDArray[np.float64]:
    """(STEPS + 1,) the share of held-out photos that are found, by the share of the other photos taken out."""
    spots = len(positions.leaders)
    fold_of = np.empty(spots, np.int64)
    fold_of[np.random.default_rng(seed).permutation(spots)] = np.arange(spots) % FOLDS
    found = np.zeros(STEPS + 1)
    for fold in range(min(FOLDS, spots)):
        progress("choosing photos", fold, FOLDS + 1)
        held_out = fold_of[positions.spot_of] == fold
        choice = Choice(questions, positions.spot_of, held_out)
        kept = int((~held_out).sum())
        choice.run(kept, int(kept * recall_budget))
        taken = (np.arange(STEPS + 1) * kept / STEPS).astype(int)
        history = np.array(choice.history, np.float64)
        # Where no more photos can go, the largest share is as far as it goes.
        found += history[np.minimum(taken, len(history) - 1)]
    return found / len(positions.rows)
