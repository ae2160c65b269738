"""Decoding of a picture into strips of RGB pixels, which avoids a second copy of the whole picture.

It runs in the calling process or in a decoder process; see `decoder_process`.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .formats import Form
from .header import exif_tags
from .tiff import ORIENTATION

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

Pixels: TypeAlias = npt.NDArray[np.uint8]

STRIP_PIXELS = 500_000
WHITE = 255

# Format: the class that reads it. They are not registered with Pillow, which would affect the whole program.
_DECODERS: dict[Form, tuple[str, str]] = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIC": ("pi_heif.as_plugin", "HeifImageFile"),
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as stored. `strips` are (rows, width_px, 3) uint8 RGB from the top down, and can be read only once.

    `orientation` is the EXIF number of a rotation that only the decoder knows; 1 for none.
    """

    width_px: int
    height_px: int
    orientation: int
    strips: Iterator[Pixels]


def decode(data: bytes, form: Form, least_side_px: int | None) -> Decoded:
    """Decode a picture whose header was checked.

    Args:
        data: the bytes of its file, without metadata if the format allows that.
        form: its format.
        least_side_px: a JPEG may be decoded at a half, a quarter or an eighth of its size, as long as neither side
            becomes shorter than this.
    """
    module, name = _DECODERS[form]
    picture: ImageFile = getattr(importlib.import_module(module), name)(io.BytesIO(data))
    if form == "JPEG" and least_side_px:
        picture.draft(None, (least_side_px, least_side_px))
    if form == "WebP" and hasattr(picture, "_decoder"):
        return Decoded(*picture.size, 1, _first_frame(picture))
    picture.load()
    orientation = 1
    if form == "AVIF":  # Pillow converts the boxes irot and imir into EXIF
        orientation = exif_tags(picture.info.get("exif") or b"")[0].get(ORIENTATION, 1)
    return Decoded(picture.width, picture.height, orientation, strips(picture))


def _first_frame(picture: Any) -> Iterator[Pixels]:
    """The pixels of a WebP directly from its decoder, without the copy that Pillow's own `load` would make."""
    from PIL import Image

    frame = picture._decoder.get_next()
    if frame is None:
        raise EOFError("its first frame is damaged")
    width, height = picture.size
    picture._decoder = None  # frees its two canvases, eight bytes a pixel
    pixels = np.frombuffer(frame[0], np.uint8).reshape(height, width, 4)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = pixels[top : top + rows]
        yield strip[:, :, :3] if picture.mode == "RGB" else np.asarray(_rgb(Image.fromarray(strip)))


def strips(picture: Image.Image) -> Iterator[Pixels]:
    """The pixels of a loaded Pillow picture as strips of (rows, width, 3) uint8 RGB.

    Transparent pixels become white, and grey of more than 8 bits is scaled.

    Raises:
        ValueError: its colours cannot be converted to RGB.
    """
    width, height = picture.size
    rows = max(1, STRIP_PIXELS // width)
    if picture.mode.startswith("I") or picture.mode == "F":
        grey = _eight_bit(np.asarray(picture), sixteen=picture.mode.startswith("I;16"))
        for top in range(0, height, rows):
            yield np.repeat(grey[top : top + rows, :, None], 3, axis=2)
        return
    for top in range(0, height, rows):
        yield np.asarray(_rgb(picture.crop((0, top, width, min(height, top + rows)))))


def _rgb(strip: Image.Image) -> Image.Image:
    from PIL import Image

    if strip.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in strip.info:
        if strip.mode == "La":  # Pillow can convert it to RGBA only through LA
            strip = strip.convert("LA")
        with_alpha = strip.convert("RGBA")
        over_white = Image.new("RGB", strip.size, "white")
        over_white.paste(with_alpha, mask=with_alpha.getchannel("A"))
        return over_white
    if strip.mode == "RGB":
        return strip
    try:
        return strip.convert("RGB")
    except ValueError as error:
        raise ValueError(f"its colours are of mode {strip.mode}, which cannot become RGB") from error


def _eight_bit(values: npt.NDArray[Any], *, sixteen: bool) -> Pixels:
    """Convert (H, W) numbers to uint8. If the mode does not define white, use the smallest usual white that fits."""
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=65535.0, neginf=0.0)
    highest = float(numbers.max(initial=0.0))
    if sixteen or highest > WHITE:
        white = 65535.0
    else:
        white = 1.0 if highest <= 1.0 and values.dtype.kind == "f" else float(WHITE)
    numbers *= WHITE / white
    np.rint(numbers, out=numbers)
    scaled: Pixels = np.clip(numbers, 0, WHITE, out=numbers).astype(np.uint8)
    return scaled


def upright(decoded: Decoded, orientation: int) -> Pixels:
    """Join the strips of a picture and apply its EXIF orientation. Returns (H, W, 3) uint8 RGB, contiguous."""
    width, height = decoded.width_px, decoded.height_px
    pixels = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), np.uint8)
    stored = _as_stored(pixels, orientation)  # a view: what is written there is upright in `pixels`
    top = 0
    for strip in decoded.strips:
        if orientation == 1:
            stored[top : top + len(strip)] = strip
        else:  # to write across rows, numpy is four times as fast one colour at a time
            for colour in range(3):
                stored[top : top + len(strip), :, colour] = strip[:, :, colour]
        top += len(strip)
    return pixels


def _as_stored(pixels: Pixels, orientation: int) -> Pixels:
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    return pixels
