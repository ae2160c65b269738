"""Two folders in which every query has one map picture of its own become a Dataset."""

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
    """The dataset, or None where none of the pairs of folders is there."""
    for names in layout.folders:
        folders = two_folders(root, *names)
        if folders is not None:
            return of_folders(*folders, wanted)
    return None


def of_folders(map_folder: Path, query_folder: Path, wanted: Protocol) -> Dataset:
    """Two folders in pairs: by name, whatever the ending; where names differ altogether, by their order.

    Raises:
        BadInput: neither tells what belongs together.
    """
    photos, queries = pictures(map_folder), pictures(query_folder)
    one, other = _keys(photos), _keys(queries)
    notes: tuple[str, ...] = ()
    if len(set(one) & set(other)) * 2 < min(len(one), len(other)):
        if len(one) != len(other):
            raise BadInput(
                f"{map_folder} holds {len(one):,} pictures and {query_folder} {len(other):,}, with other names, so "
                "that nobody knows the pairs. Give both pictures of a pair the same name."
            )
        notes = ("Names do not match: the n-th query in order of name is taken for the pair of the n-th map picture.",)
        one, other = [str(row) for row in range(len(one))], [str(row) for row in range(len(other))]
    return Dataset(
        name=wanted.name,
        map=photos,
        queries=queries,
        positives=by_key(other, one),
        protocol=wanted,
        notes=notes,
    )


def _keys(those: Sequence[Picture]) -> list[str]:
    """What the two pictures of a pair have in common: the path without its ending, or the number in an "@" name."""
    found = []
    for picture in those:
        path = PurePosixPath(picture.id)
        cells = path.name.split("@")
        formatted = is_utm_name(path.name) and len(cells) > PANO_ID and cells[PANO_ID]
        found.append(cells[PANO_ID] if formatted else path.with_suffix("").as_posix())
    return found
