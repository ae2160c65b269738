"""A map goes in; a folder of static files comes out: the map, its model and an app for phones without a network."""

from __future__ import annotations

from .making import Packed, PackOptions, pack

__all__ = ["Packed", "PackOptions", "pack"]
