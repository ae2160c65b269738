"""The licence of a photo goes in; whether a stranger may be shown a small picture of it comes out."""

from __future__ import annotations

import re
from typing import Literal, get_args

from ..errors import BadInput

Thumbnails = Literal["none", "licensed", "all"]
"""Whose small pictures are shown: nobody's, those of photos under an open licence, or (the operator's word) of all."""

# Creative Commons in all its variants, public domain, and the open data licences that photo collections use.
_OPEN = re.compile(
    r"^\s*(cc[\s_-]?0|cc[\s_-]by|creative\s?commons|public\s?domain|pd\b|odbl|odc-by|open\s?database|"
    r"https?://(www\.)?(creativecommons|opendatacommons)\.org/)",
    re.IGNORECASE,
)


def is_open(licence: str | None) -> bool:
    """Whether a licence lets everybody see the photo. None, an unknown one, is not."""
    return licence is not None and _OPEN.match(licence) is not None


def may_show(licence: str | None, thumbnails: Thumbnails) -> bool:
    """Whether a photo of this licence may be shown small.

    Raises:
        BadInput: `thumbnails` is none of the three.
    """
    if thumbnails not in get_args(Thumbnails):
        raise BadInput(f"thumbnails is {thumbnails!r}. Give one of: {', '.join(get_args(Thumbnails))}.")
    return thumbnails == "all" or (thumbnails == "licensed" and is_open(licence))
