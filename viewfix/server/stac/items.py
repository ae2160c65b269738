"""A photo of a map as a STAC item, with the fields of the view and perspective-imagery extensions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ...photos.licences import Thumbnails, may_show
from ...types import Photo
from ..replies import thumbnail_address
from ..thumbnails import Px
from .ids import item_id

STAC_VERSION = "1.0.0"
EXTENSIONS = (
    "https://stac-extensions.github.io/perspective-imagery/v1.0.0/schema.json",
    "https://stac-extensions.github.io/view/v1.0.0/schema.json",
)
GEOJSON = "application/geo+json"
EARLIEST = "1970-01-01T00:00:00Z"
"""With the time when the map was made, the interval in which a photo without a time of its own was taken."""

_CC = re.compile(r"cc[\s_-]*(by(?:[\s_-]*(?:nc|nd|sa))*)[\s_-]*(\d\.\d)", re.IGNORECASE)
_CC0 = re.compile(r"cc[\s_-]*0", re.IGNORECASE)
_ASSETS = (("hd", Px.LARGE, ("data",), "The picture"), ("sd", Px.LARGE, ("visual",), "The picture"),
           ("thumb", Px.USUAL, ("thumbnail",), "A small picture"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """Where the service is: `base` is its address as the client sees it, with a slash at the end."""

    base: str
    thumbnails: Thumbnails

    @property
    def root(self) -> str:
        """The address of the landing page."""
        return f"{self.base}v1/stac"

    @property
    def style(self) -> str:
        """The address of the map style."""
        return f"{self.root}/style.json"

    @property
    def tiles(self) -> str:
        """The address of the vector tiles, a template."""
        return f"{self.root}/tiles/{{z}}/{{x}}/{{y}}.mvt"

    def collection(self, name: str) -> str:
        return f"{self.root}/collections/{quote(name, safe='')}"

    def item(self, name: str, photo: Photo) -> str:
        return f"{self.collection(name)}/items/{item_id(photo.id)}"


def to_item(
    photo: Photo, name: str, made_at: datetime, site: Site, around: Mapping[str, Sequence[Photo]] | None = None
) -> dict[str, Any]:
    """Convert a photo of the map `name` to a STAC item.

    Args:
        photo: the photo.
        name: of the map, which is the collection.
        made_at: when the map was made.
        site: where the service is.
        around: photos to link to, by relation: "prev", "next", "related".
    """
    at = [round(photo.position.lon, 7), round(photo.position.lat, 7)]  # GeoJSON's order
    providers = [{"name": photo.attribution, "roles": ["producer"]}] if photo.attribution else []
    links = [
        _link("self", site.item(name, photo), GEOJSON),
        _link("root", site.root, "application/json"),
        _link("parent", site.collection(name), "application/json"),
        _link("collection", site.collection(name), "application/json"),
    ]
    if photo.licence and photo.licence.startswith(("https://", "http://")):
        links.append(_link("license", photo.licence, "text/html"))
    for relation, others in (around or {}).items():
        links += [_to_neighbour(relation, other, name, site) for other in others]
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": item_id(photo.id),
        "collection": name,
        "geometry": {"type": "Point", "coordinates": at},
        "bbox": [*at, *at],
        "properties": {**_times(photo, made_at), **_camera(photo), "license": spdx(photo.licence),
                       "providers": providers, "original_file:name": photo.id},
        "providers": providers,  # where Panoramax has them, beside where STAC has them
        "links": links,
        "assets": _assets(photo, name, site),
    }  # fmt: skip


def _link(rel: str, href: str, kind: str) -> dict[str, Any]:
    return {"rel": rel, "href": href, "type": kind}


def _to_neighbour(relation: str, other: Photo, name: str, site: Site) -> dict[str, Any]:
    at = [round(other.position.lon, 7), round(other.position.lat, 7)]
    about: dict[str, Any] = {"id": item_id(other.id), "geometry": {"type": "Point", "coordinates": at}}
    if other.taken_at is not None:
        about["datetime"] = rfc3339(other.taken_at)
    return {**_link(relation, site.item(name, other), GEOJSON), **about}


def _times(photo: Photo, made_at: datetime) -> dict[str, Any]:
    if photo.taken_at is None:
        return {"datetime": None, "start_datetime": EARLIEST, "end_datetime": rfc3339(made_at)}
    return {"datetime": rfc3339(photo.taken_at)}


def rfc3339(when: datetime) -> str:
    """A time as STAC writes it; one without a zone is taken for UTC."""
    known = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return known.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _camera(photo: Photo) -> dict[str, Any]:
    camera, view = photo.camera, photo.view
    found: dict[str, Any] = {}
    if photo.heading_deg is not None:
        found["view:azimuth"] = round(photo.heading_deg % 360, 2)
    interior: dict[str, Any] = {}
    if view is not None and view.field_of_view_deg is not None:
        interior["field_of_view"] = round(view.field_of_view_deg)
    elif camera is not None and camera.width_px and camera.height_px:
        field_deg = camera.field_of_view_deg(camera.width_px, camera.height_px)
        if field_deg is not None and camera.width_px >= camera.height_px:  # it is along the longer side
            interior["field_of_view"] = round(field_deg)
        interior["sensor_array_dimensions"] = [camera.width_px, camera.height_px]
    found["pers:interior_orientation"] = interior  # viewers expect it, even if nothing is known
    pitch_deg = camera.pitch_deg if camera is not None else None
    if view is not None and view.pitch_deg is not None:
        pitch_deg = view.pitch_deg
    if pitch_deg is not None:
        found["pers:pitch"] = round(pitch_deg, 2)
    if camera is not None and camera.roll_deg is not None:
        found["pers:roll"] = round(camera.roll_deg, 2)
    if photo.position.radius_m is not None:
        found["quality:horizontal_accuracy"] = round(photo.position.radius_m, 1)
    return found


def _assets(photo: Photo, name: str, site: Site) -> dict[str, Any]:
    if not may_show(photo.licence, site.thumbnails):
        return {}
    address = site.base + thumbnail_address(photo.id, name)
    return {
        key: {"href": f"{address}&px={px.value}", "type": "image/jpeg", "roles": list(roles), "title": title}
        for key, px, roles, title in _ASSETS
    }


def spdx(licence: str | None) -> str:
    """The SPDX identifier of a Creative Commons licence, and "proprietary", STAC's word for any other."""
    if licence is None:
        return "proprietary"
    named = licence.replace("/", " ")
    if "creativecommons.org" in licence:
        named = "cc " + named.partition("licenses ")[2]
    if _CC0.search(named) or "creativecommons.org/publicdomain/zero" in licence:
        return "CC0-1.0"
    found = _CC.search(named)
    if found is None:
        return "proprietary"
    parts = re.split(r"[\s_-]+", found[1].upper())
    return f"CC-{'-'.join(parts)}-{found[2]}"
