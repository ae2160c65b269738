"""The search of STAC: filters, and pages of items in the order of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ...geo import Box, Circle, distance_m
from ...store.store import Store
from ...types import Photo, Position
from ..errors import HttpError
from .area import area_of, box_of
from .ids import photo_id

MOST_ITEMS = 1000
MOST_IDS = 1000
MOST_ROWS = 100_000
"""A search in an area looks at this many photos at most."""

CHUNK = 512
MOST_SCANNED = 20_000
"""Photos that one request reads; the link to the next page continues from there."""

RELATED_M, MOST_RELATED, APART_M = 30.0, 24, 1.0


class SearchBody(BaseModel):
    """The body of POST /search; GET has the same parameters, with lists as texts with commas."""

    model_config = ConfigDict(extra="forbid")
    bbox: list[float] | None = Field(None, max_length=6, description="west, south, east, north, degrees")
    intersects: dict[str, Any] | None = Field(None, description="a GeoJSON Point, Polygon or MultiPolygon")
    datetime: str | None = Field(
        None, max_length=80, description="a time, or an interval such as 2026-01-01T00:00:00Z/.."
    )
    ids: list[str] | None = Field(None, max_length=MOST_IDS)
    collections: list[str] | None = Field(None, max_length=100, description="names of maps")
    limit: int = Field(10, ge=1, le=10_000, description=f"items in one page; {MOST_ITEMS} at most are returned")
    token: str | None = Field(None, pattern=r"^\d{1,18}$", description="from the link to the next page")


@dataclass(frozen=True, slots=True)
class Page:
    """Photos of one map, and the row after which the next page begins; None after the last."""

    photos: Sequence[Photo]
    after: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a search asks for, ready to be applied."""

    box: Box | None
    inside: Callable[[Position], bool]
    between: tuple[datetime | None, datetime | None] | None
    ids: Sequence[str] | None

    @classmethod
    def of(cls, body: SearchBody, intersects: Any = None) -> Filter:
        """The filter of a request.

        Raises:
            HttpError: 400 for an area or a time that cannot be read, or for two areas.
        """
        area = body.intersects if body.intersects is not None else intersects
        if area is not None and body.bbox is not None:
            raise HttpError(400, "bad_parameter", "Use either bbox or intersects, not both.")
        box, inside = (box_of(body.bbox), lambda at: True) if area is None else area_of(area)
        ids = None if body.ids is None else [photo_id(each) for each in body.ids]
        return cls(box, inside, None if body.datetime is None else interval(body.datetime), ids)

    def takes(self, photo: Photo) -> bool:
        if not self.inside(photo.position):
            return False
        if self.between is None:
            return True
        if photo.taken_at is None:
            return False
        when = photo.taken_at if photo.taken_at.tzinfo is not None else photo.taken_at.replace(tzinfo=UTC)
        start, end = self.between
        return (start is None or start <= when) and (end is None or when <= end)


def page_of(store: Store, wanted: Filter, limit: int, after: int = 0) -> Page:
    """The next photos of a map that a filter takes, in the order of rows, in bounded time."""
    if wanted.ids is not None:
        records = store.known(wanted.ids)
        found = [records[each].photo for each in dict.fromkeys(wanted.ids) if each in records]
        box = wanted.box
        return Page([p for p in found if wanted.takes(p) and (box is None or _in_box(box, p))][:limit], None)
    rows = store.rows(after) if wanted.box is None else store.rows_in(wanted.box, MOST_ROWS)
    rows = rows[rows > after]
    kept: list[Photo] = []
    for start in range(0, min(len(rows), MOST_SCANNED), CHUNK):
        chunk = rows[start : start + CHUNK]
        photos = store.photos(chunk)
        if len(photos) != len(chunk):  # another process removed some: only one by one is it known which
            photos = [photo for row in chunk.tolist() for photo in store.photos([row])]
            chunk = np.array([store.rows_of([photo.id]).get(photo.id, 0) for photo in photos], np.int64)
        for row, photo in zip(chunk.tolist(), photos, strict=True):
            if wanted.takes(photo):
                kept.append(photo)
            if len(kept) == limit:
                return Page(kept, row if row < rows[-1] else None)
    return Page(kept, int(rows[MOST_SCANNED - 1]) if len(rows) > MOST_SCANNED else None)


def _in_box(box: Box, photo: Photo) -> bool:
    return bool(box.contains(photo.position.lat, photo.position.lon))


def around(store: Store, photo: Photo) -> dict[str, list[Photo]]:
    """The photos that a viewer offers next: the one before and after in the map, and those a few steps away."""
    row = store.rows_of([photo.id]).get(photo.id)
    if row is None:
        return {}
    found = {"prev": store.photos([row - 1]), "next": store.photos([row + 1])}
    at = photo.position
    near = store.photos(store.rows_in(Circle(at.lat, at.lon, RELATED_M), 4 * MOST_RELATED))
    apart = sorted((distance_m(at, p.position), p.id, p) for p in near if p.id != photo.id)
    found["related"] = [p for metres, _, p in apart if metres >= APART_M][:MOST_RELATED]
    return found


def interval(text: str) -> tuple[datetime | None, datetime | None]:
    """A time, or two with a slash between them, of which one may be open.

    Raises:
        HttpError: 400 if it is neither.
    """
    try:
        parts = text.split("/")
        if len(parts) == 1:
            when = _time(parts[0])
            return when, when
        start, end = (None if part in ("", "..") else _time(part) for part in parts)
        if start is not None and end is not None and start > end or (start is None and end is None):
            raise ValueError("empty")
        return start, end
    except ValueError:
        line = f"datetime is {text[:80]!r}; use a time such as 2026-06-01T00:00:00Z, or two with a slash; .. is open."
        raise HttpError(400, "bad_datetime", line) from None


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
