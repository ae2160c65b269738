"""KartaView (once OpenStreetCam), API version 1.0, which needs no token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ...geo import Box
from ...types import Skipped
from . import checked
from .area import Area, tile_counts, tiles
from .http import Client, ServiceStopped
from .listing import Answer, list_boxes
from .options import in_period
from .service import Item, Period

API = "https://kartaview.org"
TILE_DEG = 0.01
LIMIT, MOST_PAGES = 1000, 20
GOOD = "600"
"""The status inside every answer; errors come with HTTP status 200 and another number here."""

_STORAGE = re.compile(r"storage(\d{1,3})/([\w./-]{1,300})")
"""The path of a picture: on the host storageN.openstreetcam.org."""


class KartaView:
    """The API of KartaView."""

    title = "KartaView"
    at_once = 4

    def __init__(self, api: str = API) -> None:
        self.api = api
        self.host = urlsplit(api).netloc
        self._client = Client(api, at_once=self.at_once)

    def items(self, area: Area, period: Period) -> Iterator[Item | Skipped]:
        """List the pictures of an area."""
        boxes = (tile for box in area.boxes for tile in tiles(box, TILE_DEG))
        for item in list_boxes(boxes, self._pages, self.at_once):
            if isinstance(item, Skipped) or (area.contains(item.position) and in_period(item.taken_at, period)):
                yield item

    def picture(self, item: Item) -> bytes:
        """Download a picture."""
        return self._client.listed_picture(item.address, self.title)

    def size_of(self, item: Item) -> int | None:
        return self._client.size_of(item.address)

    def lists(self, address: str) -> bool:
        return urlsplit(address).netloc.endswith(".openstreetcam.org") or address.startswith(f"{self.api}/")

    def needs(self, area: Area) -> str:
        counts = [tile_counts(box, TILE_DEG) for box in area.boxes]
        return f"at least {sum(down * across for down, across in counts):,} requests to a free service"

    def _pages(self, box: Box) -> Answer:
        found: list[Item | Skipped] = []
        for page in range(1, MOST_PAGES + 1):
            said = checked.object_of(self._client.form(f"{self.api}/1.0/list/nearby-photos/", _fields(box, page)))
            status = checked.object_of(said.get("status"))
            entries = said.get("currentPageItems")
            if str(status.get("apiCode")) != GOOD or not isinstance(entries, list):
                why = checked.text(status.get("apiMessage")) or f"code {checked.text(str(status.get('apiCode')))}"
                raise ServiceStopped(
                    f"KartaView ({self.host}) answered with an error: {why.rstrip('.')}. Try again later."
                )
            found += [self._item(each) for each in entries]
            if len(entries) < LIMIT:
                return Answer(found)
        return Answer(found, full=True)

    def _item(self, said: Any) -> Item | Skipped:
        found = checked.object_of(said)
        picture_id = checked.digits(found.get("id"))
        if picture_id is None:
            return Skipped("kartaview/?", "KartaView lists a picture without a valid id")
        position = checked.position(found.get("lng"), found.get("lat"))
        address = self._address(found)
        if position is None or address is None:
            what = "position" if position is None else "address of its pixels"
            return Skipped(f"kartaview/{picture_id}", f"KartaView gives no {what} for it")
        user = checked.text(found.get("username"))
        sequence, rank = checked.key(found.get("sequence_id")), checked.number(found.get("sequence_index"))
        page = None if sequence is None or rank is None else f"https://kartaview.org/details/{sequence}/{rank:.0f}"
        return Item(
            id=f"kartaview/{picture_id}",
            address=address,
            position=position,
            version="1",
            heading_deg=checked.heading(found.get("heading") or None),
            taken_at=checked.time(found.get("shot_date")) or checked.time(found.get("date_added")),
            attribution=", ".join(filter(None, ("KartaView", user and f"@{user}", page))),
            licence="CC-BY-SA-4.0",
            order=(sequence or "", rank or 0.0),
            producer=user,
        )

    def _address(self, found: dict[str, Any]) -> str | None:
        """The address of the large picture: names are paths such as storage6/files/photo/2017/9/24/lth/1_2.jpg."""
        for name in ("lth_name", "name"):
            path = _STORAGE.fullmatch(str(found.get(name) or "").lstrip("/"))
            if path is not None and ".." not in path[2]:
                own = f"{self.api}/{path[0]}"
                return f"https://storage{path[1]}.openstreetcam.org/{path[2]}" if self.api == API else own
        return None


def _fields(box: Box, page: int) -> dict[str, Any]:
    return {
        "bbTopLeft": f"{box.north:.9g},{box.west:.9g}",
        "bbBottomRight": f"{box.south:.9g},{box.east:.9g}",
        "ipp": LIMIT,
        "page": page,
    }
