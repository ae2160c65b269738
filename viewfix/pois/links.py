"""Links that are safe to show, and names by language, from the tags of an object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from ..types import PointOfInterest

LONGEST = 2000
ENGLISH = "en.wikipedia.org"
LONGEST_NAME = 500
_ITEM = re.compile(r"\s*(?:https?://(?:www\.)?wikidata\.org/wiki/)?(Q[1-9]\d{0,11})\b", re.I)
_WIKIS = {"nb": "no"}
"""The languages whose code differs from that of their Wikipedia."""

_ARTICLE = re.compile(r"([a-z]{2,3}(?:-[a-z]+)*|simple):(.+)", re.S)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_NOT_A_LANGUAGE = {"old", "alt", "loc", "reg", "int", "nat", "pre"}


def links_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The Wikipedia article, the Wikidata item and the website of an object, as http or https URLs."""
    found = {
        "wikipedia": wikipedia_url(tags),
        "wikidata": wikidata_url(tags.get("wikidata", "")),
        "website": next(
            filter(None, (web_url(tags.get(key, "")) for key in ("website", "contact:website", "url"))), None
        ),
    }
    return {name: url for name, url in found.items() if url}


def names_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The names of an object by language code: from tags such as name:uk and name:sr-Latn, but not name:etymology."""
    names = {key[5:]: value.strip() for key, value in tags.items() if key.startswith("name:")}
    return {
        code: name
        for code, name in names.items()
        if 0 < len(name) <= LONGEST_NAME and _LANGUAGE.fullmatch(code) and code not in _NOT_A_LANGUAGE
    }


def web_url(text: str) -> str | None:
    """The first http or https URL in a text like "www.a.org; http://b.org"; None for javascript: and the like."""
    for part in (part.strip() for part in text.split(";")):
        url = f"https://{part}" if part.lower().startswith("www.") else part
        if len(url) > LONGEST or any(not c.isprintable() or c.isspace() or c in '<>"\\`{}|^' for c in url):
            continue
        try:
            parts = urlsplit(url)
            named = bool(parts.hostname) and parts.port != 0
        except ValueError:
            continue
        # A user name before the host makes a link look as if it led elsewhere.
        if parts.scheme.lower() in ("http", "https") and named and "@" not in parts.netloc:
            return url.replace("'", "%27")
    return None


def wikidata_url(text: str) -> str | None:
    """The URL of an item such as "Q42"; of the first one in "Q1;Q2"."""
    found = _ITEM.match(text)
    return f"https://www.wikidata.org/wiki/{found[1].upper()}" if found else None


def wikipedia_url(tags: Mapping[str, str]) -> str | None:
    """The URL of the article that "en:Tower Bridge", "wikipedia:en=Tower Bridge" or a Wikipedia URL names."""
    texts = [tags.get("wikipedia", ""), *(f"{k[10:]}:{v}" for k, v in tags.items() if k.startswith("wikipedia:"))]
    for text in texts:
        url = web_url(text)
        if url is not None:
            if (urlsplit(url).hostname or "").endswith(".wikipedia.org"):
                return url
            continue
        found = _ARTICLE.fullmatch(text.split(";")[0].strip())
        title = found[2].strip().replace(" ", "_") if found else ""
        if found and title and title.isprintable() and len(title) <= LONGEST // 4:
            page = quote(title, safe="/:(),!*-._~#", errors="replace")
            return f"https://{found[1]}.wikipedia.org/wiki/{page}"
    return None


def best_link(point: PointOfInterest, language: str | None) -> str | None:
    """The most informative link of a point, in the language of the name that is shown.

    If the article that the file names is in another language, the link goes through Wikidata to the right one; without
    an item, it is an article in English, or the website, or None: no name in English leads to an article in Finnish.
    """
    _, name_language = point.name_and_language(language)
    article, item = point.links.get("wikipedia"), point.links.get("wikidata")
    if article is not None and name_language is not None:
        wiki = name_language.partition("-")[0].lower()
        wiki = _WIKIS.get(wiki, wiki)
        if urlsplit(article).hostname != f"{wiki}.wikipedia.org":
            if item is None and urlsplit(article).hostname != ENGLISH:
                return point.links.get("website")
            if item is None:
                return article
            return f"https://www.wikidata.org/wiki/Special:GoToLinkedPage/{wiki}wiki/{item.rpartition('/')[2]}"
    return article or point.links.get("website") or item
