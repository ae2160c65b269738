"""Checkpoints of a training: written whole or not at all, read without unpickling."""

from __future__ import annotations

import platform
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import __version__
from ..errors import BadInput, StorageFailed
from ..files import replacing
from ..optional import optional
from .recipe import Recipe

FORMAT = 1
MARK = "viewfix_checkpoint"
LAST, BEST = "last.pt", "best.pt"
"""Files in the folder of a run: the latest state, and the network of the best epoch."""


@dataclass
class Progress:
    """The progress of a run. `loss_sum` is over the batches of the current epoch."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best_score: float | None = None
    best_epoch: int | None = None
    finished: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    """One row for each epoch: epoch, loss and validation recalls."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything that is needed to continue a run exactly, or to export its network.

    `photos` identifies the training photos; `size_px` is (width, height) of the pictures; `network` is the whole
    state dict, with the frozen parts.
    """

    recipe: Recipe
    photos: str
    size_px: tuple[int, int]
    network: Mapping[str, Tensor]
    optimiser: Mapping[str, Any]
    progress: Progress
    rng: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the file whole or not at all: after a kill there is either the old file or the new one."""
        content = {
            MARK: FORMAT,
            "recipe": self.recipe.as_dict(),
            "photos": self.photos,
            "size_px": list(self.size_px),
            "network": dict(self.network),
            "optimiser": dict(self.optimiser),
            "progress": asdict(self.progress),
            "rng": dict(self.rng),
            "versions": dict(self.versions) or versions(),
        }
        save(path, lambda part: torch.save(content, part))

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read a checkpoint to the CPU.

        Raises:
            BadInput: missing, damaged, or not a checkpoint of a run.
        """
        content = read_state(path)
        if not isinstance(content.get(MARK), int):
            raise BadInput(
                f"{path} is not a checkpoint of viewfix train. Pass {LAST} or {BEST} from the folder of a run."
            )
        if content[MARK] > FORMAT:
            raise BadInput(
                f"{path} has format {content[MARK]}; this version of viewfix reads up to {FORMAT}. Upgrade viewfix."
            )
        width_px, height_px = content["size_px"]
        return cls(
            recipe=Recipe.from_dict(content["recipe"], where=str(path)),
            photos=content["photos"],
            size_px=(width_px, height_px),
            network=content["network"],
            optimiser=content["optimiser"],
            progress=Progress(**content["progress"]),
            rng=content["rng"],
            versions=content["versions"],
        )

    def same_recipe(self, recipe: Recipe, path: Path) -> None:
        """Refuse to continue with another recipe: the result would belong to neither."""
        differing = self.recipe.differences(recipe)
        if differing:
            raise BadInput(
                f"{path} is a checkpoint of another recipe; there and here: {'; '.join(differing)}. "
                "Continue with its own recipe, or start again in another folder with --run."
            )

    def same_photos(self, photos: str, run: Path) -> None:
        """Refuse to continue with photos other than those of the run."""
        if self.photos != photos:
            raise BadInput(
                f"{run} was trained on other photos, or their files have changed since. "
                "Pass the same photos, or start again in another folder with --run."
            )


def versions() -> dict[str, str]:
    """The versions of the packages that computed the result."""
    return {
        "viewfix": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def save(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file of a run whole and durably; `write` gets the path to write to.

    Raises:
        StorageFailed: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, durable=True) as part:
            write(part)
    except (OSError, RuntimeError) as error:  # torch.save turns a full disk into a RuntimeError
        raise StorageFailed(f"{path} cannot be written ({error}). Free some space, then use --resume.") from None


def read_state(path: Path) -> dict[str, Any]:
    """The tensors and plain values of a .pt or .safetensors file, on the CPU.

    Raises:
        BadInput: missing, a web page, damaged, or content that would have to be unpickled.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise BadInput(f"The weights {path} cannot be read ({error.strerror}). Check the path.") from None
    if head.lstrip()[:1] == b"<":
        raise BadInput(f"{path} is a web page, not weights: the download failed. Download the file again.")
    try:
        if head[8:9] == b"{":  # safetensors: a length, then JSON
            return dict(optional("safetensors.torch").load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise a dozen kinds
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise BadInput(
            f"{path} cannot be read as weights ({first}). Use a .safetensors file, or a .pt file of plain tensors."
        ) from None
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds a {type(content).__name__} instead of named tensors. Save a state_dict.")
    return content


def rng_state() -> dict[str, Any]:
    """The state of every random generator that a training uses, as tensors and plain values."""
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002  miners draw from it
    version, words, following = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [str(kind), torch.from_numpy(np.asarray(keys, np.int64)), int(position), int(has_gauss), float(gauss)],
        "python": [version, list(words), following],
    }


def restore_rng(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, words, following = state["python"]
    random.setstate((version, tuple(words), following))
