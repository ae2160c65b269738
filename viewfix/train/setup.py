"""Everything a training needs, from a recipe and photos: network, places, pictures, features, validation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from .features import BatchSource, Cache, identity, key_of
from .network import Describer, Trained, assemble, tuned_stages
from .outcome import Notify
from .pictures import AS_IS, Pictures, Sample, common_size_px, readable, rules
from .places import Places
from .recipe import Recipe
from .validate import Validation


@dataclass(frozen=True)
class RunContext:
    """The folder and the device of a training, and where its progress is reported."""

    run: Path
    device: torch.device
    report: Report
    notify: Notify


@dataclass(frozen=True)
class Setup:
    """The network, the data it is trained on, and its validation.

    `trained` runs the parts of `describer` that a step needs; `train_set` and `validation_set` supply its input.
    `photos` identifies the photos, `size_px` is (width, height) of every picture.
    """

    recipe: Recipe
    describer: Describer
    trained: Trained
    training: Places
    validation: Validation
    train_set: BatchSource
    validation_set: BatchSource
    photos: str
    size_px: tuple[int, int]
    cached: bool
    skipped: tuple[Skipped, ...]

    def altered(self, rows: np.ndarray[Any, Any], rng: np.random.Generator, *, epoch: int) -> list[Sample]:
        """Training photos, each in a random version; one of `versions` is the unchanged photo."""
        drawn = rng.integers(self.recipe.versions, size=len(rows))
        if not self.recipe.augmentations:
            drawn[:] = AS_IS
        elif not self.cached:  # nothing was cached, so every epoch can have new versions
            drawn[drawn != AS_IS] = 1 + epoch
        return [(int(row), int(version)) for row, version in zip(rows, drawn, strict=True)]

    def batches(self, epoch: int) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """The rows and labels of every batch of an epoch; the same on every call.

        Raises:
            BadInput: fewer places than a batch needs.
        """
        return _batches(self.recipe, self.training, epoch)


def _batches(recipe: Recipe, places: Places, epoch: int) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    sizes = recipe.places_per_batch, recipe.photos_per_place
    found = list(places.batches(*sizes, recipe.seed * 1_000_003 + epoch))
    if not found:
        raise BadInput(
            f"{len(places.photos)} training photos do not fill one batch of {sizes[0]} places x {sizes[1]} photos: "
            f"too few of them have another photo of their place within {recipe.positive_m:g} m. Add photos, "
            "raise positive_m, or lower places_per_batch."
        )
    return found


def set_up(recipe: Recipe, stream: Iterable[Photo | Skipped], context: RunContext, last: Checkpoint | None) -> Setup:
    """The setup with the weights of the `last` checkpoint, or with those that the recipe starts from.

    Raises:
        BadInput: no two photos of one place, too few photos, weights that do not fit, a `last` of other photos.
    """
    describer = assemble(recipe)
    complete = _weighted(describer, recipe, last)
    items = list(stream)
    found = [item for item in items if isinstance(item, Photo)]
    deployed = rules(recipe, describer.backbone)
    good, bad = readable(found, least_side_px=deployed.least_side_px, progress=context.report)
    photos = identity(good)
    if last is not None:
        last.same_photos(photos, context.run)
    limits = {name: getattr(recipe, name) for name in ("positive_m", "heading_tolerance_deg", "negative_m")}
    training, held_out = Places.of(good, **limits).split(
        recipe.validation_share, recipe.validation_margin_m, recipe.seed
    )
    _batches(recipe, training, 0)  # fails now rather than after hours of feature extraction
    validation = Validation.of(held_out, night=recipe.validation_night, seed=recipe.seed)
    asked, known = len(validation.queries), len(validation.map)
    context.notify(f"{len(training.photos)} training photos; validation: {asked} queries against {known} photos")

    size_px = common_size_px(deployed, training.photos)
    train_set: BatchSource = Pictures(training.photos, recipe, size_px, describer.backbone)
    validation_set: BatchSource = Pictures(held_out.photos, recipe, size_px, describer.backbone)
    count = tuned_stages(recipe, describer.backbone)
    backbones.freeze(describer.backbone, count)
    frozen, tuned = describer.backbone.split(count)
    cached = recipe.cache and count < len(describer.backbone.stages)
    if cached:
        samples = [(row, version) for version in range(recipe.versions) for row in range(len(training.photos))]
        train_set = _cached(train_set, "training", samples, frozen, context)
        validation_set = _cached(validation_set, "validation", validation.samples, frozen, context)
    trained = Trained(None if cached else frozen, tuned, describer.head, tuned_norms=recipe.tuned_norms)
    skipped = (*(item for item in items if isinstance(item, Skipped)), *bad)
    setup = Setup(
        recipe=recipe,
        describer=describer,
        trained=trained.to(context.device),
        training=training,
        validation=validation,
        train_set=train_set,
        validation_set=validation_set,
        photos=photos,
        size_px=size_px,
        cached=cached,
        skipped=skipped,
    )
    if not complete:
        _fit_head(setup, context)
    return setup


def _weighted(describer: Describer, recipe: Recipe, last: Checkpoint | None) -> bool:
    """Load weights into the network; True if they include the head."""
    if last is None:
        return start.load_weights(describer, recipe)
    describer.load_state_dict(dict(last.network), strict=True)
    return True


def _cached(source: BatchSource, name: str, samples: Sequence[Sample], frozen: nn.Module, context: RunContext) -> Cache:
    assert isinstance(source, Pictures)
    key = key_of(source.recipe, source.photos, source.size_px)
    folder = context.run / "features" / name
    return Cache.made(folder, frozen, source, samples, key=key, device=context.device, progress=context.report)


def _fit_head(setup: Setup, context: RunContext) -> None:
    """Fit vocabulary and projection to training photos, unchanged and altered, and to their neighbours."""
    rng = np.random.default_rng(setup.recipe.seed)
    rows = rng.permutation(len(setup.training.photos))[: start.MOST_PICTURES]
    others = setup.altered(rows, rng, epoch=0)
    for place, row in enumerate(rows):
        near = setup.training.positives(int(row))
        if others[place][1] == AS_IS and len(near):  # use another photo of the place instead of an altered one
            others[place] = int(rng.choice(near)), AS_IS
    setup.trained.train(setup.recipe.weights is None)  # norms of a random network need the statistics of a batch

    def features(samples: Sequence[Sample]) -> Any:
        x = moved(setup.train_set.batch(samples), context.device)
        return setup.trained.features(x)

    start.fit_head(
        setup.describer.head, features, [(int(row), AS_IS) for row in rows], others, setup.recipe, context.notify
    )


def moved(x: Any, device: torch.device) -> Any:
    """A tensor, or a tuple of tensors and numbers, on a device."""
    if isinstance(x, Tensor):
        return x.to(device, non_blocking=True)
    values = [each.to(device, non_blocking=True) if isinstance(each, Tensor) else each for each in x]
    return type(x)(*values) if hasattr(x, "_fields") else tuple(values)
