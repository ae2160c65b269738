"""Two sides go in; whether they are the same comes out, and if not, whether that is damage or what others changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..errors import StorageFailed
from ..store.store import Store
from ..types import Progress, silent
from . import rest
from .ends import Batch, End
from .marker import Marker
from .sums import Difference, Sums, differences

NAMED = 3
MOST = 10_000  # differences that are looked at in one round


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found. `others` is what differs beside the photos, a line each."""

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
    left: End, right: End, *, upto: int | None = None, with_features: bool = True, progress: Progress = silent
) -> Compared:
    """Read both sides and compare them: by count and by checksum; what differs is then read again, and named.

    `upto` leaves out the rows of the left above it.
    """
    total = len(left) + len(right)
    sides = Sums(), Sums()
    for at, batches in enumerate((_upto(left, upto), right.batches())):
        for batch in batches:
            sides[at].add(batch)
            progress("verifying", len(sides[0]) + len(sides[1]), max(total, len(sides[0]) + len(sides[1])))
    found: tuple[Difference, ...] = ()
    if sides[0].apart(sides[1]):
        found = tuple(islice(differences(lambda: _upto(left, upto), right.batches, sides), MOST))
    others: tuple[str, ...] = ()
    if left.store is not None and right.store is not None:
        others = tuple(rest.apart(left.store, right.store, with_features=with_features))
    return Compared(len(sides[1]), sides[1].checksum, found, others)


def _upto(end: End, row: int | None) -> Iterator[Batch]:
    for batch in end.batches():
        if row is None or batch.last <= row:
            yield batch
            continue
        count = int((batch.rows <= row).sum())
        yield Batch(batch.rows[:count], batch.records[:count], batch.halves[:count], row)
        return


@dataclass(frozen=True, slots=True)
class Catching:
    """Differences, sorted: what others did to the source while it was copied, and what is damage."""

    gone: tuple[str, ...]
    changed: tuple[str, ...]
    damage: tuple[str, ...]
    source: Store | None

    @classmethod
    def of(cls, found: Compared, source: End, marker: Marker) -> Catching:
        """The position and the descriptor of a row never change, and what was there and is gone counts as removed."""
        gone, changed, damage = [], [], []
        removed = source.version.removals > marker.removals
        for each in found.differences:
            if each.left is None and removed:
                gone.append(each.id)
            elif source.store is not None and _only_told_anew(each):
                changed.append(each.id)
            else:
                damage.append(str(each))
        return cls(tuple(gone), tuple(changed), tuple(damage), source.store)

    def apply(self, target: Store) -> None:
        """Do to the copy what was done to the source."""
        if self.source is None:
            return
        there = self.source.known([*self.gone, *self.changed])
        target.remove([key for key in self.gone if key not in there])
        for key in self.changed:
            if key in there:
                target.update_photo(there[key])


def _only_told_anew(difference: Difference) -> bool:
    left, right = difference.left, difference.right
    return left is not None and right is not None and left.descriptor == right.descriptor


def damaged(source: str, target: str, lines: Sequence[str]) -> StorageFailed:
    """The error that names the first differences."""
    more = len(lines) - NAMED
    shown = "; ".join(lines[:NAMED]) + (f"; and {more:,} more" if more > 0 else "")
    return StorageFailed(
        f"{target} is not what {source} is: {shown}. Check the disks and begin anew: "
        f"viewfix copy --restart '{source}' '{target}'"
    )
