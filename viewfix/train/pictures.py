"""The input tensors of a training: photos unchanged, augmented or in night light, all of one size."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from .. import photos as files
from ..embed.describe import cores
from ..errors import BadInput, UnreadablePhoto
from ..models.preprocessing import Preprocessing
from ..types import Photo, Progress, Skipped, silent
from .augment import augmented, relit
from .backbones import Backbone
from .recipe import Recipe

AS_IS = 0
NIGHT = 1_000_000
"""Versions of a photo: unchanged, and in simulated night light. Each number between is another augmentation."""

SPARE = 1.25
"""A picture is altered at this many times the size at which the network sees it: crops need something to lose."""

Sample = tuple[int, int]
"""A photo (its row) and a version of it."""


def rules(recipe: Recipe, backbone: Backbone) -> Preprocessing:
    """The preprocessing of the trained network.

    Raises:
        BadInput: squares whose side the backbone cannot divide.
    """
    step_px = backbone.multiple_px
    if recipe.sizing == "exact" and recipe.image_px % step_px:
        raise BadInput(
            f"{recipe.backbone} takes sides that are multiples of {step_px}, and image_px is {recipe.image_px}. "
            f"Set it to {max(1, round(recipe.image_px / step_px)) * step_px}."
        )
    return Preprocessing(
        "exact" if recipe.sizing == "exact" else "area",
        recipe.image_px,
        recipe.image_px,
        multiple_px=backbone.multiple_px,
        interpolation=recipe.interpolation,
    )


def common_size_px(deployed: Preprocessing, photos: Sequence[Photo], *, sampled: int = 25) -> tuple[int, int]:
    """Width and height of every picture of a training, from the median shape of `sampled` photos.

    All pictures of a batch have one size.
    """
    shapes = []
    for photo in photos[:: max(1, len(photos) // sampled)]:
        height_px, width_px = files.load(photo.source, least_side_px=deployed.least_side_px).shape[:2]
        shapes.append((width_px / height_px, width_px, height_px))
    _, width_px, height_px = statistics.median_low(shapes)
    return deployed.size_px(width_px, height_px)


def readable(
    photos: Sequence[Photo], *, least_side_px: int, progress: Progress = silent
) -> tuple[list[Photo], list[Skipped]]:
    """Decode every photo once, so that unreadable ones are skipped before the training."""

    def trial(photo: Photo) -> Photo | Skipped:
        try:
            files.load(photo.source, least_side_px=least_side_px)
        except UnreadablePhoto as error:
            return Skipped(photo.id, str(error))
        return photo

    good: list[Photo] = []
    bad: list[Skipped] = []
    with ThreadPoolExecutor(cores()) as pool:
        for number, outcome in enumerate(pool.map(trial, photos), start=1):
            (bad if isinstance(outcome, Skipped) else good).append(outcome)  # type: ignore[arg-type]
            progress("checking photos", number, len(photos))
    return good, bad


class Pictures:
    """Photos and their versions as normalised tensors; a sample always gives the same tensor.

    Args:
        photos: rows of samples are rows of these.
        size_px: (width, height) of every picture.
        backbone: whose normalisation the tensors get.
    """

    def __init__(self, photos: Sequence[Photo], recipe: Recipe, size_px: tuple[int, int], backbone: Backbone) -> None:
        self.photos = photos
        self.recipe = recipe
        self.size_px = size_px
        self.mean, self.std = (np.array(values, np.float32) for values in (backbone.mean, backbone.std))
        self.rules = Preprocessing("exact", *size_px, interpolation=recipe.interpolation)
        self._pool = ThreadPoolExecutor(cores(), thread_name_prefix="pictures")

    def pixels(self, sample: Sample) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB at size_px.

        Raises:
            UnreadablePhoto: the file is gone or damaged.
        """
        row, version = sample
        least_px = max(self.size_px) if version == AS_IS else round(SPARE * max(self.size_px))
        picture = files.load(self.photos[row].source, least_side_px=least_px)
        if version != AS_IS:
            picture = self._altered(picture, np.random.default_rng((self.recipe.seed, version, row)), version)
        sized: npt.NDArray[np.uint8] = np.asarray(self.rules.apply(picture)[0], np.uint8)
        return sized

    def _altered(self, picture: npt.NDArray[np.uint8], rng: np.random.Generator, version: int) -> npt.NDArray[np.uint8]:
        image = Image.fromarray(picture)
        width_px, height_px = self.size_px
        image.thumbnail((SPARE * width_px, SPARE * height_px), Image.Resampling.BILINEAR)
        if version == NIGHT:
            return np.asarray(relit(image, rng, grey=False))
        return np.asarray(augmented(image, rng, self.recipe.augmentation_strength, self.recipe.augmentations))

    def normalised(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(H, W, 3) uint8 to (3, H, W) float32, (pixel - mean) / std."""
        return np.ascontiguousarray(((pixels.astype(np.float32) - self.mean) / self.std).transpose(2, 0, 1))

    def batch(self, samples: Sequence[Sample]) -> Tensor:
        """(B, 3, H, W) float32, decoded on all cores."""
        arrays = self._pool.map(lambda sample: self.normalised(self.pixels(sample)), samples)
        return torch.from_numpy(np.stack(list(arrays)))


Asked = TypeVar("Asked")
Read = TypeVar("Read")


def read_ahead(items: Sequence[Asked], read: Callable[[Asked], Read]) -> Iterator[tuple[Asked, Read]]:
    """Each item with the result of `read`; the next is read while the caller works on this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        waiting = [pool.submit(read, item) for item in items[:1]]
        for number, item in enumerate(items):
            found = waiting.pop().result()
            if number + 1 < len(items):
                waiting.append(pool.submit(read, items[number + 1]))
            yield item, found
