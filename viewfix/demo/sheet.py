"""A drawing sheet in metres for walls and sprites: colours, and a fourth channel for light or transparency."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .light import Floats, smooth_noise

Ink = tuple[int, int, int]
Xz = tuple[float, float]


def shade(ink: Ink, factor: float) -> Ink:
    """A darker (factor below 1) or lighter (above 1) colour."""
    r, g, b = (max(0, min(255, round(channel * factor))) for channel in ink)
    return r, g, b


@functools.cache
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)  # the face inside Pillow: the same on every computer


class Sheet:
    """A drawing `width_m` wide and `height_m` high; x runs right, z up from the pavement, both in metres.

    It is drawn at twice the final scale and reduced, which smooths every edge.
    """

    def __init__(self, width_m: float, height_m: float, *, px_per_m: float, ink: Ink = (0, 0, 0)) -> None:
        self.width_m, self.height_m = width_m, height_m
        columns, rows = max(2, round(width_m * px_per_m)) * 2, max(2, round(height_m * px_per_m)) * 2
        self.sx, self.sz = columns / width_m, rows / height_m
        self.paint = Image.new("RGB", (columns, rows), ink)
        self.fourth = Image.new("L", (columns, rows), 0)  # of a wall: what shines at night; of a sprite: what is opaque
        self._draw, self._draw_fourth = ImageDraw.Draw(self.paint), ImageDraw.Draw(self.fourth)

    def _px(self, x: float, z: float) -> tuple[float, float]:
        return x * self.sx, (self.height_m - z) * self.sz

    def rect(self, x0: float, z0: float, x1: float, z1: float, ink: Ink, fourth: int = 0) -> None:
        if x1 > x0 and z1 > z0:
            (a, d), (b, c) = self._px(x0, z0), self._px(x1, z1)
            box = (a, c, max(a, b - 1), max(c, d - 1))
            self._draw.rectangle(box, fill=ink)
            self._draw_fourth.rectangle(box, fill=fourth)

    def polygon(self, points: list[Xz], ink: Ink, fourth: int = 0) -> None:
        pixels = [self._px(x, z) for x, z in points]
        self._draw.polygon(pixels, fill=ink)
        self._draw_fourth.polygon(pixels, fill=fourth)

    def ellipse(self, x0: float, z0: float, x1: float, z1: float, ink: Ink, fourth: int = 0) -> None:
        (a, d), (b, c) = self._px(x0, z0), self._px(x1, z1)
        self._draw.ellipse((a, c, b, d), fill=ink)
        self._draw_fourth.ellipse((a, c, b, d), fill=fourth)

    def text(self, x: float, z: float, text: str, high_m: float, ink: Ink, *, wide_m: float, fourth: int = 0) -> None:
        """Text centred on (x, z), `high_m` high, or smaller if it would be wider than `wide_m`."""
        size = max(4, round(high_m * self.sz * 1.25))
        length = _font(size).getlength(text)
        if length > wide_m * self.sx:
            size = max(4, int(size * wide_m * self.sx / length))
        at = self._px(x, z)
        self._draw.text(at, text, font=_font(size), fill=ink, anchor="mm")
        if fourth:
            self._draw_fourth.text(at, text, font=_font(size), fill=fourth, anchor="mm")

    def texture(self, factor: Floats) -> None:
        """Multiply the colours by (rows, columns) factors: plaster stains, bricks, stone."""
        pixels = np.asarray(self.paint, np.float32) * factor[..., None]
        self.paint = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        self._draw = ImageDraw.Draw(self.paint)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the drawing before it is reduced."""
        return self.paint.height, self.paint.width

    def finish(self) -> npt.NDArray[np.uint8]:
        """(H, W, 4) uint8: red, green, blue, and the fourth channel."""
        bands = np.concatenate([np.asarray(self.paint), np.asarray(self.fourth)[..., None]], axis=2)
        height, width = bands.shape[0] // 2, bands.shape[1] // 2
        sums = bands.reshape(height, 2, width, 2, 4).astype(np.uint16).sum(axis=(1, 3))
        return np.asarray(sums // 4, np.uint8)


def plaster(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """(rows, columns) factors: soft stains, and dirt that rises from the pavement."""
    stains = smooth_noise(rng, rows, columns, 60) * 0.07 + smooth_noise(rng, rows, columns, 6) * 0.045
    dirt = np.linspace(0.0, 1.0, rows, dtype=np.float32)[:, None] ** 12 * 0.25
    return np.asarray(1 + stains - dirt, np.float32)


def courses(rng: np.random.Generator, rows: int, columns: int, size_px: tuple[float, float]) -> Floats:
    """(rows, columns) factors: bricks of `size_px` (high, wide) with lighter joints, every second row shifted."""
    high, wide = size_px
    y = np.arange(rows, dtype=np.float32)[:, None] / high
    x = np.arange(columns, dtype=np.float32)[None] / wide + (np.floor(y) % 2) * 0.5
    tones = rng.uniform(0.7, 1.18, (61, 67)).astype(np.float32)
    factor = tones[np.floor(y).astype(int) % 61, np.floor(x).astype(int) % 67]
    joint = ((y % 1) < 1.6 / high) | ((x % 1) < 1.6 / wide)
    return np.where(joint, 1.22, factor).astype(np.float32) * plaster(rng, rows, columns)
