"""A map leaves viewfix: photos, positions and descriptors are written in formats that other programs read."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput, StorageFailed
from ..photos import SUFFIXES
from ..types import Photo, Progress, silent
from . import export_tracks, parquet
from .paired import described
from .records import Version, rebased, to_json_text
from .store import Store

CHUNK = 4096

Writer = Callable[[Store, Path, Progress], list[Path]]

COLUMNS = parquet.COLUMNS[:-2]  # without what tells whether the pixels have changed


def export(store: Store, target: Path, *, form: str | None = None, progress: Progress = silent) -> list[Path]:
    """Write a map's photos to a file, or for the projector to a folder.

    Args:
        store: the map.
        target: where; its ending decides the form where none is given.
        form: "geojson", "csv", "parquet" (with descriptors), "kml", "gpx" or "projector" (a folder with
            vectors.tsv and metadata.tsv for the TensorBoard projector).

    Returns:
        The files written. Geojson, CSV and Parquet can be built from again: they are manifests.

    Raises:
        BadInput: the form is not known.
        MissingExtra: Parquet without pyarrow.
        StorageFailed: it cannot be written.
    """
    form = form or target.suffix.removeprefix(".").lower() or "projector"
    writers: dict[str, Writer] = {
        "geojson": _geojson,
        "json": _geojson,
        "csv": _csv,
        "parquet": _parquet,
        "kml": _kml,
        "gpx": _gpx,
        "projector": _projector,
    }
    if form not in writers:
        raise BadInput(
            f"{target} ends in .{form}, which is not a format that is written. "
            "Use .geojson, .csv, .parquet, .kml, .gpx or a folder."
        )
    if form == "projector" and target.exists() and not target.is_dir():
        raise BadInput(
            f"{target} is a file, but the projector takes a folder. Name a folder, or a .csv or .geojson file."
        )
    if form != "projector":
        _refuse_maps(target)
    try:
        return _whole_or_not(writers[form], store, target, progress)
    except OSError as error:
        raise StorageFailed(
            f"{target} could not be written ({error.strerror or error}). Free space or name another place."
        ) from error


def _refuse_maps(target: Path) -> None:
    """An export must never be written over a map: one slip of the hand, and the truth is gone."""
    if target.is_file() and target.suffix.lower() in SUFFIXES:
        raise BadInput(f"{target} is a picture, which an export would destroy. Name a new file.")
    if target.is_file():
        with target.open("rb") as file:
            if file.read(16).startswith(b"SQLite format 3"):
                raise BadInput(
                    f"{target} is a map or another SQLite database, which an export would destroy. Name a new file."
                )


def _whole_or_not(write: Writer, store: Store, target: Path, progress: Progress) -> list[Path]:
    """Write under another name and rename: half an export looks like a whole one, and the old one is still good."""
    if write is _projector:
        return write(store, target, progress)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        write(store, part, progress)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return [target]


def _row(photo: Photo) -> dict[str, Any]:
    at = photo.position
    taken_at = None if photo.taken_at is None else photo.taken_at.isoformat()
    values = (photo.id, photo.source, at.lat, at.lon, at.radius_m, photo.heading_deg, taken_at)
    parts = (to_json_text(photo.view), to_json_text(photo.camera))
    return dict(zip(COLUMNS, (*values, photo.attribution, photo.licence, *parts), strict=True))


def _counted(store: Store, progress: Progress) -> Iterator[Photo]:
    total = len(store)
    for done, photo in enumerate(store.all_photos(), start=1):
        if done % CHUNK == 0 or done == total:
            progress("exporting", done, total)
        yield photo


def _csv(store: Store, target: Path, progress: Progress) -> list[Path]:
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(_row(photo) for photo in _counted(store, progress))
    return [target]


def _geojson(store: Store, target: Path, progress: Progress) -> list[Path]:
    """One Feature a line inside the collection, so that ten million stream through a constant amount of memory."""
    with target.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        between = "\n"
        for photo in _counted(store, progress):
            properties = _row(photo)
            point = [properties.pop("lon"), properties.pop("lat")]  # GeoJSON's order
            for part in ("view", "camera"):  # objects here, where a table has their JSON text
                text = properties.pop(part)
                properties |= {part: json.loads(text)} if text else {}
            feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": point}, "properties": properties}
            file.write(between + json.dumps(feature, ensure_ascii=False))
            between = ",\n"
        file.write("\n]}\n")
    return [target]


def _kml(store: Store, target: Path, progress: Progress) -> list[Path]:
    export_tracks.write_kml(_counted(store, progress), target)
    return [target]


def _gpx(store: Store, target: Path, progress: Progress) -> list[Path]:
    export_tracks.write_gpx(_counted(store, progress), target)
    return [target]


def _parquet(store: Store, target: Path, progress: Progress) -> list[Path]:
    """With all that is known about the photos: `viewfix copy` makes a map of it again."""
    total, calibration = len(store), store.meta("calibration")
    if calibration is not None:
        calibration = rebased(calibration, store.version, Version("", 0, 0))
    batches = ((records, halves) for _, records, halves in described(store, CHUNK))
    about = parquet.about(store.created_at, store.map_id, calibration)
    for done in parquet.write(target, store.model, batches, about):
        progress("exporting", done, total)
    return [target]


def _projector(store: Store, target: Path, progress: Progress) -> list[Path]:
    """vectors.tsv and metadata.tsv, row for row, as projector.tensorflow.org and TensorBoard load them."""
    target.mkdir(exist_ok=True)
    vectors, metadata = target / "vectors.tsv", target / "metadata.tsv"
    done, total = 0, len(store)
    with vectors.open("w", encoding="utf-8") as numbers, metadata.open("w", encoding="utf-8") as names:
        names.write("\t".join(("id", "lat", "lon", "heading_deg")) + "\n")
        for _, records, descriptors in described(store, CHUNK):
            np.savetxt(numbers, np.asarray(descriptors, np.float32), fmt="%.5g", delimiter="\t")
            for photo in (record.photo for record in records):
                at, heading = photo.position, "" if photo.heading_deg is None else photo.heading_deg
                names.write(f"{' '.join(photo.id.split())}\t{at.lat}\t{at.lon}\t{heading}\n")
            done += len(records)
            progress("exporting", done, total)
    return [vectors, metadata]
