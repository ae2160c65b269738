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
        scope.setdefault("state", {})["key"] = key.name if key else None
        if self._settings.keys is not None and key is None:
            line = "This service needs a key. Send it as: Authorization: Bearer KEY"
            raise HttpError(401, "no_key", line, {"WWW-Authenticate": "Bearer", "Connection": "close"})
        writes = path.startswith("/v1/photos") and scope["method"] in ("POST", "DELETE")
        if key is not None and ("write" if writes else "read") not in key.rights:
            right = "write" if writes else "read"
            raise HttpError(403, "no_right", f"The key of {key.name} may not {right}. Use a key with that right.")
        if self._rate is not None and not path.endswith(BASEMAP):
            self._count(self._rate, key.name if key else rate_key(self._client(scope)))

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
