"""The progress of an unfinished copy, stored in its target, and checks whether the copy can be continued."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import BadInput, MapBusy
from ..shell import shell_quoted
from ..store.records import UNFINISHED_COPY, Record
from ..store.store import Address, Store
from .sides import Side


@dataclass(frozen=True, slots=True)
class Marker:
    """How far a copy has come. `after` is the last row of the source whose batch is committed."""

    source: str
    identity: str
    after: int = 0
    photos: int = 0
    removals: int = 0  # of the source when the copy began

    @classmethod
    def of(cls, target: Store) -> Marker | None:
        found = target.meta(UNFINISHED_COPY)
        return None if found is None else cls(**found)

    def write(self, target: Store) -> None:
        target.set_meta(UNFINISHED_COPY, asdict(self))


def start(source: Side, target: Store, *, new: bool) -> Marker:
    """The marker to continue from: a new one in an empty map, or that of the same copy.

    Raises:
        BadInput: the target is a map already, or an unfinished copy of another one.
        ModelMismatch: the target has another model.
    """
    found = Marker.of(target)
    if found is None:
        if not new and (len(target) or target.skipped() or len(target.points) or target.roads.sources()):
            raise _taken(target.address, len(target))
        target.model.check(source.model.name, source.model.fingerprint, str(target.address))
        found = Marker(source.name, source.identity, removals=source.version.removals)
        found.write(target)
    elif found.identity != source.identity:
        raise BadInput(
            f"{target.address} is an unfinished copy of another map, {found.source}, or of an earlier state of it. "
            f"Finish that copy, or start this one again: {restart_command(source.name, target)}"
        )
    return found


def _taken(address: Address, photos: int) -> BadInput:
    return BadInput(
        f"There is already a map at {address}, with {photos:,} photos, and a copy cannot be added to it. Name another "
        "place."
    )


def ahead(source: Side, target: Store, marker: Marker) -> dict[str, Record]:
    """The photos of a batch that was committed just before a kill, when the marker was not yet stored; by id.

    Raises:
        MapBusy: the target has more photos than these, or fewer: another process wrote to it.
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
            f"{target.address} was written by another process since the copy stopped: it has {now:,} photos instead of "
            f"{marker.photos + len(there):,}. Start again: {restart_command(source.name, target)}"
        )
    return there


def restart_command(source: str, target: Store) -> str:
    """The shell command that deletes an unfinished copy and starts again."""
    return f"viewfix copy --restart {shell_quoted(source)} {target.address.typed}"
