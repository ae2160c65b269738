"""Datasets described by a MATLAB dbStruct. Distances are measured in the plane of the publishers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...optional import optional
from ...types import Position, Skipped
from ..protocol import DbStruct, Protocol, WithinM
from .dataset import Dataset, Picture
from .places import first_of
from .truth import by_plane

Floats = npt.NDArray[np.float64]

DB_IMAGE, UTM_DB, Q_IMAGE, UTM_Q, POS_DIST_THR = 1, 2, 3, 4, 7
"""Indices of the fields: their names differ from file to file."""

BESIDE = ("", "datasets/", "raw_data/", "raw_data/datasets/", "../datasets/")
"""Where the file may be, relative to the pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Struct:
    """N names and (N, 2) float64 metres east and north, of the map pictures and of the queries."""

    photos: tuple[str, ...]
    photos_m: Floats
    queries: tuple[str, ...]
    queries_m: Floats
    radius_m: float | None


def load(layout: DbStruct, root: Path, wanted: Protocol) -> Dataset | None:
    """The dataset, or None if its .mat file does not exist.

    Raises:
        BadInput: the file is not a dbStruct, or none of its pictures exists.
    """
    assert isinstance(wanted.rule, WithinM), "a dbStruct has positions"
    file = first_of(root, tuple(beside + layout.file for beside in BESIDE))
    if file is None:
        return None
    struct = read(file)
    photos, photos_m, photos_missing = found(base_of(root, struct.photos), struct.photos, struct.photos_m, layout.epsg)
    query_names = [f"{layout.queries}/{name}" for name in struct.queries]
    queries, queries_m, queries_missing = found(base_of(root, query_names), query_names, struct.queries_m, layout.epsg)
    notes: tuple[str, ...] = ()
    if struct.radius_m is not None and struct.radius_m != wanted.rule.radius_m:
        notes = (
            f"{file.name} has a radius of {struct.radius_m:g} m; the protocol's {wanted.rule.radius_m:g} m are used.",
        )
    return Dataset(
        name=wanted.name,
        map=photos,
        queries=queries,
        positives=by_plane(queries_m, photos_m, wanted.rule.radius_m),
        protocol=wanted,
        skipped=photos_missing + queries_missing,
        notes=notes,
    )


def read(file: Path) -> Struct:
    """Read a dbStruct. Nothing in it is executed: MATLAB files hold only values.

    Raises:
        BadInput: the file cannot be read or is not a dbStruct.
        MissingExtra: scipy is not installed.
    """
    matlab = optional("scipy.io")
    try:
        fields = matlab.loadmat(str(file))["dbStruct"]
        while isinstance(fields, np.ndarray):  # MATLAB has no scalars: one struct is a table of one
            fields = fields.item()
        photos, queries = _names(fields[DB_IMAGE]), _names(fields[Q_IMAGE])
        radius = np.ravel(fields[POS_DIST_THR]) if len(fields) > POS_DIST_THR else np.empty(0)
        return Struct(
            photos,
            _metres(fields[UTM_DB], len(photos)),
            queries,
            _metres(fields[UTM_Q], len(queries)),
            float(radius[0]) if len(radius) else None,
        )
    except NotImplementedError:
        raise BadInput(f"{file} was saved as MATLAB 7.3. Save it again with -v7, or use the published file.") from None
    except (KeyError, IndexError, TypeError, ValueError, OSError, matlab.matlab.MatReadError) as error:
        raise BadInput(f"{file} is not a readable dbStruct ({error}). Use the published file.") from None


def _names(cells: Any) -> tuple[str, ...]:
    """A cell array, N by 1 or 1 by N; each cell is a table of one."""
    return tuple(str(np.ravel(cell)[0]) for cell in np.ravel(cells))


def _metres(table: Any, count: int) -> Floats:
    """Published as 2 by N; N by 2 is accepted if it is unambiguous."""
    metres = np.atleast_2d(np.asarray(table, np.float64))
    if metres.shape == (2, count):
        return metres.T.copy()
    if metres.shape == (count, 2):
        return metres
    raise ValueError(f"{count} names and a {metres.shape[0]} by {metres.shape[1]} table of metres")


def base_of(root: Path, names: Sequence[str]) -> Path:
    """The folder to which the names of pictures are relative: this one, or one that tools unpack to.

    Raises:
        BadInput: none of the first names exists below any of them.
    """
    bases = [root / inside for inside in ("", "raw_data", "images", "tokyo247", "raw_data/tokyo247")]
    for base in bases:
        if any((base / name).is_file() for name in names[:100]):
            return base
    first = f", for example {names[0]}" if names else ""
    raise BadInput(f"None of the pictures in the dbStruct exists below {root}{first}. Unpack them there.")


def found(
    base: Path, names: Sequence[str], metres: Floats, epsg: int
) -> tuple[tuple[Picture, ...], Floats, tuple[Skipped, ...]]:
    """The existing pictures with their metres, in order, and the missing ones."""
    there = np.array([(base / name).is_file() for name in names], np.bool_)
    positions = _positions(metres, epsg)
    pictures = tuple(
        Picture(name, str(base / name), position)
        for name, position, here in zip(names, positions, there, strict=True)
        if here
    )
    skipped = tuple(
        Skipped(name, f"there is no file at {base / name}") for name, here in zip(names, there, strict=True) if not here
    )
    return pictures, metres[there], skipped


def _positions(metres: Floats, epsg: int) -> list[Position | None]:
    from pyproj import Transformer

    lons, lats = Transformer.from_crs(epsg, 4326, always_xy=True).transform(metres[:, 0], metres[:, 1])
    usable = np.isfinite(lons) & np.isfinite(lats)
    return [Position(float(lat), float(lon)) if use else None for lat, lon, use in zip(lats, lons, usable, strict=True)]
