"""Loading of photos as upright RGB pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import UnreadablePhoto
from .budget import BUDGET
from .content import is_url, read_bytes
from .decode import WHITE, Decoded, Pixels, decode, strips, upright
from .decoder_pool import POOL, DecoderStopped, can_start
from .header import check_size, damage_named, read_header
from .plan import OUTPUT_BYTES, PICTURE_BYTES, plan
from .tiff import ORIENTATION

if TYPE_CHECKING:
    from PIL import Image

Readable: TypeAlias = "str | Path | bytes | Image.Image | npt.NDArray[Any]"
"""A photo that `load` accepts: a path, the bytes of a file, a Pillow picture, or an array of pixels."""


def load(photo: Readable, *, least_side_px: int | None = None) -> Pixels:
    """Decode a photo.

    The EXIF orientation is applied, also to Pillow pictures. Transparent pixels become white, and 16-bit grey is scaled
    to 8 bits. Embedded colour profiles are not applied: descriptors do not depend on them, and applying them takes
    longer than decoding.

    May be called from many threads, which share the limits of `set_limits`. A suspect picture is decoded in a separate
    process, which is killed if it takes too long.

    Args:
        photo: a path; the bytes of a JPEG, PNG, WebP, HEIC, AVIF or TIFF; a Pillow picture;
            or an upright uint8 array, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA.
        least_side_px: a JPEG may be decoded at a half, a quarter or an eighth of its size,
            as long as neither side becomes shorter than this.

    Returns:
        (H, W, 3) uint8 RGB, upright, contiguous; a new array that the caller may change.

    Raises:
        UnreadablePhoto: it cannot be read or decoded.
    """
    if isinstance(photo, np.ndarray):
        return _from_array(photo)
    if isinstance(photo, bytes | bytearray | memoryview):
        return _from_bytes(bytes(photo), "The photo", least_side_px)
    if isinstance(photo, str | Path):
        if is_url(str(photo)):
            raise UnreadablePhoto(f"{photo} is a web address, which only a manifest may name. Download it first.")
        return _from_bytes(read_bytes(Path(photo)), str(photo), least_side_px)
    from PIL import Image

    if isinstance(photo, Image.Image):
        return _from_picture(photo)
    raise UnreadablePhoto(f"A {type(photo).__name__} is not a photo. Pass a path, bytes, a Pillow picture or an array.")


def _from_bytes(data: bytes, name: str, least_side_px: int | None) -> Pixels:
    header = read_header(data, name)
    planned = plan(data, header, least_side_px, name)
    with BUDGET.reserved(planned.memory_bytes, name), damage_named(name):
        if not (planned.own_process and can_start()):
            return upright(decode(planned.data, header.form, least_side_px), header.orientation)
        try:
            with POOL.decoding(
                planned.data,
                header.form,
                least_side_px,
                memory_bytes=planned.memory_bytes,
                decode_s=BUDGET.limits.decode_s,
            ) as decoded:
                return upright(decoded, header.orientation if header.orientation != 1 else decoded.orientation)
        except DecoderStopped as error:
            raise UnreadablePhoto(
                f"{name} could not be decoded: {error}. Save it again as an ordinary JPEG, or leave it out."
            ) from error


def _from_picture(picture: Image.Image) -> Pixels:
    check_size(picture.size, "The picture")
    memory_bytes = picture.width * picture.height * (PICTURE_BYTES + OUTPUT_BYTES)
    with BUDGET.reserved(memory_bytes, "The picture"), damage_named("The picture"):
        picture.load()  # this rotates a TIFF, so read the orientation afterwards
        return upright(Decoded(*picture.size, 1, strips(picture)), _orientation(picture))


def _orientation(picture: Image.Image) -> int:
    try:
        orientation = picture.getexif().get(ORIENTATION)
    except Exception:  # damaged EXIF must not make the picture unreadable
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _from_array(array: npt.NDArray[Any]) -> Pixels:
    grey = array.ndim == 2
    if array.dtype != np.uint8 or not (grey or (array.ndim == 3 and array.shape[2] in (3, 4))) or not array.size:
        raise UnreadablePhoto(
            f"An array of shape {array.shape} and type {array.dtype} is not a photo. "
            "Pass uint8 from 0 to 255 of shape (H, W), (H, W, 3) or (H, W, 4), for example (x * 255).astype('uint8')."
        )
    if grey:
        return np.repeat(array[:, :, None], 3, axis=2)
    if array.shape[2] == 3:
        return np.array(array, order="C")
    alpha = array[:, :, 3:].astype(np.float32) / WHITE
    over_white = array[:, :, :3] * alpha + WHITE * (1.0 - alpha)
    return np.rint(over_white).astype(np.uint8)
