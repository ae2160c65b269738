"""Write a map as a folder for phones, and add up the sizes of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..blur import Blur
from ..errors import BadInput
from ..geojson import to_json
from ..locate.confidence import Calibration
from ..models.model import Model
from ..photos.licences import Thumbnails as Rule
from ..roads.coding import encode
from ..roads.combined import combined
from ..types import Progress, silent
from . import app
from .basemap import basemap_of
from .check import check_of
from .compress import compressed
from .defaults import query_defaults
from .folder import Stored, manifest_of, refuse_others, version_of, write
from .model import PackedModel, packed_model
from .parts import PART_BYTES, parts_of
from .photos import Content, PhotoStore, calibration_of, content_of, photos_bundle, track_model_of
from .points import packed_point
from .text import whole_characters
from .thumbnails import Thumbnails, thumbnails_of

LEAST_THUMBNAIL_PX, MOST_THUMBNAIL_PX = 16, 1024
LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class PackOptions:
    """What a pack contains besides the map and its model.

    `title` is the app's name on a phone; None for the map's name. `thumbnails_px` is the longer side of thumbnails, 0
    for none, and `rule` decides which photos get one. `basemap` is a .pmtiles file that replaces the map's own base
    map; `plain_ground` leaves out both. `webgpu` adds the engine for graphics processors. `blur` is what is blurred in
    thumbnails: "faces", or .onnx files of your own.
    """

    title: str | None = None
    thumbnails_px: int = 0
    rule: Rule = "licensed"
    basemap: Path | None = None
    plain_ground: bool = False
    webgpu: bool = False
    blur: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.thumbnails_px and not LEAST_THUMBNAIL_PX <= self.thumbnails_px <= MOST_THUMBNAIL_PX:
            raise BadInput(
                f"Thumbnails must be {LEAST_THUMBNAIL_PX} to {MOST_THUMBNAIL_PX} px, or 0 for none; "
                f"got {self.thumbnails_px}."
            )
        if self.title is not None and not 0 < len(self.title.strip()) <= LONGEST_TITLE:
            raise BadInput(f"A title must have 1 to {LONGEST_TITLE} characters; got {len(self.title.strip())}.")


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack that was written. `sizes` are the bytes to download by purpose; `unread` photos have no thumbnail."""

    folder: Path
    version: str
    photos: int
    points: int
    thumbnails: int
    unread: int
    sizes: dict[str, int]

    @property
    def bytes_in_all(self) -> int:
        """Everything that a phone downloads."""
        return sum(self.sizes.values())

    @property
    def bytes_without_engine(self) -> int:
        """The bytes of the model and the data of this map, which it does not share with other packs."""
        return self.bytes_in_all - self.sizes["engine"] - self.sizes["app"]

    def to_json(self) -> dict[str, Any]:
        """The output of `viewfix pack --json`."""
        sums = {"bytes": self.bytes_in_all, "bytes_without_engine": self.bytes_without_engine}
        return {**asdict(self), "folder": str(self.folder), **sums}


def pack(
    store: PhotoStore,
    model: Model,
    calibration: Calibration,
    target: Path,
    options: PackOptions | None = None,
    *,
    progress: Progress = silent,
) -> Packed:
    """Write a map as a folder of static files, with an app that locates photos without a network.

    An existing pack is replaced. The same map and options result in the same files.

    Args:
        store: the photos, descriptors and points of interest of the map.
        model: the model of the descriptors.
        calibration: the calibration of the map.
        target: the folder to write.
        options: what else to include.
        progress: called with the progress.

    Raises:
        BadInput: the target is not a pack, the map is empty, a phone cannot run its model, or an option names a file
            that cannot be used.
        StorageFailed: the folder cannot be written.
    """
    options = options or PackOptions()
    refuse_others(target)
    basemap = basemap_of(store.basemap_file, options.basemap, wanted=not options.plain_ground)
    packed = packed_model(model, store.address)
    content = content_of(store)
    points = [packed_point(point) for point in store.points.all()]
    thumbnails = None
    if options.thumbnails_px:
        made = thumbnails_of(content.photos, options.thumbnails_px, options.rule, progress, Blur.of_any(options.blur))
        thumbnails = made if made.shown else Thumbnails(b"", made.ends, 0, made.unread)
    name = whole_characters(store.address.stem[:LONGEST_TITLE])
    title = whole_characters(options.title or name)
    about = {
        "map": name,
        "title": title,
        "points": len(points),
        "basemap": basemap is not None,
        "webgpu": options.webgpu,
        "check": check_of(model),
        "calibration": calibration_of(calibration),
        "query": query_defaults(),
        "track": track_model_of(store, model.name).to_json(),
    }
    parted = {
        **({"thumbnails.bin": thumbnails.content} if thumbnails and thumbnails.shown else {}),
        **({"basemap.pmtiles": basemap} if basemap else {}),
    }
    own = _data_files(content, packed, points, about, thumbnails)
    if (graph := combined(store.roads)) is not None:
        own["roads.bin"] = encode(graph)
    files = list(_stored(own, parted, progress, webgpu=options.webgpu))
    beside = app.at_root(title)
    version = version_of(files, app.page_template().encode(), *beside.values())
    beside["index.html"] = app.page(title, version)
    files += [
        Stored(path, content, len(content), at_root=True, kept=path != "sw.js") for path, content in beside.items()
    ]
    listed = {
        "map": name,
        "title": title,
        "photos": len(content.photos),
        "parts": {name: {"bytes": len(whole), "part_bytes": PART_BYTES} for name, whole in parted.items()},
    }
    manifest = manifest_of(version, listed, files)
    write(target, version, manifest, files)
    shown, unread = (thumbnails.shown, thumbnails.unread) if thumbnails else (0, 0)
    return Packed(
        target, version, len(content.photos), len(points), shown, unread, _sizes(files, manifest_bytes=len(manifest))
    )


def _data_files(
    content: Content, model: PackedModel, points: list[Any], about: dict[str, Any], thumbnails: Thumbnails | None
) -> dict[str, bytes]:
    """The files of this map, by path."""
    ends = thumbnails.ends if thumbnails and thumbnails.shown else None
    return {
        "model.onnx": model.content,
        "photos.bin": photos_bundle(content, {"dim": model.about["dim"], "model": model.about, **about}, ends),
        "points.json": to_json(points).encode(),
    }


def _stored(own: dict[str, bytes], parted: dict[str, bytes], progress: Progress, *, webgpu: bool) -> Iterator[Stored]:
    everything = dict(app.versioned(basemap="basemap.pmtiles" in parted, webgpu=webgpu)) | own
    for done, (path, content) in enumerate(everything.items()):
        progress("packing", done, len(everything))
        small = compressed(path, content) if app.may_compress(path) else None
        yield Stored(path, content if small is None else small, len(content), compressed=small is not None)
    for name, whole in parted.items():
        for path, part in parts_of(name, whole):
            yield Stored(path, part, len(part))
    progress("packing", len(everything), len(everything))


def _sizes(files: list[Stored], *, manifest_bytes: int) -> dict[str, int]:
    """Bytes to download, by purpose."""
    sizes = dict.fromkeys(("engine", "app", "model", "photos", "points of interest", "roads", "thumbnails",
                           "base map"), 0)  # fmt: skip
    kinds = {"vendor/": "engine", "model.": "model", "photos.": "photos", "points.": "points of interest",
             "roads.": "roads", "thumbnails.": "thumbnails", "basemap.": "base map"}  # fmt: skip
    for file in files:
        kind = next((kind for start, kind in kinds.items() if file.path.startswith(start)), "app")
        sizes[kind] += len(file.content)
    sizes["app"] += manifest_bytes
    return sizes
