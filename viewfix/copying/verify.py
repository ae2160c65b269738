"""Compare two sides, and tell damage from what other processes changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..errors import StorageFailed
from ..shell import shell_quoted
from ..store.store import Store
from ..types import Progress, silent
from . import extras
from .checksums import Checksums, Difference, differences
from .marker import Marker
from .sides import Batch, Side

NAMED = 3
MOST = 10_000  # differences that are examined in one round


@dataclass(frozen=True, slots=True)
class Compared:
    """The result of a comparison. `others` has the differences in everything except the photos, one line each."""

    photos: int
    checksum: str
    differences: tuple[Difference, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        return not self.differences and not self.others

    @property
    def first(self) -> str:
        """The first difference, in words."""
        return self.lines[0]

    @property
    def lines(self) -> list[str]:
        return [*map(str, self.differences), *self.others]

    def __str__(self) -> str:
        if self.same:
            return f"the same: {self.photos:,} photos, checksum {self.checksum}"
        more = len(self.lines) - NAMED
        return "; ".join(self.lines[:NAMED]) + (f"; and {more:,} more" if more > 0 else "")


def compare(
    left: Side, right: Side, *, upto: int | None = None, with_features: bool = True, progress: Progress = silent
) -> Compared:
    """Compare the counts and checksums of both sides; photos that differ are read again, and named.

    Rows of the left side above `upto` are left out.
    """
    total = len(left) + len(right)
    sides = Checksums(), Checksums()
    for at, batches in enumerate((_upto(left, upto), right.batches())):
        for batch in batches:
            sides[at].add(batch)
            progress("verifying", len(sides[0]) + len(sides[1]), max(total, len(sides[0]) + len(sides[1])))
    found: tuple[Difference, ...] = ()
    if sides[0].differing(sides[1]):
        found = tuple(islice(differences(lambda: _upto(left, upto), right.batches, sides), MOST))
    others: tuple[str, ...] = ()
    if left.store is not None and right.store is not None:
        others = tuple(extras.differing(left.store, right.store, with_features=with_features))
    return Compared(len(sides[1]), sides[1].checksum, found, others)


def _upto(side: Side, row: int | None) -> Iterator[Batch]:
    for batch in side.batches():
        if row is None or batch.last <= row:
            yield batch
            continue
        count = int((batch.rows <= row).sum())
        yield Batch(batch.rows[:count], batch.records[:count], batch.halves[:count], row)
        return


@dataclass(frozen=True, slots=True)
class Changes:
    """Differences, sorted into what other processes did to the source during the copy, and damage."""

    gone: tuple[str, ...]
    changed: tuple[str, ...]
    damage: tuple[str, ...]
    source: Store | None

    @classmethod
    def of(cls, found: Compared, source: Side, marker: Marker) -> Changes:
        """Sort: the position and descriptor of a row never change, so anything but a removal or an update is damage."""
        gone, changed, damage = [], [], []
        removed = source.version.removals > marker.removals
        for each in found.differences:
            if each.left is None and removed:
                gone.append(each.id)
            elif source.store is not None and _is_update(each):
                changed.append(each.id)
            else:
                damage.append(str(each))
        return cls(tuple(gone), tuple(changed), tuple(damage), source.store)

    def apply(self, target: Store) -> None:
        """Apply to the copy what was done to the source."""
        if self.source is None:
            return
        there = self.source.known([*self.gone, *self.changed])
        target.remove([key for key in self.gone if key not in there])
        for key in self.changed:
            if key in there:
                target.update_photo(there[key])


def _is_update(difference: Difference) -> bool:
    left, right = difference.left, difference.right
    return left is not None and right is not None and left.descriptor == right.descriptor


def damaged(source: str, target: str, lines: Sequence[str]) -> StorageFailed:
    """An error that names the first differences."""
    more = len(lines) - NAMED
    shown = "; ".join(lines[:NAMED]) + (f"; and {more:,} more" if more > 0 else "")
    return StorageFailed(
        f"{target} differs from {source}: {shown}. Check the disks and start again: "
        f"viewfix copy --restart {shell_quoted(source)} {shell_quoted(target)}"
    )
