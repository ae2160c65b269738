"""The bytes of a photo, read from a path, a web address or an object store."""

from __future__ import annotations

import functools
import re
import shlex
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UnreadablePhoto
from .remote import fetch

if TYPE_CHECKING:
    import urllib3

MAX_BYTES = 200_000_000
"""The size limit of a photo: more than any camera writes, and less than would fill the memory of a small server."""

CONNECT_S, READ_S, WHOLE_S = 10.0, 30.0, 300.0
"""Time limits of a download: to connect, between two packets, and in total."""

CHUNK_BYTES = 1 << 18

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(source: str) -> bool:
    """Whether a source is a URL (https://, s3://, ...) and not a path on this machine."""
    return _SCHEME.match(source) is not None


def is_remote(source: str) -> bool:
    """Whether a source is a URL in an object store: s3://, gs://, memory:// or another scheme that fsspec knows."""
    return is_url(source) and not is_web(source)


def is_web(source: str) -> bool:
    """Whether a source is an http or https URL."""
    return source[:8].lower().startswith(("http://", "https://"))


def read_bytes(source: str | Path) -> bytes:
    """Read the bytes of a file, a web address or an object in a store.

    Pass only URLs from a manifest, never from a client that sends a query: the client could reach internal servers.

    Raises:
        UnreadablePhoto: it does not exist, cannot be read or fetched, or has more than MAX_BYTES.
        MissingExtra: the package for the object store is not installed.
    """
    if isinstance(source, str) and is_web(source):
        return _download(source)
    if isinstance(source, str) and is_remote(source):
        content = fetch(source, MAX_BYTES)
        if len(content) > MAX_BYTES:
            raise UnreadablePhoto(_too_large(source, len(content)))
        return content
    path = Path(source)
    try:
        about = path.stat()
        # Reading a pipe or a device might never end.
        if not stat.S_ISREG(about.st_mode):
            what = "a folder" if stat.S_ISDIR(about.st_mode) else "not a regular file"
            raise UnreadablePhoto(f"{path} is {what}, not a photo. Choose a picture file.")
        if about.st_size > MAX_BYTES:
            raise UnreadablePhoto(_too_large(str(path), about.st_size))
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise unreadable_file(path, error) from error


def unreadable_file(path: Path, error: Exception) -> UnreadablePhoto:
    """The error for a file that the operating system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return UnreadablePhoto(f"There is no file at {path}. Check the path.")
    if isinstance(error, PermissionError):
        return UnreadablePhoto(f"This user has no permission to read {path}. Run: chmod u+r {shlex.quote(str(path))}")
    why = getattr(error, "strerror", None) or str(error)
    return UnreadablePhoto(f"{str(path)!r} could not be read ({why}). Check the path and the disk.")


def _too_large(name: str, size: int) -> str:
    return f"{name} has {size / 1e6:.0f} MB, but photos over {MAX_BYTES / 1e6:.0f} MB are not read. Save it smaller."


@functools.cache
def _pool() -> urllib3.PoolManager:
    import urllib3  # only when a manifest names a URL

    # Ignore Retry-After: a server could demand hours.
    retry = urllib3.Retry(
        total=4,
        redirect=5,
        backoff_factor=0.5,
        backoff_max=8,
        status_forcelist=(429, 500, 502, 503, 504),
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
    return urllib3.PoolManager(
        maxsize=16, retries=retry, timeout=timeout, headers={"User-Agent": "viewfix", "Accept": "image/*"}
    )


def _download(url: str) -> bytes:
    import urllib3

    try:
        answer = _pool().request("GET", url, preload_content=False)
        try:
            content = _body(answer, url)
        except BaseException:
            answer.close()  # the unread rest must not be taken for the beginning of the next answer
            raise
        answer.release_conn()  # reuse the connection for the next photo of this host
        return content
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        why = " ".join(str(getattr(error, "reason", None) or error).split())
        raise UnreadablePhoto(f"{url} could not be fetched ({why}). Check the address and the network.") from error


def _body(answer: urllib3.BaseHTTPResponse, url: str) -> bytes:
    if answer.status != 200:
        raise UnreadablePhoto(f"{url} answered with HTTP status {answer.status}. Check the address.")
    give_up = time.monotonic() + WHOLE_S
    chunks: list[bytes] = []
    size = 0
    while chunk := answer.read(CHUNK_BYTES):
        size += len(chunk)
        chunks.append(chunk)
        if size > MAX_BYTES:
            raise UnreadablePhoto(_too_large(url, size))
        if time.monotonic() > give_up:
            raise UnreadablePhoto(f"{url} was still sending after {WHOLE_S:.0f} s ({size} bytes). Try again later.")
    return b"".join(chunks)
