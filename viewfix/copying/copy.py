"""Copy a map: batches of photos, then what else it stores, then a comparison; the marker is removed last."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import BadInput, MapBusy
from ..search.open import open_search
from ..store.complete import require_complete
from ..store.parquet import ParquetFile
from ..store.records import UNFINISHED_COPY, Record
from ..store.store import Address, Place, Store
from ..types import Progress, Skipped, silent
from . import extras, marker
from .marker import Marker, restart_command
from .sides import Batch, MapSide, ParquetSide, Side
from .to_parquet import left_out, write_parquet
from .verify import Changes, Compared, compare, damaged

ROUNDS = 5  # attempts to catch up with a source that other processes write to


@dataclass(frozen=True, slots=True)
class Copied:
    """The result of a copy: the number of photos copied by this run and by earlier ones, and whether it was verified.

    `left_out` lists what the map stores but a Parquet file cannot; `checksum` is that of both sides.
    """

    copied: int = 0
    copied_before: int = 0
    verified: bool = False
    checksum: str | None = None
    skipped: tuple[Skipped, ...] = ()
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        before = f" ({self.copied_before} by an earlier run)" if self.copied_before else ""
        same = ", both sides compared and equal" if self.verified else ""
        return f"{self.copied + self.copied_before} photos copied{before}{same}"


def copy(  # noqa: PLR0913  the keywords of one copy
    source: Place,
    target: Place,
    *,
    features: bool = True,
    verify: bool = True,
    index: bool = True,
    restart: bool = False,
    progress: Progress = silent,
) -> Copied:
    """Copy a map to a new place in any engine, to a Parquet file, or from one. Run it again to continue after a kill.

    Other processes may write to the source meanwhile. Photos that they add after the start may or may not be copied.

    Args:
        source: the path or URL of a map, or a .parquet file as `viewfix export` writes it.
        target: a path or URL with nothing there, or with an unfinished copy of the same source.
        features: copy local features too, if the map stores those of all its photos (35 KB each).
        verify: read both sides again at the end and compare them.
        index: build the search index of the target.
        restart: delete an unfinished copy at the target, and start again.
        progress: called with the progress.

    Raises:
        BadInput: something else is at the target; the source cannot be copied.
        MapBusy: another process wrote to the target, or the source changed faster than it was read.
        StorageFailed: the two sides differ, or one of them cannot be reached.
    """
    from_, to = Address.of(source), Address.of(target)
    if _is_parquet(to):
        if _is_parquet(from_):
            raise BadInput(
                f"{from_} and {to} are both Parquet files: copy the file itself, or name a map for one of them."
            )
        with require_complete(Store.open(from_)) as store:
            extras.refuse_unfinished(store)
            count, checksum = write_parquet(MapSide(store), Path(to.text), verify=verify, progress=progress)
            return Copied(count, verified=verify, checksum=checksum, left_out=tuple(left_out(store)))
    with _side(from_) as side, _target(side, to, restart=restart) as (store, new):
        copied = _Copy(side, store, marker.start(side, store, new=new), features, progress).run(verify)
        if index:
            with contextlib.closing(open_search(store, progress=progress)) as search:
                search.refresh()
    store.tidy()
    return copied


def same(source: Place, target: Place, *, features: bool = True, progress: Progress = silent) -> Compared:
    """Compare two maps, or a map and a Parquet file, to the last bit; `differences` names what differs."""
    with _side(Address.of(source)) as left, _side(Address.of(target)) as right:
        return compare(left, right, with_features=features, progress=progress)


def _is_parquet(address: Address) -> bool:
    return address.file is not None and address.file.suffix.lower() == ".parquet"


@contextlib.contextmanager
def _side(address: Address) -> Iterator[Side]:
    if _is_parquet(address):
        yield ParquetSide(ParquetFile(Path(address.text)))
        return
    with require_complete(Store.open(address)) as store:
        extras.refuse_unfinished(store)
        yield MapSide(store)


@contextlib.contextmanager
def _target(source: Side, address: Address, *, restart: bool) -> Iterator[tuple[Store, bool]]:
    new = not Store.exists(address)
    if not new and restart:
        stale = Store.open(address, write=True)
        if Marker.of(stale) is None:
            photos = len(stale)
            stale.close()
            raise BadInput(
                f"{address} is a complete map, with {photos:,} photos, not an unfinished copy, so --restart does not "
                "delete it. Name another place, or delete it yourself."
            )
        stale.discard()
        new = True
    opened = Store.create(address, source.model) if new else Store.open(address, write=True)
    with opened as store:
        yield store, new


class _Copy:
    """One run of a copy."""

    def __init__(self, source: Side, target: Store, marker: Marker, features: bool, progress: Progress) -> None:
        self._source, self._target, self._marker = source, target, marker
        self._features, self._progress = features, progress
        self._skipped: list[Skipped] = []

    def run(self, verify: bool) -> Copied:
        there = marker.ahead(self._source, self._target, self._marker)
        already = len(self._target)
        self._marker = replace(self._marker, photos=already)
        self._photos(there)
        self._others()
        checksum = None
        if verify:
            checksum = self._compared()
        else:
            self._followed()
        if not extras.calibration(self._source, self._target):
            self._target.set_meta("calibration", None)
        self._target.set_meta(UNFINISHED_COPY, None)  # from here on it is a complete map
        return Copied(len(self._target) - already, already, verify, checksum, tuple(self._skipped))

    def _photos(self, there: dict[str, Record]) -> None:
        """Copy the rows of the source after the marker."""
        total = len(self._source)
        self._progress("copying photos", len(self._target), total)
        for batch in self._source.batches(self._marker.after):
            self._put(batch, there)
            there = {}
            self._progress("copying photos", len(self._target), total)

    def _put(self, batch: Batch, there: dict[str, Record]) -> None:
        target = self._target
        fresh = [at for at, record in enumerate(batch.records) if record.photo.id not in there]
        skipped = list(batch.skipped)
        if self._source.store is None:
            fresh = self._once(batch, fresh)
        before, removals = len(target), target.version.removals
        if fresh or skipped:
            target.put([batch.records[at] for at in fresh], batch.halves[fresh], skipped)
        self._skipped += skipped
        version, now = target.version, len(target)
        if now - before != len(fresh) - (version.removals - removals) or before != self._marker.photos:
            raise MapBusy(
                f"{target.address} is being written by another process: it has {now:,} photos instead of "
                f"{before + len(fresh):,}. When that has ended, start again: "
                f"{restart_command(self._source.name, target)}"
            )
        self._marker = replace(self._marker, after=batch.last, photos=now)
        self._marker.write(target)

    def _once(self, batch: Batch, fresh: list[int]) -> list[int]:
        """Keep the first of two rows with the same id, which a Parquet file may have; a map never does."""
        known = set(self._target.known([batch.records[at].photo.id for at in fresh]))
        kept = []
        for at in fresh:
            key = batch.records[at].photo.id
            if key in known:
                self._skipped.append(Skipped(key, f"row {batch.rows[at]}: a photo with this id came before."))
                continue
            known.add(key)
            kept.append(at)
        return kept

    def _others(self) -> None:
        if self._source.created_at is not None:
            self._target.set_meta("created_at", self._source.created_at.isoformat(timespec="seconds"))
        if (store := self._source.store) is not None:
            extras.skipped(store, self._target)
            extras.points(store, self._target, self._progress)
            extras.roads(store, self._target)
            extras.basemap(store, self._target)
            if self._features:
                extras.features(store, self._target, self._progress)
            extras.model_file(store, self._target)

    def _followed(self) -> None:
        """Remove photos from the copy that other processes removed from the source. For a copy without verification."""
        store = self._source.store
        if store is not None and store.version.removals != self._marker.removals:
            self._target.remove(sorted(set(self._target.ids()) - set(store.ids())))

    def _compared(self) -> str:
        """Compare, and copy again what other processes changed in the source meanwhile. Returns the checksum."""
        copied = MapSide(self._target)
        for _ in range(ROUNDS):
            found = compare(self._source, copied, upto=self._marker.after, with_features=self._features,
                            progress=self._progress)  # fmt: skip
            if found.same:
                return found.checksum
            changes = Changes.of(found, self._source, self._marker)
            if changes.damage:
                raise damaged(self._source.name, str(self._target.address), changes.damage)
            self._photos({})
            changes.apply(self._target)
            self._marker = replace(self._marker, photos=len(self._target))
            self._marker.write(self._target)
            self._others()
        if not found.differences:
            raise damaged(self._source.name, str(self._target.address), found.others)
        raise MapBusy(
            f"{self._source.name} changes faster than it can be copied: after {ROUNDS} rounds {found.first}. Run the "
            "same command again when fewer processes write to it."
        )
