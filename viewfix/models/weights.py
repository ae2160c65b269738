"""An entry of the catalogue goes in; its weights file comes out: given, here already or downloaded, and checked.

Nothing is loaded here: that needs PyTorch, and is done by viewfix/train/published.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import filelock

from ..errors import BadInput, StorageFailed
from ..types import Progress, silent
from .download import download
from .entry import Entry, Weights

FOLDER_VARIABLE, OFFLINE_VARIABLE = "VIEWFIX_WEIGHTS", "VIEWFIX_OFFLINE"
PAGE_MARKS = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<script")


@dataclass(frozen=True, slots=True)
class Obtained:
    """A weights file that is what it should be, as far as can be told without loading it.

    `sha256` is 64 hex digits; `origin` the address or path that it came from; `known` whether
    that checksum was published, or recorded when the weights were first used.
    """

    path: Path
    sha256: str
    origin: str
    known: bool


def folder(given: Path | None = None) -> Path:
    """The weights directory: `given`, or that of the environment variable VIEWFIX_WEIGHTS, or the user's cache."""
    if given is not None:
        return given.absolute()
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "viewfix" / "weights"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "viewfix" / "weights"
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "viewfix" / "weights"


def offline(asked: bool = False) -> bool:
    """Whether the network must not be used: `asked`, or VIEWFIX_OFFLINE set to anything but 0, no, false or nothing."""
    return asked or os.environ.get(OFFLINE_VARIABLE, "").lower() not in ("", "0", "no", "false")


@contextlib.contextmanager
def held(known: Entry, home: Path) -> Iterator[None]:
    """The right to make this model in that weights directory, which is made where it is missing.

    Raises:
        BadInput: another process has it.
        StorageFailed: the directory may not be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(home / f"{known.name}.lock", timeout=0)
        with lock:
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # Windows removes no file that is open
                    Path(lock.lock_file).unlink()
    except filelock.Timeout:
        raise BadInput(f"{known.name} is being fetched by another process. Wait until it has finished.") from None
    except PermissionError as error:
        raise StorageFailed(
            f"{error.filename or home} may not be written. Name another folder: --weights-dir DIR."
        ) from error


def obtained(
    known: Entry, *, home: Path, given: Path | None = None, use_network: bool = True, progress: Progress = silent
) -> Obtained:
    """The weights of an entry: the file `given`, the one in `home`, or one downloaded to there.

    Args:
        known: an entry with weights.
        home: the weights directory, there already; see `folder` and `held`.
        use_network: False opens no connection, whatever is missing.

    Raises:
        BadInput: nothing there, no network, a page in the place of the file, a file cut short or changed.
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
            f"The weights of {known.name} cannot be fetched by a program. Open {offer.page}, save {offer.file}, "
            f"and run: viewfix models get {known.name} --weights {offer.file}"
        )
    if not use_network:
        raise BadInput(
            f"{known.name} is not in {home}, and the network is not to be used. Fetch {offer.urls[0]} elsewhere, "
            f"put it at {file}, and run this again."
        )
    part = file.with_name(file.name + ".part")
    origin = download(offer.urls, part, stage=f"fetching {known.name}, MB", progress=progress)
    try:
        good = inspected(known, part, origin=origin, home=home)
        part.replace(file)  # only now does it have the name that a later run trusts
    finally:
        part.unlink(missing_ok=True)
    return Obtained(file, good.sha256, origin, good.known)


def inspected(known: Entry, file: Path, *, origin: str, home: Path) -> Obtained:
    """A weights file by its first bytes and its checksum.

    Raises:
        BadInput: it is not there, not weights, or not the file that was published or first used.
    """
    kind(file, origin=origin, offer=known.weights)
    with file.open("rb") as stream:
        seen = hashlib.file_digest(stream, "sha256").hexdigest()
    published = known.weights.sha256 if known.weights else None
    record = _record(known, home)
    expected = published or _recorded(record)
    if expected is not None and seen != expected:
        why = "that its authors publish" if published else f"that was first used ({record})"
        away = "" if published else f" If you trust the new one, delete {record} and run this again."
        raise BadInput(
            f"The weights of {known.name} from {origin} changed: SHA-256 {seen[:12]}…, not {expected[:12]}… {why}, "
            f"so they are not used.{away}"
        )
    return Obtained(file, seen, origin, expected is not None)


def remember(known: Entry, weights: Obtained, *, home: Path) -> None:
    """Record the checksum of weights that loaded, where none was known: from now on a change is refused."""
    if weights.known:
        return
    record, about = (
        _record(known, home),
        {
            "sha256": weights.sha256,
            "bytes": weights.path.stat().st_size,
            "origin": weights.origin,
            "first_used": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    part = record.with_name(record.name + ".part")
    part.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    part.replace(record)


def kind(file: Path, *, origin: str = "", offer: Weights | None = None) -> Literal["torch", "safetensors"]:
    """What wrote a weights file, by its first bytes; a page of a web server is refused.

    Raises:
        BadInput: not there, empty, a web page, or anything else that is not weights.
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
        where = f" Open {offer.page} with a browser, save {offer.file}, and give it: --weights FILE." if offer else ""
        raise BadInput(f"{origin} is a web page ({size} bytes of HTML), not a file of weights.{where}")
    if head[:4] == b"PK\x03\x04" or head[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04"):
        return "torch"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return "safetensors"
    raise BadInput(
        f"{origin} is not a file of weights: its {size} bytes begin with {head[:16]!r}. "
        "A .pth, .ckpt, .pt or .safetensors file is expected."
    )


def _record(known: Entry, home: Path) -> Path:
    return home / f"{known.name}.json"


def _recorded(record: Path) -> str | None:
    try:
        sha256 = json.loads(record.read_text(encoding="utf-8"))["sha256"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{record}, which holds a checksum, cannot be read ({error!r}). Mend it or delete it.") from None
    return str(sha256)
