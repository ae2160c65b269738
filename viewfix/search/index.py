"""The index of one version of a map: its parts, and the checks that they fit together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..store.records import Version
from .blocks import PartReader
from .hamming import has_faiss
from .inverted_lists import RECORD_BYTES, Lists
from .sketches import BITS, Sketcher, Sketches


class UnusableIndex(Exception):
    """An index cannot be used. The message is a clause for the notice, such as "it belongs to another map"."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file of an index, and the CRC-32 of every MiB of it."""

    file: Path
    checksums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The sketches of the rows of one version of a map. `lists` is None if the map is too small to need them.

    `unchecked` lists the files that were not read completely when the index was opened.
    """

    version: Version
    sketches: Sketches
    lists: Lists | None
    trained_on: int  # the number of photos when the centroids of `lists` were trained
    unchecked: tuple[PartFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of dimensions, photos and lists, which decide the size of every part."""

    dim: int
    rows: int
    lists: int

    def bytes(self) -> dict[str, int]:
        """The size of each part in bytes, by kind."""
        sizes = {
            "projection": 4 * BITS * (self.dim + 1),
            "places": 4 * 8 * self.rows,
            "codes": BITS // 8 * self.rows,
        }
        if self.lists:
            sizes |= {"centroids": BITS // 8 * self.lists, "sizes": 8 * self.lists, "lists": RECORD_BYTES * self.rows}
        return sizes


def assemble(
    stored: PartReader, shape: Shape, version: Version, trained_on: int, unchecked: tuple[PartFile, ...] = ()
) -> Index:
    """Put an index together from its stored parts.

    Raises:
        UnusableIndex: the parts do not fit together.
    """
    parts = {kind: stored.read(kind) for kind in shape.bytes()}
    if any(len(parts[kind]) != size for kind, size in shape.bytes().items()):
        raise UnusableIndex("its parts do not fit together")
    places = parts["places"].view(np.float64).reshape(4, shape.rows)
    projection = parts["projection"].view(np.float32).reshape(shape.dim + 1, BITS)
    if not np.isfinite(projection).all():
        raise UnusableIndex("its projection is not made of numbers")
    sketches = Sketches(Sketcher(projection), places, parts["codes"].reshape(shape.rows, BITS // 8))
    lists = None
    if shape.lists and has_faiss():  # without it, all sketches are compared
        centroids, sizes = parts["centroids"].reshape(shape.lists, BITS // 8), parts["sizes"].view(np.int64)
        # FAISS locates each list by the sizes of those before it, without any check. Add up Python integers, because
        # a 64-bit sum can overflow: four sizes of 2**62 add up to 0.
        if sizes.min() < 0 or sizes.max() > shape.rows or sum(sizes.tolist()) != shape.rows:
            raise UnusableIndex("the sizes of its lists do not add up to its number of photos")
        lists = Lists.of(centroids, sizes, parts["lists"], stored.file("lists"))
    return Index(version, sketches, lists, trained_on, unchecked)


def flaw(index: Index) -> str | None:
    """Check the rows and positions of an index. Returns what is wrong; None if each photo is listed exactly once.

    Reads all of `places` and `lists`. Wrong rows or positions are not dangerous, but lead to wrong answers.
    """
    places = index.sketches.places
    if not np.isfinite(places).all() or (places[3] != np.floor(places[3])).any():
        return "its positions or rows are not numbers"
    rows = np.sort(places[3].astype(np.int64))
    if len(rows) and (rows[0] < 1 or rows[-1] > index.version.last_row or not (np.diff(rows) > 0).all()):
        return "it does not list each photo exactly once"
    if index.lists is not None:
        listed = np.concatenate([found for _, found in index.lists.each()])
        if not np.array_equal(np.sort(listed), rows):
            return "its lists do not contain each photo exactly once"
    return None
