"""A recipe and photos become everything that a training needs: network, places, pictures, features, validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BadInput
from ..types import Photo, Skipped
from ..types import Progress as Report
from . import backbones, start
from .checkpoint import Checkpoint
from .features import Cache, Shots, identity, key_of
from .network import Describer, Trained, assemble, tuned_stages
from .pictures import AS_IS, Pictures, Shot, common_size_px, readable, rules
from .places import Places
from .recipe import Recipe
from .validate import Validation

Say = Callable[[str], None]


@dataclass(frozen=True)
class RunContext:
    """Where a training happens: its folder, the device, and who is told how it goes."""

    run: Path
    device: torch.device
    report: Report
    say: Say


@dataclass(frozen=True)
class Setup:
    """What is trained, on what, and how it is judged.

    `trained` runs the parts of `describer` that a step needs; `lessons` and `exams` give the shots
    of training and validation photos as `trained` takes them. `photos` identifies the photos,
    `size_px` is (width, height) of every picture.
    """

    recipe: Recipe
    describer: Describer
    trained: Trained
    training: Places
    validation: Validation
    lessons: Shots
    exams: Shots
    photos: str
    size_px: tuple[int, int]
    cached: bool
    skipped: tuple[Skipped, ...]

    def altered(self, rows: np.ndarray[Any, Any], rng: np.random.Generator, *, epoch: int) -> list[Shot]:
        """Training photos, each in a version drawn at random: one in `versions` is as it is."""
        drawn = rng.integers(self.recipe.versions, size=len(rows))
        if not self.recipe.augmentations:
            drawn[:] = AS_IS
        elif not self.cached:  # nothing was computed ahead: every epoch sees versions of its own
            drawn[drawn != AS_IS] = 1 + epoch
        return [(int(row), int(version)) for row, version in zip(rows, drawn, strict=True)]

    def batches(self, epoch: int) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """The rows and labels of every batch of an epoch: the same whenever they are asked for.

        Raises:
            BadInput: fewer places than a batch takes.
        """
        return _batches(self.recipe, self.training, epoch)


def _batches(recipe: Recipe, places: Places, epoch: int) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    sizes = recipe.places_per_batch, recipe.photos_per_place
    found = list(places.batches(*sizes, recipe.seed * 1_000_003 + epoch))
    if not found:
        raise BadInput(
            f"{len(places.photos)} training photos do not make one batch of {sizes[0]} places x {sizes[1]} photos: "
            f"too few of them have another photo of their place within {recipe.positive_m:g} m. Give more photos, "
            "raise positive_m, or lower places_per_batch."
        )
    return found


def set_up(recipe: Recipe, stream: Iterable[Photo | Skipped], bench: RunContext, last: Checkpoint | None) -> Setup:
    """A lab with the weights of the `last` checkpoint, or with those that the recipe starts from.

    Raises:
        BadInput: no two photos of one place, too few photos, weights that do not fit, a `last` of other photos.
    """
    describer = assemble(recipe)
    complete = _weighted(describer, recipe, last)
    items = list(stream)
    found = [item for item in items if isinstance(item, Photo)]
    deployed = rules(recipe, describer.backbone)
    good, bad = readable(found, least_side_px=deployed.least_side_px, progress=bench.report)
    photos = identity(good)
    if last is not None:
        last.same_photos(photos, bench.run)
    limits = {name: getattr(recipe, name) for name in ("positive_m", "heading_tolerance_deg", "negative_m")}
    training, held_out = Places.of(good, **limits).split(
        recipe.validation_share, recipe.validation_margin_m, recipe.seed
    )
    _batches(recipe, training, 0)  # too few photos: said before hours of features, not after
    validation = Validation.of(held_out, night=recipe.validation_night, seed=recipe.seed)
    asked, known = len(validation.queries), len(validation.map)
    bench.say(f"{len(training.photos)} photos to train on; to validate, {asked} queries against {known} photos")

    size_px = common_size_px(deployed, training.photos)
    lessons: Shots = Pictures(training.photos, recipe, size_px, describer.backbone)
    exams: Shots = Pictures(held_out.photos, recipe, size_px, describer.backbone)
    count = tuned_stages(recipe, describer.backbone)
    backbones.freeze(describer.backbone, count)
    frozen, tuned = describer.backbone.split(count)
    cached = recipe.cache and count < len(describer.backbone.stages)
    if cached:
        shots = [(row, version) for version in range(recipe.versions) for row in range(len(training.photos))]
        lessons = _cached(lessons, "training", shots, frozen, bench)
        exams = _cached(exams, "validation", validation.shots, frozen, bench)
    trained = Trained(None if cached else frozen, tuned, describer.head, tuned_norms=recipe.tuned_norms)
    skipped = (*(item for item in items if isinstance(item, Skipped)), *bad)
    lab = Setup(
        recipe, describer, trained.to(bench.device), training, validation, lessons, exams, photos, size_px, cached,
        skipped,
    )  # fmt: skip
    if not complete:
        _fit_head(lab, bench)
    return lab


def _weighted(describer: Describer, recipe: Recipe, last: Checkpoint | None) -> bool:
    """Weights into the network; whether those of the head were among them."""
    if last is None:
        return start.load_weights(describer, recipe)
    describer.load_state_dict(dict(last.network), strict=True)
    return True


def _cached(source: Shots, name: str, shots: Sequence[Shot], frozen: nn.Module, bench: RunContext) -> Cache:
    assert isinstance(source, Pictures)
    key = key_of(source.recipe, source.photos, source.size_px)
    folder = bench.run / "features" / name
    return Cache.made(folder, frozen, source, shots, key=key, device=bench.device, progress=bench.report)


def _fit_head(lab: Setup, bench: RunContext) -> None:
    """Vocabulary and projection from photos of training, as they are and altered, and their neighbours."""
    rng = np.random.default_rng(lab.recipe.seed)
    rows = rng.permutation(len(lab.training.photos))[: start.MOST_PICTURES]
    others = lab.altered(rows, rng, epoch=0)
    for place, row in enumerate(rows):
        near = lab.training.positives(int(row))
        if others[place][1] == AS_IS and len(near):  # in place of an altered photo, another photo of the place
            others[place] = int(rng.choice(near)), AS_IS
    lab.trained.train(lab.recipe.weights is None)  # norms of a random network know nothing before they saw a batch

    def features(shots: Sequence[Shot]) -> Any:
        x = moved(lab.lessons.batch(shots), bench.device)
        return lab.trained.features(x)

    start.fit_head(lab.describer.head, features, [(int(row), AS_IS) for row in rows], others, lab.recipe, bench.say)


def moved(x: Any, device: torch.device) -> Any:
    """A tensor, or a tuple of tensors and numbers, on a device."""
    if isinstance(x, Tensor):
        return x.to(device, non_blocking=True)
    values = [each.to(device, non_blocking=True) if isinstance(each, Tensor) else each for each in x]
    return type(x)(*values) if hasattr(x, "_fields") else tuple(values)
