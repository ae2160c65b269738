"""The metadata inside a photo: EXIF, completed by XMP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .exif import from_exif
from .facts import Metadata
from .header import read_header
from .xmp import from_xmp


def metadata(photo: bytes | str | Path) -> Metadata:
    """Read the metadata of a photo: the bytes of a file, or its path. No pixel is decoded.

    Raises:
        UnreadablePhoto: it is not a picture.
    """
    header = read_header(photo)
    found = from_exif(header).filled(from_xmp(header.xmp))
    if found.camera is not None and found.panorama is not None and found.panorama.projection:
        # A panorama is stitched from many pictures, and the focal length is that of a single one.
        return replace(found, camera=replace(found.camera, focal_px=None, focal_35mm=None))
    return found
