"""Blur the parts of a picture that detectors find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from ..errors import BadInput
from .boxes import Boxes, Detector
from .faces import FaceDetector
from .own_detector import OwnDetector

Pixels = npt.NDArray[np.uint8]

SEEN_PX = 640
"""Pictures are decoded with at least this shorter side where they are blurred, even for a small thumbnail."""

MARGIN = 0.15
"""A box is widened by this share of its size: hair and chin identify people too."""

STRENGTH = 0.25
"""The radius of the blur as a share of the box. Of a face that is blurred so far, no feature is left."""


class Blur:
    """Blurs what its detectors find. Thread-safe; call it with pixels.

    Make one with `Blur.of(["faces"])`, or with `Blur.of(["faces", "plates.onnx"])` for a detector of your own.
    viewfix has no detector of number plates.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = tuple(detectors)

    @classmethod
    def of(cls, names: Sequence[str | Path]) -> Self:
        """The detectors of these names: "faces", or the path of an .onnx file.

        Raises:
            BadInput: there is no such detector, or a file cannot be used.
            MissingExtra: the weights of the face detector are not installed.
        """
        return cls([_detector(name) for name in names])

    @classmethod
    def of_any(cls, names: Sequence[str | Path]) -> Self | None:
        """As `of`; None if there are no names."""
        return cls.of(names) if names else None

    def find(self, pixels: Pixels) -> Boxes:
        """The boxes, (N, 5), that would be blurred in (H, W, 3) uint8 RGB pixels."""
        return np.concatenate([each.find(pixels) for each in self._detectors] or [np.empty((0, 5), np.float32)])

    def __call__(self, pixels: Pixels) -> Pixels:
        """The same (H, W, 3) uint8 RGB pixels, or a blurred copy where something was found."""
        boxes = self.find(pixels)
        if not len(boxes):
            return pixels
        picture = Image.fromarray(pixels)
        for x0, y0, x1, y1, _ in boxes.tolist():
            aside, above = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
            left, top = max(0, int(x0 - aside)), max(0, int(y0 - above))
            right, bottom = min(picture.width, int(x1 + aside) + 1), min(picture.height, int(y1 + above) + 1)
            if right > left and bottom > top:
                part = picture.crop((left, top, right, bottom))
                radius_px = max(2.0, STRENGTH * max(x1 - x0, y1 - y0))
                picture.paste(part.filter(ImageFilter.GaussianBlur(radius_px)), (left, top))
        return np.asarray(picture)


def least_side_px(shown_px: int, blur: Blur | None) -> int:
    """How large a picture must be decoded to be shown small: a detector needs more pixels than a thumbnail has."""
    return shown_px if blur is None else max(shown_px, SEEN_PX)


def _detector(name: str | Path) -> Detector:
    if str(name) == "faces":
        return FaceDetector()
    if str(name).lower().endswith(".onnx"):
        return OwnDetector(Path(name))
    hint = " viewfix has no detector of number plates; pass one of your own." if "plate" in str(name).lower() else ""
    raise BadInput(f"There is nothing called {str(name)!r} to blur. Use faces, or the path of an .onnx file.{hint}")
