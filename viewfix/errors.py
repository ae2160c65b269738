"""Everything that can go wrong and that a caller may want to tell apart.

    ViewfixError               exit 1, HTTP 500
    ├── BadInput               exit 2, HTTP 400   a value, file or folder that was handed in cannot be used
    │   ├── UnreadablePhoto    exit 2, HTTP 422   these bytes are not a picture that can be decoded
    │   └── NotAMap            exit 2, HTTP 404   nothing there, or not a map, or of a newer schema
    ├── UnknownModel           exit 3, HTTP 404   no model has that name
    ├── MissingExtra           exit 4, HTTP 501   an optional package is not installed
    ├── ModelMismatch          exit 5, HTTP 409   descriptors of two models would be compared
    ├── MapBusy                exit 6, HTTP 423   another process is writing this map
    └── StorageFailed          exit 7, HTTP 507   disk full, folder read-only, file damaged

Every message says what happened, what was seen, and what to do next, on one line.
"""

from __future__ import annotations

from typing import ClassVar


class ViewfixError(Exception):
    """The root. `exit_code` is for a shell, `http_status` for a server."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500


class BadInput(ViewfixError):
    exit_code = 2
    http_status = 400


class UnreadablePhoto(BadInput):
    http_status = 422


class NotAMap(BadInput):
    http_status = 404


class UnknownModel(ViewfixError):
    exit_code = 3
    http_status = 404


class MissingExtra(ViewfixError):
    exit_code = 4
    http_status = 501


class ModelMismatch(ViewfixError):
    exit_code = 5
    http_status = 409


class MapBusy(ViewfixError):
    exit_code = 6
    http_status = 423


class StorageFailed(ViewfixError):
    exit_code = 7
    http_status = 507
