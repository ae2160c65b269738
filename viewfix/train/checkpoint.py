"""The state of a run becomes a file that survives a kill, and the file the state again; nothing is unpickled."""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from .. import __version__
from ..errors import BadInput, StorageFailed
from .recipe import Recipe

FORMAT = 1
MARK = "viewfix_checkpoint"
LAST, BEST = "last.pt", "best.pt"
"""In the folder of a run: where it goes on, and what it is worth."""


@dataclass
class Progress:
    """How far a run has come. `loss_sum` runs over the batches of the epoch that is under way."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best_score: float | None = None
    best_epoch: int | None = None
    finished: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    """One row an epoch: epoch, loss, and the recalls of the validation."""


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on as if nothing had happened, and all that an export needs.

    `photos` identifies the photos that were trained on; `size_px` is (width, height) of
    the pictures; `network` the whole state dict, frozen parts included.
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
        """Whole or not at all: a kill leaves the old file or the new one."""
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
        written(path, lambda file: torch.save(content, file))

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Back on the CPU.

        Raises:
            BadInput: nothing there, damaged, or not a checkpoint of a run.
        """
        content = read_state(path)
        if not isinstance(content.get(MARK), int):
            raise BadInput(
                f"{path} is not a checkpoint of viewfix train. Name {LAST} or {BEST} in the folder of a run."
            )
        if content[MARK] > FORMAT:
            raise BadInput(f"{path} is of format {content[MARK]}, this viewfix reads up to {FORMAT}. Upgrade viewfix.")
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
        """Refuse to go on with another recipe: the outcome would be of neither."""
        differing = self.recipe.differences(recipe)
        if differing:
            raise BadInput(
                f"{path} is a checkpoint of another recipe; there and here: {'; '.join(differing)}. "
                "Go on with its own recipe, or start anew in another folder with --run."
            )

    def same_photos(self, photos: str, run: Path) -> None:
        """Refuse to go on with other photos than those that the run began with."""
        if self.photos != photos:
            raise BadInput(
                f"{run} was trained on other photos than are given now, or their files changed since. "
                "Give the same photos, or start anew in another folder with --run."
            )


def versions() -> dict[str, str]:
    """Of what computed the outcome."""
    return {
        "viewfix": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def written(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """A file beside it, forced to the disk, then renamed over the old one; `write` gets the open binary file."""
    beside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        if os.name == "posix":  # the rename itself must outlive a power cut, too
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except (OSError, RuntimeError) as error:  # torch.save turns a full disk into a RuntimeError
        beside.unlink(missing_ok=True)
        raise StorageFailed(f"{path} could not be written ({error}). Free space, then go on with --resume.") from None


def read_state(path: Path) -> dict[str, Any]:
    """A dictionary of tensors and plain values out of a .pt or .safetensors file, on the CPU.

    Raises:
        BadInput: nothing there, a web page, damaged, or something that only unpickling could read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise BadInput(f"The weights {path} cannot be read ({error.strerror}). Check the path.") from None
    if head.lstrip()[:1] == b"<":
        raise BadInput(f"{path} is a web page, not weights: a download that went wrong. Get the file again.")
    try:
        if head[8:9] == b"{":  # safetensors: a length, then JSON
            from safetensors.torch import load_file

            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise a dozen kinds
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise BadInput(
            f"{path} cannot be read as weights ({first}). Give a .safetensors file, or a .pt file of plain tensors."
        ) from None
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds a {type(content).__name__}, where a table of named tensors was expected.")
    return content


def rng_state() -> dict[str, Any]:
    """Of every generator that training may draw from, as tensors and plain values."""
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
