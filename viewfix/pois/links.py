"""The tags of an object become links that are safe to show, and its names by language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

LONGEST = 2000
LONGEST_NAME = 500
_ITEM = re.compile(r"\s*(?:https?://(?:www\.)?wikidata\.org/wiki/)?(Q[1-9]\d{0,11})\b", re.I)
_ARTICLE = re.compile(r"([a-z]{2,3}(?:-[a-z]+)*|simple):(.+)", re.S)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_NO_LANGUAGE = {"old", "alt", "loc", "reg", "int", "nat", "pre"}


def links_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Its page in Wikipedia, its item in Wikidata, its own page: only what is an http or https URL."""
    found = {
        "wikipedia": wikipedia_url(tags),
        "wikidata": wikidata_url(tags.get("wikidata", "")),
        "website": next(
            filter(None, (web_url(tags.get(key, "")) for key in ("website", "contact:website", "url"))), None
        ),
    }
    return {name: url for name, url in found.items() if url}


def names_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Its names by language code: name:uk, name:sr-Latn; not name:etymology and its kin."""
    names = {key[5:]: value.strip() for key, value in tags.items() if key.startswith("name:")}
    return {
        code: name
        for code, name in names.items()
        if 0 < len(name) <= LONGEST_NAME and _LANGUAGE.fullmatch(code) and code not in _NO_LANGUAGE
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
        # A name before the host is how a link lies about where it leads.
        if parts.scheme.lower() in ("http", "https") and named and "@" not in parts.netloc:
            return url.replace("'", "%27")
    return None


def wikidata_url(text: str) -> str | None:
    """ "Q42" as an URL; of "Q1;Q2" the first."""
    found = _ITEM.match(text)
    return f"https://www.wikidata.org/wiki/{found[1].upper()}" if found else None


def wikipedia_url(tags: Mapping[str, str]) -> str | None:
    """ "en:Tower Bridge", "wikipedia:en=Tower Bridge", or an URL of Wikipedia already."""
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
