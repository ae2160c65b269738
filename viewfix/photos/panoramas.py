"""Recognition of panoramas: equirectangular pictures, by their metadata or by their shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .exif import from_exif
from .header import Header, read_header
from .sphere import Extent, extent_of, is_whole_sphere
from .xmp import panorama_in

LEAST_WIDTH_PX = 2048
"""A picture that is narrower is not taken for a panorama by its shape. Cameras for panoramas take 3840 and more."""


@dataclass(frozen=True, slots=True)
class Panoramic:
    """What the header of a picture says about it as a panorama.

    `extent` is the part of the sphere that it shows if it is equirectangular; None if its shape rules that out.
    `is_told` is set if its metadata (GPano) says so. `is_likely` is set if only its shape speaks for it: twice as wide
    as high, large, and without the focal length that a camera for flat pictures writes.
    """

    width_px: int
    height_px: int
    extent: Extent | None
    is_told: bool
    is_likely: bool


def panoramic(photo: bytes | str | Path) -> Panoramic:
    """Look for the signs of a panorama in the header of a photo. No pixel is decoded.

    Raises:
        UnreadablePhoto: it is not a picture.
    """
    header = read_header(photo)
    width_px, height_px = header.upright_px
    about = panorama_in(header.xmp)
    extent = extent_of(about, width_px, height_px)
    told = about is not None and (about.projection or "").lower() == "equirectangular" and extent is not None
    likely = not told and width_px >= LEAST_WIDTH_PX and is_whole_sphere(width_px, height_px) and not _is_flat(header)
    return Panoramic(width_px, height_px, extent, told, likely)


def _is_flat(header: Header) -> bool:
    """Whether the camera wrote a focal length that gives a field of view."""
    camera = from_exif(header).camera
    return camera is not None and camera.field_of_view_deg(*header.upright_px) is not None
