"""An uploaded photo: checked by its header, then located."""

from __future__ import annotations

import time

from ..errors import UnreadablePhoto
from ..photos import read_header
from ..types import Fix
from .errors import HttpError, unreadable
from .parameters import LocateParameters
from .registry import ServedMap


def checked(data: bytes, most_pixels: int) -> bytes:
    """The photo, if its header says that it is a picture of an accepted size; nothing is decoded.

    Raises:
        HttpError: 422 where it is not.
    """
    try:
        header = read_header(data)
    except UnreadablePhoto as error:
        raise unreadable(error) from None
    if header.pixels > most_pixels:
        size = f"{header.width_px} x {header.height_px} pixels"
        line = f"The photo has {size}; the limit is {most_pixels / 1e6:.0f} million. Send a smaller one."
        raise HttpError(422, "unreadable_photo", line)
    return data


def located(data: bytes, asked: LocateParameters, served: ServedMap, most_pixels: int) -> tuple[Fix, float]:
    """The answer to one photo, and the milliseconds that it took.

    Raises:
        HttpError: 422 where the upload is not a picture.
    """
    began = time.perf_counter()
    photo = checked(data, most_pixels)
    assert asked.verify is not None, "filled in by the route"
    verify = asked.verify
    try:
        fix = served.ask(
            lambda city: city.locate(
                photo,
                k=asked.k,
                near=asked.circle(),
                verify=verify,
                budget_ms=asked.budget_ms,
                panorama=asked.panorama,
            )
        )
    except UnreadablePhoto as error:
        raise unreadable(error) from None
    return fix, 1000 * (time.perf_counter() - began)
