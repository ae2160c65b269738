"""Photos come in: every source is an iterable of Photo | Skipped."""

from __future__ import annotations

from .folder import Files, Folder
from .manifest import Manifest
from .open import Chain, Source, image_files, open_source, open_sources
from .utm import utm_folder

__all__ = [
    "Chain",
    "Files",
    "Folder",
    "Manifest",
    "Source",
    "image_files",
    "open_source",
    "open_sources",
    "utm_folder",
]
