"""Mapillary Street-Level Sequences, as unpacked. Every city is searched by its own queries only."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...geo import wrap_heading_deg
from ...types import Position, Skipped
from ..protocol import MslsTree, Protocol, WithinM
from .dataset import Areas, Dataset, Picture, Rows
from .places import first_of
from .truth import by_plane

INSIDE = ("train_val", "", "msls/train_val", "mapillary_sls/train_val")
"""Where the cities may be, relative to the given folder."""

SIDES = ("database", "query")


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """N pictures of one side of a city with their (N, 2) float64 UTM metres; `skipped` have no file."""

    pictures: tuple[Picture, ...]
    metres: npt.NDArray[np.float64]
    skipped: tuple[Skipped, ...]


def load(layout: MslsTree, root: Path, wanted: Protocol) -> Dataset | None:
    """The dataset, or None if a city is missing.

    Panoramas are left out, as in every protocol of this dataset.

    Raises:
        BadInput: a table is missing, or lacks a column.
    """
    assert isinstance(wanted.rule, WithinM), "positions decide which match is right"
    tree = first_of(root, tuple(f"{inside}/{layout.cities[0]}".lstrip("/") for inside in INSIDE))
    if tree is None or not all((tree.parent / city / side).is_dir() for city in layout.cities for side in SIDES):
        return None
    photos: list[Picture] = []
    queries: list[Picture] = []
    skipped: list[Skipped] = []
    positives: list[Rows] = []
    areas: tuple[list[int], list[int]] = ([], [])
    dropped = 0
    for area, city in enumerate(layout.cities):
        database, query_side = (side_of(tree.parent / city / side, city, layout.subtask) for side in SIDES)
        right = by_plane(query_side.metres, database.metres, wanted.rule.radius_m)
        kept = [row for row, rows in enumerate(right) if len(rows) or not layout.drop_unanswerable]
        dropped += len(right) - len(kept)
        positives += [right[row] + len(photos) for row in kept]
        photos += database.pictures
        queries += [query_side.pictures[row] for row in kept]
        skipped += database.skipped + query_side.skipped
        areas[0].extend([area] * len(database.pictures))
        areas[1].extend([area] * len(kept))
    notes = [
        f"Each city ({', '.join(layout.cities)}) is searched by its own queries only; figures are over all queries."
    ]
    if dropped:
        notes.append(f"{dropped:,} queries without a map picture within the radius are left out, as the protocol says.")
    return Dataset(
        name=wanted.name,
        map=tuple(photos),
        queries=tuple(queries),
        positives=positives,
        protocol=wanted,
        skipped=tuple(skipped),
        notes=tuple(notes),
        areas=Areas(np.array(areas[0], np.int64), np.array(areas[1], np.int64)),
    )


def side_of(folder: Path, city: str, subtask: str | None) -> Side:
    """The pictures of `database` or `query` of one city, without panoramas.

    Args:
        folder: with postprocessed.csv, raw.csv, subtask_index.csv and images/.
        city: the beginning of the id of every picture.
        subtask: a column of subtask_index.csv, such as all; None takes every picture.

    Raises:
        BadInput: a table is missing, lacks a column, or the tables differ in length.
    """
    placed = _table(folder / "postprocessed.csv", ("key", "easting", "northing"))
    raw = _table(folder / "raw.csv", ("key", "lat", "lon", "pano"))
    chosen = None if subtask is None else _table(folder / "subtask_index.csv", (subtask,))
    if not len(placed) == len(raw) == len(raw if chosen is None else chosen):
        raise BadInput(
            f"The tables in {folder} differ in length, so their rows cannot be matched. Unpack the metadata again."
        )
    files = {file.name for file in (folder / "images").glob("*.jpg")}
    pictures, metres, skipped = [], [], []
    for number, (row, about) in enumerate(zip(placed, raw, strict=True)):
        if row["key"] != about["key"]:
            raise BadInput(
                f"Row {number + 1} of the tables in {folder} is {row['key']} in one and {about['key']} in the other. "
                "Unpack the metadata again."
            )
        if _yes(about["pano"]) or (chosen is not None and subtask is not None and not _yes(chosen[number][subtask])):
            continue
        name = f"{city}/{folder.name}/{row['key']}"
        if f"{row['key']}.jpg" not in files:
            skipped.append(Skipped(name, f"there is no file {row['key']}.jpg in {folder / 'images'}"))
            continue
        try:
            metres.append((float(row["easting"]), float(row["northing"])))
            pictures.append(_picture(name, folder / "images" / f"{row['key']}.jpg", about))
        except (TypeError, ValueError, BadInput) as error:
            raise BadInput(f"Row {number + 1} of the tables in {folder} cannot be read: {error}") from None
    return Side(tuple(pictures), np.array(metres, np.float64).reshape(-1, 2), tuple(skipped))


def _picture(name: str, file: Path, about: dict[str, str]) -> Picture:
    heading = about.get("ca") or ""
    return Picture(
        name,
        str(file),
        Position(float(about["lat"]), float(about["lon"])),
        wrap_heading_deg(float(heading)) if heading else None,
    )


def _table(file: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            rows = list(reader)
            missing = [column for column in needed if column not in (reader.fieldnames or ())]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file} cannot be read ({error}). Unpack the metadata of the dataset as well.") from None
    if missing:
        raise BadInput(f"{file} has no column {', '.join(missing)}. It has: {', '.join(reader.fieldnames or ())}.")
    return rows


def _yes(cell: str | None) -> bool:
    return (cell or "").strip().lower() in ("true", "1")
