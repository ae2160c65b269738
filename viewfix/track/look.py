"""The usual look of the frames of a track: what all of them share, such as the light, the weather and the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .belief import Belief
from .modes import Mode

Descriptor = npt.NDArray[np.float32]

UNSURE_FRAMES = 20.0
"""The usual look is subtracted in full only after many more frames than this: a few may all show one place."""


@dataclass(frozen=True, slots=True)
class Look:
    """The sum of descriptors, (dim,) float32, and the sum of their weights; (0,) before the first frame."""

    total: Descriptor
    weight: float

    def centred(self, descriptor: Descriptor) -> Descriptor:
        """A descriptor without the usual look, of length 1.

        In snow, every frame resembles the few photos of the map with snow, which hides what tells places apart.
        """
        if not len(self.total):
            return descriptor
        rest = descriptor - self.total / np.float32(self.weight + UNSURE_FRAMES)
        length = float(np.linalg.norm(rest))
        return np.asarray(rest / np.float32(length), np.float32) if length > 1e-6 else descriptor

    def with_frame(self, descriptor: Descriptor, weight: float) -> Look:
        """The look of one more frame, with a weight in [0, 1]."""
        before = self.total if len(self.total) else np.zeros(len(descriptor), np.float32)
        return Look(before + np.float32(weight) * descriptor, self.weight + weight)


NO_LOOK = Look(np.empty(0, np.float32), 0.0)


def new_share(belief: Belief, mode: Mode, elapsed_s: float | None, spacing_m: float) -> float:
    """How much of a frame is new, [0, 1]: a camera that stands still, or is off the map, shows nothing new.

    `elapsed_s` is the time since the frame before, None for the first one.
    """
    on = float(belief.on.sum())
    if elapsed_s is None or on <= 0:
        return on
    far = np.minimum(np.array(mode.speeds_mps) * elapsed_s / spacing_m, 1.0)
    return float(belief.on.sum(axis=(0, 1)) @ far)
