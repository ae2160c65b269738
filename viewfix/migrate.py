"""A map and another model go in; the same map, its photos described by that model, comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .embed.describe import Described, Pending, describe
from .embed.ingest import BATCH
from .errors import BadInput
from .map import Map
from .models import catalogue
from .models.model import Model
from .store.complete import whole
from .store.migration import Migration
from .store.store import Address, ModelIdentity, Place, Record, Store
from .types import Progress, Skipped, silent


@dataclass(slots=True)
class Migrated:
    """What came of a migration: the models, how many photos were embedded now and before, and which were dropped."""

    old_model: str
    new_model: str
    embedded: int = 0
    embedded_before: int = 0
    dropped: list[Skipped] = field(default_factory=list)

    def __str__(self) -> str:
        if self.old_model == self.new_model and not self.embedded and not self.embedded_before:
            return f"nothing to do: the map is of {self.new_model} already"
        earlier = f" ({self.embedded_before} by an earlier run)" if self.embedded_before else ""
        total = self.embedded + self.embedded_before
        return f"{total} photos re-embedded{earlier}, {len(self.dropped)} dropped: {self.old_model} -> {self.new_model}"


def migrate(
    place: Place,
    model: Model | str | Path | None = None,
    *,
    drop_missing: bool = False,
    restart: bool = False,
    progress: Progress = silent,
) -> Migrated:
    """Re-embed the photos of a map with another model, in place.

    The map answers as before until every photo has its new descriptor; then one transaction switches it. What was
    embedded stays stored, so a killed run goes on where it stopped. The map is examined
    anew at the end, since a calibration is of one model.

    Args:
        place: the map, by its path or URL.
        model: a name of the catalogue, an .onnx file or a Model; None for the default.
        drop_missing: take photos whose file is gone or damaged out of the map; otherwise they stop the switch.
        restart: forget what an unfinished migration has embedded.
        progress: called with what is being done.

    Raises:
        NotAMap, MapBusy: as `Map.open` and `Map.add`.
        BadInput: photos cannot be read and `drop_missing` is not set; an unfinished migration is to another model.
    """
    used = model if isinstance(model, Model) else catalogue.load(model, threads=1)
    target = ModelIdentity(used.name, used.fingerprint, used.dim)
    with whole(Store.open(place, write=True)) as store:
        outcome = Migrated(store.model.name, used.name)
        if restart:
            Migration.give_up(store)
        if store.model.fingerprint != target.fingerprint:
            migration = Migration.begun(store, target)
            outcome.embedded_before = migration.done()
            missing = _embed(migration, used, outcome, len(store), progress)
            _settle(migration, missing, outcome, drop_missing=drop_missing, address=store.address)
        elif Migration.pending(store) is not None:
            raise BadInput(
                f"{store.address} is of {used.name}, and a migration to another model is not finished. "
                "Give it up with --restart, or finish it with its --model."
            )
    with Map.open(place, model=used, progress=progress) as city:
        city.add([])  # nothing new, but a map without a calibration is examined, also after a kill just here
    return outcome


def _embed(migration: Migration, model: Model, outcome: Migrated, total: int, progress: Progress) -> list[Skipped]:
    """New descriptors for all that have none; what could not be read."""
    missing: list[Skipped] = []
    batch: list[Described] = []

    def commit() -> None:
        if batch:
            descriptors = np.stack([item.descriptor for item in batch if item.descriptor is not None])
            migration.put([Record(item.photo, item.content_hash, item.content_hint) for item in batch], descriptors)
            outcome.embedded += len(batch)
            batch.clear()

    for item in describe(map(Pending, migration.todo()), model):
        if isinstance(item, Skipped):
            missing.append(item)
        elif isinstance(item, Described):
            batch.append(item)
        if len(batch) >= BATCH:
            commit()
        progress("embedding", outcome.embedded_before + outcome.embedded + len(batch) + len(missing), total)
    commit()
    return missing


def _settle(
    migration: Migration, missing: list[Skipped], outcome: Migrated, *, drop_missing: bool, address: Address
) -> None:
    if missing and not drop_missing:
        raise BadInput(
            f"{len(missing)} of the photos of {address} cannot be read, the first {missing[0].id}: "
            f"{missing[0].reason.rstrip('.')}. The map keeps its old model and the new descriptors so far. Bring the "
            "files back and run this again, or take those photos out with --drop-missing."
        )
    if not outcome.embedded + outcome.embedded_before:
        raise BadInput(
            f"No photo of {address} can be read, so nothing would be left of the map. Bring the files back, for "
            "example by building it again with the folder where they are now."
        )
    migration.finish(missing)
    outcome.dropped = missing
