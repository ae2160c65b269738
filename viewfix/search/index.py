"""The index of one version of a map: its parts, and how they must fit together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..store.records import Version
from .blocks import PartReader
from .inverted_lists import RECORD_BYTES, Lists
from .sketches import BITS, Sketcher, Sketches


class UnusableIndex(Exception):
    """Why an index cannot be used: half a sentence for the notice."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file of an index, and the CRC-32 of every MiB of it."""

    file: Path
    checksums: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The sketches of the rows of one version. `lists` is None for a map that is too small to need them.

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
    if shape.lists:
        centroids, sizes = parts["centroids"].reshape(shape.lists, BITS // 8), parts["sizes"].view(np.int64)
        # FAISS finds each list by the sizes of those before it, and checks nothing. One by one and as Python numbers:
        # four sizes of 2**62 and a few more also add up to a few, in 64 bits.
        if sizes.min() < 0 or sizes.max() > shape.rows or sum(sizes.tolist()) != shape.rows:
            raise UnusableIndex("its lists do not hold as many photos as it has")
        lists = Lists.of(centroids, sizes, parts["lists"], stored.file("lists"))
    return Index(version, sketches, lists, trained_on, unchecked)


def flaw(index: Index) -> str | None:
    """What is wrong with the photos that an index names; None if each is named once, at a position.

    Reads all of `places` and `lists`. Wrong rows or positions cannot do harm, but give wrong answers.
    """
    places = index.sketches.places
    if not np.isfinite(places).all() or (places[3] != np.floor(places[3])).any():
        return "its positions or rows are not numbers"
    rows = np.sort(places[3].astype(np.int64))
    if len(rows) and (rows[0] < 1 or rows[-1] > index.version.last_row or not (np.diff(rows) > 0).all()):
        return "it does not name each photo once"
    if index.lists is not None:
        listed = np.concatenate([found for _, found in index.lists.each()])
        if not np.array_equal(np.sort(listed), rows):
            return "its lists do not name each photo once"
    return None
