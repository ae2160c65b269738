"""Load two folders with positions in the file names. Only the name is read; UTM zones are respected."""

from __future__ import annotations

from pathlib import Path

from ...errors import BadInput
from ...sources import utm_folder
from ...types import Photo, Skipped
from ..protocol import Protocol, UtmNames, WithinM
from . import plane
from .dataset import Dataset, Picture
from .places import two_folders
from .truth import by_place


def load(layout: UtmNames, root: Path, wanted: Protocol) -> Dataset | None:
    """The dataset, or None where the two folders are not there.

    Metres of two zones are never subtracted: positions become degrees first, distances are geodesic. Within one zone
    that differs from the plane of the publishers by 1 cm in 25 m at most, as the rounded names do. Names without a
    zone are compared in their plane.

    Raises:
        BadInput: no picture of one of the folders has a position in its name.
    """
    assert isinstance(wanted.rule, WithinM), "names of this layout hold positions"
    folders = two_folders(root, layout.map, layout.queries)
    if folders is None:
        return None
    if (flat := plane.of_folders(*folders, wanted, wanted.rule.radius_m)) is not None:
        return flat
    (photos, unplaced), (queries, unasked) = (_placed(folder) for folder in folders)
    return Dataset(
        name=wanted.name,
        map=photos,
        queries=queries,
        positives=by_place(queries, photos, wanted.rule.radius_m),
        protocol=wanted,
        skipped=unplaced + unasked,
    )


def _placed(folder: Path) -> tuple[tuple[Picture, ...], tuple[Skipped, ...]]:
    found = list(utm_folder(folder))
    pictures = tuple(Picture.of(item) for item in found if isinstance(item, Photo))
    skipped = tuple(item for item in found if isinstance(item, Skipped))
    if not pictures:
        why = f"The first, {skipped[0].id}: {skipped[0].reason}" if skipped else "It holds no picture."
        raise BadInput(f"No picture in {folder} has a position in its name. {why}")
    return pictures, skipped
