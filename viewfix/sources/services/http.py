"""HTTP requests to a service, bounded in time and size, with retries by urllib3."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

from ...errors import BadInput, UnreadablePhoto
from ...photos import HEAD_BYTES, MAX_BYTES, form_of
from ...photos.formats import description_of
from ..columns import readable

if TYPE_CHECKING:
    import urllib3

USER_AGENT = "viewfix/0.1 (visual place recognition; Python urllib3)"

MOST_JSON_BYTES = 32 << 20
"""The largest answer that is read: a full list has about 4 MB."""

MOST_ERROR_BYTES = 1 << 16
CONNECT_S, READ_S, WHOLE_S = 10.0, 60.0, 300.0
"""Time limits of a request: to connect, between two packets, and in total."""

TRIES, BACKOFF_S, MOST_BACKOFF_S = 4, 0.5, 20.0
MOST_WAIT_S = 60.0
"""The longest Retry-After that is obeyed by waiting; above it the run stops and says so."""

BUSY = (429, 500, 502, 503, 504)
DELETED = (404, 410)
MOVED = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
CHUNK_BYTES = 1 << 18


class ServiceStopped(BadInput):
    """The service cannot be used any further: it is down, refuses the token, or demands a long wait."""


class Unreachable(ServiceStopped):
    """A request was repeated, and every time it failed. `slow`: the service was reached, but did not finish in time."""

    slow = False


class Refused(BadInput):
    """The service answered a request with an error. `status` is the HTTP status, `said` its answer as JSON or None."""

    def __init__(self, message: str, status: int, said: Any = None) -> None:
        super().__init__(message)
        self.status, self.said = status, said


class Client:
    """Requests to one service. Thread-safe.

    Args:
        headers: sent to the host of the service only, never to another one.
        base: the address of the service.
        at_once: the number of connections.
    """

    def __init__(self, base: str, *, headers: Mapping[str, str] | None = None, at_once: int = 8) -> None:
        self.base, self.at_once = base, at_once
        self._own_headers = dict(headers or {})

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        import urllib3  # only when a service is used

        timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
        return urllib3.PoolManager(maxsize=self.at_once, timeout=timeout)

    def json(self, url: str, *, query: Mapping[str, Any] | None = None) -> Any:
        """Request JSON.

        Raises:
            Refused: the service answered with an error.
            ServiceStopped: it did not answer, or not with JSON.
        """
        if query:
            url = f"{url}?{urlencode(query)}"
        return self._parsed(self._request("GET", url, None, MOST_JSON_BYTES), url)

    def form(self, url: str, fields: Mapping[str, Any]) -> Any:
        """Request JSON by POST with form fields. Raises the errors of `json`."""
        sent = (urlencode(fields).encode(), "application/x-www-form-urlencoded")
        return self._parsed(self._request("POST", url, sent, MOST_JSON_BYTES), url)

    def picture(self, url: str) -> bytes:
        """Download a picture.

        Raises:
            Refused: the service answered with an error, such as 404 for a deleted picture.
            ServiceStopped: it did not answer.
            UnreadablePhoto: the answer is not a picture, or has more than MAX_BYTES.
        """
        content = self._request("GET", url, None, MAX_BYTES)
        if form_of(content[:HEAD_BYTES]) is None:
            what = description_of(content[:HEAD_BYTES])
            raise UnreadablePhoto(f"{shown(url)} is not a picture: {what}.")
        return content

    def listed_picture(self, url: str, service: str) -> bytes:
        """Download a picture that a service lists, and say so if it was deleted since.

        Raises:
            UnreadablePhoto, ServiceStopped: see `picture`; an answer with an error counts as a picture that cannot be
                read.
        """
        try:
            return self.picture(url)
        except Refused as error:
            if error.status in DELETED:
                raise UnreadablePhoto(f"It was deleted from {service} after it had been listed.") from error
            raise UnreadablePhoto(str(error)) from error

    def size_of(self, url: str) -> int | None:
        """The size of a picture in bytes, without downloading it; None if the service does not say."""
        import urllib3

        try:
            answer = self._pool.request("HEAD", url, headers=self._headers(url), retries=_retry(), redirect=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return None
        said = answer.headers.get("Content-Length", "")
        return int(said) if answer.status == 200 and said.isdigit() and int(said) <= MAX_BYTES else None

    def close(self) -> None:
        """Close the connections."""
        if "_pool" in self.__dict__:
            self._pool.clear()

    def _parsed(self, body: bytes, url: str) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            what = description_of(body[:HEAD_BYTES])
            raise ServiceStopped(
                f"{shown(url)} did not answer with JSON: {what}. Check that this is the address of the service's API."
            ) from error

    def _request(self, method: str, url: str, sent: tuple[bytes, str] | None, most_bytes: int) -> bytes:
        """Send a request, follow redirects by hand, and repeat it as urllib3's Retry says."""
        import urllib3

        retry, give_up, here, moves = _retry(), time.monotonic() + WHOLE_S, url, 0
        while time.monotonic() < give_up:
            try:
                answer = self._send(method, here, sent)
                if answer.status in MOVED:
                    answer.close()
                    moves += 1
                    here = _redirected(here, answer.headers.get("Location", ""), moves)
                    continue
                body = _body(answer, most_bytes, give_up)
                if answer.status == 200:
                    return body
                if answer.status not in BUSY or not retry.total:
                    raise _refused(answer.status, body, here)
                _check_pause(retry, answer)
                retry = retry.increment(method, shown(here), response=answer)
                retry.sleep(answer)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                try:
                    retry = retry.increment(method, shown(here), error=error)
                    retry.sleep()
                except (urllib3.exceptions.HTTPError, OSError):
                    raise _unreachable(here, error) from error
        raise Unreachable(f"{shown(here)} did not answer within {WHOLE_S:.0f} s. Try again later.")

    def _send(self, method: str, url: str, sent: tuple[bytes, str] | None) -> urllib3.BaseHTTPResponse:
        headers = self._headers(url)
        body = None
        if sent is not None:
            body, headers["Content-Type"] = sent
        return self._pool.request(
            method, url, body=body, headers=headers, retries=False, redirect=False, preload_content=False
        )

    def _headers(self, url: str) -> dict[str, str]:
        own = urlsplit(url)[:2] == urlsplit(self.base)[:2]
        return {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **(self._own_headers if own else {})}


def shown(url: str) -> str:
    """An address for messages: without its query, which may contain a signature, and without control characters."""
    return readable(re.split(r"[?#]", url, maxsplit=1)[0], 200)


def _retry() -> urllib3.Retry:
    import urllib3

    return urllib3.Retry(total=TRIES, backoff_factor=BACKOFF_S, backoff_max=MOST_BACKOFF_S, allowed_methods=None)


def _check_pause(retry: urllib3.Retry, answer: urllib3.BaseHTTPResponse) -> None:
    """Stop where the service asks for a long pause; urllib3 would sleep for hours."""
    import urllib3

    try:
        wanted_s = retry.get_retry_after(answer) or 0.0
    except (urllib3.exceptions.HTTPError, ValueError, OverflowError):  # a damaged header
        answer.headers.discard("Retry-After")
        return
    if wanted_s > MOST_WAIT_S:
        raise ServiceStopped(
            f"The service asks for a pause of {wanted_s:.0f} s (HTTP status {answer.status}). Run the same command "
            "again after that; nothing that has arrived is downloaded again."
        )


def _body(answer: urllib3.BaseHTTPResponse, most_bytes: int, give_up: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := answer.read(CHUNK_BYTES, decode_content=True):
            size += len(chunk)
            if size > (most_bytes if answer.status == 200 else MOST_ERROR_BYTES):
                if answer.status != 200:
                    answer.close()
                    return b""
                raise UnreadablePhoto(f"The answer has more than {most_bytes / 1e6:.0f} MB, which is too large.")
            if time.monotonic() > give_up:
                raise ServiceStopped(f"The service was still sending after {WHOLE_S:.0f} s. Try again later.")
            chunks.append(chunk)
    except BaseException:
        answer.close()  # the rest must not be taken for the beginning of the next answer
        raise
    answer.release_conn()
    return b"".join(chunks)


def _redirected(here: str, location: str, moves: int) -> str:
    there = urljoin(here, location)
    schemes = urlsplit(here).scheme, urlsplit(there).scheme
    if moves > MOST_REDIRECTS:
        raise ServiceStopped(f"{shown(here)} redirects more than {MOST_REDIRECTS} times. Check the address.")
    if schemes[1] not in ("http", "https") or schemes == ("https", "http"):
        raise ServiceStopped(f"{shown(here)} redirects to {shown(there)}, which is not encrypted or not on the web.")
    return there


def _refused(status: int, body: bytes, url: str) -> Refused:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    return Refused(f"{shown(url)} answered with HTTP status {status}{_reason(said)}.", status, said)


def _reason(said: Any) -> str:
    """The service's own words about an error, in the forms of Mapillary, Panoramax and KartaView."""
    found = said.get("error", said) if isinstance(said, dict) else None
    text = found.get("message") or found.get("description") if isinstance(found, dict) else None
    return f" ({readable(' '.join(text.split()), 160).rstrip('.')})" if isinstance(text, str) and text.strip() else ""


def _unreachable(url: str, error: Exception) -> Unreachable:
    import urllib3

    why = getattr(error, "reason", None) or (error.args[0] if error.args else error)
    why = " ".join(str(why).split())
    why = re.sub(r"https?://\S+|/\S*\?\S*", "...", why)  # urllib3 may repeat the address, with its signature
    stopped = Unreachable(
        f"{shown(url)} could not be reached ({readable(why, 160)}). Check the network, or try again later: "
        "run the same command again, and nothing that has arrived is downloaded again."
    )
    stopped.slow = isinstance(error, urllib3.exceptions.ReadTimeoutError)
    return stopped
