"""Ids of items: photo ids where these can stand in an address as they are, else coded."""

from __future__ import annotations

import base64
import binascii
import re

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_CODED = "~"


def item_id(photo_id: str) -> str:
    """The id of the item of a photo. Clients put it into addresses without escaping it, so `a/b c.jpg` is coded."""
    if _PLAIN.fullmatch(photo_id):
        return photo_id
    coded = base64.urlsafe_b64encode(photo_id.encode("utf-8", "surrogatepass")).decode("ascii")
    return _CODED + coded.rstrip("=")


def photo_id(item: str) -> str:
    """The id of the photo of an item; an id that is not of ours is returned as it is, and will not be found."""
    if not item.startswith(_CODED):
        return item
    try:
        return base64.urlsafe_b64decode(item[1:] + "=" * (-len(item[1:]) % 4)).decode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        return item
