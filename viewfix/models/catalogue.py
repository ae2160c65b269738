"""The catalogue of models, and loading one by name or file."""

from __future__ import annotations

import difflib
import functools
from pathlib import Path

from ..errors import BadInput, UnknownModel
from . import trial, weights
from .devices import Device, chosen_device
from .entry import Entry
from .model import Model
from .onnx import OnnxModel, model_file
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
        summary="The default before lite0-refined-512; ships for maps that were made with it.",
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
"""The default first, then the other shipped models, then published ones for `viewfix models get`."""

DEFAULT = CATALOGUE[0].name


def entry(name: str) -> Entry:
    """The entry of that name.

    Raises:
        UnknownModel: there is none; the message suggests a similar name.
    """
    for known in CATALOGUE:
        if known.name == name:
            return known
    close = difflib.get_close_matches(name, [known.name for known in CATALOGUE], n=1, cutoff=0.4)
    shipped = ", ".join(known.name for known in CATALOGUE if known.ships)
    hint = f"Did you mean '{close[0]}'?" if close else f"Use {shipped}, another of `viewfix models`, or an .onnx file."
    raise UnknownModel(f"There is no model called '{name}'. {hint}")


def located(known: Entry, weights_dir: Path | None = None) -> Path:
    """The path of the .onnx file of an entry, fetched or not.

    Args:
        known: an entry.
        weights_dir: the folder of published models; None for the default, see weights.folder.
    """
    return known.file if known.ships else weights.folder(weights_dir) / known.file


def load(name_or_path: str | Path | None = None, *, threads: int | None = None) -> Model:
    """Load a model of the catalogue by name, or a custom .onnx file (or a folder that holds one) by path.

    A custom file is checked first, see `trial.check`. Names that come from a map go to `named`, never here.

    Args:
        name_or_path: None for the default.
        threads: cores for one picture, None for all; 1 for many pictures, with one calling thread for each core.

    Raises:
        UnknownModel: no model has that name.
        BadInput: a published model that was not fetched yet, or a file that is not a usable model.
    """
    name_or_path = DEFAULT if name_or_path is None else name_or_path
    if isinstance(name_or_path, str) and name_or_path in {known.name for known in CATALOGUE}:
        return named(name_or_path, threads=threads)
    path = Path(name_or_path)
    is_path = isinstance(name_or_path, Path) or path.suffix == ".onnx" or len(path.parts) > 1 or path.is_dir()
    if not is_path:
        entry(str(name_or_path))  # raises
    file = model_file(path)
    trial.check(file)
    return OnnxModel(file, threads=threads)


def named(name: str, *, threads: int | None = None) -> Model:
    """Load a model of the catalogue by its name, which is never taken for a path.

    Raises:
        UnknownModel: no model has that name.
        BadInput: a published model that was not fetched yet.
    """
    known = entry(name)
    if known.ships:
        return _shipped(_present(known), threads, chosen_device())
    return OnnxModel(_present(known), threads=threads)


@functools.cache
def _shipped(file: Path, threads: int | None, device: Device) -> OnnxModel:
    """A shipped model, loaded once for each number of threads, however many maps of a process use it."""
    return OnnxModel(file, threads=threads, device=device)


def given(model: Model | str | Path | None) -> Model:
    """A model itself, or the one of that name or file, with one core for each picture."""
    return model if isinstance(model, Model) else load(model, threads=1)


def _present(known: Entry) -> Path:
    path = located(known)
    if known.obstacle:
        raise BadInput(f"{known.name} is not available: {known.obstacle}. Run `viewfix models` for others.")
    if not known.ships and not path.is_file():
        raise BadInput(
            f"{known.name} has not been fetched yet: there is no {path}. Run: viewfix models get {known.name}"
        )
    return path
