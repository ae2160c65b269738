"""Write all photos of a map to a new Parquet file, and verify the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import BadInput, StorageFailed
from ..files import replacing
from ..store import parquet
from ..store.export import delete_stale_parts
from ..store.local_features import KEY as LOCAL_FEATURES
from ..store.records import Halves, Record, Version, rebased
from ..store.store import Store
from ..types import Progress, Skipped
from .checksums import Checksums
from .sides import MapSide, ParquetSide
from .verify import damaged


def write_parquet(source: MapSide, target: Path, *, verify: bool, progress: Progress) -> tuple[int, str | None]:
    """Write a new Parquet file. It appears under its name when it is complete; after a kill, write it again.

    Returns:
        The number of photos, and the checksum of the file as it was read back.

    Raises:
        BadInput: the target exists already.
        StorageFailed: the file cannot be written, or differs from what was written.
    """
    if target.exists():
        raise BadInput(f"There is already something at {target}. Name another file, or delete it first.")
    if not target.absolute().parent.is_dir():
        raise BadInput(f"There is no folder {target.absolute().parent}. Create it, then write {target.name} into it.")
    wrote = Checksums()
    calibration = source.calibration
    if calibration is not None:
        calibration = rebased(calibration, source.version, Version("", 0, 0))
    about = parquet.about(source.created_at, source.identity, calibration)
    total, done = len(source), 0
    try:
        delete_stale_parts(target)
        with replacing(target) as part:
            for done in parquet.write(part, source.model, _summed(source, wrote), about):
                progress("writing photos", done, total)
            checksum = _read_back(source.name, part, wrote, progress) if verify else None
    except OSError as error:
        raise StorageFailed(
            f"{target} could not be written ({error.strerror or error}). Make room, or name another place."
        ) from error
    return done, checksum


def _summed(source: MapSide, sums: Checksums) -> Iterator[tuple[Sequence[Record], Halves]]:
    for batch in source.batches():
        sums.add(batch)
        yield batch.records, batch.halves


def _read_back(name: str, part: Path, wrote: Checksums, progress: Progress) -> str:
    """Read the file and compare it with what was written; the map may have changed since."""
    side, sums = ParquetSide(parquet.ParquetFile(part)), Checksums()
    skipped: list[Skipped] = []
    for batch in side.batches():
        sums.add(batch)
        skipped += batch.skipped
        progress("verifying", len(sums), len(side))
    if skipped:
        raise damaged(name, str(part), [f"{skipped[0].id}: {skipped[0].reason}"])
    if wrote.differing(sums):
        raise damaged(name, str(part), [f"the checksum is {sums.checksum}, where {wrote.checksum} is expected"])
    return sums.checksum


def left_out(store: Store) -> Iterator[str]:
    """What the map stores but a Parquet file cannot."""
    if count := len(store.points):
        yield f"{count:,} points of interest"
    if store.roads.sources():
        yield "the roads"
    if store.basemap_file.version() is not None:
        yield "the base map"
    if count := len(store.skipped()):
        yield f"the reasons for {count:,} skipped photos"
    if (store.meta(LOCAL_FEATURES) or {}).get("all"):
        yield "the local features"
    if store.model_file(store.model) is not None:
        yield "the file of its model"
