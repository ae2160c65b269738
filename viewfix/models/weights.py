"""The weights files of published models: found or downloaded, then checked.

They are loaded by viewfix/train/published.py, which needs PyTorch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import filelock

from ..errors import BadInput, StorageFailed
from ..files import cache_folder, replacing, write_whole
from ..types import Progress, silent
from .download import download
from .entry import Entry, Weights

FOLDER_VARIABLE, OFFLINE_VARIABLE = "VIEWFIX_WEIGHTS", "VIEWFIX_OFFLINE"
PAGE_MARKS = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<script")


@dataclass(frozen=True, slots=True)
class Obtained:
    """A weights file whose type and checksum were checked; its content was not loaded.

    `sha256` is 64 hex digits; `origin` the address or path of the file; `known` is True if the checksum was
    published, or recorded when the weights were first used.
    """

    path: Path
    sha256: str
    origin: str
    known: bool


def folder(given: Path | None = None) -> Path:
    """The weights folder: `given`, or the environment variable VIEWFIX_WEIGHTS, or the user's cache."""
    if given is not None:
        return given.absolute()
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser().absolute()
    return cache_folder("weights").absolute()


def offline(asked: bool = False) -> bool:
    """Whether to stay offline: `asked`, or VIEWFIX_OFFLINE is set to anything but 0, no, false or the empty string."""
    return asked or os.environ.get(OFFLINE_VARIABLE, "").lower() not in ("", "0", "no", "false")


@contextlib.contextmanager
def lock(known: Entry, home: Path) -> Iterator[None]:
    """Lock a model in the weights folder, which is created if it is missing.

    Raises:
        BadInput: another process holds the lock.
        StorageFailed: the folder is not writable.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        file_lock = filelock.FileLock(home / f"{known.name}.lock", timeout=0)
        with file_lock:
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # Windows cannot delete an open file
                    Path(file_lock.lock_file).unlink()
    except filelock.Timeout:
        raise BadInput(f"{known.name} is being fetched by another process. Wait until it has finished.") from None
    except PermissionError as error:
        raise StorageFailed(
            f"{error.filename or home} is not writable. Choose another folder with --weights-dir DIR."
        ) from error


def obtained(
    known: Entry, *, home: Path, given: Path | None = None, use_network: bool = True, progress: Progress = silent
) -> Obtained:
    """The weights of an entry: the file `given`, the one in `home`, or a download to `home`.

    Args:
        known: an entry with weights.
        home: the existing weights folder; see `folder` and `lock`.
        use_network: False never opens a connection.

    Raises:
        BadInput: no file, no network, a web page instead of the file, or a truncated or changed file.
        StorageFailed: the disk is full.
    """
    offer = known.weights
    assert offer is not None, "only published models have weights"
    if given is not None:
        return inspected(known, given, origin=str(given.absolute()), home=home)
    file = home / offer.file
    if file.is_file():
        return inspected(known, file, origin=str(file), home=home)
    if not offer.urls:
        raise BadInput(
            f"The weights of {known.name} can only be downloaded in a browser. Open {offer.page}, save {offer.file}, "
            f"and run: viewfix models get {known.name} --weights {offer.file}"
        )
    if not use_network:
        raise BadInput(
            f"{known.name} is not in {home}, and viewfix is offline. Download {offer.urls[0]} on another machine, "
            f"copy it to {file}, and run this again."
        )
    with replacing(file) as part:  # it gets the name that later runs trust only after the check
        origin = download(offer.urls, part, stage=f"fetching {known.name}, MB", progress=progress)
        good = inspected(known, part, origin=origin, home=home)
    return Obtained(file, good.sha256, origin, good.known)


def inspected(known: Entry, file: Path, *, origin: str, home: Path) -> Obtained:
    """Check the type and the checksum of a weights file.

    Raises:
        BadInput: missing, not weights, or not the file that was published or first used.
    """
    kind(file, origin=origin, offer=known.weights)
    with file.open("rb") as stream:
        seen = hashlib.file_digest(stream, "sha256").hexdigest()
    published = known.weights.sha256 if known.weights else None
    record = _record(known, home)
    expected = published or _recorded(record)
    if expected is not None and seen != expected:
        why = "as published by its authors" if published else f"as first used ({record})"
        away = "" if published else f" If you trust the new one, delete {record} and run this again."
        raise BadInput(
            f"The weights of {known.name} from {origin} changed and are not used: SHA-256 {seen[:12]}…, not "
            f"{expected[:12]}… {why}.{away}"
        )
    return Obtained(file, seen, origin, expected is not None)


def remember(known: Entry, weights: Obtained, *, home: Path) -> None:
    """Record the checksum of weights that were loaded, if none was known; later changes are refused."""
    if weights.known:
        return
    about = {
        "sha256": weights.sha256,
        "bytes": weights.path.stat().st_size,
        "origin": weights.origin,
        "first_used": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_whole(_record(known, home), json.dumps(about, indent=1) + "\n")


def kind(file: Path, *, origin: str = "", offer: Weights | None = None) -> Literal["torch", "safetensors"]:
    """The format of a weights file, by its first bytes.

    Raises:
        BadInput: missing, empty, a web page, or anything else that is not weights.
    """
    origin = origin or str(file)
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise BadInput(f"The weights file {file} cannot be read ({error.strerror}). Check the path.") from error
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(PAGE_MARKS) or b"<html" in start:
        where = f" Open {offer.page} in a browser, save {offer.file}, and pass it with --weights FILE." if offer else ""
        raise BadInput(f"{origin} is a web page ({size} bytes of HTML), not a weights file.{where}")
    if head[:4] == b"PK\x03\x04" or head[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04"):
        return "torch"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return "safetensors"
    raise BadInput(
        f"{origin} is not a weights file: its {size} bytes begin with {head[:16]!r}. "
        "Use a .pth, .ckpt, .pt or .safetensors file."
    )


def _record(known: Entry, home: Path) -> Path:
    return home / f"{known.name}.json"


def _recorded(record: Path) -> str | None:
    try:
        sha256 = json.loads(record.read_text(encoding="utf-8"))["sha256"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"The checksum file {record} cannot be read ({error!r}). Repair or delete it.") from None
    return str(sha256)
