"""The landing page, and maps as collections."""

from __future__ import annotations

from typing import Any

from ...map import Map
from .items import EARLIEST, GEOJSON, STAC_VERSION, Site, rfc3339
from .style import MVT

CONFORMS_TO = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]
OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
WHOLE_EARTH = [-180.0, -90.0, 180.0, 90.0]


def landing(site: Site, bounds: list[list[float]]) -> dict[str, Any]:
    """The landing page. `bounds` are those of the maps, west, south, east, north."""
    whole = [min(b[0] for b in bounds), min(b[1] for b in bounds), max(b[2] for b in bounds), max(b[3] for b in bounds)]
    json = "application/json"
    links = [
        {"rel": "self", "href": site.root, "type": json},
        {"rel": "root", "href": site.root, "type": json},
        {"rel": "conformance", "href": f"{site.root}/conformance", "type": json},
        {"rel": "service-desc", "href": f"{site.base}v1/openapi.json", "type": OPENAPI},
        {"rel": "service-doc", "href": f"{site.base}docs", "type": "text/html"},
        {"rel": "data", "href": f"{site.root}/collections", "type": json},
        {"rel": "search", "href": f"{site.root}/search", "type": GEOJSON, "method": "GET"},
        {"rel": "search", "href": f"{site.root}/search", "type": GEOJSON, "method": "POST"},
        {"rel": "xyz", "href": site.tiles, "type": MVT},
        {"rel": "xyz-style", "href": site.style, "type": json},
    ]  # fmt: skip
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": "viewfix",
        "title": "viewfix",
        "description": "Street-level photos of maps that locate photos.",
        "conformsTo": CONFORMS_TO,
        "extent": {"spatial": {"bbox": [whole]}, "temporal": {"interval": [[None, None]]}},
        "links": links,
    }


def collection(city: Map, name: str, site: Site) -> dict[str, Any]:
    """A map as a collection."""
    json = "application/json"
    made_at = rfc3339(city.store.created_at)
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": name,
        "title": name,
        "description": f"{len(city):,} photos of the map {name}.",
        "license": "various",  # each item has its own
        "keywords": ["street-level"],
        "extent": {"spatial": {"bbox": [bounds(city)]}, "temporal": {"interval": [[EARLIEST, made_at]]}},
        "links": [
            {"rel": "self", "href": site.collection(name), "type": json},
            {"rel": "root", "href": site.root, "type": json},
            {"rel": "parent", "href": site.root, "type": json},
            {"rel": "items", "href": f"{site.collection(name)}/items", "type": GEOJSON},
        ],
        "stats:items": {"count": len(city)},
    }


def bounds(city: Map) -> list[float]:
    """West, south, east, north of a map; the whole Earth for an empty one."""
    area = city.info()["area"]
    return WHOLE_EARTH if area is None else [area[side] for side in ("west", "south", "east", "north")]
