"""Any two folders or manifests, one of map pictures and one of queries, become a Dataset."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from ...errors import BadInput
from ...sources import open_source
from ...types import Photo, Skipped
from ..protocol import SamePair, WithinFrames, WithinM, own
from . import frames as frames_of
from . import pairs, plane
from .dataset import Dataset, Picture
from .truth import by_place


def pair(
    map_source: str | Path,
    query_source: str | Path,
    *,
    radius_m: float = 25.0,
    frames: int | None = None,
    exact: bool = False,
) -> Dataset:
    """Map pictures and queries of anybody's.

    Args:
        map_source: a folder, or a manifest (CSV, GeoJSON, Parquet) with positions.
        query_source: the same for the queries.
        radius_m: right are map pictures at most so many metres away; needs positions on both sides.
        frames: right are map pictures at most so many frames away, in two folders of the same way.
        exact: right is the map picture of the same name, in two folders.

    Raises:
        BadInput: there is nothing there, no picture with a position, or frames and exact at once.
    """
    photos, queries = Path(map_source).expanduser(), Path(query_source).expanduser()
    name = f"{queries.name} in {photos.name}"
    if frames is not None and exact:
        raise BadInput("Both frames and exact pairs were asked for. Choose what makes a match right.")
    if exact:
        return replace(pairs.of_folders(*_folders(photos, queries), own(SamePair())), name=name)
    if frames is not None:
        if frames < 0:
            raise BadInput(f"Within {frames} frames lies nothing. Give 0 or more.")
        rule = WithinFrames(frames)
        found = frames_of.of_folders(*_folders(photos, queries), own(rule), rule, whole=False)
        return replace(found, name=name)
    if not (radius_m > 0 and math.isfinite(radius_m)):
        raise BadInput(f"Within {radius_m:g} m lies nothing. Give a radius in metres above 0, as 25.")
    flat = plane.of_folders(photos, queries, own(WithinM(radius_m)), radius_m)
    if flat is not None:
        return replace(flat, name=name)
    shown, unplaced = _placed(photos)
    asked, unasked = _placed(queries)
    return Dataset(
        name=name,
        map=shown,
        queries=asked,
        positives=by_place(asked, shown, radius_m),
        protocol=own(WithinM(radius_m)),
        skipped=unplaced + unasked,
    )


def _folders(photos: Path, queries: Path) -> tuple[Path, Path]:
    for path in (photos, queries):
        if not path.is_dir():
            raise BadInput(f"{path} is no folder, and frames or pairs are told by the file names in two folders.")
    return photos, queries


def _placed(source: Path) -> tuple[tuple[Picture, ...], tuple[Skipped, ...]]:
    found = list(open_source(source))
    pictures = tuple(Picture.of(item) for item in found if isinstance(item, Photo))
    skipped = tuple(item for item in found if isinstance(item, Skipped))
    if not pictures:
        first = f" The first, {skipped[0].id}: {skipped[0].reason}" if skipped else ""
        raise BadInput(
            f"No picture of {source} says where it was taken.{first} Give a manifest with file, lat, lon; or two "
            "folders whose names belong together, by frames or exact pairs."
        )
    return pictures, skipped
