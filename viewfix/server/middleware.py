"""Around every request: an id, a log line, security headers, access, conditions, and one form for all errors."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access import Access
from .conditional import status_after_conditions
from .errors import HttpError, error_body, public_form
from .logs import log, request_id
from .metrics import Metrics
from .security import security_headers
from .settings import Settings

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_OF_304 = ("etag", "cache-control", "content-location", "date", "expires", "last-modified", "vary")
"""Headers that a 304 keeps; those of the content are left out."""


class _NoBodyWanted(Exception):
    """Raised into a route that goes on to send the body of an answer to HEAD, or of a 304."""


class Middleware:
    """ASGI middleware, the outermost."""

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, access: Access, is_draining: Callable[[], bool]
    ) -> None:
        self._app, self._metrics, self._access, self._is_draining = app, metrics, access, is_draining
        self._headers = [(k.encode(), v.encode()) for k, v in security_headers(settings).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _by_name(scope["headers"])
        wanted = headers.get("x-request-id", "")
        current = wanted if _ID.fullmatch(wanted) else secrets.token_hex(8)
        request_id.set(current)
        method, began = scope["method"], time.perf_counter()
        # Every address that answers GET answers HEAD: the same, without the body. uvicorn keeps the scope that it made.
        inner = {**scope, "method": "GET" if method == "HEAD" else method}
        answer = _Answer(send, method, headers, self._extra(current))
        try:
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            self._access.admit(scope, path, headers)
            _refuse_coded_body(headers)
            await self._app(inner, receive, answer.send)
        except _NoBodyWanted:
            pass
        except Exception as error:
            if answer.status is not None:  # half an answer cannot be taken back
                log.exception("an answer broke off")
                raise
            await _send_error(error, current, answer.send)
        finally:
            took_s, status = time.perf_counter() - began, answer.status or 500
            route = getattr(inner.get("route"), "path", None) or "other"
            self._metrics.answered(route, method, status, took_s)
            about = {"method": method, "route": route, "status": status, "took_ms": round(1000 * took_s, 1)}
            log.info("answered", extra={"about": {**about, "key": scope.get("state", {}).get("key")}})

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A connection that stays open: admitted as a request is, or refused by an answer over HTTP."""
        headers = _by_name(scope["headers"])
        current = secrets.token_hex(8)
        request_id.set(current)
        began, is_open, code = time.perf_counter(), False, None

        async def noted(message: Message) -> None:
            nonlocal is_open, code
            is_open = is_open or message["type"] == "websocket.accept"
            code = message.get("code", 1000) if message["type"] == "websocket.close" else code
            await send(message)

        try:
            self._access.admit_socket(scope, scope["path"].removeprefix(scope.get("root_path", "")), headers)
            await self._app(scope, receive, noted)
        except Exception as error:
            if is_open:
                log.exception("a connection broke off")
                raise
            await _deny(error, current, scope, self._extra(current), send)
        finally:
            route = getattr(scope.get("route"), "path", None) or "other"
            about = {"method": "WEBSOCKET", "route": route, "opened": is_open, "code": code}
            took_s = round(time.perf_counter() - began, 1)
            key = scope.get("state", {}).get("key")
            log.info("connection ended", extra={"about": {**about, "took_s": took_s, "key": key}})

    def _extra(self, current: str) -> list[tuple[bytes, bytes]]:
        closing = [(b"connection", b"close")] if self._is_draining() else []
        return [*self._headers, *closing, (b"x-request-id", current.encode())]


class _Answer:
    """What is sent to the client: with the headers of every answer, and without a body where none is wanted."""

    def __init__(self, send: Send, method: str, request: Mapping[str, str], extra: list[tuple[bytes, bytes]]) -> None:
        self._send, self._method, self._request, self._extra = send, method, request, extra
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            await self._send(message)
            return
        present = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
        status = message["status"]
        if self._method in ("GET", "HEAD"):
            status = status_after_conditions(status, self._request, present)
        headers = list(message["headers"])
        if status == 412 != message["status"]:
            raise HttpError(412, "condition_failed", "What you have is not what is here any more. Fetch it again.")
        if status != message["status"]:
            headers = [pair for pair in headers if pair[0].decode("latin-1").lower() in _OF_304]
            present = {name: value for name, value in present.items() if name in _OF_304}
        headers += [pair for pair in self._extra if pair[0].decode() not in present]
        self.status = status
        await self._send({**message, "status": status, "headers": headers})
        if self._method == "HEAD" or status != message["status"]:
            await self._send({"type": "http.response.body", "body": b""})
            raise _NoBodyWanted


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in small letters; what is given in several lines is one list, as RFC 9110 has it."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _refuse_coded_body(headers: Mapping[str, str]) -> None:
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        line = f"The body is compressed ({coding[:40]}), which is not supported. Send it without Content-Encoding."
        raise HttpError(415, "coded_body", line, {"Accept-Encoding": "identity", "Connection": "close"})


async def _send_error(error: Exception, current: str, send: Send) -> None:
    status, body, raw = _as_answer(error, current)
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _deny(error: Exception, current: str, scope: Scope, extra: list[tuple[bytes, bytes]], send: Send) -> None:
    """Refuse a connection before it is open, with the answer that a request would get where the server can send it."""
    status, body, raw = _as_answer(error, current)
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": str(error)[:100]})
        return
    await send({"type": "websocket.http.response.start", "status": status, "headers": raw + extra})
    await send({"type": "websocket.http.response.body", "body": body})


def _as_answer(error: Exception, current: str) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    status, code, message, headers = public_form(error, current)
    if not isinstance(error, HttpError):
        log.error("%s: %s", code, error, exc_info=error if code == "internal" else None)
    body = json.dumps(error_body(status, code, message, current)).encode()
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return status, body, [*raw, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
