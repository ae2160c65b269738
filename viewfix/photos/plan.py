"""Decide, from the header of a picture, how much memory its decoding takes and in which process it runs.

Measured on two cores: a decoder process costs 3 to 5 % of the time that a photo of 12 megapixels takes, and 0.2 s
once. So JPEG, PNG and WebP of usual size are decoded where they are asked for, and everything else is not:
TIFF, HEIC and AVIF, whose decoders do far more for some small files than their headers say (and libtiff writes lines
to standard error), JPEGs that take many passes, and whatever takes hundreds of megabytes, which only a process that
ends gives back for certain.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UnreadablePhoto
from . import jpeg, png
from .header import Header

MAX_SCANS = 64
"""Scans of a JPEG: 10 is usual for a progressive one, and none of the encoders in use writes more than 24."""

MOST_SCANNED_PIXELS = 300_000_000
"""Scans times pixels that are decoded in this process: 30 megapixels in 10 scans take about a second."""

MOST_BYTES_HERE = 200_000_000

OUTPUT_BYTES = 3
PICTURE_BYTES = 4  # Pillow keeps RGB in four bytes a pixel
COEFFICIENT_BYTES = 2
# Canvas, canvas before it, lossless pixels and the copy for Pillow; planes, conversion, copy, turned picture.
OTHER_BYTES = 16


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """What to hand to the decoder (`data`), the memory to reserve for it, and whether it runs in its own process."""

    data: bytes
    memory_bytes: int
    own_process: bool


def plan(data: bytes, header: Header, least_side_px: int | None, name: str) -> DecodePlan:
    """Plan the decoding of a picture.

    Raises:
        UnreadablePhoto: it is a JPEG of more than MAX_SCANS scans.
    """
    if header.jpeg is not None:
        return _of_jpeg(data, header, header.jpeg, least_side_px, name)
    if header.png is not None:
        memory = header.pixels * (OTHER_BYTES if header.png.deep_grey else PICTURE_BYTES + OUTPUT_BYTES)
        return DecodePlan(png.without_metadata(data, header.png), memory, memory > MOST_BYTES_HERE)
    memory = header.pixels * (OTHER_BYTES + OUTPUT_BYTES)
    return DecodePlan(data, memory, header.form != "WebP" or memory > MOST_BYTES_HERE)


def _of_jpeg(data: bytes, header: Header, found: jpeg.Jpeg, least_side_px: int | None, name: str) -> DecodePlan:
    scans = jpeg.scans(data, found, MAX_SCANS)
    if scans > MAX_SCANS:
        raise UnreadablePhoto(
            f"{name} is a JPEG in more than {MAX_SCANS} scans, which no camera writes and which takes minutes to "
            "decode. Save it again as an ordinary JPEG."
        )
    scale = 1
    if least_side_px:  # as libjpeg scales
        room = min(header.width_px // least_side_px, header.height_px // least_side_px)
        scale = next((s for s in (8, 4, 2) if room >= s), 1)
    memory = header.pixels // scale**2 * (PICTURE_BYTES + OUTPUT_BYTES)
    if not found.in_one_scan:
        memory += header.pixels * COEFFICIENT_BYTES * found.components
    many = found.arithmetic or scans * header.pixels > MOST_SCANNED_PIXELS and not found.in_one_scan
    return DecodePlan(jpeg.without_metadata(data, found), memory, many or memory > MOST_BYTES_HERE)
