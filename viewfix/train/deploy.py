"""Export a trained network as .onnx for maps, checked against PyTorch on real photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from ..errors import BadInput, ViewfixError
from ..files import replacing
from ..models.onnx import OnnxModel
from ..models.preprocessing import Preprocessing
from . import export
from .backbones import Backbone
from .checkpoint import BEST, Checkpoint
from .network import Describer, assemble
from .pictures import rules

Picture = npt.NDArray[np.uint8]

LEAST_COSINE = 0.9999
"""Between the descriptors of PyTorch and of a float32 file; a smaller cosine means a wrong export."""

LEAST_COSINE_INT8 = 0.9
FLOAT_CONVOLUTIONS = 3


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """An exported file, with its largest difference from PyTorch and its least cosine over all pictures."""

    path: Path
    size_bytes: int
    largest_difference: float
    least_cosine: float

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.size_bytes / 1e6:.1f} MB; against PyTorch, largest difference "
            f"{self.largest_difference:.1e}, least cosine {self.least_cosine:.6f}"
        )


def export_checkpoint(run: Path, to: Path, *, int8: bool, pictures: Sequence[Picture]) -> ExportedModel:
    """Export the network of a run, or of one checkpoint, for `viewfix build --model`.

    Args:
        run: the folder of a run, whose best checkpoint is used, or a checkpoint file.
        to: the .onnx file.
        int8: store weights and activations of the backbone in 8 bits, calibrated on the pictures.
        pictures: (H, W, 3) uint8 RGB photos typical of the intended use.

    Raises:
        BadInput: no checkpoint, no pictures, or int8 for a transformer.
        ViewfixError: the file differs from PyTorch.
    """
    checkpoint = Checkpoint.read(run / BEST if run.is_dir() else run)
    describer = assemble(checkpoint.recipe)
    describer.load_state_dict(dict(checkpoint.network), strict=True)
    best = checkpoint.progress.history[-1] if checkpoint.progress.history else {}
    about = {
        **({"name": checkpoint.recipe.name} if checkpoint.recipe.name else {}),
        "licence": checkpoint.recipe.licence,
        "sources": [*checkpoint.recipe.sources, f"trained by viewfix train; epoch {checkpoint.progress.epoch}"],
        "recipe": checkpoint.recipe.as_dict(),
        "versions": dict(checkpoint.versions),
        "validation": {name: round(value, 4) for name, value in best.items()},
    }
    return export_checked(
        describer, rules(checkpoint.recipe, describer.backbone), to, about=about, int8=int8, pictures=pictures
    )


def export_checked(
    describer: Describer,
    deployed: Preprocessing,
    to: Path,
    *,
    about: dict[str, Any],
    int8: bool,
    pictures: Sequence[Picture],
) -> ExportedModel:
    """Export any network, checked; `deployed` is its preprocessing, `about` is added to its description."""
    if not pictures:
        raise BadInput("An export is checked on real photos, and there are none. Pass some with --photos.")
    describer.eval()
    backbone = describer.backbone
    given = preprocessing(deployed, backbone)
    batch = [normalised(picture, deployed, backbone) for picture in pictures]
    model = (
        _int8(describer, batch, deployed)
        if int8
        else export.folded(_graph(describer, batch[0], (export.NORMALISED, export.DESCRIPTOR), deployed))
    )
    if given.layout == "NHWC uint8":
        model = export.with_pixels(model, mean=int(backbone.mean[0]), std=backbone.std[0])
    with torch.inference_mode():
        expected = np.concatenate([describer(torch.from_numpy(x)).numpy() for x in batch])
    about = {"name": to.stem, "dim": expected.shape[1], **about}
    to.parent.mkdir(parents=True, exist_ok=True)
    with replacing(to) as part:
        export.save(model, part, about=about, preprocessing=asdict(given))
        least = LEAST_COSINE_INT8 if int8 else LEAST_COSINE
        difference, cosine = _checked(part, expected, pictures, least=least)
    return ExportedModel(to, to.stat().st_size, difference, cosine)


def preprocessing(deployed: Preprocessing, backbone: Backbone) -> Preprocessing:
    """The preprocessing of the exported file: it normalises unless one node of the network can do that."""
    means, stds = {float(value) for value in backbone.mean}, {float(value) for value in backbone.std}
    if len(means) == len(stds) == 1 and means.pop().is_integer():
        return deployed  # the network takes whole pixels and normalises them
    values = asdict(deployed) | {
        "layout": "NCHW float32",
        "mean": tuple(value / 255 for value in backbone.mean),
        "std": tuple(value / 255 for value in backbone.std),
    }
    return Preprocessing(**values)


def normalised(picture: Picture, deployed: Preprocessing, backbone: Backbone) -> npt.NDArray[np.float32]:
    """(H, W, 3) uint8 to the (1, 3, H, W) float32 input of PyTorch."""
    pixels = deployed.apply(picture).astype(np.float32)
    mean, std = (np.array(values, np.float32) for values in (backbone.mean, backbone.std))
    return np.ascontiguousarray(((pixels - mean) / std).transpose(0, 3, 1, 2))


def _graph(
    module: nn.Module, x: torch.Tensor | npt.NDArray[np.float32], names: tuple[str, str], deployed: Preprocessing
) -> onnx.ModelProto:
    """Export a module with its example twice: with one, the exporter would fix the batch size."""
    example = torch.as_tensor(x)
    return export.to_onnx(module, torch.cat([example, example]), names=names, any_size=deployed.sizing == "area")


def _int8(describer: Describer, batch: Sequence[npt.NDArray[np.float32]], deployed: Preprocessing) -> onnx.ModelProto:
    """The backbone in 8 bits and the head in 32: it is small, and its errors would directly reach the descriptor."""
    if describer.backbone.has_token:
        raise BadInput("int8 does not make a transformer faster. Leave out --int8.")
    whole = (export.NORMALISED, export.FEATURES), (export.FEATURES, export.DESCRIPTOR)
    exact = export.folded(_graph(describer.backbone, batch[0], whole[0], deployed))
    small = export.quantised(exact, batch, float_convolutions=FLOAT_CONVOLUTIONS)
    with torch.inference_mode():
        features = describer.backbone(torch.from_numpy(batch[0]))
    head = export.folded(_graph(describer.head, features, whole[1], deployed))
    return export.joined(small, export.half_weights(head))


def _checked(
    path: Path, expected: npt.NDArray[np.float32], pictures: Sequence[Picture], *, least: float
) -> tuple[float, float]:
    """The largest difference of a number and the least cosine between a file and PyTorch."""
    found = OnnxModel(path).embed(pictures)
    cosine = float((found * expected).sum(axis=1).min())
    if not cosine >= least:
        raise ViewfixError(
            f"The exported network differs from PyTorch (least cosine {cosine:.4f} over {len(pictures)} photos, below "
            f"{least}), so it was not kept. Export float32, or calibrate on more photos."
        )
    return float(np.abs(found - expected).max()), cosine
