"""Add uploaded photos to a map, and remove them: the id that is answered is the id that is stored."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..embed.describe import content_hash, content_hint
from ..errors import BadInput, MapBusy, StorageFailed, UnreadablePhoto
from ..map import Map
from ..photos.views import load_views
from ..store.store import Record, Store, Units
from ..types import Photo, View
from .added_photos import FIELDS, ids_under, photos_of
from .errors import HttpError, not_found, unreadable
from .logs import log
from .parameters import unknown
from .photo_files import PhotoFiles, ending_of
from .registry import MapRegistry, ServedMap
from .uploaded import checked

_ID = re.compile(r"[^\x00-\x1f\x7f]{1,500}")


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
            line = "The field id is empty, too long (500 characters are allowed) or has control characters."
            raise HttpError(400, "bad_field", line)
        with served.writing, served.use() as city, self._files[served.name].adding(data) as file:
            photos = photos_of(photo_id, str(file), data, fields)
            counts = self._put(served, city, photos, data, ids_under(photo_id))
        self._calibrate_later(served)
        return {"id": photo_id, "ids": [photo.id for photo in photos], **counts}

    def _put(
        self, served: ServedMap, city: Map, photos: Sequence[Photo], data: bytes, ids: Sequence[str]
    ) -> dict[str, int]:
        """Store the photos of one file in one transaction, in the place of those that the map has under these ids."""
        records = [Record(p, content_hash(data, p.view), content_hint(p.source)) for p in photos]
        with Store.open(served.address, write=True) as store:
            store.model.check(city.store.model.name, city.store.model.fingerprint, str(served.address))
            known = store.known([*ids, *(photo.id for photo in photos)])
            before = {r.photo.id: known.get(r.photo.id) for r in records}
            fresh = [r for r in records if (old := before[r.photo.id]) is None or old.content_hash != r.content_hash]
            moved = [r for r in records if r not in fresh and known[r.photo.id].photo != r.photo]
            if fresh:
                store.put(fresh, _described(city, data, [record.photo.view for record in fresh]))
            for record in moved:
                store.update_photo(record)
            gone = [each for each in known if each not in before]
            if gone:
                store.remove(gone)
        added = sum(before[record.photo.id] is None for record in fresh)
        replaced = len(fresh) - added + len(moved) + min(added, len(gone))
        return {
            "added": added - min(added, len(gone)),
            "replaced": replaced,
            "unchanged": len(records) - len(fresh) - len(moved),
        }

    def remove(self, served: ServedMap, photo_id: str) -> int:
        """Remove the photo of this id, or all views of the panorama of this id; its file stays with the operator.

        Raises:
            HttpError: 404 where the map has no photo of that id.
        """
        with served.writing, Store.open(served.address, write=True) as store:
            known = store.known(ids_under(photo_id))
            removed = store.remove([photo_id] if photo_id in known else list(known))
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


def _described(city: Map, data: bytes, views: Sequence[View | None]) -> Units:
    """(N, dim) descriptors of a photo, or of views of it.

    Raises:
        HttpError: 422 if it cannot be decoded.
    """
    try:
        return city.model.embed(list(load_views(data, views, least_side_px=city.model.least_side_px)))
    except UnreadablePhoto as error:
        raise unreadable(error) from None
