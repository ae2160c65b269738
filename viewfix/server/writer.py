"""Add uploaded photos to a map, and remove them: the id that is answered is the id that is stored."""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from ..embed.describe import content_hash, content_hint
from ..errors import BadInput, MapBusy, StorageFailed, UnreadablePhoto
from ..map import Map
from ..photos import load, metadata
from ..store.store import Record, Store
from ..types import Photo, Position
from .errors import HttpError, not_found, unreadable
from .logs import log
from .parameters import unknown
from .photo_files import PhotoFiles, ending_of
from .registry import MapRegistry, ServedMap
from .uploaded import checked

FIELDS = ("lat", "lon", "heading_deg", "attribution", "licence", "id", "map")
_ID = re.compile(r"[^\x00-\x1f\x7f]{1,500}")
Outcome = Literal["added", "replaced", "unchanged"]


class PhotoWriter:
    """Adds and removes photos, one at a time for each map; the confidence is calibrated afterwards, in the background.

    Identity is the id. A photo under an id that the map has replaces that one; no other photo is touched.
    """

    def __init__(self, maps: MapRegistry, folder: Path, most_pixels: int) -> None:
        self._most_pixels = most_pixels
        self._files = {served.name: PhotoFiles(folder / served.name) for served in maps.all()}
        self._later = ThreadPoolExecutor(1, thread_name_prefix="calibrate")
        for served in maps.all():
            with served.use() as city:
                self._files[served.name].clean_up(lambda path, city=city: bool(city.store.ids_of_sources([path])))  # type: ignore[misc]

    def add(self, served: ServedMap, data: bytes, fields: Mapping[str, str]) -> dict[str, Any]:
        """Add one photo. When this returns, the photo is in the map for good, under the id that is returned.

        Raises:
            HttpError: 400 for a field that cannot be used or a photo without a position, 422 for one that is not a
                picture.
            MapBusy: another process is writing the map.
        """
        for name in fields:
            if name not in FIELDS:
                raise unknown("field", name, FIELDS)
        checked(data, self._most_pixels)
        photo_id = fields.get("id") or f"{hashlib.sha256(data).hexdigest()[:32]}.{ending_of(data)}"
        if not _ID.fullmatch(photo_id) or photo_id in (".", ".."):
            raise _bad("id", "is empty, too long (500 characters are allowed) or has control characters")
        with served.writing, served.use() as city, self._files[served.name].adding(data) as file:
            photo = _photo(photo_id, str(file), data, fields)
            outcome = self._put(served, city, photo, data)
        self._calibrate_later(served)
        return {"id": photo_id, **{name: int(name == outcome) for name in ("added", "replaced", "unchanged")}}

    def _put(self, served: ServedMap, city: Map, photo: Photo, data: bytes) -> Outcome:
        content = content_hash(data)
        record = Record(photo, content, content_hint(photo.source))
        with Store.open(served.address, write=True) as store:
            store.model.check(city.store.model.name, city.store.model.fingerprint, str(served.address))
            known = store.known([photo.id]).get(photo.id)
            if known is not None and known.content_hash == content:
                if known.photo == photo:
                    return "unchanged"
                store.update_photo(record)
                return "replaced"
            try:
                descriptors = city.model.embed([load(data, least_side_px=city.model.least_side_px)])
            except UnreadablePhoto as error:
                raise unreadable(error) from None
            store.put([record], descriptors)
            return "added" if known is None else "replaced"

    def remove(self, served: ServedMap, photo_id: str) -> int:
        """Remove the photo of this id, and no other; its file stays with the operator.

        Raises:
            HttpError: 404 where the map has no photo of that id.
        """
        with served.writing, Store.open(served.address, write=True) as store:
            removed = store.remove([photo_id])
        if not removed:
            raise not_found("photo", f"The map {served.name} has no photo with the id {photo_id!r}.")
        self._calibrate_later(served)
        return removed

    def _calibrate_later(self, served: ServedMap) -> None:
        def calibrate() -> None:
            # Where another process is writing the map, that process calibrates it.
            with contextlib.suppress(StorageFailed, BadInput, MapBusy), served.writing, served.use() as city:
                city.add([])

        try:
            self._later.submit(calibrate)
        except RuntimeError:  # the service is being stopped
            log.info("the map is calibrated with the next photo that is added")

    def close(self) -> None:
        self._later.shutdown(wait=False, cancel_futures=True)
        for files in self._files.values():
            files.close()


def _photo(photo_id: str, source: str, data: bytes, fields: Mapping[str, str]) -> Photo:
    about = metadata(data)
    position = about.position
    if "lat" in fields or "lon" in fields:
        lat, lon = _number(fields, "lat"), _number(fields, "lon")
        if not (abs(lat) <= 90 and abs(lon) <= 180):
            raise HttpError(400, "bad_field", f"lat and lon must be WGS84 degrees; got {lat:g}, {lon:g}.")
        position = Position(lat, lon)
    if position is None:
        line = "The photo has no GPS position. Send the fields lat and lon."
        raise HttpError(400, "no_position", line)
    heading_deg = _number(fields, "heading_deg") % 360.0 if "heading_deg" in fields else about.heading_deg
    return Photo(
        photo_id,
        source,
        position,
        heading_deg=heading_deg,
        taken_at=about.taken_at,
        camera=about.camera,
        attribution=fields.get("attribution") or about.attribution,
        licence=fields.get("licence") or about.licence,
    )


def _number(fields: Mapping[str, str], name: str) -> float:
    try:
        value = float(fields.get(name, ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _bad(name, f"must be a number of degrees; got {fields.get(name, '')[:40]!r}")
    return value


def _bad(name: str, why: str) -> HttpError:
    return HttpError(400, "bad_field", f"The field {name} {why}.")
