"""What can go wrong in a request beside what can go wrong in viewfix: a status, a line for people, and headers."""

from __future__ import annotations

from collections.abc import Mapping


class HttpError(Exception):
    """A request that is refused. `code` is for programs, the message for people."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, dict(headers or {})


def too_busy(seconds: float) -> HttpError:
    wait_s = max(1, round(seconds))
    line = f"Too many photos are waiting to be answered. Ask again in {wait_s} s."
    return HttpError(429, "too_busy", line, {"Retry-After": str(wait_s)})


def too_large(most_bytes: int) -> HttpError:
    line = f"The upload has more than {most_bytes / 1e6:.0f} MB, which is as much as is taken. Send it smaller."
    return HttpError(413, "too_large", line, {"Connection": "close"})


def too_slow(seconds: float) -> HttpError:
    line = f"The upload was not there within {seconds:.0f} s. Send it again, smaller or over a faster network."
    return HttpError(408, "too_slow", line, {"Connection": "close"})


def no_such(what: str, message: str) -> HttpError:
    return HttpError(404, f"no_such_{what}", message)
