"""Everything that decides the outcome of a training, checked; changed by a TOML file or by --set."""

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
    """Everything that decides the outcome of a training. Saved in its checkpoints and in the exported model.

    Raises:
        BadInput: a value of the wrong type or out of its range.
    """

    backbone: str = "efficientnet-lite0"
    weights: str | None = "imagenet"
    """Of the backbone: "imagenet" (from an installed package), a file (a published state dict, or a checkpoint
    of viewfix, whose head is loaded as well if it fits), or none for random weights."""
    tuned_stages: int | str = 0
    """How many stages of the backbone are trained, counted from its end; or "all"."""
    tuned_norms: bool = False
    """Whether BatchNorm layers of tuned stages collect batch statistics. Needed for random weights."""

    aggregator: str = "netvlad"
    aggregator_options: Mapping[str, Option] = field(default_factory=dict)
    """Hyper-parameters of the aggregation layer, by the names of its class."""
    clusters: int | None = 48
    """For NetVLAD, GhostVLAD and SALAD; none: the default of the layer. Other layers have no clusters."""
    dim: int | None = 512
    """Length of the descriptor, by a linear layer after the aggregation; none: the length of the aggregation."""
    projection: str = "learned"
    """What that linear layer starts from: "learned" (whitening from pairs), "pca" or "random"."""
    whitening_directions: int | None = None
    """Principal directions that the learned whitening keeps; none: 9 for every 10 photos, or `dim` if that is more."""
    whitening_shrinkage: float = 0.3
    """How far the covariance of pairs is pulled towards a round one, [0, 1]; 1 learns nothing."""
    whitening_power: float = 0.5
    """How far the variances between places are evened out, [0, 1]."""
    int8_backbone: bool = False
    """Train the head on the features of the int8 backbone. Only with `views_per_spot`."""

    image_px: int = 320
    sizing: str = "area"
    """ "exact": squares of image_px; "area": about image_px * image_px pixels in the shape of the photos."""
    interpolation: str = "bilinear"
    augmentations: tuple[str, ...] = ("day-night", "weather", "season", "occlusion", "viewpoint", "camera")
    augmentation_strength: float = 1.0
    cache: bool = True
    """Whether the features of frozen stages are computed once, for `versions` versions of every photo."""
    versions: int = 6
    """Cached versions of a photo: one unchanged, the others augmented."""
    views_per_spot: int = 0
    """Views drawn from each ring of four photos (0, 90, 180 and 270 degrees), in random directions and light; the
    head is then trained on them for `ring_steps`, and nothing is validated. 0: photos as they are, in epochs."""
    ring_steps: int = 260
    aside_m: float = 6.0
    """With rings: two views show the same place only within this distance across the direction of view."""
    pair_m: float = 8.0
    """With rings: photos of one heading this close are a pair for the whitening."""
    other_spot_share: float = 0.7
    """With rings: how often a further photo of a place is from another spot, where there is one."""

    positive_m: float = 10.0
    negative_m: float = 25.0
    heading_tolerance_deg: float = 30.0
    places_per_batch: int = 16
    photos_per_place: int = 4

    loss: str = "multi-similarity"
    margin: float | None = None
    """None: the default of the loss."""
    loss_options: Mapping[str, Option] = field(default_factory=dict)
    prefixes: Mapping[str, Option] = field(default_factory=dict)
    """Lengths of the descriptor that are trained to work alone, with their weight in the loss: { 512 = 1.0,
    256 = 0.7 } (Kusupati et al., 2022). Empty: only the whole descriptor."""

    epochs: int = 20
    lr: float = 1e-5
    """Peak rate of the tuned stages of the backbone."""
    head_lr: float = 1e-4
    """Peak rate of aggregation and projection."""
    vocabulary_lr: float | None = None
    """Peak rate of the vocabulary of NetVLAD and its like, without weight decay; none: `head_lr`."""
    weight_decay: float = 1e-4
    warmup_share: float = 0.1
    """Of all steps."""
    decay: str = "cosine"
    """How the rate falls after the warm-up: "cosine", "linear" or "none"."""
    clip_norm: float = 10.0
    precision: str = "float32"
    """ "bf16" is for GPUs; on a CPU it would be 50 times slower and is ignored."""

    validation_share: float = 0.2
    validation_margin_m: float = 50.0
    """No training photo lies closer to the validation area than this."""
    validation_night: bool = True
    """Whether the queries are validated in simulated night light as well."""
    patience: int = 5
    """The training stops after this many epochs without a better validation recall; 0: never."""
    steps_between_checkpoints: int = 200
    seed: int = 0
    name: str = ""
    """Name of the exported model; empty: the name of its file."""
    licence: str = "unknown"
    """Licence of the trained weights, written into the exported file."""
    sources: tuple[str, ...] = ()
    """What the weights were made from, written into the exported file."""

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for name, kind in hints.items():
            object.__setattr__(self, name, typed(name, getattr(self, name), kind, where="The recipe"))
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if isinstance(value, int | float) and not (least <= value <= most and math.isfinite(value)):
                raise BadInput(f"The recipe sets {name} to {value}. Set it to a value in [{least:g}, {most:g}].")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadInput(
                    f"The recipe sets {name} to {getattr(self, name)!r}. Choose one of: {', '.join(choices)}."
                )
        if isinstance(self.tuned_stages, str) and self.tuned_stages != ALL:
            raise BadInput(f"The recipe sets tuned_stages to {self.tuned_stages!r}. Set it to a number or {ALL!r}.")
        if self.aggregator == "mixvpr" and self.sizing != "exact":
            raise BadInput("MixVPR needs pictures of one size. Set sizing to 'exact'.")
        self._check_rings()
        check_kinds(self.augmentations)
        if self.negative_m < self.positive_m:
            raise BadInput(
                f"negative_m ({self.negative_m:g}) is below positive_m ({self.positive_m:g}), so two photos could "
                "show both the same place and different places. Raise negative_m."
            )

    def _check_rings(self) -> None:
        for length, share in self.prefixes.items():
            good = length.isdigit() and int(length) >= 1 and (self.dim is None or int(length) <= self.dim)
            if not (good and isinstance(share, int | float) and share > 0):
                raise BadInput(
                    f"The recipe sets prefixes.{length} to {share!r}. A prefix is a length of up to dim ({self.dim}) "
                    "numbers with a weight above 0."
                )
        if self.int8_backbone and not self.views_per_spot:
            raise BadInput("int8_backbone needs views_per_spot. Set both, or export with --int8.")
        if self.views_per_spot and (self.tuned_stages != 0 or self.dim is None):
            raise BadInput("views_per_spot trains the head alone. Set tuned_stages to 0 and dim to a number.")

    def prefix_shares(self) -> tuple[tuple[int, float], ...]:
        """Length and weight of every prefix, in the order of the recipe."""
        return tuple((int(length), float(str(share))) for length, share in self.prefixes.items())

    def with_toml(self, path: Path) -> Recipe:
        """This recipe, changed by a TOML file; unknown keys are refused."""
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadInput(f"There is no recipe at {path}. Write one (docs/training.md), or use --recipe.") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadInput(f"{path} cannot be read as TOML ({error}). See docs/training.md for a recipe.") from None
        return self.changed(given, where=str(path))

    def with_settings(self, settings: Sequence[str]) -> Recipe:
        """This recipe, changed by `key=value` texts; `key.name=value` sets one option."""
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
        """This recipe with other values; error messages name `where` they come from."""
        hints = typing.get_type_hints(type(self))
        for key, value in given.items():
            if key not in hints:
                raise _unknown(key, where)
            typed(key, value, hints[key], where=where)
        return dataclasses.replace(self, **given)

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON and checkpoints."""
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
            raise BadInput(f"{where} is not JSON ({error}). Use the recipe of a checkpoint of viewfix.") from None
        if not isinstance(fields, dict):
            raise BadInput(f"{where} is a JSON {type(fields).__name__}, but a recipe is an object.")
        return cls.from_dict(fields, where=where)

    def differences(self, other: Recipe) -> list[str]:
        """`key: mine, theirs` for every field in which two recipes differ."""
        mine, theirs = self.as_dict(), other.as_dict()
        return [f"{key}: {mine[key]!r}, {theirs[key]!r}" for key in mine if mine[key] != theirs[key]]


RANGES: dict[str, tuple[float, float]] = {
    "tuned_stages": (0, 100),
    "whitening_directions": (2, 65536),
    "whitening_shrinkage": (0, 1),
    "whitening_power": (0, 1),
    "views_per_spot": (0, 1000),
    "ring_steps": (0, 1_000_000),
    "aside_m": (0.1, 1000),
    "pair_m": (0.1, 1000),
    "other_spot_share": (0, 1),
    "vocabulary_lr": (0, 10),
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
    return BadInput(f"{where} sets {key!r}, which is not a key of a recipe. {hint}")
