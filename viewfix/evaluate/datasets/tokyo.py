"""Tokyo 24/7 as its authors pass it around (a dbStruct, .png pictures, queries with a .csv each) becomes a Dataset."""

from __future__ import annotations

import csv
from pathlib import Path

from ...errors import BadInput
from ...types import Position, Skipped
from ..protocol import Protocol, TokyoStruct, WithinM
from . import dbstruct
from .dataset import Dataset, Picture
from .places import first_of
from .truth import by_place


def load(layout: TokyoStruct, root: Path, wanted: Protocol) -> Dataset | None:
    """The dataset, or None where the .mat file or the folder of queries is not there.

    The queries are read as they were taken; tools that copy them to "@" names shrink them to 480 px.

    Raises:
        BadInput: the file is no dbStruct, or the pictures are not there.
    """
    assert isinstance(wanted.rule, WithinM), "positions decide"
    file = first_of(root, tuple(beside + layout.file for beside in dbstruct.BESIDE))
    asked = first_of(root, tuple(inside + layout.queries for inside in ("", "raw_data/", "raw_data/tokyo247/")))
    if file is None or asked is None:
        return None
    struct = dbstruct.read(file)
    names = [f"{name[: -len('.jpg')]}.png" if name.endswith(".jpg") else name for name in struct.photos]
    photos, _, missing = dbstruct.found(dbstruct.base_of(root, names), names, struct.photos_m, layout.epsg)
    queries, unasked = _queries(asked)
    return Dataset(
        name=wanted.name,
        map=photos,
        queries=queries,
        positives=by_place(queries, photos, wanted.rule.radius_m),
        protocol=wanted,
        skipped=missing + unasked,
    )


def _queries(folder: Path) -> tuple[tuple[Picture, ...], tuple[Skipped, ...]]:
    pictures, skipped = [], []
    for file in sorted(folder.glob("*.jpg")):
        try:
            position = _position(file.with_suffix(".csv"))
        except (OSError, ValueError, BadInput) as error:
            skipped.append(Skipped(file.name, f"its position cannot be read from {file.stem}.csv ({error})"))
        else:
            pictures.append(Picture(file.name, str(file), position))
    return tuple(pictures), tuple(skipped)


def _position(file: Path) -> Position:
    """The first line is: name, latitude, longitude, and more that nobody needs."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        cells = next(csv.reader(lines), [])
    if len(cells) < 3:
        raise ValueError(f"{len(cells)} cells where name, latitude, longitude should be")
    return Position(float(cells[1]), float(cells[2]))
