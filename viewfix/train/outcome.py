"""How a training ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..types import Photo, Skipped
from .checkpoint import BEST

Notify = Callable[[str], None]
"""Called with a line of news now and then."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The folder of a run, one row of figures for each epoch, the best epoch, photos used and skipped.

    With several processes, only the one that is `main` writes files and prints. `models` are the .onnx files that
    the training wrote itself; empty where they are exported from the best checkpoint.
    """

    run: Path
    history: tuple[dict[str, float], ...]
    best_epoch: int | None
    training: tuple[Photo, ...]
    skipped: tuple[Skipped, ...]
    main: bool
    models: tuple[Path, ...] = ()

    @property
    def best(self) -> Path:
        return self.run / BEST
