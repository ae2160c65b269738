"""Tokyo 24/7 as published: a dbStruct, .png pictures, and queries with a .csv file each."""

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
    """The dataset, or None if the .mat file or the folder of queries does not exist.

    The queries are read at full size; tools that copy them to "@" names shrink them to 480 px.

    Raises:
        BadInput: the file is not a dbStruct, or the pictures do not exist.
    """
    assert isinstance(wanted.rule, WithinM), "positions decide which match is right"
    file = first_of(root, tuple(beside + layout.file for beside in dbstruct.BESIDE))
    query_folder = first_of(root, tuple(inside + layout.queries for inside in ("", "raw_data/", "raw_data/tokyo247/")))
    if file is None or query_folder is None:
        return None
    struct = dbstruct.read(file)
    names = [f"{name[: -len('.jpg')]}.png" if name.endswith(".jpg") else name for name in struct.photos]
    photos, _, photos_missing = dbstruct.found(dbstruct.base_of(root, names), names, struct.photos_m, layout.epsg)
    queries, queries_skipped = _queries(query_folder)
    return Dataset(
        name=wanted.name,
        map=photos,
        queries=queries,
        positives=by_place(queries, photos, wanted.rule.radius_m),
        protocol=wanted,
        skipped=photos_missing + queries_skipped,
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
    """The first line has name, latitude, longitude, and more that is not used."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        cells = next(csv.reader(lines), [])
    if len(cells) < 3:
        raise ValueError(f"{len(cells)} cells; expected name, latitude and longitude")
    return Position(float(cells[1]), float(cells[2]))
