"""All errors that viewfix raises, each with an exit code for the command line and a status for HTTP.

    ViewfixError               exit 1, HTTP 500
    ├── BadInput               exit 2, HTTP 400   a value, file or folder that was passed cannot be used
    │   ├── UnreadablePhoto    exit 2, HTTP 422   these bytes are not a picture that can be decoded
    │   ├── NotAMap            exit 2, HTTP 404   no such file, not a map, or written by a newer viewfix
    │   └── NoRoute            exit 2, HTTP 404   there is no way, or no sight of that name
    ├── UnknownModel           exit 3, HTTP 404   no model has that name
    ├── MissingExtra           exit 4, HTTP 501   an optional package is not installed
    ├── ModelMismatch          exit 5, HTTP 409   descriptors of two models would be compared
    ├── MapBusy                exit 6, HTTP 423   another process is writing this map
    └── StorageFailed          exit 7, HTTP 507   disk full, folder read-only, file damaged

Every message says on one line what happened, what was found, and what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class ViewfixError(Exception):
    """The base class of all errors of viewfix. `exit_code` is for the command line, `http_status` for a server."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500


class BadInput(ViewfixError):
    """A value, file or folder that was passed cannot be used."""

    exit_code = 2
    http_status = 400


class UnreadablePhoto(BadInput):
    """The bytes are not a picture that can be decoded."""

    http_status = 422


class NotAMap(BadInput):
    """There is no map at this address, or a newer viewfix wrote it."""

    http_status = 404


class NoRoute(BadInput):
    """There is no way along the roads of a map, or no sight of that name. Clients of a service read its message."""

    http_status = 404


class UnknownModel(ViewfixError):
    """No model has that name."""

    exit_code = 3
    http_status = 404


class MissingExtra(ViewfixError):
    """An optional package is not installed."""

    exit_code = 4
    http_status = 501


class ModelMismatch(ViewfixError):
    """Descriptors of two models would be compared."""

    exit_code = 5
    http_status = 409


class MapBusy(ViewfixError):
    """Another process is writing the map."""

    exit_code = 6
    http_status = 423


class StorageFailed(ViewfixError):
    """The disk is full, the folder is read-only, the file is damaged, or the database cannot be reached."""

    exit_code = 7
    http_status = 507
