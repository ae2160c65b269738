"""Addresses of a large file go in; the file is on the disk, whole, or one line says why it could not be fetched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ..errors import BadInput, StorageFailed
from ..types import Progress, silent

if TYPE_CHECKING:
    import urllib3

MAX_BYTES = 8_000_000_000
"""Several times the largest weights we know of: a server that never ends must not fill the disk."""

REDIRECTS, TRIES, BACKOFF_S = 5, 4, 1.0
CONNECT_S, READ_S = 15.0, 60.0
CHUNK = 1 << 20
GONE = (401, 403, 404, 410)
MOVED = (301, 302, 303, 307, 308)


class _BrokeOff(Exception):
    """The connection ended before the file did: the rest is worth asking for."""


def download(urls: Sequence[str], to: Path, *, stage: str, progress: Progress = silent) -> str:
    """Fetch the first of `urls` that is there into the file `to`, which is written over.

    A connection that breaks off is taken up again where it stopped, when the server names
    the version of its file; else from the start; `TRIES` times in all. Nothing is left at
    `to` when it fails.

    Args:
        stage: what `progress` is told is being done; it counts megabytes.

    Returns:
        The address that it came from, before redirections.

    Raises:
        BadInput: an address that is not http(s), nothing there, no answer, more than MAX_BYTES, or cut short.
        StorageFailed: the disk is full or may not be written.
    """
    done = False
    try:
        for url in urls:
            if _fetched(url, to, stage, progress):
                done = True
                return url
        raise BadInput(f"{urls[0]} is not there any more, or not for everybody (HTTP 401 to 410). Look for it by hand.")
    finally:
        if not done:
            to.unlink(missing_ok=True)


def _fetched(url: str, to: Path, stage: str, progress: Progress) -> bool:
    """False where an address is empty, so that the next can be tried."""
    import urllib3  # only when something is fetched

    retry = urllib3.Retry(
        total=TRIES,
        redirect=False,
        backoff_factor=BACKOFF_S / 2,
        backoff_max=8,
        status_forcelist=(429, 500, 502, 503, 504),
        respect_retry_after_header=False,  # a server may ask for hours
        raise_on_status=False,
    )
    timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
    with urllib3.PoolManager(retries=retry, timeout=timeout, headers={"User-Agent": "viewfix"}) as pool:
        version: str | None = None
        for attempt in range(TRIES):
            try:
                answer = _asked(pool, url, _size(to) if version else 0, version)
                try:
                    if answer.status in GONE:
                        return False
                    version = _strong(answer.headers.get("ETag"))
                    _written(answer, url, to, stage, progress)
                    return True
                finally:
                    answer.close()
            except _BrokeOff as error:
                if attempt == TRIES - 1:
                    raise BadInput(
                        f"{url} was cut short {TRIES} times ({error}). Run this again later, or fetch the file "
                        "with a browser and give it with --weights FILE."
                    ) from error
                time.sleep(BACKOFF_S * 2**attempt)
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                why = " ".join(str(getattr(error, "reason", None) or error).split())
                raise BadInput(
                    f"{url} could not be fetched ({why}). Check the network, or give --weights FILE."
                ) from error
    raise AssertionError("the last attempt returns or raises")


def _asked(pool: urllib3.PoolManager, url: str, begin: int, version: str | None) -> urllib3.BaseHTTPResponse:
    """The answer after redirections: by hand, so that none leads from https to http, or out of the web."""
    headers = {"User-Agent": "viewfix", "Accept-Encoding": "identity"}
    if begin and version:
        headers |= {"Range": f"bytes={begin}-", "If-Range": version}
    here = url
    for _ in range(REDIRECTS + 1):
        if urlsplit(here).scheme not in ("http", "https"):
            raise BadInput(f"{here} is not an http or https address. Weights are fetched from no other.")
        answer = pool.request("GET", here, headers=headers, preload_content=False, redirect=False)
        if answer.status not in MOVED:
            return answer
        there = urljoin(here, answer.headers.get("Location", ""))
        answer.close()
        if urlsplit(here).scheme == "https" and urlsplit(there).scheme == "http":
            raise BadInput(f"{url} leads to {there}, which is not encrypted. Fetch it by hand if you trust it.")
        here = there
    raise BadInput(f"{url} leads on to other addresses more than {REDIRECTS} times. Fetch it by hand.")


def _written(answer: urllib3.BaseHTTPResponse, url: str, to: Path, stage: str, progress: Progress) -> None:
    import urllib3

    done = _size(to)
    goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
    if answer.status != 200 and not goes_on:
        raise BadInput(f"{url} answered with HTTP status {answer.status}. Try again later, or give --weights FILE.")
    done = done if goes_on else 0
    said = answer.headers.get("Content-Length", "")
    total = done + int(said) if said.isdigit() else None
    if total is not None and total > MAX_BYTES:
        raise BadInput(_too_large(url, total))
    try:
        with to.open("ab" if goes_on else "wb") as file:
            while chunk := _chunk(answer):
                done += len(chunk)
                if done > MAX_BYTES:
                    raise BadInput(_too_large(url, done))
                file.write(chunk)
                progress(stage, done // 1_000_000, None if total is None else total // 1_000_000)
    except (urllib3.exceptions.ProtocolError, urllib3.exceptions.TimeoutError) as error:
        raise _BrokeOff(f"{done} of {total or 'an unknown number of'} bytes came") from error
    except OSError as error:
        raise StorageFailed(f"{to} cannot be written ({error.strerror}). Make room, or give --weights-dir.") from error
    if total is not None and done != total:
        raise _BrokeOff(f"{done} of {total} bytes came")


def _chunk(answer: urllib3.BaseHTTPResponse) -> bytes:
    return answer.read(CHUNK, decode_content=False)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _strong(version: str | None) -> str | None:
    """An ETag that stands for the very bytes; a weak one does not."""
    return version if version and not version.startswith("W/") else None


def _too_large(url: str, size: int) -> str:
    return (
        f"{url} has {size / 1e9:.1f} GB, and weights over {MAX_BYTES / 1e9:.0f} GB are not fetched. Check the address."
    )
