"""The best checkpoint of a run becomes .onnx files that maps are built with, checked against PyTorch on real photos."""

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
from ..models.onnx import OnnxModel
from ..models.preprocessing import Preprocessing
from . import export
from .backbones import Backbone
from .checkpoint import BEST, Checkpoint
from .network import Describer, assemble
from .pictures import rules

Picture = npt.NDArray[np.uint8]

LEAST_COSINE = 0.9999
"""Between what PyTorch and a float32 file make of a picture; less means that the export is wrong."""

LEAST_COSINE_INT8 = 0.9
FLOAT_CONVOLUTIONS = 3


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A file, and how far it is from PyTorch over all pictures: largest difference of a number, least cosine."""

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
    """Write the network of a run, or of one checkpoint, as a file that `viewfix build --model` takes.

    Args:
        run: the folder of a run, whose best checkpoint is taken, or a checkpoint file.
        to: the .onnx file.
        int8: weights and activations of the backbone in 8 bits, calibrated on the pictures.
        pictures: (H, W, 3) uint8 RGB photos like those that the model is for.

    Raises:
        BadInput: there is no checkpoint, there are no pictures, or int8 was asked of a transformer.
        ViewfixError: the file computes something else than PyTorch.
    """
    checkpoint = Checkpoint.read(run / BEST if run.is_dir() else run)
    describer = assemble(checkpoint.recipe)
    describer.load_state_dict(dict(checkpoint.network), strict=True)
    best = checkpoint.progress.history[-1] if checkpoint.progress.history else {}
    about = {
        "licence": checkpoint.recipe.licence,
        "sources": [f"trained by viewfix train; epoch {checkpoint.progress.epoch}"],
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
    """Any network as a file, checked; `deployed` is how pictures reach it, `about` goes into its description."""
    if not pictures:
        raise BadInput("An export is checked on real photos, and none were given. Name some with --photos.")
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
    export.save(model, to, about=about, preprocessing=asdict(given))
    return _checked(to, expected, pictures, least=LEAST_COSINE_INT8 if int8 else LEAST_COSINE)


def preprocessing(deployed: Preprocessing, backbone: Backbone) -> Preprocessing:
    """The same with the normalisation of a backbone: in the network where one node can do it, else before it."""
    means, stds = {float(value) for value in backbone.mean}, {float(value) for value in backbone.std}
    if len(means) == len(stds) == 1 and means.pop().is_integer():
        return deployed  # whole pixels go in, and the network normalises them
    values = asdict(deployed) | {
        "layout": "NCHW float32",
        "mean": tuple(value / 255 for value in backbone.mean),
        "std": tuple(value / 255 for value in backbone.std),
    }
    return Preprocessing(**values)


def normalised(picture: Picture, deployed: Preprocessing, backbone: Backbone) -> npt.NDArray[np.float32]:
    """(H, W, 3) uint8 to (1, 3, H, W) float32 as PyTorch takes it."""
    pixels = deployed.apply(picture).astype(np.float32)
    mean, std = (np.array(values, np.float32) for values in (backbone.mean, backbone.std))
    return np.ascontiguousarray(((pixels - mean) / std).transpose(0, 3, 1, 2))


def _graph(
    module: nn.Module, x: torch.Tensor | npt.NDArray[np.float32], names: tuple[str, str], deployed: Preprocessing
) -> onnx.ModelProto:
    """From one example; two of it, since of one the exporter would take the batch for fixed."""
    example = torch.as_tensor(x)
    return export.to_onnx(module, torch.cat([example, example]), names=names, any_size=deployed.sizing == "area")


def _int8(describer: Describer, batch: Sequence[npt.NDArray[np.float32]], deployed: Preprocessing) -> onnx.ModelProto:
    """The backbone in 8 bits, the head in 32: it is small, and its errors would reach the descriptor as they are."""
    if describer.backbone.has_token:
        raise BadInput("int8 gains nothing with a transformer as backbone. Leave out --int8.")
    whole = (export.NORMALISED, export.FEATURES), (export.FEATURES, export.DESCRIPTOR)
    exact = export.folded(_graph(describer.backbone, batch[0], whole[0], deployed))
    small = export.quantised(exact, batch, float_convolutions=FLOAT_CONVOLUTIONS)
    with torch.inference_mode():
        features = describer.backbone(torch.from_numpy(batch[0]))
    head = export.folded(_graph(describer.head, features, whole[1], deployed))
    return export.joined(small, export.half_weights(head))


def _checked(
    path: Path, expected: npt.NDArray[np.float32], pictures: Sequence[Picture], *, least: float
) -> ExportedModel:
    found = OnnxModel(path).embed(pictures)
    cosines = (found * expected).sum(axis=1)
    shipped = ExportedModel(path, path.stat().st_size, float(np.abs(found - expected).max()), float(cosines.min()))
    if not shipped.least_cosine >= least:
        raise ViewfixError(
            f"{path} does not compute what PyTorch computes (least cosine {shipped.least_cosine:.4f} over "
            f"{len(pictures)} photos, {least} is wanted). Do not use it; export float32, or calibrate on more photos."
        )
    return shipped
