"""What is known of a model before it is loaded: the nouns of the catalogue, pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the authors of a method offer its weights, and under which name they are kept here.

    `urls` are tried in order; empty where nothing can be fetched by a program, and a person
    has to go to `page`. `sha256` is None where the authors publish none: the file that is
    used first is then remembered, and a later change refused.
    """

    file: str
    page: str
    urls: tuple[str, ...] = ()
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The facts about one model; they stand nowhere else.

    `file` is the .onnx: an absolute path for what ships with viewfix, else a name in the
    weights directory, made there from `weights`. `size_mb` is its size. `recall_at_1` maps
    a set of photos or a protocol to Recall@1 in percent, and is empty where we have no
    figure of our own or from a source we could read. `commercial_use` is None when the
    licences do not make it clear; `licence_note` says why. `obstacle` says why a model that
    people look for cannot be made here; empty for one that can.
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
        """Whether it came with viewfix."""
        return self.file.is_absolute()
