"""A map goes in, and comes out elsewhere, the same to the last bit: in a file, in PostgreSQL, in Milvus, as Parquet."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import BadInput, StorageFailed
from .index.export import export
from .index.local import KEY as LOCAL_FEATURES
from .index.migration import Migration
from .index.pairing import described
from .index.parquet import CHUNK, ParquetRecords
from .index.records import UNFINISHED_COPY, ModelIdentity, Record, to_values
from .index.store import Address, Place, Store
from .locate.nearby import name_key, wikidata_of
from .types import Progress, Skipped, silent

Halves = npt.NDArray[np.float16]
NAMED = 5


@dataclass(slots=True)
class Copied:
    """What came of a copy: how many photos were copied now and by earlier runs, and whether all were compared after."""

    copied: int = 0
    copied_before: int = 0
    verified: bool = False
    skipped: list[Skipped] = field(default_factory=list)

    def __str__(self) -> str:
        before = f" ({self.copied_before} by an earlier run)" if self.copied_before else ""
        same = ", both sides compared and the same" if self.verified else ""
        return f"{self.copied + self.copied_before} photos copied{before}{same}"


def copy(
    source: Place, target: Place, *, verify: bool = True, index: bool = True, progress: Progress = silent
) -> Copied:
    """Copy a map: photos, descriptors, what was skipped, the calibration, points of interest, an adapted model.

    Local features are copied where the map was built with all of them. Killed at any moment, the same call goes
    on; until it is done, the target cannot be opened as a map. The source may be used, and written, meanwhile.

    Args:
        source: a map by its path or URL, or a .parquet file that `viewfix export` wrote.
        target: where there is nothing yet, or an unfinished copy of the same map; or a .parquet file to be written.
        verify: compare both sides when all is there, to the last bit.
        index: make the search index of the target too, which may take longer than copying.
        progress: called with what is being done.

    Raises:
        BadInput: the target is something else, or the source is being migrated.
        StorageFailed: the two sides differ; the first of the photos that do are named.
    """
    origin, goal = Address.of(source), Address.of(target)
    if _is_parquet(goal):
        if _is_parquet(origin):
            raise BadInput(f"{origin} and {goal} are both Parquet. Copy the file as it is.")
        return _to_parquet(origin, Path(goal.text), verify=verify, progress=progress)
    with contextlib.ExitStack() as open_ends:
        if _is_parquet(origin):
            end: _Source = _FromParquet(ParquetRecords(Path(origin.text)))
        else:
            end = _FromStore(open_ends.enter_context(Store.open(origin)))
        writer, outcome = _begun(end, goal)
        open_ends.enter_context(writer)
        _fill(end, writer, outcome, progress)
        end.finish(writer, progress)
        if verify:
            _verify(end, writer, progress)
            outcome.verified = True
        writer.set_meta(UNFINISHED_COPY, None)
        if index:
            with contextlib.closing(writer.search(progress=progress)) as search:
                search.refresh()
    return outcome


class _Source:
    """What can be copied from: in an order that stays, so that a copy can go on."""

    identity: str
    model: ModelIdentity
    shown: str

    def __len__(self) -> int:
        raise NotImplementedError

    def after(self, last: int) -> Iterator[tuple[int, list[Record], Halves, list[Skipped]]]:
        """Batches after one, the number that names each, and what of it cannot be copied."""
        raise NotImplementedError

    def all(self) -> Iterator[tuple[Sequence[Record], Halves]]:
        """Everything, for comparing."""
        return ((records, halves) for _, records, halves, _ in self.after(0))

    def finish(self, writer: Store, progress: Progress) -> None:
        """Copy what is there beside the photos."""


class _FromParquet(_Source):
    def __init__(self, records: ParquetRecords) -> None:
        self._records = records
        self.identity, self.model, self.shown = records.identity, records.model, str(records.path)

    def __len__(self) -> int:
        return len(self._records)

    def after(self, last: int) -> Iterator[tuple[int, list[Record], Halves, list[Skipped]]]:
        return self._records.chunks(last)


class _FromStore(_Source):
    def __init__(self, store: Store) -> None:
        self._store = store
        if (pending := Migration.pending(store)) is not None:
            raise BadInput(
                f"{store.address} is being migrated to {pending.name}. Finish that, or give it up with viewfix migrate "
                "--restart, then copy it."
            )
        self.identity, self.model, self.shown = store.map_id, store.model, str(store.address)

    def __len__(self) -> int:
        return len(self._store)

    def after(self, last: int) -> Iterator[tuple[int, list[Record], Halves, list[Skipped]]]:
        for rows, records, halves in described(self._store, CHUNK, last):
            if len(rows):
                yield int(rows[-1]), records, halves, []

    def finish(self, writer: Store, progress: Progress) -> None:
        store = self._store
        gone = set(writer.ids()) - set(store.ids())  # taken out of the source since they were copied
        writer.remove(sorted(gone))
        writer.put_skipped(store.skipped())
        writer.set_meta("created_at", store.meta("created_at"))
        _copy_calibration(store, writer)
        _copy_points(store, writer)
        if (store.meta(LOCAL_FEATURES) or {}).get("all"):
            _copy_features(store, writer, progress)
        if (file := store.model_file(store.model)) is not None:
            writer.keep_model_file(store.model, file)


def _is_parquet(address: Address) -> bool:
    return address.file is not None and address.file.suffix.lower() == ".parquet"


def _begun(source: _Source, goal: Address) -> tuple[Store, Copied]:
    """The target, open for writing, new or as an earlier run left it."""
    start = {"source": source.identity, "after": 0, "copied": 0}
    if not Store.exists(goal):
        writer = Store.create(goal, source.model)
        writer.set_meta(UNFINISHED_COPY, start)
        return writer, Copied()
    writer = Store.open(goal, write=True)
    try:
        marker = writer.meta(UNFINISHED_COPY)
        if marker is None and not len(writer) and writer.model == source.model:  # killed just after it was made
            marker = start
            writer.set_meta(UNFINISHED_COPY, start)
        if marker is None:
            raise BadInput(f"There is a map at {goal} already. Name a place where there is nothing.")
        if marker["source"] != source.identity or writer.model != source.model:
            raise BadInput(
                f"{goal} is an unfinished copy of something else than {source.shown}, or of what that was before it "
                "changed. Delete it, or name another place."
            )
    except BaseException:
        writer.close()
        raise
    return writer, Copied(copied_before=int(marker["copied"]))


def _fill(source: _Source, writer: Store, outcome: Copied, progress: Progress) -> None:
    marker = writer.meta(UNFINISHED_COPY)
    for turn, (last, records, halves, skipped) in enumerate(source.after(int(marker["after"]))):
        keep = list(range(len(records)))
        if not turn:  # the batch after the last that is known of: killed between the two, it is there already
            there = writer.known([record.photo.id for record in records])
            keep = [at for at in keep if there.get(records[at].photo.id) != records[at]]
        writer.put([records[at] for at in keep], halves[keep], skipped)
        outcome.copied += len(records)
        outcome.skipped += skipped
        marker |= {"after": last, "copied": outcome.copied_before + outcome.copied}
        writer.set_meta(UNFINISHED_COPY, marker)
        progress("copying", outcome.copied_before + outcome.copied, len(source))


def _copy_calibration(store: Store, writer: Store) -> None:
    """The calibration, with the counts that tell how much has changed since it was made."""
    found = store.meta("calibration")
    if found is not None and {"last_row", "removals"} <= set(found):
        was, now = store.version, writer.version
        since = {key: getattr(now, key) - (getattr(was, key) - found[key]) for key in ("last_row", "removals")}
        found = {**found, **since}
    if found is not None:
        writer.set_meta("calibration", found)


def _copy_points(store: Store, writer: Store) -> None:
    """Points of interest, source by source: each source put its points in one after another."""
    every = store.points.all()
    for source in store.points.sources():
        with writer.points.replacing(source) as filling:
            for point in islice(every, source.points):
                filling.put(point, name_key=name_key(point.name), wikidata=wikidata_of(point))


def _copy_features(store: Store, writer: Store, progress: Progress) -> None:
    fingerprint = store.meta(LOCAL_FEATURES)["fingerprint"]
    theirs, ours = store.local_features(fingerprint), writer.local_features(fingerprint)
    ours.keep_all({})
    done = 0
    for photos in ours.missing(chunk=256):
        known = writer.known([photo.id for photo in photos])
        ours.keep_all(theirs.load([(key, record.content_hash) for key, record in known.items()]))
        done += len(photos)
        progress("copying local features", done, None)


def _verify(source: _Source, writer: Store, progress: Progress) -> None:
    there = _digests(((r, h) for _, r, h in described(writer, CHUNK)), progress, "reading what was copied")
    expected = _digests(source.all(), progress, "comparing")
    if there != expected:
        differ = sorted(key for key in there.keys() | expected.keys() if there.get(key) != expected.get(key))
        raise StorageFailed(
            f"{len(differ)} photos of {writer.address} are not as in {source.shown}, the first: "
            f"{', '.join(differ[:NAMED])}. Was one of the two written meanwhile? Delete the copy and make it again."
        )


def _digests(pairs: Iterable[tuple[Sequence[Record], Halves]], progress: Progress, what: str) -> dict[str, int]:
    """A number for each id that tells its record and its descriptor from any other: 100 MB of memory for a million."""
    found: dict[str, int] = {}
    for records, halves in pairs:
        packed = np.ascontiguousarray(halves, "<f2")
        for record, half in zip(records, packed, strict=True):
            digest = hashlib.blake2b(json.dumps(to_values(record)).encode(), digest_size=8)
            digest.update(half)
            found[record.photo.id] = int.from_bytes(digest.digest(), "big")
        progress(what, len(found), None)
    return found


def _to_parquet(origin: Address, target: Path, *, verify: bool, progress: Progress) -> Copied:
    with Store.open(origin) as store:
        export(store, target, form="parquet", progress=progress)
        outcome = Copied(copied=len(ParquetRecords(target)))
        if verify:
            written: Any = _FromParquet(ParquetRecords(target)).all()
            _compare_file(store, written, target, progress)
            outcome.verified = True
    return outcome


def _compare_file(store: Store, written: Iterable[Any], target: Path, progress: Progress) -> None:
    """The file holds the map of one moment: what came or went since is no difference."""
    there = _digests(written, progress, "reading what was written")
    now = _digests(((r, h) for _, r, h in described(store, CHUNK)), progress, "comparing")
    differ = [key for key, digest in there.items() if key in now and now[key] != digest]
    if differ:
        raise StorageFailed(
            f"{len(differ)} photos in {target} are not as in the map, the first: {', '.join(differ[:NAMED])}. "
            "Was the map written meanwhile? Copy again."
        )
