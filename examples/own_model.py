"""Build a map with a model of your own: python examples/own_model.py PHOTOS QUERY

The model here compares colours on a coarse grid. Replace `_embed` with your network, or with descriptors that another
program has computed. For a network in an .onnx file you need no code: see docs/models.md.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from viewfix import Map, Model

GRID = (8, 6)


class ColourLayout(Model):
    """Describes a picture by the colours of an 8 x 6 grid: finds near-duplicates, not places."""

    name = "colour-layout"
    dim = GRID[0] * GRID[1] * 3
    least_side_px = 16  # a decoder may shrink pictures to this size

    @property
    def fingerprint(self) -> str:
        """Equal fingerprints mean comparable descriptors. Change it whenever `_embed` computes something else."""
        return hashlib.blake2b(b"colour-layout, version 1", digest_size=16).hexdigest()

    def _embed(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        """N pictures, (H, W, 3) uint8 RGB of any size, to (N, dim) float32 with rows of length 1."""
        grids = [np.asarray(Image.fromarray(each).resize(GRID), np.float32).ravel() for each in pictures]
        centred = np.stack(grids) - np.mean(grids, axis=1, keepdims=True)
        centred[:, 0] += 1e-3  # so that a picture of one colour has a direction too
        return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True), np.float32)


def run(photos: Path, query: Path, place: Path) -> str:
    """The id of the photo that looks most like the query."""
    model = ColourLayout()
    with Map.build(place, photos, model=model) as city:
        fix = city.locate(query, verify="off")  # by this model alone
    with Map.open(place, model=model) as city:  # a map of your own model is opened with that model
        assert city.locate(query, verify="off").candidates[0] == fix.candidates[0]
    best = fix.candidates[0]
    print(f"{query.name} looks most like {best.photo.id}, similarity {best.similarity:.3f}")
    return best.photo.id


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), Path(tempfile.mkdtemp()) / "colours.map")
