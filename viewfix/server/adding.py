"""An uploaded photo and what its sender says of it go in; it is kept in a folder and becomes a part of a map."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..embed.ingest import Added
from ..errors import BadInput, StorageFailed
from ..photos import HEAD_BYTES, form_of, metadata
from ..types import Photo, Position
from .answers import checked
from .served import Served
from .trouble import HttpError

FIELDS = ("lat", "lon", "heading_deg", "attribution", "licence", "id")
_ID = re.compile(r"[^\x00-\x1f\x7f]{1,500}")


class Writer:
    """Adds and removes photos, one at a time; the confidence is calibrated anew when nobody waits for it."""

    def __init__(self, folder: Path, most_pixels: int) -> None:
        self._folder, self._most_pixels = folder, most_pixels
        self._later = ThreadPoolExecutor(1, thread_name_prefix="calibrate")

    def add(self, served: Served, data: bytes, fields: Mapping[str, str]) -> dict[str, Any]:
        """Add one photo; what came of it. When this returns, the photo is in the map for good.

        Raises:
            BadInput: a field makes no sense, or nobody says where the photo was taken.
            MapBusy: another process writes the map.
        """
        unknown = sorted(set(fields) - set(FIELDS))
        if unknown:
            raise BadInput(f"There is no field {unknown[0]!r}. There are: {', '.join(FIELDS)}.")
        data = checked(data, self._most_pixels)
        told = hashlib.sha256(data).hexdigest()
        form = (form_of(data[:HEAD_BYTES]) or "bin").lower()
        photo_id = fields.get("id") or f"{told[:32]}.{form}"
        if not _ID.fullmatch(photo_id):
            raise BadInput("The id has characters that cannot be shown, or more than 500. Give another.")
        target = self._folder / served.name / told[:2] / f"{told}.{form}"  # no part of it is the sender's word
        photo = _photo(photo_id, str(target.absolute()), data, fields)
        fresh = not target.exists()
        _write(data, target)
        try:
            with served.writing:
                added = served.city.add([photo], calibrate=False)
        except BaseException:
            if fresh:
                target.unlink(missing_ok=True)
            raise
        if added.skipped:
            raise HttpError(409, "not_added", f"The photo was not added: {added.skipped[0].reason}.")
        self._calibrate(served)
        return {"id": photo_id, **_counts(added)}

    def remove(self, served: Served, photo_id: str) -> int:
        """Take a photo out of a map; its file stays with the operator."""
        with served.writing:
            removed = served.city.remove([photo_id], calibrate=False)
        self._calibrate(served)
        return removed

    def _calibrate(self, served: Served) -> None:
        def calibrate() -> None:
            # Another process writes: whoever writes next calibrates.
            with contextlib.suppress(StorageFailed, BadInput), served.writing:
                served.city.add([])

        self._later.submit(calibrate)

    def close(self) -> None:
        self._later.shutdown(wait=True, cancel_futures=True)


def _counts(added: Added) -> dict[str, int]:
    return {"added": added.added, "replaced": added.replaced, "unchanged": added.unchanged}


def _photo(photo_id: str, source: str, data: bytes, fields: Mapping[str, str]) -> Photo:
    about = metadata(data)
    position = about.position
    if "lat" in fields or "lon" in fields:
        position = Position(_number(fields, "lat"), _number(fields, "lon"))
    if position is None:
        raise BadInput("Nobody says where the photo was taken: its EXIF has no position. Give the fields lat and lon.")
    heading_deg = _number(fields, "heading_deg") % 360.0 if "heading_deg" in fields else about.heading_deg
    return Photo(
        photo_id,
        source,
        position,
        heading_deg=heading_deg,
        taken_at=about.taken_at,
        attribution=fields.get("attribution") or about.attribution,
        licence=fields.get("licence") or about.licence,
    )


def _number(fields: Mapping[str, str], name: str) -> float:
    try:
        value = float(fields.get(name, ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"The field {name} is {fields.get(name, '')[:40]!r}, but it is a number of degrees.")
    return value


def _write(data: bytes, target: Path) -> None:
    if target.exists():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise StorageFailed(
            f"The photo could not be kept ({error.strerror}). Free space in the photos folder."
        ) from None
