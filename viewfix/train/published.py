"""The name of a published model and its weights go in; our network with those weights, or a checked .onnx, comes out."""

from __future__ import annotations

from pathlib import Path

from ..types import Progress, silent
from .network import Describer


def load_published(name: str, file: Path) -> Describer:
    """Our network of a published model with the weights of `file`, loaded strictly, in evaluation mode."""
    raise NotImplementedError


def export_published(name: str, weights: Path, to: Path, *, progress: Progress = silent) -> float:
    """Write the self-describing float32 .onnx of a published model and return its largest difference from PyTorch."""
    raise NotImplementedError
