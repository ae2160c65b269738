"""The base map of a pack: the map's own, or a file that was passed."""

from __future__ import annotations

from pathlib import Path

from ..basemap.pmtiles import Archive
from ..errors import BadInput
from ..store.basemap_file import BasemapFile

MOST_BYTES = 256 * 2**20
"""The limit for a base map in a pack: a phone keeps all of it."""


def basemap_of(own: BasemapFile, given: Path | None, *, wanted: bool) -> bytes | None:
    """The content of the PMTiles file to pack; None for a plain background.

    Args:
        own: where the map has its own.
        given: a file that replaces it.
        wanted: False for none at all.

    Raises:
        BadInput: the file cannot be read, is not a PMTiles file, is damaged, or is too large for a phone.
    """
    path = (given or own.path()) if wanted else None
    if path is None:
        return None
    archive = Archive(path)
    if archive.size > MOST_BYTES:
        raise BadInput(
            f"The base map {path} is {archive.size / 1e6:,.0f} MB, and a phone keeps at most {MOST_BYTES / 1e6:,.0f} "
            "MB. Make one for the area of the map: viewfix basemap add MAP city.osm.pbf"
        )
    return path.read_bytes()
