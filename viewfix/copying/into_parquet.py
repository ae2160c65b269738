"""A map goes in; a Parquet file with all its photos comes out, whole or not at all, and compared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import BadInput, StorageFailed
from ..store import parquet
from ..store.local_features import KEY as LOCAL_FEATURES
from ..store.records import Record, Version, rebased
from ..store.store import Store
from ..types import Progress, Skipped
from .ends import Halves, OfParquet, OfStore
from .sums import Sums
from .verifying import damaged


def into_parquet(source: OfStore, target: Path, *, verify: bool, progress: Progress) -> tuple[int, str | None]:
    """Write a new Parquet file; how many photos, and the checksum of what was read back. One that is killed leaves
    nothing behind under that name, and begins anew.

    Raises:
        BadInput: there is something.
        StorageFailed: it cannot be written, or differs from what was read.
    """
    if target.exists():
        raise BadInput(f"There is something at {target} already. Name another file, or delete it first.")
    if not target.absolute().parent.is_dir():
        raise BadInput(f"There is no folder {target.absolute().parent}. Make it first, then make {target.name} in it.")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    wrote = Sums()
    try:
        calibration = source.calibration
        if calibration is not None:
            calibration = rebased(calibration, source.version, Version("", 0, 0))
        head = parquet.about(source.created_at, source.identity, calibration)
        total, done = len(source), 0
        for done in parquet.write(part, source.model, _summed(source, wrote), head):
            progress("writing photos", done, total)
        checksum = _read_back(source.name, part, wrote, progress) if verify else None
        part.replace(target)
    except OSError as error:
        raise StorageFailed(
            f"{target} could not be written ({error.strerror or error}). Free space or name another place."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return done, checksum


def _summed(source: OfStore, sums: Sums) -> Iterator[tuple[Sequence[Record], Halves]]:
    for batch in source.batches():
        sums.add(batch)
        yield batch.records, batch.halves


def _read_back(name: str, part: Path, wrote: Sums, progress: Progress) -> str:
    """The file is compared with what went into it: the map may have changed since."""
    end, sums = OfParquet(parquet.ParquetFile(part)), Sums()
    skipped: list[Skipped] = []
    for batch in end.batches():
        sums.add(batch)
        skipped += batch.skipped
        progress("verifying", len(sums), len(end))
    if skipped:
        raise damaged(name, str(part), [f"{skipped[0].id}: {skipped[0].reason}"])
    if wrote.apart(sums):
        raise damaged(name, str(part), [f"the checksum is {sums.checksum}, where {wrote.checksum} is expected"])
    return sums.checksum


def left_out(store: Store) -> Iterator[str]:
    """What a map holds that a Parquet file does not."""
    if count := len(store.points):
        yield f"{count:,} points of interest"
    if count := len(store.skipped()):
        yield f"{count:,} notes on skipped photos"
    if (store.meta(LOCAL_FEATURES) or {}).get("all"):
        yield "the local features"
    if store.model_file(store.model) is not None:
        yield "the file of its model"
