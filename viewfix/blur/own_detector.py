"""A detector of your own, as an ONNX file: for number plates, or anything else that must not be shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import BadInput
from ..models.onnx import read, session
from .boxes import Boxes, best_of_overlapping

USUAL_PX = 640
"""The side of the square input of a network that takes any size."""

LEAST_SCORE = 0.3
COLUMNS = {5: (0, 1, 2, 3, 4), 6: (0, 1, 2, 3, 4), 7: (1, 2, 3, 4, 6)}
"""Where x0, y0, x1, y1 and the score stand in a row of this length. Six: a class at the end. Seven: the number of the
picture in front, and the class before the score."""


class OwnDetector:
    """Finds what an ONNX file of your own finds. Thread-safe.

    The network takes one (1, 3, side, side) float32 RGB picture in [0, 1], scaled to fit and padded with grey at the
    right and below. It returns boxes in pixels of that picture, after non-maximum suppression: (N, 5), (N, 6) or
    (N, 7) with or without a leading 1. See docs/privacy.md.

    Raises:
        BadInput: the file cannot be run, or has other inputs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._session = session(read(path), path, 1)
        inputs = self._session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        if len(shape) != 4 or shape[1] not in (3, None) and not isinstance(shape[1], str):
            raise BadInput(
                f"{path} has {len(inputs)} inputs, the first of shape {inputs[0].shape if inputs else None}; "
                "a detector takes one picture of shape (1, 3, side, side). See docs/privacy.md."
            )
        self._input = inputs[0].name
        fixed = [side for side in shape[2:] if isinstance(side, int)]
        self._side_px = max(fixed, default=USUAL_PX)

    def find(self, pixels: npt.NDArray[np.uint8]) -> Boxes:
        height_px, width_px = pixels.shape[:2]
        scale = self._side_px / max(height_px, width_px)
        small = Image.fromarray(pixels).resize((max(1, round(width_px * scale)), max(1, round(height_px * scale))))
        seen = Image.new("RGB", (self._side_px, self._side_px), (114, 114, 114))
        seen.paste(small)
        given = np.asarray(seen, np.float32).transpose(2, 0, 1)[None] / 255.0
        try:
            said = np.asarray(self._session.run(None, {self._input: given})[0])
        except Exception as error:  # its exceptions have no common base class
            line = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise BadInput(f"The detector {self.path} failed ({line}). Check its input: docs/privacy.md.") from None
        return best_of_overlapping(self._boxes(said, scale))

    def _boxes(self, said: npt.NDArray[np.generic], scale: float) -> Boxes:
        rows = said[0] if said.ndim == 3 and said.shape[0] == 1 else said
        if rows.ndim != 2 or rows.shape[1] not in COLUMNS:
            raise BadInput(
                f"The detector {self.path} returns the shape {said.shape}; (N, 5), (N, 6) or (N, 7) is required. "
                "Export it with non-maximum suppression: docs/privacy.md."
            )
        found = rows[:, COLUMNS[rows.shape[1]]].astype(np.float32)
        found = found[np.isfinite(found).all(axis=1) & (found[:, 4] >= LEAST_SCORE)]
        found[:, :4] /= scale
        return found[(found[:, 2] > found[:, 0]) & (found[:, 3] > found[:, 1])]
