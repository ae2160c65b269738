"""Classify photos by place, given a folder of photos for each of a few places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import photos
from ..errors import BadInput
from ..locate.confidence import fit_logistic
from ..models.model import Model
from ..sources import image_files
from ..types import Progress, Skipped, silent
from .distances import Pictures, describe_files

NEIGHBOURS = 3
"""A photo resembles a place if it resembles the best few of its photos: one match may be luck."""

STEEPNESS, MIDDLE = 20.0, 0.45
"""The logistic curve used until the folders provide one: at MIDDLE the same place is as likely as another."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The place that a photo shows, None for none of them. `probabilities` sum to 1; the key for none is None."""

    place: str | None
    probabilities: dict[str | None, float]


class Places:
    """A few places, each known by a folder of photos, with which other photos are compared."""

    def __init__(self, folders: Sequence[str | Path], model: Model, *, progress: Progress = silent) -> None:
        """Embed every folder and learn from it how similar photos of the same place are.

        Args:
            folders: two or more, one for each place; the name of a folder is that of the place.

        Raises:
            BadInput: fewer than two folders, two with the same name, or one without a readable photo.
        """
        if len(folders) < 2:
            raise BadInput(f"Got {len(folders)} folder. Pass two or more, one for each place.")
        self.model = model
        self.skipped: list[Skipped] = []
        self._places: dict[str, Pictures] = {}
        for folder in map(Path, folders):
            name = folder.resolve().name
            if name in self._places:
                raise BadInput(
                    f"Two folders are named {name!r}, so their places would have the same name. Rename one of them."
                )
            pictures = describe_files(image_files(folder), model, progress=progress)
            if not pictures.files:
                raise BadInput(f"No photo in {folder} could be read. Pass one folder of photos for each place.")
            self._places[name] = pictures
            self.skipped.extend(pictures.skipped)
        self._steepness, self._middle = self._learn()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._places)

    def classify(self, descriptor: npt.NDArray[np.float32]) -> Verdict:
        """The place that a (dim,) descriptor shows, or None."""
        return self._verdict([_likeness(p.descriptors @ descriptor) for p in self._places.values()])

    def classify_photo(self, photo: photos.Readable) -> Verdict:
        """The place that a picture shows, or None; see `photos.load` for what can be passed."""
        return self.classify(self.model.embed([photos.load(photo, least_side_px=self.model.least_side_px)])[0])

    def leave_one_out(self) -> list[tuple[str, Path, Verdict]]:
        """Compare every photo of every folder with all the others: (its place, its file, the verdict).

        The only photo of a folder cannot be compared with its place and is left out.
        """
        return [(name, file, self._verdict(likenesses)) for name, file, likenesses in self._likenesses()]

    def _likenesses(self) -> list[tuple[str, Path, list[float]]]:
        found = []
        for own, pictures in self._places.items():
            if len(pictures.files) < 2:
                continue
            for i, (file, descriptor) in enumerate(zip(pictures.files, pictures.descriptors, strict=True)):
                likenesses = []
                for name, others in self._places.items():
                    similarities = others.descriptors @ descriptor
                    likenesses.append(_likeness(np.delete(similarities, i) if name == own else similarities))
                found.append((own, file, likenesses))
        return found

    def _learn(self) -> tuple[float, float]:
        """The slope and the middle of the logistic curve, from photos that are left out in turn."""
        like, same = [], []
        for own, _, likenesses in self._likenesses():
            for name, likeness in zip(self._places, likenesses, strict=True):
                like.append(likeness)
                same.append(float(name == own))
        y = np.array(same)
        if not 0 < y.sum() < len(y):
            return STEEPNESS, MIDDLE
        x = np.stack([np.ones(len(y)), np.array(like)], axis=1)
        weights = np.where(y == 1, 0.5 / y.sum(), 0.5 / (len(y) - y.sum())) * len(y)
        # A pull as of ten pseudo-photos: a handful of easy photos must not make every answer certain.
        bias, steepness = fit_logistic(x, y, weights, np.array([-STEEPNESS * MIDDLE, STEEPNESS]), pull=0.05)
        if steepness <= 0:  # similarity does not distinguish these places at all
            return STEEPNESS, MIDDLE
        return float(steepness), float(-bias / steepness)

    def _verdict(self, likenesses: Sequence[float]) -> Verdict:
        logits = np.array([*(self._steepness * (likeness - self._middle) for likeness in likenesses), 0.0])
        odds = np.exp(logits - logits.max())
        odds /= odds.sum()
        names: list[str | None] = [*self._places, None]
        best = names[int(np.argmax(odds))]
        return Verdict(best, {name: float(p) for name, p in zip(names, odds, strict=True)})


def _likeness(similarities: npt.NDArray[np.float32]) -> float:
    """The mean of the best NEIGHBOURS cosines, [-1, 1]."""
    return float(np.sort(similarities)[-NEIGHBOURS:].mean())
