"""Places: which photos show the same, which certainly do not, and training batches of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import geo
from ..errors import BadInput
from ..optional import optional
from ..types import Photo, Skipped

Rows = npt.NDArray[np.int64]


class Places:
    """Photos, and which of them show one place: taken within `positive_m`, looking the same way.

    A photo whose heading is unknown shows the same as another only where headings do not count:
    with `heading_tolerance_deg` 180. Neighbours come from a tree in space, so a million
    photos, on both sides of the 180th meridian or around a pole, are no matter.

    Args:
        photos: (N,) photos with positions; `positives` and batches speak of them by row.
        skipped: what could not be used, handed through.
        positive_m: how near photos of one place are, metres.
        heading_tolerance_deg: how far apart they may look, [0, 180].
        negative_m: photos farther apart than this certainly show different places.
    """

    def __init__(
        self,
        photos: Iterable[Photo],
        skipped: Iterable[Skipped] = (),
        *,
        positive_m: float = 10.0,
        heading_tolerance_deg: float = 30.0,
        negative_m: float = 25.0,
    ) -> None:
        self.photos = tuple(photos)
        self.skipped = tuple(skipped)
        self.positive_m, self.heading_tolerance_deg, self.negative_m = positive_m, heading_tolerance_deg, negative_m
        lats = [photo.position.lat for photo in self.photos]
        lons = [photo.position.lon for photo in self.photos]
        self._points_m = geo.earth_centred_m(lats, lons)
        headings = [np.nan if photo.heading_deg is None else photo.heading_deg for photo in self.photos]
        self._headings_deg = np.array(headings, np.float64)
        self._tree = _tree(self._points_m)

    @classmethod
    def of(
        cls,
        photos: Iterable[Photo | Skipped],
        *,
        positive_m: float = 10.0,
        heading_tolerance_deg: float = 30.0,
        negative_m: float = 25.0,
    ) -> Places:
        """The places of a stream from any source.

        Raises:
            BadInput: no photos, or no two of them show one place.
        """
        items = list(photos)
        good = [item for item in items if isinstance(item, Photo)]
        skipped = [item for item in items if isinstance(item, Skipped)]
        if not good:
            raise BadInput(f"There are no photos to train on ({len(skipped)} skipped). Use geotagged photos.")
        places = cls(
            good, skipped, positive_m=positive_m, heading_tolerance_deg=heading_tolerance_deg, negative_m=negative_m
        )
        if not places.some_positives():
            raise BadInput(places._no_positives())
        return places

    def positives(self, row: int) -> Rows:
        """(n,) int64, ascending: the other photos of the place that photo `row` shows."""
        near = self._within(row, self.positive_m)
        if self.heading_tolerance_deg < 180:
            apart = np.abs((self._headings_deg[near] - self._headings_deg[row] + 180) % 360 - 180)
            near = near[apart <= self.heading_tolerance_deg]  # NaN, an unknown heading, is never within
        return np.asarray(near[near != row], np.int64)

    def negatives(self, row: int) -> Rows:
        """(n,) int64, ascending: the photos farther than `negative_m`, which certainly show another place."""
        far = np.ones(len(self.photos), bool)
        far[self._within(row, self.negative_m)] = False
        return np.flatnonzero(far).astype(np.int64)

    def near(self, row: int) -> set[int]:
        """The photos within `negative_m`, photo `row` included: all that are no negatives of it."""
        return set(self._within(row, self.negative_m).tolist())

    def some_positives(self) -> bool:
        """Whether any two photos show one place."""
        return any(len(self.positives(row)) for row in range(len(self.photos)))

    def split(self, share: float, margin_m: float, seed: int) -> tuple[Places, Places]:
        """The photos to train on, and those of an area kept out of it.

        A straight line, in a direction drawn with `seed`, cuts about `share` of the photos off; photos to
        train on that are nearer than `margin_m` to one of these are in neither part.

        Args:
            share: (0, 1).
            margin_m: metres.

        Raises:
            BadInput: one of the parts has no two photos of one place.
        """
        rng = np.random.default_rng(seed)
        centred = self._points_m - self._points_m.mean(0)
        # The two directions in which the photos spread most: for a city, the ground it stands on.
        _, _, axes = np.linalg.svd(centred.T @ centred)
        angle = rng.uniform(0, 2 * np.pi)
        along = centred @ (axes[:2].T @ np.array([np.cos(angle), np.sin(angle)]))
        held_out = along >= np.quantile(along, 1 - share)
        nearest_m, _ = _tree(self._points_m[held_out]).query(self._points_m)
        kept = ~held_out & (nearest_m > margin_m)
        training, validation = self._part(kept), self._part(held_out)
        for part, name in ((training, "to train on"), (validation, "to validate")):
            if not part.some_positives():
                raise BadInput(
                    f"The area is too small to be split: of {len(self.photos)} photos, {len(part.photos)} are {name}, "
                    f"{len(self.photos) - kept.sum() - held_out.sum()} lie in the margin of {margin_m:g} m, and no two "
                    f"photos {name} show one place. Add photos, or change validation_share or "
                    "validation_margin_m."
                )
        return training, validation

    def batches(self, places_per_batch: int, photos_per_place: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
        """One epoch: as many batches as can be drawn when no photo stands for its place twice.

        Any two photos of different places in a batch are farther apart than `negative_m`. The photos of
        a place are positives of the first of them; ones that no batch had yet come first. A place with fewer
        photos than asked for, but two, gives some of them again: they will be altered in other ways.
        What is left over at the end, too little for a batch, waits for another epoch.

        Yields:
            (P * K,) int64 rows of photos and (P * K,) int64 labels: 0 K times, 1 K times, and so on.
        """
        rng = np.random.default_rng(seed)
        used = np.zeros(len(self.photos), bool)
        waiting = [int(row) for row in rng.permutation(len(self.photos))]
        while True:
            rows: list[int] = []
            blocked = np.zeros(len(self.photos), bool)
            passed: list[int] = []
            position = 0
            while position < len(waiting) and len(rows) < places_per_batch * photos_per_place:
                anchor = waiting[position]
                position += 1
                if used[anchor]:
                    continue
                if blocked[anchor]:  # too near to a place of this batch; the next may have it
                    passed.append(anchor)
                    continue
                near = self.positives(anchor)
                free = rng.permutation(near[~blocked[near]])
                if not len(free):
                    if len(near):  # all of them too near to a place of this batch; the next may have them
                        passed.append(anchor)
                    continue
                fresh_first = free[np.argsort(used[free], kind="stable")]
                chosen = [anchor, *(int(row) for row in fresh_first[: photos_per_place - 1])]
                chosen += [int(row) for row in rng.choice(chosen, photos_per_place - len(chosen))]
                rows += chosen
                for row in chosen:
                    used[row] = True
                    blocked[self._within(row, self.negative_m)] = True
            if len(rows) < places_per_batch * photos_per_place:
                return
            yield np.array(rows, np.int64), np.repeat(np.arange(places_per_batch), photos_per_place)
            waiting = passed + waiting[position:]

    def _within(self, row: int, radius_m: float) -> Rows:
        return np.array(self._tree.query_ball_point(self._points_m[row], radius_m, return_sorted=True), np.int64)

    def _part(self, chosen: npt.NDArray[np.bool_]) -> Places:
        return Places(
            [photo for photo, yes in zip(self.photos, chosen, strict=True) if yes],
            self.skipped,
            positive_m=self.positive_m,
            heading_tolerance_deg=self.heading_tolerance_deg,
            negative_m=self.negative_m,
        )

    def _no_positives(self) -> str:
        unknown = int(np.isnan(self._headings_deg).sum())
        message = (
            f"No two of the {len(self.photos)} photos show one place: within {self.positive_m:g} m, looking the same "
            f"way to {self.heading_tolerance_deg:g} degrees"
        )
        if unknown and self.heading_tolerance_deg < 180:
            return (
                f"{message}; {unknown} have no heading. Set heading_tolerance_deg to 180 to go by position alone, "
                "or raise positive_m."
            )
        return f"{message}. Use denser photos, or raise positive_m or heading_tolerance_deg."


def _tree(points_m: npt.NDArray[np.float64]) -> Any:
    """A k-d tree over (N, 3) metres: at these ranges the chord is the distance along the ground, to a millimetre."""
    return optional("scipy.spatial").KDTree(points_m)
