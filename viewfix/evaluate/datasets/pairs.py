"""Two folders in which every query has exactly one right map picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ...errors import BadInput
from ...sources.utm import is_utm_name
from ..protocol import PairFolders, Protocol
from .dataset import Dataset, Picture
from .frames import PANO_ID
from .places import pictures, two_folders
from .truth import by_key


def load(layout: PairFolders, root: Path, wanted: Protocol) -> Dataset | None:
    """The dataset, or None if none of the pairs of folders exists."""
    for names in layout.folders:
        folders = two_folders(root, *names)
        if folders is not None:
            return of_folders(*folders, wanted)
    return None


def of_folders(map_folder: Path, query_folder: Path, wanted: Protocol) -> Dataset:
    """Match two folders by name, ignoring the endings; by their order if the names have nothing in common.

    Raises:
        BadInput: neither is possible.
    """
    photos, queries = pictures(map_folder), pictures(query_folder)
    one, other = _keys(photos), _keys(queries)
    notes: tuple[str, ...] = ()
    if len(set(one) & set(other)) * 2 < min(len(one), len(other)):
        if len(one) != len(other):
            raise BadInput(
                f"{map_folder} has {len(one):,} pictures and {query_folder} has {len(other):,}, with different names, "
                "so the pairs are unknown. Rename the files so that both pictures of a pair have the same name."
            )
        notes = ("Names do not match, so the n-th query in order of name is paired with the n-th map picture.",)
        one, other = [str(row) for row in range(len(one))], [str(row) for row in range(len(other))]
    return Dataset(
        name=wanted.name,
        map=photos,
        queries=queries,
        positives=by_key(other, one),
        protocol=wanted,
        notes=notes,
    )


def _keys(of_pictures: Sequence[Picture]) -> list[str]:
    """What both pictures of a pair share: the path without its ending, or the number in an "@" name."""
    found = []
    for picture in of_pictures:
        path = PurePosixPath(picture.id)
        cells = path.name.split("@")
        formatted = is_utm_name(path.name) and len(cells) > PANO_ID and cells[PANO_ID]
        found.append(cells[PANO_ID] if formatted else path.with_suffix("").as_posix())
    return found
