"""The network as a whole: normalised pixels to a short descriptor of length 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import aggregators, backbones
from .aggregators.aggregator import Aggregator
from .recipe import ALL, Recipe

if TYPE_CHECKING:
    from .backbones import Backbone

Features: TypeAlias = Tensor | tuple[Tensor, Tensor]
"""What a backbone gives: a map (B, C, H, W), or the map and one token (B, C) a picture."""


class Head(nn.Module):
    """What follows the backbone: (B, C, H, W) float feature map to (B, dim) float, rows of length 1.

    A backbone with a token hands over (map, token); both then reach the aggregator.
    """

    def __init__(self, aggregator: nn.Module, whitening: nn.Module) -> None:
        super().__init__()
        self.aggregator = aggregator
        self.whitening = whitening

    def forward(self, features: Features) -> Tensor:
        return F.normalize(self.whitening(self.aggregated(features)), dim=1)

    def aggregated(self, features: Features) -> Tensor:
        """(B, aggregator.dim) float: what the whitening takes."""
        vectors: Tensor = self.aggregator(*features) if isinstance(features, tuple) else self.aggregator(features)
        return vectors


class Describer(nn.Module):
    """(B, 3, H, W) float, normalised as the backbone wants it, to (B, dim) float, rows of length 1."""

    backbone: Backbone
    head: Head

    def __init__(self, backbone: Backbone, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        descriptors: Tensor = self.head(self.backbone(x))
        return descriptors


class Trained(nn.Module):
    """What a training step runs: whatever reaches the tuned stages, or the pixels, to (B, dim) float descriptors.

    Args:
        frozen: stages that are run without gradients; None where their features come from a cache.
        tuned, head: what learns.
        tuned_norms: whether BatchNorm layers of `tuned` gather statistics while training.
    """

    def __init__(self, frozen: nn.Module | None, tuned: nn.Module, head: nn.Module, *, tuned_norms: bool) -> None:
        super().__init__()
        self.frozen = frozen
        self.tuned = tuned
        self.head = head
        self.tuned_norms = tuned_norms

    def train(self, mode: bool = True) -> Trained:
        """As ever, but frozen stages, and norms that are to stay as they are, always stay in evaluation mode."""
        super().train(mode)
        if self.frozen is not None:
            self.frozen.eval()
        if not self.tuned_norms:
            for layer in self.tuned.modules():
                if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                    layer.eval()
        return self

    def forward(self, x: Any) -> Tensor:
        descriptors: Tensor = self.head(self.features(x))
        return descriptors

    def features(self, x: Any) -> Any:
        """What the head takes."""
        if self.frozen is not None:
            with torch.no_grad():
                x = self.frozen(x)
        return self.tuned(x)


def assemble(recipe: Recipe) -> Describer:
    """The network of a recipe, random throughout: weights, vocabulary and checkpoints are loaded into it.

    Raises:
        BadInput: no backbone or aggregation has that name, or one has no such hyper-parameter.
    """
    backbone = backbones.make(recipe.backbone)
    aggregator = aggregation(recipe, backbone.channels, backbone.stride)
    linear = nn.Linear(aggregator.dim, recipe.dim) if recipe.dim else nn.Identity()
    return Describer(backbone, Head(aggregator, linear))


def aggregation(recipe: Recipe, channels: int, stride: int) -> Aggregator:
    """The aggregation layer of a recipe, with random weights, for maps of so many channels at that stride."""
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in recipe.aggregator_options.items()
    }
    if recipe.clusters is not None and recipe.aggregator in WITH_CLUSTERS:
        options.setdefault("clusters", recipe.clusters)
    if recipe.aggregator == "mixvpr":  # the one layer that is made for one size of picture
        side = recipe.image_px // stride
        options.setdefault("grid", (side, side))
    return aggregators.make(recipe.aggregator, channels, **options)


def tuned_stages(recipe: Recipe, backbone: Backbone) -> int:
    """How many stages at the end of a backbone a recipe trains."""
    count = len(backbone.stages)
    return count if recipe.tuned_stages == ALL else min(int(recipe.tuned_stages), count)


WITH_CLUSTERS = ("netvlad", "ghostvlad", "salad")
"""Aggregations that have a number of clusters."""
