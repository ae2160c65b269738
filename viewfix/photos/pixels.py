"""A photo in any form (file, bytes, Pillow picture, array) becomes upright (H, W, 3) uint8 RGB pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import UnreadablePhoto
from .opening import check_size, damaged, opened, quiet
from .reading import is_url, read_bytes

if TYPE_CHECKING:
    from PIL import Image

Readable: TypeAlias = "str | Path | bytes | Image.Image | npt.NDArray[Any]"
"""What `load` takes: a path, the bytes of a file, a Pillow picture, or an array of pixels."""

Pixels: TypeAlias = npt.NDArray[np.uint8]

ORIENTATION = 0x0112
WHITE = 255


def load(photo: Readable, *, least_side_px: int | None = None) -> Pixels:
    """Decode a photo.

    EXIF orientation is applied, all eight; also for Pillow pictures that carry it. What is
    transparent becomes white. 16-bit grey is scaled to 8. Embedded colour profiles are not
    applied: descriptors do not care, and it costs more than decoding.

    Args:
        photo: a path; the bytes of a JPEG, PNG, WebP, HEIC, AVIF or TIFF; a Pillow picture;
            or an upright uint8 array, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA.
        least_side_px: a JPEG may be decoded at a half, a quarter or an eighth of its size,
            as long as neither side becomes shorter than this.

    Returns:
        (H, W, 3) uint8 RGB, upright, contiguous, the caller's own.

    Raises:
        UnreadablePhoto: it cannot be read or decoded; the message says what to do.
    """
    if isinstance(photo, np.ndarray):
        return _from_array(photo)
    if isinstance(photo, bytes | bytearray | memoryview):
        return _from_bytes(bytes(photo), "The photo", least_side_px)
    if isinstance(photo, str | Path):
        if is_url(str(photo)):
            raise UnreadablePhoto(f"{photo} is a web address, and only a manifest may name those. Download it first.")
        return _from_bytes(read_bytes(Path(photo)), str(photo), least_side_px)
    from PIL import Image

    if isinstance(photo, Image.Image):
        return _from_picture(photo)
    raise UnreadablePhoto(f"A {type(photo).__name__} is not a photo. Give a path, bytes, a Pillow picture or an array.")


def _from_bytes(data: bytes, name: str, least_side_px: int | None) -> Pixels:
    with opened(data, name) as picture:
        if picture.format == "JPEG" and least_side_px:
            picture.draft(None, (least_side_px, least_side_px))
        if picture.format == "TIFF":
            with quiet():  # Pillow reads a TIFF's tags a second time here
                picture.load()
        else:
            picture.load()
        # A PNG may hold its EXIF behind its pixels, and a TIFF is turned while it is loaded: so asked only now.
        return _rgb(_upright(picture), name)


def _from_picture(picture: Image.Image) -> Pixels:
    check_size(picture.size, "The picture")
    try:
        return _rgb(_upright(picture), "The picture")
    except UnreadablePhoto:
        raise
    except Exception as error:  # it may be a file that nobody has decoded yet
        raise damaged("The picture", error) from error


def _upright(picture: Image.Image) -> Image.Image:
    from PIL.Image import Transpose

    try:
        with quiet():
            orientation = picture.getexif().get(ORIENTATION)
    except Exception:  # damaged EXIF must not cost the picture
        return picture
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    # Damaged EXIF gives any type here, unhashable ones too.
    turn = turns.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _rgb(picture: Image.Image, name: str) -> Pixels:
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        grey = _eight_bit(np.asarray(picture), sixteen=picture.mode.startswith("I;16"))
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        if picture.mode == "La":  # Pillow has no way from there to RGBA but this
            picture = picture.convert("LA")
        with_alpha = picture.convert("RGBA")
        picture = Image.new("RGB", picture.size, "white")
        picture.paste(with_alpha, mask=with_alpha.getchannel("A"))
    elif picture.mode != "RGB":
        try:
            picture = picture.convert("RGB")
        except ValueError as error:
            raise UnreadablePhoto(f"{name} has colours of mode {picture.mode}. Save it as RGB.") from error
    return np.array(picture, dtype=np.uint8)


def _eight_bit(values: npt.NDArray[Any], *, sixteen: bool) -> Pixels:
    """(H, W) numbers to uint8. Where the mode does not say what white is, the smallest usual white that fits all."""
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=65535.0, neginf=0.0)
    highest = float(numbers.max(initial=0.0))
    if sixteen or highest > WHITE:
        white = 65535.0
    else:
        white = 1.0 if highest <= 1.0 and values.dtype.kind == "f" else float(WHITE)
    scaled: Pixels = np.clip(np.rint(numbers * (WHITE / white)), 0, WHITE).astype(np.uint8)
    return scaled


def _from_array(array: npt.NDArray[Any]) -> Pixels:
    grey = array.ndim == 2
    if array.dtype != np.uint8 or not (grey or (array.ndim == 3 and array.shape[2] in (3, 4))) or not array.size:
        raise UnreadablePhoto(
            f"An array of shape {array.shape} and type {array.dtype} is not a photo. "
            "Give uint8 from 0 to 255 of shape (H, W), (H, W, 3) or (H, W, 4), for example (x * 255).astype('uint8')."
        )
    if grey:
        return np.repeat(array[:, :, None], 3, axis=2)
    if array.shape[2] == 3:
        return np.array(array, order="C")
    alpha = array[:, :, 3:].astype(np.float32) / WHITE
    over_white = array[:, :, :3] * alpha + WHITE * (1.0 - alpha)
    return np.rint(over_white).astype(np.uint8)
