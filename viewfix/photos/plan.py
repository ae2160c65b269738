"""The plan for decoding a picture: how much memory it takes, and in which process it runs.

JPEG, PNG and WebP pictures of usual size are decoded in the calling process. A decoder process decodes the others:

- TIFF, HEIC and AVIF, because a small file may cause far more work than its header shows, and because libtiff writes
  to standard error;
- JPEGs with many scans;
- pictures that take hundreds of megabytes, because only the end of a process is certain to free them.

Measured with 12 megapixels on two busy cores: a HEIC takes 7 % longer in a decoder process, a JPEG 23 %.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UnreadablePhoto
from . import jpeg, png
from .header import Header

MAX_SCANS = 64
"""The largest number of scans of a JPEG. Progressive ones usually have 10; no encoder in use writes more than 24."""

MOST_SCANNED_PIXELS = 300_000_000
"""The most scans times pixels to decode in this process: 30 megapixels in 10 scans take 0.9 s."""

MOST_BYTES_HERE = 200_000_000

OUTPUT_BYTES = 3
PICTURE_BYTES = 4  # Pillow keeps RGB in four bytes a pixel
COEFFICIENT_BYTES = 2
DEEP_GREY_BYTES = 16  # 16-bit grey is scaled as floating-point numbers
WEBP_BYTES = 12  # measured: two canvases and the frame for Pillow
OTHER_BYTES = 10  # measured: HEIC 8.0, AVIF 9.7, TIFF 4.9, or 8.9 if rotated


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """The bytes to decode, the memory to reserve, and whether to use a separate process."""

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
        memory = header.pixels * (DEEP_GREY_BYTES if header.png.deep_grey else PICTURE_BYTES + OUTPUT_BYTES)
        return DecodePlan(png.without_metadata(data, header.png), memory, memory > MOST_BYTES_HERE)
    memory = header.pixels * ((WEBP_BYTES if header.form == "WebP" else OTHER_BYTES) + OUTPUT_BYTES)
    return DecodePlan(data, memory, header.form != "WebP" or memory > MOST_BYTES_HERE)


def _of_jpeg(data: bytes, header: Header, found: jpeg.Jpeg, least_side_px: int | None, name: str) -> DecodePlan:
    scans = jpeg.scans(data, found, MAX_SCANS)
    if scans > MAX_SCANS:
        raise UnreadablePhoto(
            f"{name} is a JPEG with more than {MAX_SCANS} scans, which no camera writes and which would take minutes "
            "to decode. Save it again as an ordinary JPEG."
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
