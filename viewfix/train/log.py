"""The TensorBoard log of a run: tensorboard --logdir RUN."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..optional import optional


class Log:
    """Figures by step; a resumed run overwrites the figures after its checkpoint.

    Args:
        step: that of the checkpoint a run is resumed from; 0 for a new run.
        enabled: whether this process writes at all.
    """

    def __init__(self, folder: Path, step: int, *, enabled: bool) -> None:
        self.writer: Any = None
        if enabled:
            optional("tensorboard")
            board = optional("torch.utils.tensorboard")
            self.writer = board.SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.writer is not None:
            self.writer.close()

    def write(self, step: int, figures: Mapping[str, float], *, under: str = "step") -> None:
        if self.writer is not None:
            for name, value in figures.items():
                self.writer.add_scalar(f"{under}/{name}", value, step)
