"""Find the folders and files of a layout inside the folder of a dataset."""

from __future__ import annotations

from pathlib import Path

from ...sources import image_files
from .dataset import Picture

INSIDE = ("", "images/test", "test", "processed/test", "raw_data")
"""Where the tools of the field put the pictures of a dataset."""

NAMED = 12


def two_folders(root: Path, photos: str, queries: str) -> tuple[Path, Path] | None:
    """The folders of map pictures and of queries, side by side in one of INSIDE."""
    for inside in INSIDE:
        found = root / inside / photos, root / inside / queries
        if all(folder.is_dir() for folder in found):
            return found
    return None


def first_of(root: Path, names: tuple[str, ...]) -> Path | None:
    """The first of several paths below a folder that exists."""
    return next((root / name for name in names if (root / name).exists()), None)


def pictures(folder: Path) -> tuple[Picture, ...]:
    """The pictures in a folder and its subfolders in order of name, without positions.

    Raises:
        BadInput: there are none.
    """
    return tuple(Picture(file.relative_to(folder).as_posix(), str(file)) for file in image_files(folder))


def listing(root: Path) -> str:
    """The contents of a folder in a few words."""
    try:
        names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in root.iterdir())
    except OSError as error:
        return f"a folder that cannot be listed ({error.strerror})"
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown or "an empty folder"
