"""Every model viewfix knows, as data; a name or a path goes in, a Model that can embed comes out."""

from __future__ import annotations

import difflib
from pathlib import Path

from ..errors import BadInput, UnknownModel
from . import weights
from .entry import Entry
from .model import Model
from .onnx import OnnxModel
from .published import PUBLISHED

SHIPPED = Path(__file__).parent / "data"

CATALOGUE: tuple[Entry, ...] = (
    Entry(
        name="lite0-refined-512",
        summary="EfficientNet-Lite0 and NetVLAD over refined features, int8. Ships with viewfix; fast on any CPU.",
        dim=512,
        file=SHIPPED / "lite0-refined-512.onnx",
        size_mb=6.65,
        licence="Apache-2.0",
        commercial_use=True,
        recall_at_1={
            "cambridge/test": 88.1,
            "gardens day_left in day_right": 97.0,
            "gardens night_right in day_right": 95.0,
            "gardens night_right in day_left": 81.0,
        },
    ),
    Entry(
        name="lite0-netvlad-512",
        summary="The default before lite0-refined-512: ships so that maps made with it go on working.",
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
    *PUBLISHED,
)
"""What ships comes first, and of that the default; then what authors have published, made by `viewfix models get`."""

DEFAULT = CATALOGUE[0].name


def entry(name: str) -> Entry:
    """The entry of that name, or UnknownModel with the name that was probably meant."""
    for known in CATALOGUE:
        if known.name == name:
            return known
    close = difflib.get_close_matches(name, [known.name for known in CATALOGUE], n=1, cutoff=0.4)
    shipped = ", ".join(known.name for known in CATALOGUE if known.ships)
    hint = (
        f"Did you mean '{close[0]}'?" if close else f"There are: {shipped}, what `viewfix models` lists, .onnx files."
    )
    raise UnknownModel(f"There is no model called '{name}'. {hint}")


def located(known: Entry, weights_dir: Path | None = None) -> Path:
    """Where the .onnx of an entry is, or will be once it is fetched.

    Args:
        known: an entry.
        weights_dir: for what does not ship; None for the user's own, see weights.folder.
    """
    return known.file if known.ships else weights.folder(weights_dir) / known.file


def load(name_or_path: str | Path | None = None, *, threads: int | None = None) -> Model:
    """A model of the catalogue by its name, or any self-describing .onnx file (or folder with one) by its path.

    Args:
        name_or_path: None for the default.
        threads: cores for one picture, None for all; for bulk work 1, with a thread of the caller on each core.

    Raises:
        UnknownModel: no model has that name.
        BadInput: a published model that was never fetched, or a file that is not a model.
    """
    name_or_path = DEFAULT if name_or_path is None else name_or_path
    if isinstance(name_or_path, str) and name_or_path in {known.name for known in CATALOGUE}:
        return OnnxModel(_present(entry(name_or_path)), threads=threads)
    path = Path(name_or_path)
    is_path = isinstance(name_or_path, Path) or path.suffix == ".onnx" or len(path.parts) > 1 or path.is_dir()
    if not is_path:
        entry(str(name_or_path))  # raises
    return OnnxModel(path, threads=threads)


def given(model: Model | str | Path | None) -> Model:
    """A model as it is, or the one of that name or file, one core a picture."""
    return model if isinstance(model, Model) else load(model, threads=1)


def _present(known: Entry) -> Path:
    path = located(known)
    if known.obstacle:
        raise BadInput(f"{known.name} cannot be made here: {known.obstacle}. List the others: viewfix models")
    if not known.ships and not path.is_file():
        raise BadInput(
            f"{known.name} has not been fetched yet: there is no {path}. Run: viewfix models get {known.name}"
        )
    return path
