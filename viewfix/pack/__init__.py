"""Packs: a map as a folder of static files, with an app that locates photos on a phone without a network."""

from __future__ import annotations

from .build import Packed, PackOptions, pack
from .photos import PhotoStore
from .reader import PackContent, read_pack

__all__ = ["PackContent", "PackOptions", "Packed", "PhotoStore", "pack", "read_pack"]
