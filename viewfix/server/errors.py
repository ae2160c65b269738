"""HTTP errors: a status, a code for programs, one line for people, and which errors of viewfix a client may read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import (
    BadInput,
    MapBusy,
    MissingExtra,
    ModelMismatch,
    NoRoute,
    NotAMap,
    StorageFailed,
    UnknownModel,
    UnreadablePhoto,
    ViewfixError,
)


class HttpError(Exception):
    """A request that is refused. `code` is for programs, the message for people."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, dict(headers or {})


def too_busy(seconds: float) -> HttpError:
    wait_s = max(1, round(seconds))
    line = f"Too many photos are waiting. Try again in {wait_s} s."
    return HttpError(429, "too_busy", line, {"Retry-After": str(wait_s)})


def too_large(most_bytes: int) -> HttpError:
    line = f"The upload is larger than the limit of {most_bytes / 1e6:.0f} MB. Send a smaller photo."
    return HttpError(413, "too_large", line, {"Connection": "close"})


def too_slow(seconds: float) -> HttpError:
    line = f"The upload took longer than {seconds:.0f} s. Send a smaller photo, or use a faster network."
    return HttpError(408, "too_slow", line, {"Connection": "close"})


def too_long(seconds: float) -> HttpError:
    line = f"The photo was not answered within {seconds:.0f} s. Try again, or use verify=off."
    return HttpError(503, "too_long", line, {"Retry-After": "10"})


def unreadable(error: UnreadablePhoto) -> HttpError:
    """An upload that is not a picture; its message names the upload only, so a client may read it."""
    return HttpError(422, "unreadable_photo", str(error))


def not_found(what: str, message: str) -> HttpError:
    return HttpError(404, f"no_such_{what}", message)


_PUBLIC: dict[type[ViewfixError], str] = {
    MapBusy: "Another process is writing this map. Try again later.",
    StorageFailed: "The map cannot be read or written at the moment. Try again later; the operator's log says why.",
    NotAMap: "The map is not available at the moment. Try again later; the operator's log says why.",
    ModelMismatch: "The map was replaced by one of another model. Send the request again.",
    UnknownModel: "The model of this map is not available on this server. The operator's log says why.",
    MissingExtra: "This server lacks a package that the request needs. The operator's log says which.",
    BadInput: "The request cannot be answered with this map. The operator's log says why.",
}
"""What a client reads. The messages of these errors name files, URLs and servers of the operator: those are logged."""

_STATUS: dict[type[ViewfixError], int] = {NotAMap: 503, BadInput: 500}
"""Where another status than the error's own is right: what a client sends is checked before, so the rest is ours."""


def public_form(error: Exception, request_id: str | None) -> tuple[int, str, str, dict[str, str]]:
    """The status, code, message and headers with which an error is answered. Nothing of the operator is in them."""
    if isinstance(error, HttpError):
        return error.status, error.code, str(error), error.headers
    if isinstance(error, NoRoute):
        return error.http_status, "no_route", str(error), {}
    for kind, message in _PUBLIC.items():
        if type(error) is kind or (kind is not BadInput and isinstance(error, kind)):
            retry = {"Retry-After": "10"} if kind in (MapBusy, StorageFailed, NotAMap) else {}
            return _STATUS.get(kind, kind.http_status), _snake(kind.__name__), message, retry
    message = f"The server failed. Its log has the reason under the request id {request_id}."
    return 500, "internal", message, {}


def error_body(status: int, code: str, message: str, request_id: str | None) -> dict[str, Any]:
    """The body of every error."""
    return {"error": {"code": code, "message": message, "request_id": request_id, "status": status}}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
