"""The check picture of a pack, made by a formula, and its descriptor. An app that computes another one must not run.

WebGPU and unusual browsers may compute other numbers, so the app computes this descriptor before it is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..models.model import Model

SIDE_PX = 320
LEAST_COSINE = 0.995


def pattern() -> npt.NDArray[np.uint8]:
    """(SIDE_PX, SIDE_PX, 3) uint8 RGB, the same as in viewfix/web/phone/check.js."""
    y, x, channel = np.indices((SIDE_PX, SIDE_PX, 3))
    value = 3 * x + 5 * y + 85 * channel + 31 * ((x >> 4) ^ (y >> 5)) + 7 * ((x * y) >> 8)
    made: npt.NDArray[np.uint8] = (value & 255).astype(np.uint8)
    return made


def check_of(model: Model) -> dict[str, Any]:
    """The size of the check picture, its descriptor by this model, and how similar the app's must be."""
    [descriptor] = model.embed([pattern()])
    return {"side_px": SIDE_PX, "least_cosine": LEAST_COSINE, "descriptor": [round(float(x), 5) for x in descriptor]}
