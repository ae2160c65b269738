"""The entries of the catalogue: facts about a model that are known before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the authors of a model publish its weights, and the name of the local file.

    `urls` are tried in order; they are empty if the file can only be downloaded in a browser, from `page`. `sha256` is
    None if the authors publish none: the checksum of the first file used is then recorded, and changes are refused.
    """

    file: str
    page: str
    urls: tuple[str, ...] = ()
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The facts about one model, kept in this one place.

    `file` is the .onnx: an absolute path for a model that ships, otherwise a name in the weights folder, made from
    `weights`. `size_mb` is its size. `recall_at_1` maps a set of photos or a protocol to Recall@1 in percent; empty
    without a measured or published figure. `commercial_use` is None if the licences leave it unclear; `licence_note`
    says why. `obstacle` says why a model that people look for is not available; empty otherwise.
    """

    name: str
    summary: str
    dim: int
    file: Path
    size_mb: float
    licence: str
    commercial_use: bool | None
    recall_at_1: dict[str, float] = field(default_factory=dict)
    licence_note: str = ""
    paper: str = ""
    weights: Weights | None = None
    preprocessing: Preprocessing | None = None
    obstacle: str = ""

    @property
    def ships(self) -> bool:
        """Whether it is part of viewfix."""
        return self.file.is_absolute()
