"""Around every request: an id, a log line, security headers, keys and rates, and one form for whatever goes wrong."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ViewfixError
from .logs import log, request_id
from .metrics import Metrics
from .settings import Settings
from .trouble import HttpError

if TYPE_CHECKING:
    from .keys import Key

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
OPEN_ROUTES = ("/healthz", "/readyz")
"""What is asked by load balancers, which have no key. The page and its files are not secret either."""


class Guard:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, is_draining: Callable[[], bool]) -> None:
        self._app, self._settings, self._metrics, self._is_draining = app, settings, metrics, is_draining
        self._headers = [(k.encode(), v.encode()) for k, v in security_headers(settings).items()]
        self._rate = None if settings.per_minute is None else RateLimitItemPerMinute(settings.per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        asked = headers.get("x-request-id", "")
        current = asked if _ID.fullmatch(asked) else secrets.token_hex(8)
        request_id.set(current)
        began, status, started = time.perf_counter(), 500, False

        async def answer(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                present = {key.lower() for key, _ in message["headers"]}
                extra = [pair for pair in self._headers if pair[0] not in present]
                extra.append((b"x-request-id", current.encode()))
                if self._is_draining() and b"connection" not in present:
                    extra.append((b"connection", b"close"))
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        try:
            self._admit(scope, headers)
            await self._app(scope, receive, answer)
        except Exception as error:
            if started:  # half an answer cannot be taken back
                log.exception("an answer broke off")
                raise
            await _refuse(error, current, answer)
        finally:
            took_s = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", None) or "other"
            self._metrics.answered(route, scope["method"], status, took_s)
            about = {"method": scope["method"], "route": route, "status": status, "took_ms": round(1000 * took_s, 1)}
            log.info("answered", extra={"about": {**about, "key": scope.get("state", {}).get("key")}})

    def _admit(self, scope: Scope, headers: dict[str, str]) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["method"] == "OPTIONS" or not (path.startswith("/v1") or path == "/metrics"):
            return
        key = self._key(headers)
        who = key.name if key else (scope.get("client") or ("?",))[0]
        scope.setdefault("state", {})["key"] = key.name if key else None
        writes = path.startswith("/v1/photos") and scope["method"] in ("POST", "DELETE")
        if self._settings.keys is not None and key is None:
            line = "This service needs a key. Send it as: Authorization: Bearer KEY"
            raise HttpError(401, "no_key", line, {"WWW-Authenticate": "Bearer", "Connection": "close"})
        if key is not None and ("write" if writes else "read") not in key.rights:
            raise HttpError(403, "no_right", f"The key of {key.name} may not write. Ask the operator for one that may.")
        if self._rate is not None and not self._limiter.hit(self._rate, who):
            wait_s = max(1, round(self._limiter.get_window_stats(self._rate, who).reset_time - time.time()))
            line = f"More than {self._settings.per_minute} requests came from you in a minute. Ask again in {wait_s} s."
            raise HttpError(429, "too_often", line, {"Retry-After": str(wait_s)})

    def _key(self, headers: dict[str, str]) -> Key | None:
        if self._settings.keys is None:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return self._settings.keys.of(given) if given else None


def security_headers(settings: Settings) -> dict[str, str]:
    """For the page and everything else. What the base map needs from elsewhere is allowed by its host, nothing more."""
    hosts = " ".join(hosts_of(settings))
    policy = {
        "default-src": "'self'",
        "script-src": "'self' 'wasm-unsafe-eval'",
        "worker-src": "'self' blob:",
        "img-src": f"'self' data: blob: {hosts}",
        "connect-src": f"'self' blob: data: {hosts}",
        "style-src": "'self'",  # MapLibre places its controls by the object model, which no policy minds
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "object-src": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}".strip() for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin" if not settings.cors else "cross-origin",
        "x-frame-options": "DENY",
        "permissions-policy": "camera=(self), geolocation=(self), microphone=()",
        "cache-control": "no-store",
    }


def hosts_of(settings: Settings) -> list[str]:
    """The hosts from which the operator's base map comes."""
    found: dict[str, None] = {}
    for value in (settings.basemap or {}).values():
        match = re.match(r"https?://[A-Za-z0-9.*:\[\]-]+", value) if isinstance(value, str) else None
        if match:
            found[match[0]] = None
    return list(found)


def body_of(status: int, code: str, message: str, current: str | None) -> dict[str, Any]:
    """What every error looks like."""
    return {"error": {"code": code, "message": message, "request_id": current, "status": status}}


async def _refuse(error: Exception, current: str, send: Send) -> None:
    headers: dict[str, str] = {}
    if isinstance(error, HttpError):
        status, code, message, headers = error.status, error.code, str(error), error.headers
    elif isinstance(error, ViewfixError):
        status, code, message = error.http_status, _snake(type(error).__name__), str(error)
        if status >= 500 and status != 501:
            log.error("viewfix failed: %s", error)
    else:
        log.exception("something is wrong in the server")
        status, code = 500, "internal"
        message = f"Something went wrong in the server. Its log says what, under the request id {current}."
    body = json.dumps(body_of(status, code, message, current)).encode()
    raw = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
    raw += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
