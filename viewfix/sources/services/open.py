"""Open a spec such as panoramax:60.16,24.93,60.18,24.96 as a source, or explain in one line why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import BadInput
from ..columns import readable
from .area import Area, box_area, circle_area, geojson_area
from .kartaview import KartaView
from .mapillary import Mapillary
from .options import ServiceOptions
from .panoramax import Panoramax
from .service import Service
from .source import ServiceSource

WHERE = "SOUTH,WEST,NORTH,EAST in degrees, LAT,LON with a radius in metres (--radius), or a GeoJSON file"

_SPEC = re.compile(
    r"(?P<name>[A-Za-z]{3,})(\+(?P<address>https?://[^\s,]+)(?<!:[A-Za-z]))?:(?P<where>(?!//).*)", re.DOTALL
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class _Parts:
    """A spec in its parts. `address` is None for the usual address of the service."""

    name: str
    address: str | None
    where: str


def _panoramax(parts: _Parts, options: ServiceOptions) -> Service:
    address = parts.address
    if address is not None and not urlsplit(address).path.strip("/"):
        address = f"{address.rstrip('/')}/api"
    collection = parts.where if _UUID.fullmatch(parts.where) else None
    given = {} if address is None else {"api": address.rstrip("/")}
    return Panoramax(**given, collection=collection)


def _mapillary(parts: _Parts, options: ServiceOptions) -> Service:
    return Mapillary.with_token(options.token_file, parts.address)


def _kartaview(parts: _Parts, options: ServiceOptions) -> Service:
    return KartaView() if parts.address is None else KartaView(parts.address.rstrip("/"))


SERVICES: dict[str, Callable[[_Parts, ServiceOptions], Service]] = {
    "panoramax": _panoramax,
    "mapillary": _mapillary,
    "kartaview": _kartaview,
}
"""The services by the prefix of their specs. Another service is a class with the methods of `Service`, and a line."""

_GOOGLE = ("google", "googlestreetview", "streetview", "gsv")
_GOOGLE_REFUSED = (
    "viewfix does not make maps of Google Street View: Google's terms forbid storing its pictures, downloading them in "
    "bulk and interpreting them by machine. Use panoramax:, mapillary:, kartaview: or your own photos."
)


def is_service(text: str) -> bool:
    """Whether a text is a spec of a service, and not a path or a URL."""
    return _parts(text) is not None


def open_service(spec: str, options: ServiceOptions | None = None) -> ServiceSource:
    """Open a service as a source. Nothing is requested before it is iterated over.

    Args:
        spec: SERVICE:WHERE or SERVICE+https://ADDRESS:WHERE, where SERVICE is panoramax, mapillary or kartaview, and
            WHERE is south,west,north,east in degrees, a point lat,lon (with `radius_m`), a GeoJSON file with polygons,
            or the id of a collection of Panoramax.
        options: which of the pictures to take.

    Raises:
        BadInput: the spec is not of this form, the area is empty, or a token is missing.
    """
    options = options or ServiceOptions()
    parts = _parts(spec)
    if parts is None:
        raise BadInput(f"{readable(spec)!r} is not a service. Use one of {', '.join(SERVICES)}, as in panoramax:BOX.")
    if parts.name in _GOOGLE:
        raise BadInput(_GOOGLE_REFUSED)
    service = SERVICES[parts.name](parts, options)
    is_collection = parts.name == "panoramax" and _UUID.fullmatch(parts.where) is not None
    area = Area(()) if is_collection else _area(parts, options)
    return ServiceSource(spec, service, area, options)


def _parts(text: str) -> _Parts | None:
    found = _SPEC.fullmatch(text.strip())
    if found is None:
        return None
    name = found["name"].lower()
    known = name in SERVICES or name in _GOOGLE
    return _Parts(name, found["address"], found["where"].strip()) if known else None


def _area(parts: _Parts, options: ServiceOptions) -> Area:
    where = parts.where
    try:
        numbers = [float(value) for value in where.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 4 and options.radius_m is None:
        return box_area(*numbers)
    if len(numbers) == 2:
        if options.radius_m is None:
            raise BadInput(f"{where} is a point. Set how far around it to look, in metres: --radius 200")
        return circle_area(numbers[0], numbers[1], options.radius_m)
    if options.radius_m is not None:
        raise BadInput(
            f"--radius goes with a point, as in {parts.name}:60.17,24.94, but {readable(where)!r} is not one."
        )
    if not numbers and Path(where).suffix.lower() in (".geojson", ".json"):
        if not Path(where).is_file():
            raise BadInput(f"There is no file at {readable(where)}. Check the path.")
        return geojson_area(Path(where))
    raise BadInput(f"{readable(where)!r} is not an area. Write {parts.name}:WHERE, where WHERE is {WHERE}.")
