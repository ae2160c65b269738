"""Export photos, positions and descriptors in formats that other programs read."""

from __future__ import annotations

import contextlib
import csv
import glob
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput, StorageFailed
from ..files import replacing
from ..photos import SUFFIXES
from ..types import Photo, Progress, silent
from . import export_tracks, parquet
from .batches import record_batches
from .records import Version, rebased, to_json_text
from .store import Store

CHUNK = 4096
STALE_S = 3600.0
"""Unfinished files that are older than this belong to a process that was killed."""

Writer = Callable[[Store, Path, Progress], list[Path]]

COLUMNS = parquet.COLUMNS[:-2]  # without the hash and hint of the content
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(
    store: Store, target: Path, *, form: str | None = None, escape: bool = True, progress: Progress = silent
) -> list[Path]:
    """Write the photos of a map to a file, or to a folder for the projector.

    Args:
        store: the map.
        target: the file or folder; its extension decides the form if none is passed.
        form: "geojson", "csv", "parquet" (with descriptors), "kml", "gpx" or "projector" (a folder with
            vectors.tsv and metadata.tsv for the TensorBoard projector).
        escape: put an apostrophe before text in CSV that a spreadsheet would run as a formula: text that begins with
            =, +, -, @, a tab or a carriage return.
        progress: called with the progress.

    Returns:
        The files written. GeoJSON, CSV and Parquet are manifests: `viewfix build` can rebuild the map from them.

    Raises:
        BadInput: the form is unknown.
        MissingExtra: Parquet without pyarrow.
        StorageFailed: a file cannot be written.
    """
    form = form or target.suffix.removeprefix(".").lower() or "projector"
    writers: dict[str, Writer] = {
        "geojson": _geojson,
        "json": _geojson,
        "csv": _csv if escape else _plain_csv,
        "parquet": _parquet,
        "kml": _kml,
        "gpx": _gpx,
        "projector": _projector,
    }
    if form not in writers:
        raise BadInput(
            f"{target} ends in .{form}, which is not a format of `viewfix export`. "
            "Use .geojson, .csv, .parquet, .kml, .gpx or a folder."
        )
    if form == "projector" and target.exists() and not target.is_dir():
        raise BadInput(
            f"{target} is a file, but the projector needs a folder. Name a folder, or a .csv or .geojson file."
        )
    if form != "projector":
        _refuse_maps(target)
    try:
        return _write(writers[form], store, target, progress)
    except OSError as error:
        raise StorageFailed(
            f"{target} could not be written ({error.strerror or error}). Make room, or name another place."
        ) from error


def _refuse_maps(target: Path) -> None:
    """Refuse to overwrite a map or a picture: neither could be restored."""
    if target.is_file() and target.suffix.lower() in SUFFIXES:
        raise BadInput(f"{target} is a picture, which the export would overwrite. Name a new file.")
    if target.is_file():
        with target.open("rb") as file:
            if file.read(16).startswith(b"SQLite format 3"):
                raise BadInput(
                    f"{target} is a map or another SQLite database, which the export would overwrite. Name a new file."
                )


def _write(write: Writer, store: Store, target: Path, progress: Progress) -> list[Path]:
    """Write to a temporary file and rename it: half an export would look complete, and would replace an older one."""
    if write is _projector:
        return write(store, target, progress)
    delete_stale_parts(target)
    with replacing(target) as part:
        write(store, part, progress)
    return [target]


def delete_stale_parts(target: Path) -> None:
    """Delete the unfinished files that killed processes left for this target."""
    with contextlib.suppress(OSError):
        for part in target.parent.glob(f".{glob.escape(target.name[:100])}.*.part"):
            if part.stat().st_mtime < time.time() - STALE_S:
                part.unlink(missing_ok=True)


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
    return _write_csv(store, target, progress, _escaped)


def _plain_csv(store: Store, target: Path, progress: Progress) -> list[Path]:
    return _write_csv(store, target, progress, lambda value: value)


def _escaped(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_csv(store: Store, target: Path, progress: Progress, cell: Callable[[Any], Any]) -> list[Path]:
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for photo in _counted(store, progress):
            writer.writerow({name: cell(value) for name, value in _row(photo).items()})
    return [target]


def _geojson(store: Store, target: Path, progress: Progress) -> list[Path]:
    """Write one Feature a line: ten million are written in a constant amount of memory."""
    with target.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        between = "\n"
        for photo in _counted(store, progress):
            properties = _row(photo)
            point = [properties.pop("lon"), properties.pop("lat")]  # GeoJSON's order
            for part in ("view", "camera"):  # objects in GeoJSON; tables have them as JSON text
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
    """Write everything that the map stores about its photos: `viewfix copy` turns the file into a map again."""
    total, calibration = len(store), store.meta("calibration")
    if calibration is not None:
        calibration = rebased(calibration, store.version, Version("", 0, 0))
    batches = ((records, halves) for _, records, halves in record_batches(store, CHUNK))
    about = parquet.about(store.created_at, store.map_id, calibration)
    for done in parquet.write(target, store.model, batches, about):
        progress("exporting", done, total)
    return [target]


def _projector(store: Store, target: Path, progress: Progress) -> list[Path]:
    """Write vectors.tsv and metadata.tsv, row for row, as projector.tensorflow.org and TensorBoard load them."""
    target.mkdir(exist_ok=True)
    vectors, metadata = target / "vectors.tsv", target / "metadata.tsv"
    done, total = 0, len(store)
    with vectors.open("w", encoding="utf-8") as numbers, metadata.open("w", encoding="utf-8") as names:
        names.write("\t".join(("id", "lat", "lon", "heading_deg")) + "\n")
        for _, records, descriptors in record_batches(store, CHUNK):
            np.savetxt(numbers, np.asarray(descriptors, np.float32), fmt="%.5g", delimiter="\t")
            for photo in (record.photo for record in records):
                at, heading = photo.position, "" if photo.heading_deg is None else photo.heading_deg
                names.write(f"{' '.join(photo.id.split())}\t{at.lat}\t{at.lon}\t{heading}\n")
            done += len(records)
            progress("exporting", done, total)
    return [vectors, metadata]
