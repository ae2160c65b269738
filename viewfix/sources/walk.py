"""Walk a folder in a stable order, and distinguish pictures from other files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from ..photos import HEAD_BYTES, SUFFIXES, form_of

SIDECAR_ENDINGS = frozenset([".json", ".xmp"])
"""Files with these extensions are never opened to check for a picture: a folder may contain 100,000 of them."""

LEFT_OUT_FOLDERS = frozenset(["@eaDir", "__MACOSX"])
"""Folders with thumbnails of network disks, and the one that macOS adds to archives."""

RAW_ENDINGS = frozenset(
    (
        ".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".k25", ".kdc", ".mef", ".mos", ".nef", ".nrw",
        ".pef", ".ptx", ".rwl", ".sr2", ".srf", ".srw",
    )
)  # fmt: skip
"""Raw files that begin like a TIFF. Their pixels need a raw converter."""

RAW = "a raw file of a camera"
_OTHER_PICTURES = (
    (b"GIF8", "a GIF"),
    (b"8BPS", "a Photoshop document"),
    (b"gimp xcf", "a GIMP document"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"DDS ", "a DDS texture"),
    (b"qoif", "a QOI picture"),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\0", RAW),
    (b"FOVb", RAW),
    (b"\0MRM", RAW),
)


@dataclass(frozen=True, slots=True)
class Listing:
    """One folder: its pictures in order of name, and the names of all its files, for sidecars.

    `below` is its path below the root with forward slashes, "" for the root. `other_pictures` are files that begin
    like a picture of a kind that viewfix does not read, each with its kind. `trouble` is the reason if the folder could
    not be listed.
    """

    folder: Path
    below: str
    pictures: tuple[str, ...]
    names: Set[str]
    other_pictures: tuple[tuple[str, str], ...] = ()
    trouble: str | None = None

    def id_of(self, name: str) -> str:
        return f"{self.below}/{name}" if self.below else name


def has_picture_ending(name: str) -> bool:
    return _ending(name) in SUFFIXES


def is_picture(path: Path) -> bool:
    """Whether a file is a picture that viewfix reads, by its extension or else by its first bytes."""
    return has_picture_ending(path.name) or what_it_is(path) == ""


def what_it_is(path: Path) -> str | None:
    """The kind of a file by its first bytes: "" for a picture that viewfix reads, "a GIF" for another, else None.

    A file that cannot be read counts as no picture.
    """
    try:
        if not path.is_file():  # a pipe would never end
            return None
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return None
    form = form_of(head)
    if form is not None:
        return RAW if form == "TIFF" and _ending(path.name) in RAW_ENDINGS else ""
    if head[4:12] == b"ftypcrx ":
        return RAW
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "a BMP"
    return next((what for magic, what in _OTHER_PICTURES if head.startswith(magic)), None)


def walk(root: Path) -> Iterator[Listing]:
    """List a folder and all below it, parents first. Lazy: one folder is in memory at a time.

    Hidden files and folders are left out, and so are those of LEFT_OUT_FOLDERS. Links are followed, except to a folder
    that is being walked already. Files without the extension of a picture are recognised by their first bytes.
    """
    yield from _walk(root, "", ())


def _walk(folder: Path, below: str, inside: tuple[tuple[int, int], ...]) -> Iterator[Listing]:
    try:
        about = folder.stat()
        me = (about.st_dev, about.st_ino)
        if me in inside:
            return
        names, folders = _entries(folder)
    except OSError as error:
        why = f"the folder could not be listed ({error.strerror}). Check its permissions."
        yield Listing(folder, below, (), frozenset(), trouble=why)
        return
    yield _sorted_out(folder, below, names)
    for name in sorted(folders):
        yield from _walk(folder / name, f"{below}/{name}" if below else name, (*inside, me))


def _entries(folder: Path) -> tuple[set[str], list[str]]:
    names, folders = set(), []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not entry.is_dir():
                names.add(entry.name)
            elif entry.name not in LEFT_OUT_FOLDERS:
                folders.append(entry.name)
    return names, folders


def _sorted_out(folder: Path, below: str, names: set[str]) -> Listing:
    pictures, others = [], []
    for name in sorted(names):
        if has_picture_ending(name):
            pictures.append(name)
        elif _ending(name) not in SIDECAR_ENDINGS:
            what = what_it_is(folder / name)
            if what == "":
                pictures.append(name)
            elif what is not None:
                others.append((name, what))
    return Listing(folder, below, tuple(pictures), names, tuple(others))


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  a Path for each of 100,000 names is slow
