"""The interface of every model: upright pictures to comparable descriptors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


class Model(ABC):
    """Turns pictures into descriptors that can be compared by dot product.

    A model does its own preprocessing: pass pictures as they are.
    Subclasses implement `_embed`; only `embed` calls it.
    """

    name: str
    dim: int
    least_side_px: int
    """A decoder may shrink pictures as long as both sides keep at least this many pixels."""
    most_together: int = 1
    """The number of pictures that are best described at once: 1 on a CPU."""
    device: str = "cpu"
    """The name of the device that it runs on, as for `set_device`."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hex digest of weights, preprocessing and dimension. Equal means comparable. Stored in every map."""

    @abstractmethod
    def _embed(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]: ...

    def embed(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """Describe a batch of pictures. Thread-safe. A descriptor does not depend on the rest of its batch.

        Args:
            pictures: N pictures, each (H, W, 3) uint8 RGB, upright; sizes may differ.

        Returns:
            (N, dim) float32; every row has length 1.
        """
        if not pictures:
            return np.empty((0, self.dim), np.float32)
        for picture in pictures:
            assert picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8, "see photos.load"
        descriptors = self._embed(pictures)
        assert descriptors.shape == (len(pictures), self.dim) and descriptors.dtype == np.float32
        return descriptors

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Do the part of the work on one picture that another thread can do before `embed_prepared`. Thread-safe."""
        return picture

    def embed_prepared(self, prepared: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """Describe what `prepare` returned for each picture, as `embed` would."""
        return self.embed(prepared)
