"""The interface of a street-level service: list an area, and fetch a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ...photos.sphere import WHOLE, Extent
from ...types import Camera, Position, Skipped
from .area import Area

Period = tuple[datetime | None, datetime | None]
"""The first and the last moment, in UTC; None for no limit."""

MOST_ITEMS = 1_000_000
"""The largest number of pictures of one list."""


@dataclass(frozen=True, slots=True)
class Item:
    """A picture that a service lists. What the service does not say is None.

    `id` begins with the name of the service and is unique. `address` identifies the picture in a map and never
    changes; it may be the page of the picture instead of its pixels. `version` changes whenever the pixels may have
    changed. `panorama`: it is equirectangular, shows `extent` of the sphere, and `heading_deg` is the direction of the
    centre of the sphere. `order` sorts the pictures of a street: by sequence, then by rank in it. `size_bytes` may be
    approximate.
    """

    id: str
    address: str
    position: Position
    version: str
    heading_deg: float | None = None
    taken_at: datetime | None = None
    camera: Camera | None = None
    attribution: str | None = None
    licence: str | None = None
    panorama: bool = False
    extent: Extent = WHOLE
    order: tuple[str, float] = ("", 0.0)
    size_bytes: int | None = None
    producer: str | None = None


class Service(Protocol):
    """A street-level service at one address.

    `title` is its name for people, `host` where it is, and `at_once` the number of downloads that it may be asked for
    at one time.
    """

    title: str
    host: str
    at_once: int

    def items(self, area: Area, period: Period) -> Iterator[Item | Skipped]:
        """List the pictures of an area, in any order; one may come twice.

        Raises:
            ServiceStopped: the service is down, refuses the token, or gives an answer that is not its own.
        """

    def picture(self, item: Item) -> bytes:
        """Download a picture.

        Raises:
            UnreadablePhoto: it was deleted, or is not a picture.
            ServiceStopped: the service cannot be used any further.
        """

    def size_of(self, item: Item) -> int | None:
        """The size of a picture in bytes as the service says; None if it does not."""

    def lists(self, address: str) -> bool:
        """Whether a picture with this address would be listed by this service, if it still exists."""

    def needs(self, area: Area) -> str:
        """What listing an area would take at least, for a message: "62,500 requests (6 minutes)"."""
