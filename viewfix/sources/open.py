"""What a caller names (folders, manifests, photo files) becomes one Source, or one line that says why not."""

from __future__ import annotations

import difflib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ..errors import BadInput
from ..photos import SUFFIXES, RemoteFile, is_remote, is_url
from ..types import Photo, Skipped
from .folder import Files, Folder, distinct_tails
from .gsv_cities import gsv_cities_folder, is_gsv_cities_name
from .manifest import FORMS, Manifest
from .msls import Msls, sides_of
from .utm import is_utm_name, utm_folder
from .walk import walk

SAMPLE = 100
"""So many names tell whether a folder holds its positions in them."""


class Source(Protocol):
    """Where photos come from. Lazy: nothing is read before it is asked for. `count` is a hint for progress."""

    @property
    def count(self) -> int | None: ...

    def __iter__(self) -> Iterator[Photo | Skipped]: ...


@dataclass(frozen=True)
class Chain:
    """Several sources, one after the other; the ids of each with a prefix of its own, so that none are taken twice."""

    parts: Sequence[tuple[str, Source]]

    @property
    def count(self) -> int | None:
        counts = [source.count for _, source in self.parts]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def __iter__(self) -> Iterator[Photo | Skipped]:
        for prefix, source in self.parts:
            for item in source:
                yield replace(item, id=f"{prefix}/{item.id}") if prefix else item


def open_source(spec: str | Path) -> Source:
    """One source, by what it is: a folder (of photos, UTM or GSV-Cities names, MSLS cities), a manifest, a photo.

    Raises:
        BadInput: there is nothing there, or nothing in it that is a photo.
    """
    return _opened(_existing(spec))


def _opened(path: Path | RemoteFile) -> Source:
    if isinstance(path, RemoteFile):
        return Manifest(path)
    if path.is_dir():
        return _folder(path)
    suffix = path.suffix.lower()
    if suffix in FORMS:
        return Manifest(path)
    if suffix in SUFFIXES:
        return Files([path])
    raise BadInput(
        f"{path} is neither a folder, nor a photo, nor a manifest that can be read. "
        f"Give a folder, a photo, or a manifest ending in {', '.join(FORMS)}."
    )


def open_sources(specs: Sequence[str | Path]) -> Source:
    """Several sources as one.

    The ids of a folder or a manifest that does not come alone begin with its own name, so that
    `a/1.jpg` of two folders stay two photos; with more of its path where two have one name.
    """
    paths = list({path.resolve(): path for path in map(_existing, specs)}.values())  # one folder by two names is one
    files = [path for path in paths if isinstance(path, Path) and path.is_file() and path.suffix.lower() in SUFFIXES]
    others = [path for path in paths if path not in set(files)]
    opened = [_opened(path) for path in others]
    if len(others) == 1 and not files:
        return opened[0]
    if not others:
        return Files(files)
    prefixes = distinct_tails([path.resolve() for path in others])
    return Chain([*zip(prefixes, opened, strict=True), *([("", Files(files))] if files else [])])


def image_files(folder_or_file: str | Path) -> list[Path]:
    """The pictures in a folder and below it, in order; or the one file that was named.

    Raises:
        BadInput: there is nothing there, or no picture in it.
    """
    path = _existing(folder_or_file)
    if isinstance(path, RemoteFile):
        raise BadInput(f"{path} is not on this machine. Download it first.")
    if not path.is_dir():
        return [path]
    found = [listing.folder / name for listing in walk(path) for name in listing.pictures]
    if not found:
        raise _no_photos(path)
    return found


def _folder(path: Path) -> Source:
    if sides_of(path):
        return Msls(path)
    names = list(itertools.islice((name for listing in walk(path) for name in listing.pictures), SAMPLE))
    if not names:
        raise _no_photos(path)
    for named_so, folder in ((is_utm_name, utm_folder), (is_gsv_cities_name, gsv_cities_folder)):
        if sum(map(named_so, names)) * 2 > len(names):
            return folder(path)
    return Folder(path)


def _existing(spec: str | Path) -> Path | RemoteFile:
    if is_remote(str(spec)):
        remote = RemoteFile(str(spec))
        if remote.suffix.lower() in FORMS:
            return remote
        raise BadInput(f"{spec} is no manifest. Write one, with url, lat, lon, and end its name in {', '.join(FORMS)}.")
    if is_url(str(spec)):
        raise BadInput(f"{spec} is a web address. Download it, or write a manifest: url, lat, lon.")
    path = Path(spec).expanduser()
    try:
        if path.exists():
            return path
    except OSError as error:
        raise BadInput(f"{path} cannot be reached ({error.strerror}). Check its permissions.") from error
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        raise BadInput(f"There is nothing at {path}, nor a folder at {path.parent}. Check the path.") from None
    close = difflib.get_close_matches(path.name, names, n=1)
    hint = f"Did you mean {path.parent / close[0]}?" if close else "Check the path."
    raise BadInput(f"There is nothing at {path}. {hint}")


def _no_photos(path: Path) -> BadInput:
    kinds: Counter[str] = Counter()
    for listing in itertools.islice(walk(path), SAMPLE):
        if listing.trouble:
            return BadInput(f"There are no photos in {path}: {listing.trouble}")
        kinds.update(Path(name).suffix.lower() or "no ending" for name in listing.names)
    seen = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(4)) or "nothing at all"
    looked = "JPEG, PNG, WebP, HEIC, AVIF or TIFF"
    return BadInput(f"There are no photos in {path}: it holds {seen}. Give a folder with {looked} files.")
