"""Mapillary, API version 4."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import BadInput, UnreadablePhoto
from ...geo import Box
from ...types import Camera, Skipped
from . import checked
from .area import Area, tile_counts, tiles
from .http import Client, Refused, ServiceStopped
from .listing import Answer, list_boxes
from .options import in_period
from .service import Item, Period

API = "https://graph.mapillary.com"
PAGE = "https://www.mapillary.com/app/?pKey="
"""The page of a picture. The addresses of the pixels expire, so a map stores this one; the licence asks for it too."""

TILE_DEG = 0.004
"""The search leaves pictures out of larger boxes without saying so: 16 tiles of this size listed 22,943 pictures where
4 larger ones listed 6,579 (measured by another client)."""

LIMIT, NEARLY_FULL = 2000, 1000
"""Pictures per answer, and the number from which a box is divided, because the answer may be thinned out."""

REQUESTS_A_MINUTE = 10_000
FIELDS = (
    "id,geometry,computed_geometry,compass_angle,computed_compass_angle,captured_at,camera_type,is_pano,"
    "camera_parameters,width,height,sequence,creator"
)
PICTURE_FIELDS = "thumb_2048_url,thumb_original_url"
PANORAMAS = ("equirectangular", "spherical")
TOKEN_VARIABLE = "MAPILLARY_ACCESS_TOKEN"
BAD_TOKEN = 190
"""The error code of the API for a token that is wrong or has expired."""

EXPIRED = (400, 401, 403, 410)
"""What the file servers answer for an address that has expired."""


class Mapillary:
    """The API of Mapillary. The token is sent in a header, and never appears in an address or a message."""

    title = "Mapillary"
    at_once = 8

    def __init__(self, token: str, api: str = API) -> None:
        self.api = api
        self.host = urlsplit(api).netloc
        self._client = Client(api, headers={"Authorization": f"OAuth {token}"}, at_once=self.at_once)

    @classmethod
    def with_token(cls, file: Path | None, api: str | None) -> Mapillary:
        """Open the API with the token of a file, or of the environment.

        Raises:
            BadInput: there is no token, or it has a form that no token has.
        """
        if file is not None:
            try:
                token = file.read_text(encoding="utf-8")[:10_000].strip()
            except (OSError, UnicodeError) as error:
                why = getattr(error, "strerror", None) or "it is not text"
                raise BadInput(f"The token file {file} could not be read ({why}). Check --token-file.") from error
        else:
            token = os.environ.get(TOKEN_VARIABLE, "").strip()
        where = TOKEN_VARIABLE if file is None else str(file)
        if not token:
            raise BadInput(
                f"Mapillary needs a token, and {where} is {'not set' if file is None else 'empty'}. Get one at "
                f"https://www.mapillary.com/dashboard/developers, and set {TOKEN_VARIABLE} or pass --token-file FILE."
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            raise BadInput(
                f"{where} does not hold a token of Mapillary: it has blanks or other characters. Copy it again."
            )
        return cls(token) if api is None else cls(token, api.rstrip("/"))

    def items(self, area: Area, period: Period) -> Iterator[Item | Skipped]:
        """List the pictures of an area."""

        def request(box: Box) -> Answer:
            return self._search(box, period)

        boxes = (tile for box in area.boxes for tile in tiles(box, TILE_DEG))
        for item in list_boxes(boxes, request, self.at_once):
            if isinstance(item, Skipped) or (area.contains(item.position) and in_period(item.taken_at, period)):
                yield item

    def picture(self, item: Item) -> bytes:
        """Download a picture of at most 2048 pixels, a panorama in its original size."""
        for _ in range(2):  # an address that has expired is asked for again
            url = self._address(item)
            try:
                return self._client.picture(url)
            except Refused as error:
                failed = error
                if error.status not in EXPIRED:
                    break
        raise UnreadablePhoto(str(failed))

    def size_of(self, item: Item) -> int | None:
        return self._client.size_of(self._address(item))

    def lists(self, address: str) -> bool:
        return address.startswith(PAGE)

    def needs(self, area: Area) -> str:
        counts = [tile_counts(box, TILE_DEG) for box in area.boxes]
        requests = sum(down * across for down, across in counts)
        return (
            f"at least {requests:,} requests, {requests / REQUESTS_A_MINUTE / 60:,.1f} h at the "
            f"{REQUESTS_A_MINUTE:,} a minute that Mapillary allows"
        )

    def _search(self, box: Box, period: Period) -> Answer:
        bbox = ",".join(f"{value:.9g}" for value in (box.west, box.south, box.east, box.north))
        query: dict[str, Any] = {"bbox": bbox, "fields": FIELDS, "limit": LIMIT}
        for name, moment in zip(("start_captured_at", "end_captured_at"), period, strict=True):
            if moment is not None:
                query[name] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        data = self._asked(f"{self.api}/images", query).get("data")
        if not isinstance(data, list):
            raise ServiceStopped(f"{self.api}/images did not answer with a list of pictures. Check the address.")
        return Answer([_item(each) for each in data], full=len(data) >= NEARLY_FULL)

    def _address(self, item: Item) -> str:
        """The address of the pixels, valid for some hours."""
        try:
            found = self._asked(f"{self.api}/{item.id.partition('/')[2]}", {"fields": PICTURE_FIELDS})
        except Refused as error:
            if error.status in (400, 404):
                raise UnreadablePhoto("It was deleted from Mapillary after it had been listed.") from error
            raise UnreadablePhoto(str(error)) from error
        names = ("thumb_original_url", "thumb_2048_url") if item.panorama else ("thumb_2048_url", "thumb_original_url")
        for name in names:
            address = checked.address(found.get(name), self.api)
            if address is not None:
                return address
        raise UnreadablePhoto("Mapillary gives no address of its pixels.")

    def _asked(self, url: str, query: dict[str, Any]) -> dict[str, Any]:
        """An answer of the API.

        Raises:
            ServiceStopped: the token is wrong or has expired.
            Refused: another error, also one that comes with HTTP status 200.
        """
        try:
            said = checked.object_of(self._client.json(url, query=query))
        except Refused as error:
            _check_token(error.said, error.status)
            raise
        if "error" in said:
            _check_token(said, 200)
            message = checked.text(checked.object_of(said["error"]).get("message")) or "no reason"
            raise Refused(f"Mapillary answered with an error: {message.rstrip('.')}.", 500, said)
        return said


def _check_token(said: Any, status: int) -> None:
    error = checked.object_of(checked.object_of(said).get("error"))
    if status == 401 or error.get("code") == BAD_TOKEN:
        raise ServiceStopped(
            "Mapillary refuses the token: it is wrong or has expired. Get another one at "
            f"https://www.mapillary.com/dashboard/developers and set {TOKEN_VARIABLE}."
        )


def _item(said: Any) -> Item | Skipped:
    found = checked.object_of(said)
    picture_id = checked.digits(found.get("id"))
    if picture_id is None:
        return Skipped("mapillary/?", "Mapillary lists a picture without a valid id")
    position = checked.point(found.get("computed_geometry")) or checked.point(found.get("geometry"))
    if position is None:
        return Skipped(f"mapillary/{picture_id}", "Mapillary gives no position for it")
    heading_deg = checked.heading(found.get("computed_compass_angle"))
    if heading_deg is None:
        heading_deg = checked.heading(found.get("compass_angle"))
    panorama = found.get("is_pano") is True or found.get("camera_type") in PANORAMAS
    user = checked.text(checked.object_of(found.get("creator")).get("username"))
    taken_at = checked.time_of_ms(found.get("captured_at"))
    return Item(
        id=f"mapillary/{picture_id}",
        address=f"{PAGE}{picture_id}",
        position=position,
        version="1",  # the pixels of a picture never change
        heading_deg=heading_deg,
        taken_at=taken_at,
        camera=None if panorama else _camera(found),
        attribution=", ".join(filter(None, ("Mapillary", user and f"@{user}", f"{PAGE}{picture_id}"))),
        licence="CC-BY-SA-4.0",
        panorama=panorama,
        order=(checked.text(found.get("sequence")) or "", taken_at.timestamp() if taken_at else 0.0),
        producer=user,
    )


def _camera(found: dict[str, Any]) -> Camera | None:
    """The camera of a perspective picture, whose parameters are focal length / longer side, k1, k2."""
    parameters = checked.list_of(found.get("camera_parameters"))
    width, height = checked.number(found.get("width"), 1, 1e5), checked.number(found.get("height"), 1, 1e5)
    focal = checked.number(parameters[0], 0.1, 10) if parameters and found.get("camera_type") == "perspective" else None
    if focal is None or width is None or height is None:
        return None
    return checked.camera(focal_px=focal * max(width, height), width_px=int(width), height_px=int(height))
