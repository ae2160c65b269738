"""Migrate a map to another model: embed its photos again, in place."""

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
from .store.complete import require_complete
from .store.local_features import KEY as LOCAL_FEATURES
from .store.migration import Migration
from .store.store import Address, ModelIdentity, Place, Record, Store
from .types import Progress, Skipped, silent


@dataclass(slots=True)
class Migrated:
    """The result of a migration.

    `embedded` counts the photos of this run, `embedded_before` those of earlier runs that were interrupted; `dropped`
    are the photos removed because their files could not be read.
    """

    old_model: str
    new_model: str
    embedded: int = 0
    embedded_before: int = 0
    dropped: list[Skipped] = field(default_factory=list)

    def __str__(self) -> str:
        if self.old_model == self.new_model and not self.embedded and not self.embedded_before:
            return f"nothing to do: the map already has the model {self.new_model}"
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
    """Embed the photos of a map again with another model, in place.

    The map answers with its old descriptors until every photo has a new one; then one transaction switches them. New
    descriptors are stored as they are computed, so an interrupted migration continues when it is called again. At the
    end the map is calibrated again, because a calibration belongs to one model.

    Args:
        place: the path or URL of the map.
        model: a name from the catalogue, an .onnx file or a Model; None for the default.
        drop_missing: remove the photos whose files are missing or damaged. Otherwise they prevent the switch.
        restart: discard an unfinished migration first.
        progress: called with the current stage, the number done, and the total.

    Raises:
        NotAMap, MapBusy: as `Map.open` and `Map.add`.
        BadInput: photos cannot be read and `drop_missing` is not set; or a migration to another model is unfinished.
    """
    used = model if isinstance(model, Model) else catalogue.load(model, threads=1)
    target = ModelIdentity(used.name, used.fingerprint, used.dim)
    with require_complete(Store.open(place, write=True)) as store:
        outcome = Migrated(store.model.name, used.name)
        if restart:
            store.give_up_migration()
        if store.model.fingerprint != target.fingerprint:
            migration = store.begin_migration(target)
            outcome.embedded_before = migration.done()
            missing = _embed(migration, used, outcome, len(store), progress)
            _settle(migration, missing, outcome, drop_missing=drop_missing, address=store.address)
        elif store.pending_migration() is not None:
            raise BadInput(
                f"The model of {store.address} is {used.name} already, and a migration to another is not finished. "
                "Discard it with --restart, or finish it with --model and that model."
            )
    with Map.open(place, model=used, progress=progress) as city:
        if city.context.verifier is not None and (city.store.meta(LOCAL_FEATURES) or {}).get("all"):
            city.store_local_features()  # of files that have changed
        city.remove([])  # removes nothing, but calibrates a map without a calibration, also after a kill just before
    return outcome


def _embed(migration: Migration, model: Model, outcome: Migrated, total: int, progress: Progress) -> list[Skipped]:
    """Embed all photos that have no new descriptor. Returns those that could not be read."""
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
        count = f"{len(missing)} photo{'s' if len(missing) > 1 else ''}"
        raise BadInput(
            f"{count} of {address} cannot be read; the first is {missing[0].id}: {missing[0].reason.rstrip('.')}. "
            "The map keeps its old model, and the new descriptors so far are stored. Restore the files and run this "
            "again, or remove those photos with --drop-missing."
        )
    if not outcome.embedded + outcome.embedded_before:
        raise BadInput(
            f"No photo of {address} can be read, so the map would be empty. Restore the files, or run viewfix build "
            f"{address.typed} FOLDER with the folder where they are now."
        )
    migration.finish(missing)
    outcome.dropped = missing
