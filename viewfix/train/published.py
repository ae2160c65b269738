"""Load the weights of published models strictly, and convert them to checked .onnx files."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..errors import BadInput, ViewfixError
from ..files import replacing
from ..models import catalogue, weights
from ..models.onnx import OnnxModel
from ..models.preprocessing import Preprocessing
from ..optional import optional
from ..types import Progress, silent
from . import aggregators, backbones, export
from .network import Describer, Head
from .published_names import Architecture, architecture

LARGEST_DIFFERENCE = 1e-4
"""Of any number of a unit-length descriptor, between ONNX Runtime and PyTorch."""

NAMED = 8
"""Tensors named in a message, of each kind of mistake."""


def load_published(name: str, file: Path) -> Describer:
    """Our network of a published model with the weights of `file`, in evaluation mode, in float32.

    Loaded strictly: every tensor of the file finds exactly one of ours with its shape, and
    none of ours is left out. Nothing is unpickled. The tensors stay in the file, mapped into
    memory where its format allows: do not change the file while the network is used.

    Args:
        name: of a published model of the catalogue.
        file: .safetensors, or what torch.save wrote; a Lightning checkpoint, a DataParallel state and one under
            `model_state_dict` are unwrapped.

    Raises:
        UnknownModel: no published model of that name can be loaded.
        BadInput: not a weights file, or its tensors do not match: they are listed.
    """
    return fitted(name, read_state(file), origin=str(file))


def fitted(name: str, state: Mapping[str, Tensor], *, origin: str) -> Describer:
    """As `load_published`, from a state under the published names."""
    made_of = architecture(name)
    with torch.device("meta"):  # no numbers yet: all of them come from the state
        describer = assembled(made_of)
    renamed = _matched(made_of, state, describer.state_dict(), name=name, origin=origin)
    describer.load_state_dict(renamed, strict=True, assign=True)
    describer.requires_grad_(False)
    left = [n for n, tensor in (*describer.named_parameters(), *describer.named_buffers()) if tensor.is_meta]
    assert not left, f"{left} of {name} got no numbers"
    return describer.eval()


def assembled(made_of: Architecture) -> Describer:
    """A published network in our parts, with random weights."""
    backbone = backbones.make(made_of.backbone)
    if not made_of.final_norm:
        backbone.norm = nn.Identity()
    aggregator = aggregators.make(made_of.aggregator, backbone.channels, **made_of.options)
    linear = nn.Linear(aggregator.dim, made_of.linear_dim) if made_of.linear_dim else nn.Identity()
    return Describer(backbone, Head(aggregator, linear))


def read_state(file: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by their names, without what wrappers put around them.

    Raises:
        BadInput: not a weights file, damaged, or with more in it than numbers.
    """
    if weights.kind(file) == "safetensors":
        safetensors = optional("safetensors.torch")
        try:
            loaded: Any = safetensors.load_file(file)
        except Exception as error:  # its own exceptions share no base
            raise _damaged(file, error) from error
    else:
        try:
            with file.open("rb") as stream:
                zipped = stream.read(2) == b"PK"
            loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=zipped or None)
        except pickle.UnpicklingError as error:
            raise BadInput(
                f"{file} holds more than numbers, and nothing is unpickled here. Load it where you trust it, and save "
                "its state_dict alone."
            ) from error
        except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
            raise _damaged(file, error) from error
    for wrapper in ("state_dict", "model_state_dict"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not (isinstance(loaded, Mapping) and loaded and all(isinstance(value, Tensor) for value in loaded.values())):
        raise BadInput(f"{file} holds no state_dict: names with tensors are expected. Save a network's state_dict.")
    every = all(key.startswith("module.") for key in loaded)  # DataParallel
    return {key.removeprefix("module.") if every else key: _float32(value) for key, value in loaded.items()}


def _float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _damaged(file: Path, error: Exception) -> BadInput:
    seen = " ".join(str(error).split())[:200]
    return BadInput(f"{file} cannot be read as weights, and may be cut short ({seen}). Delete it and fetch it again.")


def _matched(
    made_of: Architecture, state: Mapping[str, Tensor], ours: Mapping[str, Tensor], *, name: str, origin: str
) -> dict[str, Tensor]:
    """The state under our names; every mistake in one BadInput, in the words of the file where it has a word."""
    renamed = {made_of.ours(key): key for key in state}
    wanted = {key for key in ours if not made_of.spare(key)}
    misshapen = [
        f"{key} is {_shape(state[key])}, not {_shape(ours[mine])}"
        for mine, key in renamed.items()
        if mine in ours and state[key].shape != ours[mine].shape
    ]
    twice = len(state) - len(renamed)
    complaints = [
        _listed("missing", sorted(wanted - set(renamed))),
        _listed("unexpected", [key for mine, key in renamed.items() if mine not in ours and not made_of.spare(mine)]),
        _listed("of another shape", misshapen),
        f"{twice} that occur twice" if twice else "",
    ]
    if any(complaints):
        raise BadInput(
            f"{origin} does not hold the weights of {name}: {'; '.join(c for c in complaints if c)}. "
            "Use the file of this model; `viewfix models` lists the names."
        )
    missing = {key: torch.zeros_like(ours[key], device="cpu") for key in ours if key not in renamed}  # spare ones
    return {**missing, **{mine: state[key] for mine, key in renamed.items() if mine in ours}}


def _listed(what: str, names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} {what} ({', '.join(names[:NAMED])}{more})" if names else ""


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


def export_published(
    name: str, file: Path, to: Path, *, sha256: str | None = None, progress: Progress = silent
) -> float:
    """Write a published model as a self-describing .onnx in float32 that needs no PyTorch.

    The file gets its name only after it was run by ONNX Runtime and compared with PyTorch.

    Args:
        name: of a published model of the catalogue.
        file: its weights, as for `load_published`.
        to: the .onnx; written over.
        sha256: of `file`, to be written into the description.

    Returns:
        The largest difference of any number of a unit-length descriptor from PyTorch's.

    Raises:
        BadInput: as `load_published`.
        ViewfixError: the exported file computes something else than PyTorch.
    """
    known = catalogue.entry(name)
    assert known.weights is not None and known.preprocessing is not None, f"{name} is not published elsewhere"
    preprocessing = known.preprocessing
    progress(f"loading {name}", 0, 3)
    describer = load_published(name, file)
    progress(f"writing {to.name}", 1, 3)
    about = {
        "name": name,
        "dim": known.dim,
        "licence": known.licence,
        "licence_note": known.licence_note,
        "paper": known.paper,
        "sources": [f"{known.weights.file} of {known.weights.page}" + (f", SHA-256 {sha256}" if sha256 else "")],
    }
    with replacing(to) as part:
        export.save(_graph(describer, preprocessing), part, about=about, preprocessing=asdict(preprocessing))
        progress(f"checking {to.name}", 2, 3)
        difference = _difference(describer, part, preprocessing)
        if not difference <= LARGEST_DIFFERENCE:  # NaN fails too
            raise ViewfixError(
                f"The ONNX file of {name} differs from PyTorch by {difference:.1g}, more than {LARGEST_DIFFERENCE}. "
                "It was not kept. Try other versions of torch and onnxruntime, as in constraints.txt."
            )
    progress(f"checking {to.name}", 3, 3)
    return difference


def _graph(describer: Describer, preprocessing: Preprocessing) -> Any:
    # Two pictures: of one, the exporter would take the batch for fixed.
    example = torch.zeros(2, 3, preprocessing.height_px, preprocessing.width_px)
    with torch.inference_mode():
        return export.to_onnx(
            describer,
            example,
            names=(export.NORMALISED, export.DESCRIPTOR),
            any_size=preprocessing.sizing != "exact",
        )


def _difference(describer: Describer, file: Path, preprocessing: Preprocessing) -> float:
    """Between the file and PyTorch, over a few pictures of several shapes."""
    pictures = list(_pictures())
    found = OnnxModel(file).embed(pictures)
    with torch.inference_mode():
        expected = np.concatenate([describer(torch.from_numpy(preprocessing.apply(p))).numpy() for p in pictures])
    return float(np.abs(found - expected).max())


def _pictures() -> Iterable[npt.NDArray[np.uint8]]:
    """Something to look at in all channels and at all scales: fine grain over coarse shapes, light and dark."""
    rng = np.random.default_rng(0)
    for height, width in ((480, 640), (500, 375), (322, 322)):
        coarse = rng.integers(0, 200, (height // 40 + 1, width // 40 + 1, 3))
        picture = coarse.repeat(40, axis=0).repeat(40, axis=1)[:height, :width]
        yield (picture + rng.integers(0, 56, (height, width, 1))).astype(np.uint8)
