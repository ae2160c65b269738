"""Conditional requests by RFC 9110, section 13: when an answer with a validator becomes 304 or 412."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

_TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


def status_after_conditions(status: int, request: Mapping[str, str], answer: Mapping[str, str]) -> int:
    """The status of the answer to a GET or HEAD, once its conditions are evaluated.

    Args:
        status: without conditions.
        request: its headers, by name in small letters.
        answer: the headers of the answer, the same.

    Returns:
        304 where the client has what it asks for, 412 where a condition failed, else `status`.
    """
    if status not in (200, 206):
        return status
    tag, modified = answer.get("etag"), _time_of(answer.get("last-modified"))
    # In the order of section 13.2.2: a date counts only where no list of tags is given.
    if "if-match" in request:
        if not _matches(request["if-match"], tag, weakly=False):
            return 412
    elif (since := _time_of(request.get("if-unmodified-since"))) and modified and modified > since:
        return 412
    if "if-none-match" in request:
        return 304 if _matches(request["if-none-match"], tag, weakly=True) else status
    if (since := _time_of(request.get("if-modified-since"))) and modified and modified <= since:
        return 304
    return status


def _matches(listed: str, tag: str | None, *, weakly: bool) -> bool:
    if listed.strip() == "*":
        return True  # there is an answer, so there is something at this address
    if tag is None or (not weakly and tag.startswith("W/")):
        return False
    opaque = tag.removeprefix("W/")
    found = ((bool(weak), text) for weak, text in _TAG.findall(listed))
    return any(text == opaque and (weakly or not weak) for weak, text in found)


def _time_of(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, IndexError):
        return None
    return found if found is not None and found.tzinfo is not None else None
