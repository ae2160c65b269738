"""What stands in a map that is being copied to: from where, and how far; whether it can be gone on with comes out."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import BadInput, MapBusy
from ..index.pairs import COPYING
from ..index.records import Record
from ..index.store import Address, Store
from .ends import CHUNK, Batch, End
from .sums import seen_as


@dataclass(frozen=True, slots=True)
class Marker:
    """How far a copy has come. `after` is the last row of the source whose batch is committed."""

    source: str
    identity: str
    after: int = 0
    photos: int = 0
    last_row: int = 0  # of the copy
    removals: int = 0  # of the source when the copy was begun

    @classmethod
    def of(cls, target: Store) -> Marker | None:
        found = target.meta(COPYING)
        return None if found is None else cls(**found)

    def write(self, target: Store) -> None:
        target.set_meta(COPYING, asdict(self))


def begun(source: End, target: Store, *, new: bool) -> Marker:
    """The marker to go on from: a fresh one for a map that is empty, or the one of the same copy.

    Raises:
        BadInput: there is a map already, or half of another one.
        ModelMismatch: it is of another model.
    """
    found = Marker.of(target)
    if found is None:
        if not new and (len(target) or target.skipped() or len(target.points)):
            raise _taken(target.address, len(target))
        target.model.check(source.model.name, source.model.fingerprint, str(target.address))
        found = Marker(source.name, source.identity, removals=source.version.removals)
        found.write(target)
    elif found.identity != source.identity:
        raise BadInput(
            f"{target.address} is an unfinished copy of another map, {found.source}, or of what that was before. "
            f"Finish that copy, or begin this one anew: viewfix copy --restart '{source.name}' '{target.address}'"
        )
    return found


def _taken(address: Address, photos: int) -> BadInput:
    return BadInput(
        f"There is a map at {address} already, with {photos:,} photos. A copy does not mix with it: name another place."
    )


def ahead(source: End, target: Store, marker: Marker) -> dict[str, Record]:
    """The photos of a batch that was committed when the copy was killed before it could be noted, by id.

    Raises:
        MapBusy: the map holds something else too: somebody wrote to it.
    """
    extra: dict[str, bytes] = {}
    records: dict[str, Record] = {}
    for rows, found, halves in target.stored(CHUNK + 1, marker.last_row):
        for at, record in enumerate(found):
            extra[record.photo.id] = _digest(int(rows[at]), record, halves[at].tobytes())
            records[record.photo.id] = record
        if len(extra) > CHUNK:
            break
    missing = len(target) < marker.photos and not extra
    expected: dict[str, bytes] = {}
    if extra and len(extra) <= CHUNK:
        batch = next(iter(source.batches(marker.after)), None)
        expected = _digests(batch) if batch is not None else {}
    others = [key for key, seen in extra.items() if expected.get(key) != seen]
    if missing or others:
        seen = f"{others[0]} and {len(others) - 1:,} others came" if others else f"{marker.photos - len(target):,} went"
        raise MapBusy(
            f"{target.address} was written by somebody else since the copy stopped: {seen}. "
            f"Begin anew: viewfix copy --restart '{source.name}' '{target.address}'"
        )
    return records


def _digests(batch: Batch) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for at, record in enumerate(batch.records):
        found.setdefault(record.photo.id, _digest(0, record, batch.halves[at].tobytes()))
    return found


def _digest(row: int, record: Record, descriptor: bytes) -> bytes:
    seen = seen_as(row, record, descriptor)
    return seen.fields + seen.descriptor
