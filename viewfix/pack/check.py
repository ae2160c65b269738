"""A model goes in; a picture made by a formula, and how it looks to the model, come out: what a browser is checked by.

WebGPU and odd browsers may give other numbers. The app describes the same picture before it is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..models.model import Model

SIDE_PX = 320
LEAST_COSINE = 0.995


def pattern() -> npt.NDArray[np.uint8]:
    """(SIDE_PX, SIDE_PX, 3) uint8, the same as in viewfix/web/phone/check.js."""
    y, x, channel = np.indices((SIDE_PX, SIDE_PX, 3))
    value = 3 * x + 5 * y + 85 * channel + 31 * ((x >> 4) ^ (y >> 5)) + 7 * ((x * y) >> 8)
    made: npt.NDArray[np.uint8] = (value & 255).astype(np.uint8)
    return made


def check_of(model: Model) -> dict[str, Any]:
    """What `pattern` must look like to a model that is run rightly."""
    [descriptor] = model.embed([pattern()])
    return {"side_px": SIDE_PX, "least_cosine": LEAST_COSINE, "descriptor": [round(float(x), 5) for x in descriptor]}
