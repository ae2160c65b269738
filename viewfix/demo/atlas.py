"""A texture atlas: pictures at several reduced sizes in one flat array, sampled for many pixels at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
LEVELS = 6  # each halves both sides
WIDTHS = 3  # and each is kept at full, half and quarter width, for walls seen at a glancing angle


class Atlas:
    """Textures (H, W, 4) uint8, each at LEVELS sizes and WIDTHS widths, in one flat uint32 array."""

    def __init__(self, pictures: list[npt.NDArray[np.uint8]]) -> None:
        count = len(pictures)
        self.offset = np.zeros((count, LEVELS, WIDTHS), np.int64)
        self.width = np.zeros((count, LEVELS, WIDTHS), np.int64)
        self.height = np.zeros((count, LEVELS, WIDTHS), np.int64)
        flat, used = [], 0
        for i, picture in enumerate(pictures):
            for level, widths in enumerate(_reductions(picture)):
                for extra, small in enumerate(widths):
                    self.offset[i, level, extra] = used
                    self.height[i, level, extra], self.width[i, level, extra] = small.shape
                    flat.append(small.ravel())
                    used += small.size
        self.texels = np.concatenate(flat)

    def sample(
        self, which: Ints | int, level: Ints | int, extra: Ints | int, u: Floats, v: Floats
    ) -> npt.NDArray[np.uint8]:
        """(N, 4) uint8 at the shares u (left to right) and v (top to bottom), (N,) in [0, 1]; which: (N,) or one."""
        width, height = self.width[which, level, extra], self.height[which, level, extra]
        x = np.clip(u * width * 256 - 128, 0, (width - 1) * 256).astype(np.int64)  # 24.8 fixed point: the fraction
        y = np.clip(v * height * 256 - 128, 0, (height - 1) * 256).astype(np.int64)  # mixes neighbouring texels
        x0, y0 = x >> 8, y >> 8
        fx, fy = (x & 255).astype(np.uint32), (y & 255).astype(np.uint32)
        corner = self.offset[which, level, extra] + y0 * width + x0
        right = (x0 < width - 1).astype(np.int64)
        below = np.where(y0 < height - 1, width, 0)
        take = self.texels.take
        top = _mix(take(corner), take(corner + right), fx)
        bottom = _mix(take(corner + below), take(corner + below + right), fx)
        return _mix(top, bottom, fy).view(np.uint8).reshape(-1, 4)


def _reductions(picture: npt.NDArray[np.uint8]) -> list[list[npt.NDArray[np.uint32]]]:
    """The picture at every level and width, packed: four bytes to a uint32."""
    size = (picture.shape[1], picture.shape[0])
    image = Image.frombytes(
        "RGBX", size, picture.tobytes()
    )  # not RGBA: that would weigh the colours by the fourth byte
    levels = []
    for level in range(LEVELS):
        small = image if level == 0 else image.reduce(2**level)
        widths = [small] + [image.reduce((2 ** (level + extra), 2**level)) for extra in range(1, WIDTHS)]
        levels.append([np.ascontiguousarray(np.asarray(w)).view(np.uint32)[..., 0] for w in widths])
    return levels


def _mix(a: npt.NDArray[np.uint32], b: npt.NDArray[np.uint32], share: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """a * (1 - share / 256) + b * share / 256 for each of the four bytes, two bytes at a time in one integer."""
    mask = np.uint32(0x00FF00FF)
    rest = np.uint32(256) - share
    low = ((a & mask) * rest + (b & mask) * share) >> np.uint32(8)
    high = ((a >> np.uint32(8)) & mask) * rest + ((b >> np.uint32(8)) & mask) * share
    return np.asarray((low & mask) | (high & ~mask))
