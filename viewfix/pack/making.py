"""A map and wishes go in; a folder for phones comes out, with a table of what is how large."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..map import Map
from ..photos.licences import Thumbnails as Rule
from ..types import Progress, silent
from . import app
from .check import check_of
from .folder import Stored, manifest_of, refuse_others, version_of, write
from .model import packed_model
from .parts import PART_BYTES, parts_of
from .photos import calibration_of, content_of, photos_bundle
from .squeeze import squeezed
from .thumbnails import Thumbnails, thumbnails_of

LEAST_THUMBNAIL_PX, MOST_THUMBNAIL_PX = 16, 1024


@dataclass(frozen=True, slots=True)
class PackOptions:
    """What goes into a pack beside the map and its model.

    `title` is the app's name on a phone; None for the map's. `thumbnails_px` is their longer side, 0 for none;
    `rule` says of which photos. `basemap` is a .pmtiles file. `webgpu` adds the engine for graphics processors.
    """

    title: str | None = None
    thumbnails_px: int = 0
    rule: Rule = "licensed"
    basemap: Path | None = None
    webgpu: bool = False

    def __post_init__(self) -> None:
        if self.thumbnails_px and not LEAST_THUMBNAIL_PX <= self.thumbnails_px <= MOST_THUMBNAIL_PX:
            raise BadInput(
                f"Thumbnails of {self.thumbnails_px} px make no sense. "
                f"Give {LEAST_THUMBNAIL_PX} to {MOST_THUMBNAIL_PX}, or 0 for none."
            )


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack that was made. `sizes`: bytes to download by what they are for; `unread`: thumbnails that were missed."""

    folder: Path
    version: str
    photos: int
    points: int
    thumbnails: int
    unread: int
    sizes: dict[str, int]

    @property
    def bytes_in_all(self) -> int:
        return sum(self.sizes.values())

    @property
    def bytes_without_engine(self) -> int:
        """What is this map's own: its model and its data."""
        return self.bytes_in_all - self.sizes["engine"] - self.sizes["app"]

    def to_json(self) -> dict[str, Any]:
        sums = {"bytes": self.bytes_in_all, "bytes_without_engine": self.bytes_without_engine}
        return {**asdict(self), "folder": str(self.folder), **sums}


def pack(city: Map, target: Path, wishes: PackOptions | None = None, *, progress: Progress = silent) -> Packed:
    """Write a map as a folder of static files: an app that finds photos without a network.

    A pack that is there already is replaced; the same map and wishes give the same files.

    Raises:
        BadInput: the target is something else, the map is empty, its model cannot be run by a phone, or what a wish
            names cannot be used.
        StorageFailed: the folder cannot be written.
    """
    wishes = wishes or PackOptions()
    refuse_others(target)
    basemap = _basemap(wishes.basemap)
    model = packed_model(city.model)
    content = content_of(city)
    points = [_point(point) for point in city.store.points.all()]
    thumbnails = None
    if wishes.thumbnails_px:
        thumbnails = thumbnails_of(content.photos, wishes.thumbnails_px, wishes.rule, progress)
    title = wishes.title or city.address.stem
    parted = {
        **({"thumbnails.bin": thumbnails.content} if thumbnails and thumbnails.shown else {}),
        **({"basemap.pmtiles": basemap} if basemap else {}),
    }
    about: dict[str, Any] = {
        "map": city.address.stem,
        "title": title,
        "dim": model.about["dim"],
        "model": model.about,
        "check": check_of(city.model),
        "calibration": calibration_of(city.calibration),
        "points": len(points),
        "basemap": basemap is not None,
        "webgpu": wishes.webgpu,
    }
    ends = thumbnails.ends if thumbnails and thumbnails.shown else None
    own = {
        "model.onnx": model.content,
        "photos.bin": photos_bundle(content, about, ends),
        "points.json": json.dumps(points, ensure_ascii=False, separators=(",", ":")).encode(),
    }
    files = list(_stored(own, wishes, parted, progress))
    beside = app.at_root(title)
    version = version_of(files, app.page_template().encode(), *beside.values())
    beside["index.html"] = app.page(title, version)
    files += [
        Stored(path, content, len(content), at_root=True, kept=path != "sw.js") for path, content in beside.items()
    ]
    told = {
        "map": city.address.stem,
        "title": title,
        "photos": len(content.photos),
        "parts": {name: {"bytes": len(whole), "part_bytes": PART_BYTES} for name, whole in parted.items()},
    }
    manifest = manifest_of(version, told, files)
    write(target, version, manifest, files)
    sizes = _sizes(files, len(manifest))
    counts = _counts(thumbnails)
    return Packed(target, version, len(content.photos), len(points), *counts, sizes)


def _stored(
    own: dict[str, bytes], wishes: PackOptions, parted: dict[str, bytes], progress: Progress
) -> Iterator[Stored]:
    everything = dict(app.versioned(basemap=wishes.basemap is not None, webgpu=wishes.webgpu)) | own
    for done, (path, content) in enumerate(everything.items()):
        progress("packing", done, len(everything))
        packed = squeezed(path, content) if app.may_squeeze(path) else None
        yield Stored(path, content if packed is None else packed, len(content), squeezed=packed is not None)
    for name, whole in parted.items():
        for path, part in parts_of(name, whole):
            yield Stored(path, part, len(part))
    progress("packing", len(everything), len(everything))


def _point(point: Any) -> dict[str, Any]:
    return {
        "id": point.id,
        "name": point.name,
        "kind": point.kind,
        "position": {"lat": round(point.position.lat, 7), "lon": round(point.position.lon, 7)},
        "names": dict(point.names),
        "links": dict(point.links),
        "notability": round(point.notability, 4),
        "attribution": point.attribution,
        "licence": point.licence,
    }


def _basemap(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"The base map {path} cannot be read ({error.strerror}). Name a .pmtiles file.") from None
    if not content.startswith(b"PMTiles\x03"):
        raise BadInput(f"{path} is not a PMTiles file of version 3. Cut one out for your area: pmtiles extract")
    return content


def _counts(thumbnails: Thumbnails | None) -> tuple[int, int]:
    return (thumbnails.shown, thumbnails.unread) if thumbnails else (0, 0)


def _sizes(files: list[Stored], manifest_bytes: int) -> dict[str, int]:
    """Bytes to download, by what they are for."""
    sizes = dict.fromkeys(("engine", "app", "model", "photos", "points of interest", "thumbnails", "base map"), 0)
    kinds = {"vendor/": "engine", "model.": "model", "photos.": "photos", "points.": "points of interest",
             "thumbnails.": "thumbnails", "basemap.": "base map"}  # fmt: skip
    for file in files:
        kind = next((kind for start, kind in kinds.items() if file.path.startswith(start)), "app")
        sizes[kind] += len(file.content)
    sizes["app"] += manifest_bytes
    return sizes
