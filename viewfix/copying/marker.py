"""What stands in a map that is being copied to: from where, and how far; whether it can be gone on with comes out."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import BadInput, MapBusy
from ..store.records import UNFINISHED_COPY, Record
from ..store.store import Address, Store
from .ends import End


@dataclass(frozen=True, slots=True)
class Marker:
    """How far a copy has come. `after` is the last row of the source whose batch is committed."""

    source: str
    identity: str
    after: int = 0
    photos: int = 0
    removals: int = 0  # of the source when the copy was begun

    @classmethod
    def of(cls, target: Store) -> Marker | None:
        found = target.meta(UNFINISHED_COPY)
        return None if found is None else cls(**found)

    def write(self, target: Store) -> None:
        target.set_meta(UNFINISHED_COPY, asdict(self))


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
        MapBusy: the map holds something else too, or less: somebody wrote to it.
    """
    now = len(target)
    if now == marker.photos:
        return {}
    batch = next(iter(source.batches(marker.after)), None)
    records: dict[str, Record] = {}
    for record in batch.records if batch is not None else ():
        records.setdefault(record.photo.id, record)
    there = {key: found for key, found in target.known(list(records)).items() if found == records[key]}
    if not 0 < now - marker.photos <= len(there):
        raise MapBusy(
            f"{target.address} was written by somebody else since the copy stopped: it has {now:,} photos, where "
            f"{marker.photos + len(there):,} are expected. Begin anew: viewfix copy --restart '{source.name}' "
            f"'{target.address}'"
        )
    return there
