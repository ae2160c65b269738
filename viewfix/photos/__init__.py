"""A file becomes upright RGB uint8 pixels, and its header says where, when and by whom it was taken."""

from __future__ import annotations

from .exif import Metadata, metadata
from .opening import MAX_PIXELS, SUFFIXES
from .pixels import Readable, load
from .reading import MAX_BYTES, is_remote, is_url, read_bytes
from .remote import RemoteFile

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "Metadata",
    "Readable",
    "RemoteFile",
    "is_remote",
    "is_url",
    "load",
    "metadata",
    "read_bytes",
]
