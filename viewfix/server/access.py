"""Who may send a request: keys and their rights, and the number of requests a minute."""

from __future__ import annotations

import time
from collections.abc import Mapping

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import Scope

from .errors import HttpError
from .keys import Key
from .proxies import rate_key
from .settings import Settings

KEY_SUBPROTOCOL = "viewfix.key."
BASEMAP = "/basemap.pmtiles"
"""Ending of the addresses of base maps: a page reads dozens of parts, which do not count as requests of a minute."""


class Access:
    """Admits requests or refuses them. Health checks, the page and its files are open to everybody."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rate = None if settings.per_minute is None else RateLimitItemPerMinute(settings.per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def admit(self, scope: Scope, path: str, headers: Mapping[str, str]) -> None:
        """Let a request in, and note the name of its key.

        Args:
            scope: of the request.
            path: below the root path.
            headers: by name in small letters.

        Raises:
            HttpError: 401 without a key where one is needed, 403 without the right, 429 over the rate.
        """
        if scope["method"] == "OPTIONS" or not (path.startswith("/v1") or path == "/metrics"):
            return
        key = self._key(headers)
        writes = path.startswith("/v1/photos") and scope["method"] in ("POST", "DELETE")
        self._admit_key(scope, key, "write" if writes else "read")
        if not path.endswith(BASEMAP):
            self.count(scope)

    def admit_socket(self, scope: Scope, path: str, headers: Mapping[str, str]) -> None:
        """Let a WebSocket be opened, and note the name of its key.

        Pages in a browser cannot send a header with it: they send their key as the subprotocol `viewfix.key.KEY`. And
        other than for requests, a browser does not ask whether a page of another origin may: that is checked here.

        Raises:
            HttpError: as `admit`, and 403 for a page of another origin.
        """
        if not self._is_same_origin(headers):
            line = "Pages of other origins may not connect. The operator can allow this one with --cors."
            raise HttpError(403, "foreign_origin", line)
        offered = [each for each in scope.get("subprotocols", ()) if each.startswith(KEY_SUBPROTOCOL)]
        if offered and "authorization" not in headers:
            headers = {**headers, "x-api-key": offered[0].removeprefix(KEY_SUBPROTOCOL)}
        self._admit_key(scope, self._key(headers), "read")
        self.count(scope)

    def count(self, scope: Scope) -> None:
        """Count a request, or a frame, of a client that was admitted.

        Raises:
            HttpError: 429 over the rate.
        """
        if self._rate is not None:
            self._count(self._rate, scope.get("state", {}).get("key") or rate_key(self._client(scope)))

    def _is_same_origin(self, headers: Mapping[str, str]) -> bool:
        """Whether the page is of this service or of an origin that was allowed; programs do not name an origin."""
        origin = headers.get("origin")
        if origin is None or origin in self._settings.cors or "*" in self._settings.cors:
            return True
        return origin.partition("://")[2].lower() == headers.get("host", "").lower() != ""

    def _admit_key(self, scope: Scope, key: Key | None, right: str) -> None:
        scope.setdefault("state", {})["key"] = key.name if key else None
        if self._settings.keys is not None and key is None:
            line = "This service needs a key. Send it as: Authorization: Bearer KEY"
            raise HttpError(401, "no_key", line, {"WWW-Authenticate": "Bearer", "Connection": "close"})
        if key is not None and right not in key.rights:
            raise HttpError(403, "no_right", f"The key of {key.name} may not {right}. Use a key with that right.")

    def _count(self, rate: RateLimitItemPerMinute, who: str) -> None:
        if not self._limiter.hit(rate, who):
            wait_s = max(1, round(self._limiter.get_window_stats(rate, who).reset_time - time.time()))
            line = f"You sent more than {self._settings.per_minute} requests in a minute. Try again in {wait_s} s."
            raise HttpError(429, "too_often", line, {"Retry-After": str(wait_s)})

    def _client(self, scope: Scope) -> str:
        peer = (scope.get("client") or ("unknown",))[0]
        forwarded_for = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        return self._settings.trusted_proxies.client_of(peer, forwarded_for)

    def _key(self, headers: Mapping[str, str]) -> Key | None:
        if self._settings.keys is None:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return self._settings.keys.find(given) if given else None
