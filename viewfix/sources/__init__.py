"""Sources of photos: every source is an iterable of Photo | Skipped."""

from __future__ import annotations

from .folder import Files, Folder, Prefer
from .manifest import Manifest
from .open import existing_paths, image_files, open_source, open_sources, pictures_in
from .options import USUAL_OPTIONS, PanoramaMode, SourceOptions
from .panoramas import Panoramas, open_for_map, views_of_panorama
from .paths import Given
from .source import Chain, Notes, Source, name_of, notes_of
from .utm import utm_folder

__all__ = [
    "USUAL_OPTIONS",
    "Chain",
    "Files",
    "Folder",
    "Given",
    "Manifest",
    "Notes",
    "PanoramaMode",
    "Panoramas",
    "Prefer",
    "Source",
    "SourceOptions",
    "existing_paths",
    "image_files",
    "name_of",
    "notes_of",
    "open_for_map",
    "open_source",
    "open_sources",
    "pictures_in",
    "utm_folder",
    "views_of_panorama",
]
