"""The licence of a photo, as somebody wrote it, goes in; whether its thumbnail may be shown to strangers comes out."""

from __future__ import annotations

import re
from typing import Literal, get_args

from .errors import BadInput
from .types import Photo

Rule = Literal["none", "licensed", "all"]
"""Whose thumbnails leave the map: nobody's, those under an open licence, or all, on the word of whoever owns them."""

RULES: tuple[Rule, ...] = get_args(Rule)

# A smaller copy is a copy: what forbids any (NC, because nobody knows who shows it for money; ND, because it is
# changed) is not open. Written in many ways: "CC BY-SA 4.0", "cc-by-2.0", ".../licenses/by/4.0/", "Public domain".
_OPEN = re.compile(
    r"\bcc[ -]?0\b|creativecommons\.org/publicdomain|\bpublic[ -]?domain\b|\bpdm\b"
    r"|\bcc[ -]?by\b|creativecommons\.org/licenses/by\b|\bcreative commons attribution\b|\bodbl\b|\bogl\b"
)
_CLOSED = re.compile(r"\bnc\b|\bnd\b|non-?commercial|no-?deriv|all rights reserved|not (?:in the )?public[ -]?domain")


def is_open(licence: str | None) -> bool:
    """Whether a licence lets anybody show a smaller copy, with credit; False for what is not understood."""
    text = " ".join((licence or "").lower().replace("_", "-").split())
    return bool(_OPEN.search(text)) and not _CLOSED.search(text)


def may_show(photo: Photo, rule: Rule) -> bool:
    """Whether the thumbnail of a photo may leave the map under a rule."""
    if rule not in RULES:
        raise BadInput(f"{rule!r} is no rule for thumbnails. Give one of: {', '.join(RULES)}.")
    return rule == "all" or (rule == "licensed" and is_open(photo.licence))
