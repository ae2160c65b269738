"""The copy itself, from begin to end: batches, what else a map holds, the comparison, and the marker that goes last."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import BadInput, MapBusy
from ..search.open import open_search
from ..store.complete import whole
from ..store.parquet import ParquetFile
from ..store.records import UNFINISHED_COPY, Record
from ..store.store import Address, Place, Store
from ..types import Progress, Skipped, silent
from . import rest
from .ends import Batch, End, OfParquet, OfStore
from .into_parquet import into_parquet, left_out
from .marker import Marker, ahead, begun
from .verifying import Catching, Compared, compare, damaged

ROUNDS = 5  # of catching up with a source that others write


@dataclass(frozen=True, slots=True)
class Copied:
    """What came of a copy: how many photos were copied now and by earlier runs, and whether all were compared after.

    `left_out` is what the map knows and a Parquet file cannot hold; `checksum` is that of both sides.
    """

    copied: int = 0
    copied_before: int = 0
    verified: bool = False
    checksum: str | None = None
    skipped: tuple[Skipped, ...] = ()
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        before = f" ({self.copied_before} by an earlier run)" if self.copied_before else ""
        same = ", both sides compared and the same" if self.verified else ""
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
    """Copy a map to a new place, of any engine, or to a Parquet file, or from one. A killed copy goes on.

    The source may be written by others meanwhile: what comes after the start is copied, or not.

    Args:
        source: the path or URL of a map, or a .parquet file as `viewfix export` writes it.
        target: a path or URL where there is nothing, or an unfinished copy of the same source.
        features: copy local features too, where the map keeps those of all its photos (35 KB a photo).
        verify: read both sides again in the end and compare them.
        index: make the target's search index.
        restart: delete an unfinished copy that is there, and begin anew.
        progress: told how far it is.

    Raises:
        BadInput: there is something else at the target; the source cannot be copied.
        MapBusy: somebody else wrote the target, or the source changed faster than it was read.
        StorageFailed: the two sides differ, or one of them cannot be reached.
    """
    from_, to = Address.of(source), Address.of(target)
    if _is_parquet(to):
        if _is_parquet(from_):
            raise BadInput(f"{from_} and {to} are both Parquet files, which any program copies. Name a map for one.")
        with whole(Store.open(from_)) as store:
            rest.refuse_unfinished(store)
            count, checksum = into_parquet(OfStore(store), Path(to.text), verify=verify, progress=progress)
            return Copied(count, verified=verify, checksum=checksum, left_out=tuple(left_out(store)))
    with _end(from_) as end, _target(end, to, restart=restart) as (store, new):
        copied = _Copy(end, store, begun(end, store, new=new), features, progress).run(verify)
        if index:
            with contextlib.closing(open_search(store, progress=progress)) as search:
                search.refresh()
    store.tidy()
    return copied


def same(source: Place, target: Place, *, features: bool = True, progress: Progress = silent) -> Compared:
    """Compare two maps, or a map and a Parquet file, to the last bit; `differences` names what differs."""
    with _end(Address.of(source)) as left, _end(Address.of(target)) as right:
        return compare(left, right, with_features=features, progress=progress)


def _is_parquet(address: Address) -> bool:
    return address.file is not None and address.file.suffix.lower() == ".parquet"


@contextlib.contextmanager
def _end(address: Address) -> Iterator[End]:
    if _is_parquet(address):
        yield OfParquet(ParquetFile(Path(address.text)))
        return
    with whole(Store.open(address)) as store:
        rest.refuse_unfinished(store)
        yield OfStore(store)


@contextlib.contextmanager
def _target(source: End, address: Address, *, restart: bool) -> Iterator[tuple[Store, bool]]:
    new = not Store.exists(address)
    if not new and restart:
        stale = Store.open(address, write=True)
        if Marker.of(stale) is None:
            photos = len(stale)
            stale.close()
            raise BadInput(
                f"{address} is a whole map, with {photos:,} photos, and no unfinished copy. Only those are begun anew: "
                "name another place, or delete it yourself."
            )
        stale.discard()
        new = True
    opened = Store.create(address, source.model) if new else Store.open(address, write=True)
    with opened as store:
        yield store, new


class _Copy:
    """One run of a copy."""

    def __init__(self, source: End, target: Store, marker: Marker, features: bool, progress: Progress) -> None:
        self._source, self._target, self._marker = source, target, marker
        self._features, self._progress = features, progress
        self._skipped: list[Skipped] = []

    def run(self, verify: bool) -> Copied:
        there = ahead(self._source, self._target, self._marker)
        already = len(self._target)
        self._marker = replace(self._marker, photos=already)
        self._photos(there)
        self._others()
        checksum = None
        if verify:
            checksum = self._compared()
        else:
            self._followed()
        if not rest.calibration(self._source, self._target):
            self._target.set_meta("calibration", None)
        self._target.set_meta(UNFINISHED_COPY, None)  # from here on it is a map
        return Copied(len(self._target) - already, already, verify, checksum, tuple(self._skipped))

    def _photos(self, there: dict[str, Record]) -> None:
        """All that stands in the source above the marker."""
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
                f"{target.address} is written by somebody else while it is copied to: it has {now:,} photos, where "
                f"{before + len(fresh):,} are expected. Begin anew when nobody does: viewfix copy --restart "
                f"'{self._source.name}' '{target.address}'"
            )
        self._marker = replace(self._marker, after=batch.last, photos=now)
        self._marker.write(target)

    def _once(self, batch: Batch, fresh: list[int]) -> list[int]:
        """Of two rows of a file with one id the first counts; a map has each id once by itself."""
        known = set(self._target.known([batch.records[at].photo.id for at in fresh]))
        kept = []
        for at in fresh:
            key = batch.records[at].photo.id
            if key in known:
                self._skipped.append(Skipped(key, f"row {batch.rows[at]}: a photo of this id came before."))
                continue
            known.add(key)
            kept.append(at)
        return kept

    def _others(self) -> None:
        if self._source.created_at is not None:
            self._target.set_meta("created_at", self._source.created_at.isoformat(timespec="seconds"))
        if (store := self._source.store) is not None:
            rest.skipped(store, self._target)
            rest.points(store, self._target, self._progress)
            if self._features:
                rest.features(store, self._target, self._progress)
            rest.model_file(store, self._target)

    def _followed(self) -> None:
        """Without a comparison: what others took out of the source since it was copied goes from the copy too."""
        store = self._source.store
        if store is not None and store.version.removals != self._marker.removals:
            self._target.remove(sorted(set(self._target.ids()) - set(store.ids())))

    def _compared(self) -> str:
        """The checksum of both sides; what others changed in the source meanwhile is copied again."""
        end = OfStore(self._target)
        for _ in range(ROUNDS):
            found = compare(self._source, end, upto=self._marker.after, with_features=self._features,
                            progress=self._progress)  # fmt: skip
            if found.same:
                return found.checksum
            caught = Catching.of(found, self._source, self._marker)
            if caught.damage:
                raise damaged(self._source.name, str(self._target.address), caught.damage)
            self._photos({})
            caught.apply(self._target)
            self._marker = replace(self._marker, photos=len(self._target))
            self._marker.write(self._target)
            self._others()
        if not found.differences:
            raise damaged(self._source.name, str(self._target.address), found.others)
        raise MapBusy(
            f"{self._source.name} changes faster than it can be copied: after {ROUNDS} rounds {found.first} is not the "
            "same. Run the same command again when fewer write to it."
        )
