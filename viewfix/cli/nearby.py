"""Formatting of sights near a fix: one line with side, distance, name in the user's language, kind and link."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from ..types import Nearby, PointOfInterest

Command = TypeVar("Command", bound=Callable[..., Any])

SIDES = {"ahead": "ahead", "right": "on your right", "behind": "behind you", "left": "on your left"}
WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_REVERSES_TEXT = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that reverse the direction of the text after them, with which a name could garble the line around it."""


def language_option(command: Command) -> Command:
    text = "Language of the names of points of interest, such as uk or de. Default: that of your locale."
    return click.option("--language", metavar="CODE", callback=_language, help=text)(command)


def _language(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return of_locale(os.environ)
    if not _CODE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not the code of a language. Use one such as uk, de or pt-BR.")
    return value


def of_locale(environment: Mapping[str, str]) -> str | None:
    """The language of a locale such as uk_UA.UTF-8; None for C and POSIX."""
    names = (environment.get(key) for key in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((name for name in names if name), "").split(".")[0].split("@")[0]
    return locale if _CODE.fullmatch(locale) and locale != "POSIX" else None


def line_of(near: Nearby, language: str | None) -> str:
    """A line such as "ahead, 120 m: Havis Amanda, statue (https://...)"; a compass direction if the side is unknown."""
    where = SIDES[near.side] if near.side else WINDS[round(near.bearing_deg / 45.0) % 8]
    return f"{where}, {metres(near.distance_m)}: {description(near.point, language)}"


def description(point: PointOfInterest, language: str | None, *, kind: bool = True) -> str:
    """The name, the kind unless the name contains it, and the best link."""
    from ..pois.links import best_link  # this imports numpy
    from ..pois.sights import words_of

    name, words, link = point.named(language), words_of(point.kind) if kind else None, best_link(point, language)
    what = f", {plain(words)}" if words and words.casefold() not in name.casefold() else ""
    return plain(name) + what + (f" ({plain(link)})" if link else "")


def metres(distance_m: float) -> str:
    """A distance as people say it: 8 m, 120 m, 1.3 km."""
    if distance_m >= 995:
        return f"{distance_m / 1000:.1f} km"
    return f"{round(distance_m, -1) if distance_m >= 100 else distance_m:.0f} m"


def plain(text: str) -> str:
    """Replace control characters, direction marks and lone surrogates, because names come from untrusted sources."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") or c in _REVERSES_TEXT else c for c in text)
