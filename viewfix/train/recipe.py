"""Everything that decides a training run: defaults, a TOML file and --set go in, a checked Recipe comes out."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BadInput
from .augment import check_kinds
from .settings import Option, from_text, plain, typed

ALL = "all"
"""As `tuned_stages`: nothing is frozen."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the outcome of a run. Saved whole inside its checkpoints and inside the exported model.

    Raises:
        BadInput: a value of the wrong type or out of its range.
    """

    backbone: str = "efficientnet-lite0"
    weights: str | None = "imagenet"
    """Of the backbone: "imagenet" (those that a package brings), a file (a published state dict, or a
    checkpoint of viewfix, which brings the head as well if it fits), or none: random ones."""
    tuned_stages: int | str = 0
    """So many stages of the backbone, counted from its end, are trained; or "all"."""
    tuned_norms: bool = False
    """Whether BatchNorm layers of tuned stages gather statistics of the batches. From random weights they must."""

    aggregator: str = "netvlad"
    aggregator_options: Mapping[str, Option] = field(default_factory=dict)
    """Hyper-parameters of the aggregation layer, by its own names."""
    clusters: int | None = 48
    """Of NetVLAD, GhostVLAD and SALAD; none: the layer's own number. Other layers have no clusters."""
    dim: int | None = 512
    """Length of the descriptor, by a linear layer behind the aggregation; none: what the aggregation gives."""
    projection: str = "learned"
    """What that linear layer starts from: "learned" (whitening from pairs), "pca" or "random"."""

    image_px: int = 320
    sizing: str = "area"
    """ "exact": squares of image_px; "area": about image_px * image_px pixels in the shape of the photos."""
    interpolation: str = "bilinear"
    augmentations: tuple[str, ...] = ("day-night", "weather", "season", "occlusion", "viewpoint", "camera")
    augmentation_strength: float = 1.0
    cache: bool = True
    """Whether features of frozen stages are computed once, of `versions` versions of every photo."""
    versions: int = 6
    """Cached versions of a photo: one as it is, the others augmented."""

    positive_m: float = 10.0
    negative_m: float = 25.0
    heading_tolerance_deg: float = 30.0
    places_per_batch: int = 16
    photos_per_place: int = 4

    loss: str = "multi-similarity"
    margin: float | None = None
    """None: the loss's own."""
    loss_options: Mapping[str, Option] = field(default_factory=dict)

    epochs: int = 20
    lr: float = 1e-5
    """Peak rate of the tuned stages of the backbone."""
    head_lr: float = 1e-4
    """Peak rate of aggregation and projection."""
    weight_decay: float = 1e-4
    warmup_share: float = 0.1
    """Of all steps."""
    decay: str = "cosine"
    """How the rate falls after the warm-up: "cosine", "linear" or "none"."""
    clip_norm: float = 10.0
    precision: str = "float32"
    """ "bf16" is for GPUs; on a CPU it is 50 times slower and left out."""

    validation_share: float = 0.2
    validation_margin_m: float = 50.0
    """No training photo lies nearer to the validation area than this."""
    validation_night: bool = True
    """Whether the validation asks the same queries at a drawn night, too."""
    patience: int = 5
    """So many epochs without a better validation recall, and the training stops; 0: it never does."""
    steps_between_checkpoints: int = 200
    seed: int = 0
    licence: str = "unknown"
    """Of the trained weights; written into the exported file."""

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for name, kind in hints.items():
            object.__setattr__(self, name, typed(name, getattr(self, name), kind, where="The recipe"))
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if isinstance(value, int | float) and not (least <= value <= most and math.isfinite(value)):
                raise BadInput(f"The recipe sets {name} to {value}. It lies in [{least:g}, {most:g}].")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadInput(f"The recipe sets {name} to {getattr(self, name)!r}. It is one of {', '.join(choices)}.")
        if isinstance(self.tuned_stages, str) and self.tuned_stages != ALL:
            raise BadInput(f"The recipe sets tuned_stages to {self.tuned_stages!r}. It is a number or {ALL!r}.")
        if self.aggregator == "mixvpr" and self.sizing != "exact":
            raise BadInput("MixVPR is made for one size of picture. Set sizing to 'exact'.")
        check_kinds(self.augmentations)
        if self.negative_m < self.positive_m:
            raise BadInput(
                f"negative_m ({self.negative_m:g}) is below positive_m ({self.positive_m:g}), so a photo could be both "
                "of the same place and of another. Raise negative_m."
            )

    @classmethod
    def talk(cls) -> Recipe:
        """The configuration of the original talk: ResNet18, NetVLAD with 32 clusters, the hardest triplets.

        A descriptor of 32 * 512 numbers. From random weights unless `weights` names a file; given ones
        want a tenth of these rates. Small batches: among many photos the hardest triplets teach
        a network that knows nothing yet little but to make everything alike.
        """
        return cls(
            backbone="resnet18",
            weights=None,
            tuned_stages=ALL,
            tuned_norms=True,
            clusters=32,
            dim=None,
            projection="random",
            image_px=224,
            augmentations=("viewpoint", "camera"),
            loss="online-hardest-triplet",
            margin=0.1,
            places_per_batch=8,
            lr=1e-3,
            head_lr=1e-3,
            cache=False,
        )

    def with_toml(self, path: Path) -> Recipe:
        """This recipe with what a TOML file sets; a key that no recipe has is refused."""
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadInput(f"There is no recipe at {path}. Write one (docs/training.md), or use --talk.") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadInput(f"{path} cannot be read as TOML ({error}). See docs/training.md for a recipe.") from None
        return self.changed(given, where=str(path))

    def with_settings(self, settings: Sequence[str]) -> Recipe:
        """This recipe with `key=value` texts, each read as its field wants it; `key.name=value` for options."""
        given: dict[str, Any] = {}
        hints = typing.get_type_hints(type(self))
        for setting in settings:
            key, equals, text = (part.strip() for part in setting.partition("="))
            if not equals or not key:
                raise BadInput(f"--set {setting!r} is not key=value. Write it as --set lr=1e-4.")
            top, dot, name = key.partition(".")
            if top not in hints:
                raise _unknown(top, "--set")
            if dot:
                if hints[top] != Mapping[str, Option]:
                    raise BadInput(f"--set {setting!r}: {top} has no parts. Write it as --set {top}=VALUE.")
                given[top] = {**given.get(top, getattr(self, top)), name: plain(text)}
            else:
                given[top] = from_text(key, text, hints[top])
        return self.changed(given, where="--set")

    def changed(self, given: Mapping[str, Any], *, where: str) -> Recipe:
        """This recipe with other values; `where` they come from is what a refusal names."""
        hints = typing.get_type_hints(type(self))
        for key, value in given.items():
            if key not in hints:
                raise _unknown(key, where)
            typed(key, value, hints[key], where=where)
        return dataclasses.replace(self, **given)

    def as_dict(self) -> dict[str, Any]:
        """Plain values only: what JSON and a checkpoint hold."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            k: list(v) if isinstance(v, tuple) else dict(v) if isinstance(v, Mapping) else v for k, v in plain.items()
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], *, where: str = "The recipe") -> Recipe:
        return cls().changed(fields, where=where)

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str = "The recipe") -> Recipe:
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise BadInput(f"{where} is not JSON ({error}). Take it from a checkpoint of viewfix.") from None
        if not isinstance(fields, dict):
            raise BadInput(f"{where} is a JSON {type(fields).__name__}, but a recipe is an object.")
        return cls.from_dict(fields, where=where)

    def differences(self, other: Recipe) -> list[str]:
        """`key: mine, theirs` of every field in which two recipes differ."""
        mine, theirs = self.as_dict(), other.as_dict()
        return [f"{key}: {mine[key]!r}, {theirs[key]!r}" for key in mine if mine[key] != theirs[key]]


RANGES: dict[str, tuple[float, float]] = {
    "tuned_stages": (0, 100),
    "clusters": (1, 4096),
    "dim": (2, 65536),
    "image_px": (32, 2048),
    "augmentation_strength": (0, 3),
    "versions": (1, 100),
    "positive_m": (0.1, 1000),
    "negative_m": (0.1, 10000),
    "heading_tolerance_deg": (0, 180),
    "places_per_batch": (2, 4096),
    "photos_per_place": (2, 64),
    "margin": (0, 10),
    "epochs": (1, 100_000),
    "lr": (0, 10),
    "head_lr": (0, 10),
    "weight_decay": (0, 1),
    "warmup_share": (0, 0.9),
    "clip_norm": (1e-6, 1e6),
    "validation_share": (0.01, 0.9),
    "validation_margin_m": (0, 1e6),
    "patience": (0, 100_000),
    "steps_between_checkpoints": (1, 1_000_000),
    "seed": (0, 2**32 - 1),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "projection": ("learned", "pca", "random"),
    "sizing": ("exact", "area"),
    "interpolation": ("bilinear", "bicubic"),
    "decay": ("cosine", "linear", "none"),
    "precision": ("float32", "bf16"),
}


def _unknown(key: str, where: str) -> BadInput:
    names = [f.name for f in dataclasses.fields(Recipe)]
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else f"A recipe has: {', '.join(names)}."
    return BadInput(f"{where} sets {key!r}, which no recipe has. {hint}")
