"""Open whatever a caller passes (folders, manifests, photo files) as one Source, or explain in one line why not."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..errors import BadInput
from ..photos import RemoteFile
from ..photos.film import is_film
from ..telemetry import Track
from ..telemetry.clock import ClockOptions
from ..types import Photo, Skipped
from .films import FilmSource
from .folder import Files, Folder, Prefer, distinct_tails, printable
from .geotag import Geotag
from .gsv_cities import gsv_cities_folder, is_gsv_cities_name
from .manifest import Manifest
from .msls import Msls, sides_of
from .options import USUAL_OPTIONS, SourceOptions
from .paths import Found, Given, distinct, flattened
from .source import Chain, Notes, Source, is_source, name_of, notes_of
from .tables import ENDINGS
from .utm import is_utm_name, utm_folder
from .walk import SIDECAR_ENDINGS, is_picture, walk

SAMPLE = 100
"""The number of file names that are checked for positions, to recognise the kind of a folder."""


@dataclass(frozen=True)
class Stream:
    """A source for an iterable of the caller. Its items are checked; paths among them are opened."""

    items: Iterable[Any]
    prefer: Prefer = "sidecar"
    options: SourceOptions = USUAL_OPTIONS

    @property
    def count(self) -> int | None:
        count = getattr(self.items, "count", None)
        return count if isinstance(count, int) else len(self.items) if isinstance(self.items, list | tuple) else None

    @property
    def name(self) -> str | None:
        return name_of(self.items)

    @property
    def notes(self) -> Notes:
        return notes_of(self.items)

    def __iter__(self) -> Iterator[Photo | Skipped]:
        for item in self.items:
            if isinstance(item, Photo | Skipped):
                yield item
            elif isinstance(item, str | os.PathLike):
                yield from open_sources([item], prefer=self.prefer, options=self.options)
            else:
                raise BadInput(
                    f"A source yielded {type(item).__name__} {str(item)[:60]!r}. Yield Photo, Skipped or paths."
                )


def open_source(given: Given, *, prefer: Prefer = "sidecar") -> Source:
    """Open one source: a folder (of photos, UTM or GSV-Cities names, MSLS cities), a manifest, or a photo.

    Raises:
        BadInput: nothing is there, or it contains no photo.
    """
    return open_sources([given], prefer=prefer)


def open_sources(given: Given, *, prefer: Prefer = "sidecar", options: SourceOptions = USUAL_OPTIONS) -> Source:
    """Open several sources as one.

    With several sources, the ids of each folder or manifest begin with its name, so that files named `1.jpg` in two
    folders stay two photos. If two have the same name, more of their paths is used.

    Args:
        given: paths (folders, manifests, photos, patterns such as "*.jpg"), files that were opened from a path,
            iterables of Photo and Skipped, or lists of any of these.
        prefer: which position to use if a photo and its sidecar disagree.
        options: the track for photos without a position, and how to read films. Panoramas are cut by `open_for_map`.

    Raises:
        BadInput: nothing was passed, a path does not exist, or it contains no photo.
    """
    if prefer not in ("sidecar", "exif"):
        raise BadInput(f'prefer must be "sidecar" or "exif"; got {prefer!r}.')
    parts = list(flattened(given))
    if not parts:
        raise BadInput("No photos were passed. Pass a folder, a manifest (CSV, GeoJSON, Parquet) or photo files.")
    streams = [part for part in parts if not isinstance(part, Path | RemoteFile)]
    paths = distinct(part for part in parts if isinstance(part, Path | RemoteFile))
    files = [path for path in paths if isinstance(path, Path) and not _is_container(path) and is_picture(path)]
    chosen = set(files)
    others = [path for path in paths if path not in chosen]
    track = options.track()
    geotag = None if track is None else Geotag(track, ClockOptions(options.clock_offset_s, options.camera_zone))
    opened = [_film(path, options, track) or _opened(path, prefer, geotag) for path in others]
    chained: list[tuple[str, Source]] = []
    if len(others) == 1 and not files:
        chained = [("", opened[0])]
    elif others:
        chained = list(zip(_prefixes(others), opened, strict=True))
    chained += [("", Files(files, prefer, geotag=geotag))] if files else []
    chained += [("", cast(Source, each) if is_source(each) else Stream(each, prefer, options)) for each in streams]
    return chained[0][1] if len(chained) == 1 else Chain(chained)


def _film(path: Found, options: SourceOptions, track: Track | None) -> Source | None:
    return FilmSource(path.absolute(), options, track) if isinstance(path, Path) and _is_film(path) else None


def _is_film(path: Found) -> bool:
    return isinstance(path, Path) and is_film(path.name) and path.is_file()


def _prefixes(paths: Sequence[Found]) -> list[str]:
    """What the ids of each source begin with. Those of a film begin with its name already."""
    tails = distinct_tails([path.resolve() for path in paths])
    folders = [tail.rpartition("/")[0] for tail in tails]
    return [folder if _is_film(path) else tail for path, tail, folder in zip(paths, tails, folders, strict=True)]


def pictures_in(given: Given) -> Iterator[Path | Skipped]:
    """Find pictures in files and folders, as a build does, except that they need no position.

    A file that is passed is yielded whatever it is. For a folder, its pictures are yielded, and a Skipped for every
    other file except sidecars.
    """
    for path in existing_paths(given):
        if not path.is_dir():
            yield path
            continue
        for listing in walk(path):
            if listing.trouble:
                yield Skipped(printable(listing.below or path.name), listing.trouble)
            yield from (listing.folder / name for name in listing.pictures)
            named = dict(listing.other_pictures)
            for name in sorted(listing.names - set(listing.pictures)):
                if Path(name).suffix.lower() not in SIDECAR_ENDINGS:
                    what = f"it is {named[name]}, which is not read" if name in named else "it is not a picture"
                    yield Skipped(printable(listing.id_of(name)), what)


def image_files(folder_or_file: str | Path) -> list[Path]:
    """The pictures in a folder and below it, in order; or the one file that was passed.

    Raises:
        BadInput: nothing is there, or the folder contains no picture.
    """
    found: list[Path] = []
    for path in existing_paths(folder_or_file):
        if path.is_dir():
            inside = [listing.folder / name for listing in walk(path) for name in listing.pictures]
            if not inside:
                raise _no_photos(path)
            found += inside
        else:
            found.append(path)
    return found


def existing_paths(given: Given) -> list[Path]:
    """The local paths that were passed, with patterns expanded.

    Raises:
        BadInput: a path does not exist, or is not on this machine.
    """
    found = []
    for path in flattened(given):
        if isinstance(path, RemoteFile):
            raise BadInput(f"{path} is not on this machine. Download it first.")
        if not isinstance(path, Path):
            raise BadInput("Photo objects were passed where files are expected. Pass their paths.")
        found.append(path)
    return found


def _is_container(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in ENDINGS


def _opened(path: Found, prefer: Prefer, geotag: Geotag | None) -> Source:
    if isinstance(path, RemoteFile):
        return Manifest(path)
    if path.is_dir():
        return _folder(path, prefer, geotag)
    if path.suffix.lower() in ENDINGS:
        return Manifest(path)
    raise BadInput(
        f"{path} is neither a folder, nor a photo, nor a film, nor a manifest that can be read. "
        f"Pass a folder, a photo, a film, or a manifest whose name ends in {', '.join(ENDINGS)}."
    )


def _folder(path: Path, prefer: Prefer, geotag: Geotag | None) -> Source:
    if sides_of(path):
        return Msls(path)
    names = list(itertools.islice((name for listing in walk(path) for name in listing.pictures), SAMPLE))
    if not names:
        raise _no_photos(path)
    for named_so, folder in ((is_utm_name, utm_folder), (is_gsv_cities_name, gsv_cities_folder)):
        if sum(map(named_so, names)) * 2 > len(names):
            return folder(path, prefer)
    return Folder(path, prefer=prefer, geotag=geotag)


def _no_photos(path: Path) -> BadInput:
    kinds: Counter[str] = Counter()
    for listing in itertools.islice(walk(path), SAMPLE):
        if listing.trouble:
            return BadInput(f"There are no photos in {path}: {listing.trouble}")
        kinds.update(Path(name).suffix.lower() or "no ending" for name in listing.names)
    seen = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(4)) or "nothing at all"
    has_films = any(is_film("name" + kind) for kind in kinds)  # clips beside photos are left alone: films are named
    looked = "JPEG, PNG, WebP, HEIC, AVIF or TIFF files" + (", or the films themselves" if has_films else "")
    return BadInput(f"There are no photos in {path}: it contains {seen}. Pass a folder with {looked}.")
