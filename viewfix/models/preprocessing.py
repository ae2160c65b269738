"""Preprocessing: a picture of any size to the input tensor of a network, by the rules in the model file.

The rules are simple enough for other runtimes, such as a browser: choose a size, resize with an antialiased filter,
arrange the pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import BadInput

INTERPOLATIONS = ("bilinear", "bicubic")
LAYOUTS = ("NHWC uint8", "NCHW float32")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture is prepared for the network.

    sizing: "exact" squashes every picture to `width_px` x `height_px`; "area" keeps its
        shape: about width_px * height_px pixels, each side rounded to `multiple_px`.
    longest_aspect: for "area": a picture longer than this many times its other side is
        squashed to this shape, so that a thin strip does not become a huge or an empty picture.
    interpolation: the filter of Pillow; when shrinking, it averages over all the pixels it covers.
    layout: "NHWC uint8" passes pixels unchanged, and the network normalises them;
        "NCHW float32" passes (pixel / 255 - mean) / std.
    """

    sizing: Literal["exact", "area"]
    width_px: int
    height_px: int
    multiple_px: int = 32
    longest_aspect: float = 2.0
    interpolation: str = "bilinear"
    layout: str = "NHWC uint8"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, good in (
                ("sizing", self.sizing in ("exact", "area")),
                ("width_px", isinstance(self.width_px, int) and 0 < self.width_px <= 4096),
                ("height_px", isinstance(self.height_px, int) and 0 < self.height_px <= 4096),
                ("multiple_px", isinstance(self.multiple_px, int) and 0 < self.multiple_px <= 1024),
                ("longest_aspect", isinstance(self.longest_aspect, int | float) and 1 <= self.longest_aspect <= 100),
                ("interpolation", self.interpolation in INTERPOLATIONS),
                ("layout", self.layout in LAYOUTS),
                ("mean", _three_numbers(self.mean)),
                ("std", _three_numbers(self.std) and all(self.std)),
            )
            if not good
        ]
        if wrong:
            values = ", ".join(f"{name} = {getattr(self, name)!r}" for name in wrong)
            raise BadInput(f"The preprocessing of a model is invalid: {values}. See docs/models.md for the fields.")

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Preprocessing:
        """Read the JSON object of a model file; unknown and missing fields are refused."""
        try:
            given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
            return cls(**given)
        except TypeError as error:
            raise BadInput(
                f"The preprocessing of a model cannot be read ({error}). See docs/models.md for the fields."
            ) from None

    @property
    def least_side_px(self) -> int:
        """The largest number of pixels that the shorter side of a picture can have in the network."""
        if self.sizing == "exact":
            return max(self.width_px, self.height_px)
        return self._rounded(math.sqrt(self.width_px * self.height_px))

    def size_px(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height of the network input for a picture of this width and height."""
        if self.sizing == "exact":
            return self.width_px, self.height_px
        aspect = min(max(width_px / height_px, 1 / self.longest_aspect), self.longest_aspect)
        side = math.sqrt(self.width_px * self.height_px)
        return self._rounded(side * math.sqrt(aspect)), self._rounded(side / math.sqrt(aspect))

    def _rounded(self, side_px: float) -> int:
        # floor(x + 0.5), not round(): halves must be rounded the same way in every language.
        return max(1, math.floor(side_px / self.multiple_px + 0.5)) * self.multiple_px

    def apply(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
        """(H, W, 3) uint8 RGB to a batch of one in the model's layout and dtype."""
        from PIL import Image

        size = self.size_px(picture.shape[1], picture.shape[0])
        if size != (picture.shape[1], picture.shape[0]):
            resampling = Image.Resampling.BILINEAR if self.interpolation == "bilinear" else Image.Resampling.BICUBIC
            picture = np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize(size, resampling))
        if self.layout == "NHWC uint8":
            return np.ascontiguousarray(picture)[None]
        pixels = (picture.astype(np.float32) / 255 - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)[None]


def _three_numbers(values: object) -> bool:
    return isinstance(values, tuple) and len(values) == 3 and all(isinstance(v, int | float) for v in values)
