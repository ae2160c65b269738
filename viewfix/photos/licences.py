"""Open licences, and the rule for showing thumbnails."""

from __future__ import annotations

import re
from typing import Literal, get_args

from ..errors import BadInput

Thumbnails = Literal["none", "licensed", "all"]
"""The photos to show as thumbnails: none, those under an open licence, or all, on the operator's responsibility."""

# Creative Commons in all its variants, public domain, and the open data licences that photo collections use.
_OPEN = re.compile(
    r"^\s*(cc[\s_-]?0|cc[\s_-]by|creative\s?commons|public\s?domain|pd\b|odbl|odc-by|open\s?database|"
    r"etalab|licence\s?ouverte|"
    r"https?://(www\.)?(creativecommons|opendatacommons)\.org/)",
    re.IGNORECASE,
)


def is_open(licence: str | None) -> bool:
    """Whether a licence allows everybody to see the photo. None, an unknown licence, does not."""
    return licence is not None and _OPEN.match(licence) is not None


def may_show(licence: str | None, thumbnails: Thumbnails) -> bool:
    """Whether a photo under this licence may be shown as a thumbnail.

    Raises:
        BadInput: `thumbnails` is not one of the three.
    """
    if thumbnails not in get_args(Thumbnails):
        raise BadInput(f"thumbnails is {thumbnails!r}. Use one of: {', '.join(get_args(Thumbnails))}.")
    return thumbnails == "all" or (thumbnails == "licensed" and is_open(licence))
