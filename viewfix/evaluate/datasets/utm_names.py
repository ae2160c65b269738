"""Datasets with positions in the file names: @east@north@zone@letter@lat@lon@...@.jpg. Only the name is read."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...sources import utm_folder
from ...types import Photo, Skipped
from ..protocol import Protocol, Rule, UtmNames, WithinM, unpublished
from .dataset import Dataset, Picture
from .places import pictures, two_folders
from .truth import by_place, by_plane

Floats = npt.NDArray[np.float64]

EAST, NORTH, ZONE, LETTER = 1, 2, 3, 4
BANDS = "CDEFGHJKLMNPQRSTUVWX"
EASTING_M, NORTHING_M = (100_000.0, 900_000.0), (0.0, 10_000_000.0)
"""The range of UTM. Formatted copies of datasets without positions have made-up metres outside it."""

PLANE_NOTE = (
    "The file names hold metres without a UTM zone: queries and map pictures are compared in that plane, and there are "
    "no positions in degrees."
)


def load(layout: UtmNames, root: Path, wanted: Protocol) -> Dataset | None:
    """The dataset, or None if the two folders do not exist.

    Metres of two zones are never subtracted: positions are converted to degrees first, and distances are geodesic.
    Within one zone that differs from the plane of the publishers by at most 1 cm in 25 m, like the rounding of the
    names. Names without a zone are compared in their own plane.

    Raises:
        BadInput: no picture of one of the folders has a position in its name.
    """
    assert isinstance(wanted.rule, WithinM), "names of this layout hold positions"
    folders = two_folders(root, layout.map, layout.queries)
    if folders is None:
        return None
    (photos, photos_skipped), (queries, queries_skipped) = (_with_positions(folder) for folder in folders)
    if not (photos and queries):
        in_plane = in_one_plane(*folders, wanted.rule.radius_m)
        if in_plane is not None:
            return replace(in_plane, name=wanted.name, protocol=wanted)
        for folder, found, skipped in zip(folders, (photos, queries), (photos_skipped, queries_skipped), strict=True):
            if not found:
                why = f"The first, {skipped[0].id}: {skipped[0].reason}" if skipped else "The folder has no pictures."
                raise BadInput(f"No picture in {folder} has a position in its name. {why}")
    return Dataset(
        name=wanted.name,
        map=photos,
        queries=queries,
        positives=by_place(queries, photos, wanted.rule.radius_m),
        protocol=wanted,
        skipped=photos_skipped + queries_skipped,
    )


def in_one_plane(map_folder: Path, query_folder: Path, radius_m: float) -> Dataset | None:
    """Two folders whose names hold metres but no zone, compared in the plane of these metres.

    Returns:
        None if one of the folders has no such names, or if the names that do have a zone have several.
    """
    if not (map_folder.is_dir() and query_folder.is_dir()):
        return None
    photos, photos_m, photos_skipped = _in_metres(map_folder)
    queries, queries_m, queries_skipped = _in_metres(query_folder)
    zones = {zone for picture in photos + queries if (zone := _zone(picture))}
    if not (photos and queries) or len(zones) > 1:
        return None
    rule: Rule = WithinM(radius_m)
    return Dataset(
        name=f"{query_folder.name} in {map_folder.name}",
        map=photos,
        queries=queries,
        positives=by_plane(queries_m, photos_m, radius_m),
        protocol=unpublished(rule),
        skipped=photos_skipped + queries_skipped,
        notes=(PLANE_NOTE,),
    )


def _with_positions(folder: Path) -> tuple[tuple[Picture, ...], tuple[Skipped, ...]]:
    found = list(utm_folder(folder))
    return (
        tuple(Picture.of(item) for item in found if isinstance(item, Photo)),
        tuple(item for item in found if isinstance(item, Skipped)),
    )


def _in_metres(folder: Path) -> tuple[tuple[Picture, ...], Floats, tuple[Skipped, ...]]:
    found, metres, skipped = [], [], []
    for picture in pictures(folder):
        at = _metres(picture)
        if at is None:
            skipped.append(Skipped(picture.id, "its name has no UTM metres"))
        else:
            found.append(picture)
            metres.append(at)
    return tuple(found), np.array(metres, np.float64).reshape(-1, 2), tuple(skipped)


def _cells(picture: Picture) -> list[str]:
    return PurePosixPath(picture.id).stem.split("@")


def _metres(picture: Picture) -> tuple[float, float] | None:
    cells = _cells(picture)
    try:
        east, north = float(cells[EAST]), float(cells[NORTH])
    except (IndexError, ValueError):
        return None
    plausible = EASTING_M[0] <= east <= EASTING_M[1] and NORTHING_M[0] <= north <= NORTHING_M[1]
    return (east, north) if math.isfinite(east + north) and plausible else None


def _zone(picture: Picture) -> str:
    """The number of the zone in a name; empty if it has no zone with a latitude band, as a mere counter has not."""
    cells = _cells(picture)
    if len(cells) <= LETTER or not re.fullmatch(r"0?[1-9]|[1-5]\d|60", cells[ZONE]) or len(cells[LETTER]) != 1:
        return ""
    return str(int(cells[ZONE])) if cells[LETTER].upper() in BANDS else ""
