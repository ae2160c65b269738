"""Sources of photos: every source is an iterable of Photo | Skipped."""

from __future__ import annotations

from .folder import Files, Folder, Prefer
from .manifest import Manifest
from .open import existing_paths, image_files, open_source, open_sources, pictures_in
from .options import USUAL_OPTIONS, PanoramaMode, SourceOptions
from .panorama_views import views_of_panorama
from .panoramas import Panoramas, open_for_map
from .paths import Given
from .source import Chain, Notes, Remote, Source, name_of, notes_of, remotes_of
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
    "Remote",
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
    "remotes_of",
    "utm_folder",
    "views_of_panorama",
]
