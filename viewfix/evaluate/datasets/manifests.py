"""Two folders or manifests of your own, one of map pictures and one of queries, as a dataset."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from ...errors import BadInput
from ...sources import open_source
from ...types import Photo, Skipped
from ..protocol import SamePair, WithinFrames, WithinM, unpublished
from . import frames as by_frames
from . import pairs, utm_names
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
    """Combine map pictures and queries of your own.

    Args:
        map_source: a folder, or a manifest (CSV, GeoJSON, Parquet) with positions.
        query_source: the same for the queries.
        radius_m: a map picture is right if it is at most this many metres away; needs positions on both sides, or
            folders whose file names hold metres of one plane.
        frames: a map picture is right if it is at most this many frames away, in two folders of the same walk.
        exact: the map picture with the same name is right, in two folders.

    Raises:
        BadInput: a source does not exist or has no picture with a position, or both frames and exact are set.
    """
    photos, queries = Path(map_source).expanduser(), Path(query_source).expanduser()
    name = f"{queries.name} in {photos.name}"
    if frames is not None and exact:
        raise BadInput("Both frames and exact are set. Set only the one that makes a match right.")
    if exact:
        return replace(pairs.of_folders(*_folders(photos, queries), unpublished(SamePair())), name=name)
    if frames is not None:
        if frames < 0:
            raise BadInput(f"frames must be 0 or more; got {frames}.")
        rule = WithinFrames(frames)
        found = by_frames.of_folders(*_folders(photos, queries), unpublished(rule), rule, whole=False)
        return replace(found, name=name)
    if not (radius_m > 0 and math.isfinite(radius_m)):
        raise BadInput(f"radius_m must be more than 0; got {radius_m:g}. The usual radius is 25.")
    return _by_distance(photos, queries, name, radius_m)


def _by_distance(photos: Path, queries: Path, name: str, radius_m: float) -> Dataset:
    map_pictures, map_skipped = _with_positions(photos)
    query_pictures, query_skipped = _with_positions(queries)
    if not (map_pictures and query_pictures):
        in_plane = utm_names.in_one_plane(photos, queries, radius_m)
        if in_plane is not None:
            return in_plane
    for source, found, skipped in ((photos, map_pictures, map_skipped), (queries, query_pictures, query_skipped)):
        if not found:
            raise _no_positions(source, skipped)
    return Dataset(
        name=name,
        map=map_pictures,
        queries=query_pictures,
        positives=by_place(query_pictures, map_pictures, radius_m),
        protocol=unpublished(WithinM(radius_m)),
        skipped=map_skipped + query_skipped,
    )


def _folders(photos: Path, queries: Path) -> tuple[Path, Path]:
    for path in (photos, queries):
        if not path.is_dir():
            raise BadInput(
                f"{path} is not a folder. Frames and exact pairs are matched by the file names of two folders."
            )
    return photos, queries


def _with_positions(source: Path) -> tuple[tuple[Picture, ...], tuple[Skipped, ...]]:
    found = list(open_source(source))
    return (
        tuple(Picture.of(item) for item in found if isinstance(item, Photo)),
        tuple(item for item in found if isinstance(item, Skipped)),
    )


def _no_positions(source: Path, skipped: tuple[Skipped, ...]) -> BadInput:
    first = f" The first, {skipped[0].id}: {skipped[0].reason}" if skipped else ""
    return BadInput(
        f"No picture of {source} has a position.{first} Use a manifest with file, lat and lon, or two folders whose "
        "file names match, by frames or as exact pairs."
    )
