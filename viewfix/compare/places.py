"""A few places, each known by a folder of photos: another photo goes in, the place it shows or none comes out."""

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
"""A photo is like a place when it is like the best few of its photos: one twin is luck, the mean of all is blur."""

STEEPNESS, MIDDLE = 20.0, 0.45
"""What a similarity says before the places have said it: at MIDDLE the same place is as likely as another."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which place a photo shows. `place` is None for none of them; the probabilities, "none" under None, sum to 1."""

    place: str | None
    probabilities: dict[str | None, float]


class Places:
    """A few places, each known by a folder of photos, that other photos are held against."""

    def __init__(self, folders: Sequence[str | Path], model: Model, *, progress: Progress = silent) -> None:
        """Describe every folder and learn from it what "the same place" looks like.

        Args:
            folders: one a place, two or more; its name is the place's name.

        Raises:
            BadInput: fewer than two folders, two of one name, or one without a readable photo.
        """
        if len(folders) < 2:
            raise BadInput(f"{len(folders)} folder was given, but telling places apart takes two or more, one a place.")
        self.model = model
        self.skipped: list[Skipped] = []
        self._places: dict[str, Pictures] = {}
        for folder in map(Path, folders):
            name = folder.resolve().name
            if name in self._places:
                raise BadInput(f"Two folders are called {name!r}, so their places would have one name. Rename one.")
            pictures = describe_files(image_files(folder), model, progress=progress)
            if not pictures.files:
                raise BadInput(f"No photo in {folder} could be read. Give one folder of photos for each place.")
            self._places[name] = pictures
            self.skipped.extend(pictures.skipped)
        self._steepness, self._middle = self._learn()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._places)

    def which(self, descriptor: npt.NDArray[np.float32]) -> Verdict:
        """The place that a (dim,) descriptor shows, or None."""
        return self._verdict([_likeness(p.descriptors @ descriptor) for p in self._places.values()])

    def which_photo(self, photo: photos.Readable) -> Verdict:
        """The place that a picture shows, or None; see `photos.load` for what a picture can be."""
        return self.which(self.model.embed([photos.load(photo, least_side_px=self.model.least_side_px)])[0])

    def examine(self) -> list[tuple[str, Path, Verdict]]:
        """Every photo of every folder, held against all the others: (its place, its file, the verdict).

        A photo alone in its folder has nothing to be held against and is left out.
        """
        return [(name, file, self._verdict(likenesses)) for name, file, likenesses in self._left_out()]

    def _left_out(self) -> list[tuple[str, Path, list[float]]]:
        seen = []
        for own, pictures in self._places.items():
            if len(pictures.files) < 2:
                continue
            for i, (file, descriptor) in enumerate(zip(pictures.files, pictures.descriptors, strict=True)):
                likenesses = []
                for name, others in self._places.items():
                    similarities = others.descriptors @ descriptor
                    likenesses.append(_likeness(np.delete(similarities, i) if name == own else similarities))
                seen.append((own, file, likenesses))
        return seen

    def _learn(self) -> tuple[float, float]:
        """How steeply and around which similarity "same place" turns into "another", from photos left out in turn."""
        like, same = [], []
        for own, _, likenesses in self._left_out():
            for name, likeness in zip(self._places, likenesses, strict=True):
                like.append(likeness)
                same.append(float(name == own))
        y = np.array(same)
        if not 0 < y.sum() < len(y):
            return STEEPNESS, MIDDLE
        x = np.stack([np.ones(len(y)), np.array(like)], axis=1)
        weights = np.where(y == 1, 0.5 / y.sum(), 0.5 / (len(y) - y.sum())) * len(y)
        # The pull of ten pseudo-photos keeps a handful of easy ones from making every answer certain.
        bias, steepness = fit_logistic(x, y, weights, np.array([-STEEPNESS * MIDDLE, STEEPNESS]), pull=0.05)
        if steepness <= 0:  # the folders do not tell their places apart at all
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
