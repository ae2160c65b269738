"""A cache of the features of the frozen stages, so that each sample is computed once.

float16 in .npy files that are mapped into memory; a kill costs the batch that was under way.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.format import open_memmap
from torch import Tensor, nn

from ..embed.describe import content_hint
from ..errors import StorageFailed
from ..types import Photo, silent
from ..types import Progress as Report
from .backbones.dinov2 import Tokens
from .checkpoint import save
from .frozen import Features, runner
from .pictures import Pictures, Sample, read_ahead
from .recipe import Recipe

INDEX = "features.json"
AT_ONCE = 16
"""BatchSource that go through the frozen stages together."""

OF_FEATURES = ("backbone", "weights", "tuned_stages", "interpolation", "augmentations", "augmentation_strength", "seed")
"""Parts of a recipe that a cached feature depends on, besides photos and size."""


class BatchSource(Protocol):
    """Where the loop gets its batches from."""

    def batch(self, samples: Sequence[Sample]) -> Any:
        """What the trained part of the network takes: a tensor, or a tuple of tensors and whole numbers."""


class Cache:
    """Features of (photo, version) samples on disk; `made` computes what is missing.

    Args:
        folder: of this cache alone.
        samples: what it holds, row by row.
    """

    def __init__(self, folder: Path, samples: Sequence[Sample]) -> None:
        self.folder = folder
        self.row_of = {sample: row for row, sample in enumerate(samples)}
        about = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        self.form: list[str | int] = about["form"]
        self.maps = [np.load(folder / f"{number}.npy", mmap_mode="r") for number in range(about["leaves"])]

    def batch(self, samples: Sequence[Sample]) -> Any:
        """Features of samples as the frozen stages gave them, in float32."""
        rows = [self.row_of[sample] for sample in samples]
        leaves = [torch.from_numpy(np.stack([each[row] for row in rows]).astype(np.float32)) for each in self.maps]
        return rebuilt(leaves, self.form)

    @classmethod
    def made(
        cls,
        folder: Path,
        frozen: nn.Module,
        pictures: Pictures,
        samples: Sequence[Sample],
        *,
        key: str,
        device: torch.device,
        progress: Report = silent,
    ) -> Cache:
        """The cache of `folder`, completed if some features are missing.

        Another `key` than that in the folder means other photos or other stages: everything is computed again.

        Raises:
            StorageFailed: the disk has no room for it.
        """
        about = _index(folder)
        if about.get("key") != key or about.get("samples") != len(samples):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            about = {"key": key, "samples": len(samples), "done": 0}
        maps: list[np.memmap[Any, Any]] = []
        if about["done"]:
            maps = [open_memmap(folder / f"{number}.npy", mode="r+") for number in range(about["leaves"])]
        parts = [samples[start : start + AT_ONCE] for start in range(about["done"], len(samples), AT_ONCE)]
        features: Features | None = None
        for part, batch in read_ahead(parts, pictures.batch):
            features = features or runner(frozen, batch, pictures=len(parts) * AT_ONCE, device=device)
            leaves, form = taken_apart(features(batch))
            start = about["done"]
            arrays = [leaf.cpu().numpy().astype(np.float16) for leaf in leaves]
            if not maps:
                maps = _space(folder, arrays, len(samples))
            for each, array in zip(maps, arrays, strict=True):
                each[start : start + len(part)] = array
                each.flush()
            about |= {"done": start + len(part), "leaves": len(maps), "form": form}
            index = json.dumps(about)
            save(folder / INDEX, lambda part, index=index: part.write_text(index, encoding="utf-8"))  # type: ignore[misc]
            progress("features of frozen stages", about["done"], len(samples))
        return cls(folder, samples)


def _index(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def _space(folder: Path, arrays: Sequence[npt.NDArray[np.float16]], samples: int) -> list[np.memmap[Any, Any]]:
    needed = sum(array[0].nbytes for array in arrays) * samples
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageFailed(
            f"The features of {samples} samples take {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB free. "
            "Free space, use fewer versions, or set cache = false."
        )
    return [
        open_memmap(folder / f"{number}.npy", mode="w+", dtype=np.float16, shape=(samples, *array.shape[1:]))
        for number, array in enumerate(arrays)
    ]


def taken_apart(features: Any) -> tuple[list[Tensor], list[str | int]]:
    """Tensors of a stage's output, and its form: between stages travels a tensor, or a tuple of tensors and numbers."""
    if isinstance(features, Tensor):
        return [features], ["tensor"]
    form: list[str | int] = [type(features).__name__]
    form += ["tensor" if isinstance(each, Tensor) else int(each) for each in features]
    return [each for each in features if isinstance(each, Tensor)], form


def rebuilt(leaves: Sequence[Tensor], form: Sequence[str | int]) -> Any:
    """What `taken_apart` took apart."""
    if len(form) == 1:
        return leaves[0]
    tensors = iter(leaves)
    values = [next(tensors) if each == "tensor" else each for each in form[1:]]
    if form[0] == "tuple":
        return tuple(values)
    tokens, height, width = values
    assert isinstance(tokens, Tensor)
    return Tokens(tokens, int(height), int(width))


def key_of(recipe: Recipe, photos: Sequence[Photo], size_px: tuple[int, int]) -> str:
    """Equal keys mean equal features: of photos, of what the frozen stages are, and of how photos are altered."""
    parts = {name: recipe.as_dict()[name] for name in OF_FEATURES}
    if recipe.weights not in (None, "imagenet"):
        parts["weights_file"] = content_hint(str(recipe.weights))
    return hashlib.blake2b(json.dumps([parts, size_px, identity(photos)]).encode(), digest_size=16).hexdigest()


def identity(photos: Sequence[Photo]) -> str:
    """Hex digest of which photos these are, where they were taken, and whether their files changed."""
    digest = hashlib.blake2b(digest_size=16)
    for photo in photos:
        at = photo.position
        digest.update(repr((photo.id, at.lat, at.lon, photo.heading_deg, content_hint(photo.source))).encode())
    return digest.hexdigest()
