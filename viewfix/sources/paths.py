"""Resolve the paths that a caller passes, in any form: one path, lists, patterns such as *.jpg, open files, URLs."""

from __future__ import annotations

import difflib
import glob
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

from ..errors import BadInput
from ..photos import RemoteFile, is_remote, is_url
from ..types import Photo, Skipped
from .services.open import is_service, open_service
from .sidecars import key_of
from .source import Source, is_source
from .tables import ENDINGS

Given: TypeAlias = "str | os.PathLike[str] | IO[Any] | Photo | Skipped | Iterable[Given]"
"""What may be passed as a source: see `viewfix.sources.open_sources`."""

Found = Path | RemoteFile


def flattened(given: Given) -> Iterator[Found | Iterable[Photo | Skipped]]:
    """Every path and every stream of photos in what a caller passed, in order.

    Raises:
        BadInput: a path does not exist, a pattern matches nothing, or something is neither.
    """
    if isinstance(given, str) and is_service(given):
        yield open_service(given)
    elif isinstance(given, str | os.PathLike):
        yield from existing(given)
    elif isinstance(given, Photo | Skipped):
        yield [given]
    elif is_source(given):
        yield cast(Source, given)
    elif hasattr(given, "read") and hasattr(given, "seek"):
        yield _path_of_file(given)
    elif isinstance(given, list | tuple) and not all(isinstance(each, Photo | Skipped) for each in given):
        for each in given:
            yield from flattened(each)
    elif isinstance(given, Iterable) and not isinstance(given, bytes | bytearray):
        items = iter(given)
        first = next(items, None)
        whole = itertools.chain([] if first is None else [first], items) if items is given else given
        if isinstance(first, Photo | Skipped):  # a stream, which may be long, so it is not read here
            yield cast("Iterable[Photo | Skipped]", whole)
        else:
            for each in whole:
                yield from flattened(each)
    else:
        raise BadInput(
            f"{type(given).__name__} is not a source of photos. Pass a folder, a manifest (CSV, GeoJSON, Parquet), "
            "photo files, a list of these, or an iterable of Photo."
        )


def existing(given: str | os.PathLike[str]) -> list[Found]:
    """The path that was passed, or the paths that match it if it is a pattern that the shell did not expand.

    Raises:
        BadInput: nothing is there; the message suggests what was probably meant.
    """
    text = os.fspath(given)
    if is_url(text):
        return [_remote(text)]
    path = Path(text)
    try:
        path = path.expanduser()
        if path.exists():
            return [spelled_as_on_disk(path)]
    except OSError as error:
        raise BadInput(f"{path} could not be read ({error.strerror}). Check the path and its permissions.") from error
    except (RuntimeError, ValueError):  # ~nobody; a NUL in the name
        raise BadInput(f"There is nothing at {text!r}. Check the path.") from None
    if glob.has_magic(text):
        matches = sorted(glob.iglob(str(path), recursive=True))  # noqa: PTH207  Path.glob takes no absolute pattern
        if not matches:
            raise BadInput(f"No file matches {text}. Check the pattern.")
        return [Path(match) for match in matches]
    raise _missing(path)


def _remote(address: str) -> RemoteFile:
    if not is_remote(address):
        raise BadInput(f"{address} is a web address. Download it, or write a manifest with the columns url, lat, lon.")
    remote = RemoteFile(address)
    if remote.suffix.lower() not in ENDINGS:
        raise BadInput(
            f"{address} is not a manifest. Write one with the columns url, lat, lon, whose name ends in "
            f"{', '.join(ENDINGS)}."
        )
    return remote


def _missing(path: Path) -> BadInput:
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        return BadInput(f"There is nothing at {path}, nor a folder at {path.parent}. Check the path.")
    close = difflib.get_close_matches(path.name, names, n=1)
    hint = f"Did you mean {path.parent / close[0]}?" if close else "Check the path."
    return BadInput(f"There is nothing at {path}. {hint}")


def _path_of_file(file: Any) -> Path:
    name = getattr(file, "name", None)
    name = os.fsdecode(name) if isinstance(name, bytes) else name
    if isinstance(name, str) and Path(name).is_file():
        return Path(name)
    raise BadInput(
        f"{type(file).__name__} {name or ''} is an open file without a path. A map stores the paths of its photos: "
        "save the photo first and pass its path."
    )


def spelled_as_on_disk(path: Path) -> Path:
    """The path with its last name spelled as on disk: Photos/ for photos/ on a disk that ignores case."""
    try:
        twin = path.with_name(path.name.swapcase())
        if twin == path or not twin.exists() or not twin.samefile(path):
            return path
        names = [file.name for file in path.parent.iterdir()]
    except (OSError, ValueError):
        return path
    if path.name in names:
        return path
    return next((path.with_name(name) for name in names if key_of(name) == key_of(path.name)), path)


def distinct(paths: Iterable[Found]) -> list[Found]:
    """Drop paths that lead to the same place as an earlier one: by a link, another case, or as ./photos."""
    first: dict[object, Found] = {}
    for path in paths:
        first.setdefault(_identity(path), path)
    return list(first.values())


def _identity(path: Found) -> object:
    if isinstance(path, RemoteFile):
        return path.url
    try:
        about, folder = path.stat(), path.parent.stat()
    except OSError:
        return path.resolve()
    if not about.st_ino:  # some network disks of Windows
        return path.resolve()
    if path.is_dir():
        return about.st_dev, about.st_ino
    return folder.st_dev, folder.st_ino, key_of(path.name), about.st_dev, about.st_ino
