"""A model that describes pictures after they were blurred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..models.model import Model
from .blur import Blur


class BlurringModel(Model):
    """A model whose pictures are blurred before it describes them.

    Its descriptors are comparable with those of the model.

    Args:
        model: the model that describes.
        blur: what is blurred before.
    """

    def __init__(self, model: Model, blur: Blur) -> None:
        self._model, self._blur = model, blur
        self.name, self.dim, self.least_side_px = model.name, model.dim, model.least_side_px
        self.most_together, self.device = model.most_together, model.device

    @property
    def fingerprint(self) -> str:
        return self._model.fingerprint

    def _embed(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        return self._model.embed([self._blur(picture) for picture in pictures])

    def prepare(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        return self._model.prepare(self._blur(picture))

    def embed_prepared(self, prepared: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        return self._model.embed_prepared(prepared)
