"""Packs for the tests: a map that is open, packed into a folder."""

from __future__ import annotations

from pathlib import Path

from viewfix import Map
from viewfix.pack import Packed, PackOptions
from viewfix.pack import pack as pack_store


def pack(city: Map, folder: Path, options: PackOptions | None = None) -> Packed:
    """Pack a map, as `viewfix pack` does."""
    return pack_store(city.store, city.model, city.calibration, folder, options)
