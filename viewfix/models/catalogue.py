"""Every model viewfix knows, as data; a name or a path goes in, a Model that can embed comes out."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UnknownModel
from .model import Model

SHIPPED = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Entry:
    """The facts about one model; they stand nowhere else.

    `recall_at_1` maps a set of photos to Recall@1 in percent, as measured by
    benchmarks/recall.py; `commercial_use` is None when the licences do not make it clear.
    """

    name: str
    summary: str
    dim: int
    file: Path
    size_mb: float
    licence: str
    commercial_use: bool | None
    recall_at_1: dict[str, float] = field(default_factory=dict)


CATALOGUE: tuple[Entry, ...] = (
    Entry(
        name="lite0-netvlad-512",
        summary="EfficientNet-Lite0 and NetVLAD, int8. Ships with viewfix; fast on any CPU.",
        dim=512,
        file=SHIPPED / "lite0-netvlad-512.onnx",
        size_mb=6.44,
        licence="Apache-2.0",
        commercial_use=True,
        recall_at_1={
            "cambridge/test": 88.5,
            "gardens day_left in day_right": 97.0,
            "gardens night_right in day_right": 95.0,
            "gardens night_right in day_left": 83.0,
        },
    ),
)

DEFAULT = CATALOGUE[0].name


def entry(name: str) -> Entry:
    """The entry of that name, or UnknownModel with the name that was probably meant."""
    for known in CATALOGUE:
        if known.name == name:
            return known
    names = [known.name for known in CATALOGUE]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"Did you mean '{close[0]}'?" if close else f"There are: {', '.join(names)}; or give an .onnx file."
    raise UnknownModel(f"There is no model called '{name}'. {hint}")


def load(name_or_path: str | Path | None = None, *, threads: int | None = None) -> Model:
    """A model of the catalogue by its name, or any self-describing .onnx file (or folder with one) by its path.

    Args:
        name_or_path: None for the default.
        threads: cores for one picture, None for all; for bulk work 1, with a thread of the caller on each core.
    """
    from .onnx import OnnxModel  # numpy is light enough, but nothing here is needed to list models

    name_or_path = DEFAULT if name_or_path is None else name_or_path
    if isinstance(name_or_path, str) and name_or_path in {known.name for known in CATALOGUE}:
        return OnnxModel(entry(name_or_path).file, threads=threads)
    path = Path(name_or_path)
    is_path = isinstance(name_or_path, Path) or path.suffix == ".onnx" or len(path.parts) > 1 or path.is_dir()
    if not is_path:
        entry(str(name_or_path))  # raises
    return OnnxModel(path, threads=threads)
