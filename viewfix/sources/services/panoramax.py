"""Panoramax: one instance (GeoVisio), or the meta-catalogue of all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from ...geo import Box, wrap_heading_deg
from ...photos.sphere import WHOLE, Extent, is_whole_sphere
from ...types import Camera, Skipped
from . import checked
from .area import Area
from .http import Client, Refused, ServiceStopped
from .listing import Answer, list_boxes
from .options import in_period
from .service import MOST_ITEMS, Item, Period

META_CATALOGUE = "https://api.panoramax.xyz/api"

LIMIT = 500
"""Items per answer. One has 7 kB, most of it EXIF that is not used."""

MOST_GEOMETRY = 4_000
"""The longest area, in characters, that is sent as a part of an address."""

PER_KM2, PICTURE_MB = 75, 2.0
"""For estimates: the 41 million pictures of mainland France, and the size of an hd picture of a phone."""


class Panoramax:
    """A Panoramax API, such as https://panoramax.openstreetmap.fr/api."""

    title = "Panoramax"
    at_once = 8

    def __init__(self, api: str = META_CATALOGUE, *, collection: str | None = None) -> None:
        self.api = api
        self.host = urlsplit(api).netloc
        self._collection = collection
        self._client = Client(api, at_once=self.at_once)

    def items(self, area: Area, period: Period) -> Iterator[Item | Skipped]:
        """List the pictures of an area, or of the collection."""
        found = self._of_collection() if self._collection else self._of_area(area, period)
        for item in found:
            if isinstance(item, Skipped) or in_period(item.taken_at, period):
                yield item

    def picture(self, item: Item) -> bytes:
        """Download a picture in its full resolution."""
        return self._client.listed_picture(item.address, self.title)

    def size_of(self, item: Item) -> int | None:
        return item.size_bytes or self._client.size_of(item.address)

    def lists(self, address: str) -> bool:
        return self._collection is None and address.startswith(f"{self.api}/pictures/")

    def needs(self, area: Area) -> str:
        pictures = area.km2 * PER_KM2
        return (
            f"about {pictures / 1e6:,.0f} million pictures ({PER_KM2} a km², the average of France), which are "
            f"{pictures * PICTURE_MB / 1e6:,.1f} TB in full resolution"
        )

    def _of_area(self, area: Area, period: Period) -> Iterator[Item | Skipped]:
        geometry = json.dumps({"type": "MultiPolygon", "coordinates": area.polygons})
        if area.polygons and len(geometry) < MOST_GEOMETRY:  # one request, if the answer is not full
            # By GET: in the body of a POST, GeoVisio wants the geometry as a text, and the standard as an object.
            answer = self._search({"intersects": geometry, "limit": LIMIT, **_datetime(period)})
            if not answer.full:
                return iter(answer.items)
        # The search has no pages and no rel=next: a full answer is asked for again in quarters.
        found = list_boxes(area.boxes, lambda box: self._search(_query(box, period)), self.at_once)
        return (item for item in found if isinstance(item, Skipped) or area.contains(item.position))

    def _search(self, query: dict[str, str | int]) -> Answer:
        features = self._features(self._client.json(f"{self.api}/search", query=query), "search")
        return Answer([self._item(each) for each in features], full=len(features) >= LIMIT)

    def _of_collection(self) -> Iterator[Item | Skipped]:
        url: str | None = f"{self.api}/collections/{self._collection}/items?limit={LIMIT}"
        seen: set[str] = set()
        while url is not None:
            try:
                said = self._client.json(url)
            except Refused as error:
                if error.status == 404:
                    raise ServiceStopped(f"{self.host} has no collection {self._collection}. Check its id.") from error
                raise
            items = [self._item(each) for each in self._features(said, "collections")]
            fresh = [item for item in items if item.id not in seen]
            seen.update(item.id for item in fresh)
            yield from fresh
            url = self._next(said) if fresh and len(seen) <= MOST_ITEMS else None

    def _next(self, said: Any) -> str | None:
        for link in checked.list_of(checked.object_of(said).get("links")):
            href = checked.object_of(link).get("href")
            if checked.object_of(link).get("rel") == "next" and isinstance(href, str):
                there = urljoin(self.api, href)
                return there if urlsplit(there)[:2] == urlsplit(self.api)[:2] else None
        return None

    def _features(self, said: Any, where: str) -> list[Any]:
        features = checked.object_of(said).get("features")
        if not isinstance(features, list):
            raise ServiceStopped(
                f"{self.api}/{where} did not answer with a list of pictures. Check that this is a Panoramax API, "
                f"such as {META_CATALOGUE}."
            )
        return features

    def _item(self, feature: Any) -> Item | Skipped:
        found = checked.object_of(feature)
        about = checked.object_of(found.get("properties"))
        picture_id = checked.uuid(found.get("id"))
        if picture_id is None:
            return Skipped("panoramax/?", "Panoramax lists a picture without a valid id")
        position = checked.point(
            found.get("geometry"), checked.number(about.get("quality:horizontal_accuracy"), 1e-6, 1e6)
        )
        if position is None:
            return Skipped(f"panoramax/{picture_id}", "Panoramax gives no position for it")
        lens = checked.object_of(about.get("pers:interior_orientation"))
        panorama = checked.number(lens.get("field_of_view")) == 360
        producer = _producer(found, about)
        return Item(
            id=f"panoramax/{picture_id}",
            # Never the address in the answer: viewfix only talks to the host that the user named.
            address=f"{self.api}/pictures/{picture_id}/hd.jpg",
            position=position,
            version=checked.text(about.get("updated")) or "1",
            heading_deg=_heading_deg(about, panorama),
            taken_at=_taken_at(about),
            camera=_camera(about, lens, panorama),
            attribution=", ".join(filter(None, ("Panoramax", producer))),
            licence=checked.text(about.get("license")) or checked.text(found.get("license")),
            panorama=panorama,
            extent=_extent(lens),
            order=(checked.text(found.get("collection")) or "", _rank(about)),
            size_bytes=_size(about),
            producer=producer,
        )


def _query(box: Box, period: Period) -> dict[str, str | int]:
    bbox = ",".join(f"{value:.9g}" for value in (box.west, box.south, box.east, box.north))
    return {"bbox": bbox, "limit": LIMIT, **_datetime(period)}


def _datetime(period: Period) -> dict[str, str]:
    if period == (None, None):
        return {}
    begin, end = (".." if each is None else each.strftime("%Y-%m-%dT%H:%M:%SZ") for each in period)
    return {"datetime": f"{begin}/{end}"}


def _taken_at(about: dict[str, Any]) -> datetime | None:
    return checked.time(about.get("datetimetz")) or checked.time(about.get("datetime"))


def _rank(about: dict[str, Any]) -> float:
    return checked.number(about.get("geovisio:rank_in_collection")) or 0.0


def _size(about: dict[str, Any]) -> int | None:
    size = checked.number(about.get("original_file:size"), 1, 1e9)
    return None if size is None else int(size)


def _producer(found: dict[str, Any], about: dict[str, Any]) -> str | None:
    """The accounts that published a picture. A producer without an id is the artist of its EXIF, not of the service."""
    producers = [checked.object_of(each) for each in checked.list_of(found.get("providers"))[:20]]
    producers = [each for each in producers if "producer" in checked.list_of(each.get("roles"))]
    accounts = [each for each in producers if each.get("id")] or producers
    names = dict.fromkeys(name for each in accounts if (name := checked.text(each.get("name"))))
    return ", ".join(names) or checked.text(about.get("geovisio:producer"))


def _heading_deg(about: dict[str, Any], panorama: bool) -> float | None:
    """The direction of the centre of a picture.

    For a panorama without GPSImgDirection, `view:azimuth` is only the direction of the path, and the pose is in GPano.
    Nothing else of `exif` is read, because it may hold personal data.
    """
    exif = checked.object_of(about.get("exif"))
    if panorama and not exif.get("Exif.GPSInfo.GPSImgDirection"):
        pose = checked.heading(exif.get("Xmp.GPano.PoseHeadingDegrees"))
        if pose is not None:
            return pose
    azimuth = checked.heading(about.get("view:azimuth"))
    return None if azimuth is None else wrap_heading_deg(azimuth)


def _extent(lens: dict[str, Any]) -> Extent:
    """The part of the sphere that a panorama shows: margins at the left, top, right and bottom, of the full sphere."""
    size = [checked.number(side, 1, 1e6) for side in checked.list_of(lens.get("sensor_array_dimensions"))[:2]]
    margins = [checked.number(side, 0, 1e6) for side in checked.list_of(lens.get("visible_area"))[:4]]
    if len(size) < 2 or len(margins) < 4 or None in size or None in margins:
        return WHOLE
    (width, height), (left, top, right, bottom) = map(float, size), map(float, margins)  # type: ignore[arg-type]
    if left + right >= width or top + bottom >= height or not is_whole_sphere(int(width), int(height)):
        return WHOLE
    return Extent(left / width, top / height, 1 - (left + right) / width, 1 - (top + bottom) / height)


def _camera(about: dict[str, Any], lens: dict[str, Any], panorama: bool) -> Camera | None:
    """The camera: how it was turned, and for a flat picture its size and field of view along the longer side."""
    pitch_deg, roll_deg = (checked.number(about.get(f"pers:{name}")) for name in ("pitch", "roll"))
    size = [checked.number(side, 1, 1e5) for side in checked.list_of(lens.get("sensor_array_dimensions"))[:2]]
    field_deg = None if panorama else checked.number(lens.get("field_of_view"), 1, 170)
    if field_deg is None or len(size) < 2 or size[0] is None or size[1] is None:
        return checked.camera(pitch_deg=pitch_deg, roll_deg=roll_deg)
    return checked.camera(
        focal_px=max(size[0], size[1]) / 2 / math.tan(math.radians(field_deg) / 2),
        width_px=int(size[0]),
        height_px=int(size[1]),
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
    )
