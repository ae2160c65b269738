"""The base map that is stored with a map: what it covers, and whom to credit."""

from __future__ import annotations

import html
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..geo import Box
from ..sources.columns import readable
from ..store.basemap_file import KEY
from ..store.store import Store
from .pmtiles import Archive

_TAG = re.compile(r"<[^>]*>?")


@dataclass(frozen=True, slots=True)
class Basemap:
    """A base map: a PMTiles file on this machine. `version` changes with its content.

    `attribution` must be shown wherever the base map is; it is plain text, and `attribution_html` is what the file has,
    which may be markup, and must not be trusted. `tile_kind` is "mvt" for vector tiles, or
    the format of raster tiles.
    """

    path: Path
    version: str
    bytes: int
    box: Box
    min_zoom: int
    max_zoom: int
    tile_kind: str
    attribution: str | None
    attribution_html: str | None = None


def basemap_of(store: Store) -> Basemap | None:
    """The base map of a map; None without one.

    Raises:
        BadInput: its file is damaged, or is not a PMTiles file.
    """
    path, version = store.basemap_file.path(), store.basemap_file.version()
    if path is None or version is None:
        return None
    archive = Archive(path)
    head = archive.header
    markup = archive.attribution
    credit = _credit(markup, store.meta(KEY))
    zooms = head.min_zoom, head.max_zoom
    return Basemap(path, version, archive.size, head.box, *zooms, head.tile_kind, credit, markup or credit)


def drawable(store: Store) -> Basemap | None:
    """The base map of a map; None without one, and with a warning if its file is damaged."""
    try:
        return basemap_of(store)
    except BadInput as error:
        logging.getLogger("viewfix").warning("the base map is not drawn: %s", error)
        return None


def with_basemap(store: Store, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts about a map, and one line about its base map; None without one."""
    return {**facts, "basemap": _line(store)}


def _line(store: Store) -> str | None:
    noted = store.meta(KEY)
    try:
        found = basemap_of(store)
    except BadInput as error:
        return str(error)
    if found is None:
        if not isinstance(noted, dict):
            return None
        where = (
            "" if store.address.file is None else f"; it belongs at {store.address.file.name}.pmtiles beside the map"
        )
        return f"missing, made from {readable(str(noted.get('file')))}{where}"
    made_from = f" from {readable(str(noted['file']))}" if isinstance(noted, dict) and "file" in noted else ""
    credit = f", {found.attribution}" if found.attribution else ""
    return f"{found.bytes / 1000:,.0f} kB{made_from}, zoom {found.min_zoom} to {found.max_zoom}{credit}"


def _credit(in_file: str | None, noted: Any) -> str | None:
    text = plain(in_file) if in_file else None
    if not text and isinstance(noted, dict) and isinstance(noted.get("attribution"), str):
        text = plain(noted["attribution"])
    return text or None


def plain(markup: str) -> str:
    """An attribution, which may be HTML, as one line of text."""
    return readable(" ".join(html.unescape(_TAG.sub("", markup)).replace("<", "").split()), 300)
