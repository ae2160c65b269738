"""The architectures of the published models, and how the names of their tensors map to ours.

Facts of the authors' repositories, by reading them and their checkpoints; no code of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UnknownModel

BACKBONE, AGGREGATOR, WHITENING = "backbone.", "head.aggregator.", "head.whitening."
"""What the names of a Describer begin with."""

RESNET = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
"""A ResNet that was put into a Sequential: its number there, its public name."""

COSPLACE = {"aggregation.1.p": "p", "aggregation.3.weight": "linear.weight", "aggregation.3.bias": "linear.bias"}
LINEAR = {f"aggregator.linear.{kind}": f"{WHITENING}{kind}" for kind in ("weight", "bias")}


@dataclass(frozen=True, slots=True)
class Architecture:
    """A published network in our parts.

    `prefix` is a pattern of what stands before the public name of a backbone's tensor;
    `numbered` turns the first part of what follows into that of the public name, where the
    authors put the backbone into a Sequential. `renamed` names other tensors one by one,
    and whatever begins with `head_prefix` is the aggregation layer's. `unused` are public
    names that take no part in describing a picture: they may be there or not.
    """

    backbone: str
    aggregator: str
    options: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = r"backbone\.model\."
    numbered: Mapping[str, str] | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    head_prefix: str | None = "aggregator."
    linear_dim: int | None = None
    """Length after a linear layer that follows the aggregation; None where there is none."""
    final_norm: bool = True
    """Whether a transformer's last normalisation is applied."""
    unused: tuple[str, ...] = ()

    def ours(self, published: str) -> str:
        """Our name of a published tensor; a name without a match if we have no such tensor."""
        if published in self.renamed:
            return self.renamed[published]
        if self.head_prefix and published.startswith(self.head_prefix):
            return AGGREGATOR + published.removeprefix(self.head_prefix)
        found = re.match(self.prefix, published)
        if not found:
            return published
        rest = published[found.end() :]
        if self.numbered is not None:
            number, _, rest = rest.partition(".")
            rest = f"{self.numbered.get(number, number)}.{rest}"
        return BACKBONE + rest

    def spare(self, ours: str) -> bool:
        """Whether a tensor takes no part in describing a picture."""
        return ours.removeprefix(BACKBONE) in self.unused


def architecture(name: str) -> Architecture:
    """The architecture of a published model of the catalogue.

    Raises:
        UnknownModel: it is not one of those that can be loaded.
    """
    family, *rest = name.split("-")
    makers = {"cosplace": _cosplace, "eigenplaces": _cosplace, "boq": _boq, "mixvpr": _mixvpr, "convap": _convap}
    if name in WHOLE:
        return WHOLE[name]
    if family not in makers:
        raise UnknownModel(
            f"{name} is not a published model that can be loaded. Run `viewfix models` for those that can."
        )
    return makers[family](rest)


MASK = ("mask_token",)  # stands in for patches that were hidden while the network was pretrained

WHOLE = {
    # Of its two files, that on GitHub has one more `model.` in its names.
    "megaloc": Architecture(
        "dinov2-b14",
        "salad",
        {"cluster_dim": 256},
        prefix=r"backbone\.(model\.)?",
        head_prefix="aggregator.agg.",
        renamed=LINEAR,
        linear_dim=8448,
        unused=MASK,
    ),
    "salad": Architecture("dinov2-b14", "salad", unused=MASK),
    "clique-mining": Architecture("dinov2-b14", "salad", unused=MASK),
}


def _cosplace(rest: Collection[str]) -> Architecture:
    """CosPlace and EigenPlaces: the same network under the same names."""
    network, dim = rest
    numbered = {str(i): f"features.{i}" for i in range(31)} if network == "vgg16" else RESNET
    renamed = {published: AGGREGATOR + ours for published, ours in COSPLACE.items()}
    return Architecture(
        network, "cosplace", {"dim": int(dim)}, r"backbone\.", numbered=numbered, renamed=renamed, head_prefix=None
    )


def _boq(rest: Collection[str]) -> Architecture:
    network, _ = rest
    if network == "resnet50":
        return Architecture("resnet50-conv4", "boq", {"width": 512}, r"backbone\.net\.", numbered=RESNET)
    return Architecture(
        "dinov2-b14",
        "boq",
        {"width": 384},
        r"backbone\.dino\.",
        final_norm=False,
        unused=(*MASK, "norm.weight", "norm.bias"),
    )


def _mixvpr(rest: Collection[str]) -> Architecture:
    (dim,) = rest
    channels, rows = {"4096": (1024, 4), "512": (256, 2), "128": (64, 2)}[dim]
    return Architecture("resnet50-conv4", "mixvpr", {"out_channels": channels, "out_rows": rows})


def _convap(rest: Collection[str]) -> Architecture:
    (dim,) = rest
    return Architecture("resnet50", "convap", {"out_channels": int(dim) // 4})
