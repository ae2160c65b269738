"""Download a large file over HTTP, with retries and resumption."""

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
"""Several times the size of the largest known weights; an endless response must not fill the disk."""

REDIRECTS, TRIES, BACKOFF_S = 5, 4, 1.0
CONNECT_S, READ_S = 15.0, 60.0
CHUNK = 1 << 20
GONE = (401, 403, 404, 410)
MOVED = (301, 302, 303, 307, 308)


class _BrokeOff(Exception):
    """The connection ended before the file was complete, so the rest is requested again."""


def download(urls: Sequence[str], to: Path, *, stage: str, progress: Progress = silent) -> str:
    """Download the first of `urls` that exists to the file `to`, which is overwritten.

    urllib3 retries connections and server errors. A transfer that breaks off is resumed where it stopped if the server
    sends a strong ETag, otherwise restarted, up to `TRIES` times in all: urllib3 does not retry while a body is read.
    Nothing is left at `to` after a failure.

    Args:
        stage: the stage that `progress` is called with; it counts megabytes.

    Returns:
        The address that the file came from, before redirects.

    Raises:
        BadInput: not an http(s) address, not found, no response, more than MAX_BYTES, or incomplete.
        StorageFailed: the disk is full or read-only.
    """
    done = False
    try:
        for url in urls:
            if _fetched(url, to, stage, progress):
                done = True
                return url
        raise BadInput(f"{urls[0]} was not found or is not public (HTTP 401 to 410). Look for the file in a browser.")
    finally:
        if not done:
            to.unlink(missing_ok=True)


def _fetched(url: str, to: Path, stage: str, progress: Progress) -> bool:
    """Download one address; False if there is no such file, so that the next address can be tried."""
    import urllib3  # only when something is downloaded

    retry = urllib3.Retry(
        total=TRIES,
        redirect=False,
        backoff_factor=BACKOFF_S / 2,
        backoff_max=8,
        status_forcelist=(429, 500, 502, 503, 504),
        respect_retry_after_header=False,  # a server may demand hours
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
                        f"{url} was cut short {TRIES} times ({error}). Run this again later, or download the "
                        "file in a browser and pass it with --weights FILE."
                    ) from error
                time.sleep(BACKOFF_S * 2**attempt)
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                why = " ".join(str(getattr(error, "reason", None) or error).split())
                raise BadInput(
                    f"{url} could not be fetched ({why}). Check the network, or pass --weights FILE."
                ) from error
    raise AssertionError("the last attempt returns or raises")


def _asked(pool: urllib3.PoolManager, url: str, begin: int, version: str | None) -> urllib3.BaseHTTPResponse:
    """Follow redirects by hand, so that none leads from https to http or to another scheme."""
    headers = {"User-Agent": "viewfix", "Accept-Encoding": "identity"}
    if begin and version:
        headers |= {"Range": f"bytes={begin}-", "If-Range": version}
    here = url
    for _ in range(REDIRECTS + 1):
        if urlsplit(here).scheme not in ("http", "https"):
            raise BadInput(f"{here} is not an http or https address. Pass --weights FILE instead.")
        answer = pool.request("GET", here, headers=headers, preload_content=False, redirect=False)
        if answer.status not in MOVED:
            return answer
        there = urljoin(here, answer.headers.get("Location", ""))
        answer.close()
        if urlsplit(here).scheme == "https" and urlsplit(there).scheme == "http":
            raise BadInput(f"{url} redirects to {there}, which is not encrypted. Download it yourself if you trust it.")
        here = there
    raise BadInput(f"{url} redirects more than {REDIRECTS} times. Download it in a browser.")


def _written(answer: urllib3.BaseHTTPResponse, url: str, to: Path, stage: str, progress: Progress) -> None:
    import urllib3

    done = _size(to)
    goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
    if answer.status != 200 and not goes_on:
        raise BadInput(f"{url} answered with HTTP status {answer.status}. Try again later, or pass --weights FILE.")
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
        raise StorageFailed(
            f"{to} cannot be written ({error.strerror}). Free some space, or choose another folder with --weights-dir."
        ) from error
    if total is not None and done != total:
        raise _BrokeOff(f"{done} of {total} bytes came")


def _chunk(answer: urllib3.BaseHTTPResponse) -> bytes:
    return answer.read(CHUNK, decode_content=False)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _strong(version: str | None) -> str | None:
    """The ETag if it identifies the exact bytes; a weak one does not."""
    return version if version and not version.startswith("W/") else None


def _too_large(url: str, size: int) -> str:
    return (
        f"{url} has {size / 1e9:.1f} GB; weights over {MAX_BYTES / 1e9:.0f} GB are not downloaded. Check the address."
    )
