"""The interface of backbones: stages that can be split and partly frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...errors import BadInput

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
"""Of red, green and blue over the photos of ImageNet, in levels of 0..255: 255 times the figures that are usual."""

NAMED = 8
"""Tensors named in a message, of each kind of mistake."""


class Backbone(nn.Module):
    """(B, 3, H, W) float, (pixel - mean) / std, to a map (B, channels, H / stride, W / stride) float.

    With `has_token` the output is a tuple: the map, and one vector (B, channels) for the whole picture.

    Attributes:
        name: by which `backbones.make` makes it.
        channels, stride: of the map.
        multiple_px: H and W must be multiples of this; other sizes are rounded by the layers, or cut off.
        mean, std: of red, green and blue, in levels of 0..255.
        beyond: beginnings of the published names that lie behind the cut, and are dropped in loading.
        frozen_stages: so many stages, counted from the pixels, do not learn; see `freeze`.
    """

    name: str = "backbone"
    channels: int
    stride: int
    multiple_px: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    has_token: bool = False
    beyond: tuple[str, ...] = ()
    frozen_stages: int = 0

    @property
    def stages(self) -> tuple[nn.Module, ...]:
        """The parts in the order in which pixels pass through them. They share their tensors with the backbone."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Any:
        features: Any = x
        for stage in self.stages:
            features = stage(features)
        return features

    def split(self, tuned_stages: int) -> tuple[nn.Module, nn.Module]:
        """(frozen, tuned), where tuned(frozen(x)) equals backbone(x).

        They share their tensors with the backbone. `frozen` stays in evaluation mode after `train()`.

        Raises:
            BadInput: there are not so many stages.
        """
        cut = self.cut(tuned_stages)
        return Frozen(*self.stages[:cut]), nn.Sequential(*self.stages[cut:])

    def cut(self, tuned_stages: int) -> int:
        """How many stages come before the last `tuned_stages`.

        Raises:
            BadInput: there are not so many stages.
        """
        count = len(self.stages)
        if not 0 <= tuned_stages <= count:
            raise BadInput(f"{self.name} has {count} stages, so {tuned_stages} cannot be tuned. Use 0 to {count}.")
        return count - tuned_stages

    def freeze(self, tuned_stages: int) -> None:
        """Let the last `tuned_stages` stages learn and nothing before them.

        BatchNorm of the others keeps its statistics, also after `train()`.

        Raises:
            BadInput: there are not so many stages.
        """
        self.frozen_stages = self.cut(tuned_stages)
        self.requires_grad_(False)
        for stage in self.stages[self.frozen_stages :]:
            stage.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> Backbone:
        """As ever, but frozen stages always stay in evaluation mode."""
        super().train(mode)
        for stage in self.stages[: self.frozen_stages]:
            stage.eval()
        return self

    def ours(self, published: str) -> str:
        """Our name of a published tensor: the same, unless a backbone says otherwise."""
        return published

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over published weights by their public names, strictly.

        Args:
            state: name to tensor, of any float dtype. Names that begin with one of `beyond` are dropped,
                that is the classifier and what follows the cut; every other must be one of ours,
                with its shape, and none of ours may be missing.

        Raises:
            BadInput: keys are missing, unexpected or of another shape; they are listed, and nothing was loaded.
        """
        before_cut = [key for key in state if not self.ours(key).startswith(self.beyond)]
        kept = {self.ours(key): key for key in reversed(before_cut)}
        own = self.state_dict()
        complaints = (
            listed("missing", [key for key in own if key not in kept]),
            listed("unexpected", [key for key in before_cut if self.ours(key) not in own]),
            listed("there twice", [key for key in before_cut if kept[self.ours(key)] != key]),
            listed(
                "of another shape",
                [
                    f"{key} is {shape(state[key])}, not {shape(own[self.ours(key)])}"
                    for key in before_cut
                    if self.ours(key) in own and state[key].shape != own[self.ours(key)].shape
                ],
            ),
        )
        if any(complaints):
            raise BadInput(
                f"These are not the weights of {self.name}: {'; '.join(c for c in complaints if c)}. Name the backbone "
                "that they were trained for, or use the state dict of the backbone alone, under its public names."
            )
        self.load_state_dict({mine: state[key] for mine, key in kept.items()}, strict=True)


class Frozen(nn.Sequential):
    """Stages one after the other, which stay in evaluation mode when they are told to train."""

    def train(self, mode: bool = True) -> Frozen:
        super().train(False)
        return self


def listed(what: str, names: list[str]) -> str:
    """ "2 missing (a, b)"; empty where there are none; cut short where there are many."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} {what} ({', '.join(names[:NAMED])}{more})" if names else ""


def shape(tensor: Tensor) -> str:
    """ "64x3x7x7"."""
    return "x".join(map(str, tensor.shape)) or "one number"
