"""Sprites of street furniture, vehicles and people: pictures with transparency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .sheet import Ink, Sheet, shade

PX_PER_M = 40.0

CLOTHES: tuple[Ink, ...] = ((40, 60, 110), (150, 50, 50), (60, 90, 70), (60, 60, 66), (190, 160, 90), (120, 70, 120))
CARS: tuple[Ink, ...] = (
    (170, 30, 34), (30, 60, 120), (205, 205, 208), (40, 42, 46), (90, 110, 90), (210, 170, 40), (120, 124, 130),
    (236, 236, 232),
)  # fmt: skip


@dataclass(frozen=True)
class Sprite:
    """`picture` (H, W, 4) uint8 RGB and alpha, `width_m` by `height_m`, standing on the ground."""

    picture: npt.NDArray[np.uint8]
    width_m: float
    height_m: float
    shines: bool = False


def _tree(variant: int) -> Sheet:
    rng = np.random.default_rng([variant, 11])
    high = 5.0 + 0.5 * variant
    sheet = Sheet(4.6, high, px_per_m=PX_PER_M)
    sheet.rect(2.18, 0, 2.42, high * 0.5, (84, 66, 50), 255)
    green = ((74, 104, 52), (96, 120, 60), (58, 92, 62), (120, 122, 52), (84, 110, 74), (66, 96, 44))[variant % 6]
    for _ in range(70):
        x, z, r = rng.normal(2.3, 0.75), rng.normal(high * 0.68, high * 0.12), rng.uniform(0.25, 0.6)
        sheet.ellipse(x - r, z - r * 0.8, x + r, z + r * 0.8, shade(green, float(rng.uniform(0.65, 1.25))), 255)
    return sheet


def _car(variant: int) -> Sheet:
    paint = CARS[variant % len(CARS)]
    sheet = Sheet(4.3, 1.5, px_per_m=PX_PER_M)
    sheet.polygon([(0.9, 0.8), (1.4, 1.45), (3.1, 1.45), (3.7, 0.8)], shade(paint, 0.8), 255)
    sheet.polygon([(1.05, 0.82), (1.5, 1.36), (2.2, 1.36), (2.2, 0.82)], (60, 76, 88), 255)
    sheet.polygon([(2.3, 0.82), (2.3, 1.36), (3.0, 1.36), (3.5, 0.82)], (60, 76, 88), 255)
    sheet.polygon([(0.05, 0.3), (0.1, 0.75), (0.9, 0.88), (3.75, 0.88), (4.25, 0.7), (4.25, 0.3)], paint, 255)
    for x in (0.95, 3.35):
        sheet.ellipse(x - 0.33, 0, x + 0.33, 0.66, (24, 24, 26), 255)
        sheet.ellipse(x - 0.16, 0.17, x + 0.16, 0.49, (150, 150, 154), 255)
    return sheet


def _lamp(variant: int) -> Sheet:
    sheet = Sheet(1.0, 5.2, px_per_m=PX_PER_M)
    sheet.rect(0.45, 0, 0.55, 4.6, (48, 52, 54), 255)
    sheet.polygon([(0.25, 4.6), (0.15, 5.1), (0.85, 5.1), (0.75, 4.6)], (236, 220, 170), 255)
    sheet.rect(0.1, 5.1, 0.9, 5.2, (48, 52, 54), 255)
    return sheet


def _person(variant: int) -> Sheet:
    sheet = Sheet(0.8, 1.8, px_per_m=PX_PER_M)
    sheet.rect(0.26, 0, 0.54, 0.85, (44, 44, 54), 255)
    sheet.rect(0.18, 0.8, 0.62, 1.48, CLOTHES[variant % len(CLOTHES)], 255)
    sheet.ellipse(0.28, 1.46, 0.52, 1.78, (196, 150, 124), 255)
    return sheet


def _bench(variant: int) -> Sheet:
    sheet = Sheet(1.9, 0.95, px_per_m=PX_PER_M)
    for z in (0.42, 0.62, 0.8):
        sheet.rect(0, z, 1.9, z + 0.12, (128, 88, 54), 255)
    for x in (0.15, 1.65):
        sheet.rect(x, 0, x + 0.1, 0.6, (50, 50, 52), 255)
    return sheet


def _bin(variant: int) -> Sheet:
    sheet = Sheet(0.6, 1.0, px_per_m=PX_PER_M)
    sheet.polygon([(0.1, 0), (0.02, 0.9), (0.58, 0.9), (0.5, 0)], (52, 84, 66), 255)
    sheet.rect(0, 0.9, 0.6, 1.0, (34, 54, 44), 255)
    return sheet


def _signpost(variant: int) -> Sheet:
    sheet = Sheet(1.0, 2.8, px_per_m=PX_PER_M)
    sheet.rect(0.46, 0, 0.54, 2.8, (120, 124, 128), 255)
    inks: tuple[Ink, ...] = ((30, 70, 150), (180, 36, 36), (220, 170, 30))
    if variant % 2:
        sheet.ellipse(0.1, 2.0, 0.9, 2.8, inks[variant % 3], 255)
    else:
        sheet.rect(0.05, 2.2, 0.95, 2.75, inks[variant % 3], 255)
    return sheet


def _planter(variant: int) -> Sheet:
    sheet = Sheet(1.4, 1.1, px_per_m=PX_PER_M)
    rng = np.random.default_rng([variant, 12])
    blooms: tuple[Ink, ...] = ((200, 60, 90), (220, 180, 60), (150, 90, 170), (60, 120, 60))
    for _ in range(24):
        x, z = rng.uniform(0.2, 1.2), rng.uniform(0.55, 0.95)
        sheet.ellipse(x - 0.12, z - 0.12, x + 0.12, z + 0.12, blooms[int(rng.integers(4))], 255)
    sheet.rect(0.05, 0, 1.35, 0.6, (150, 130, 112), 255)
    return sheet


def _kiosk(variant: int) -> Sheet:
    ink: Ink = ((34, 92, 74), (150, 44, 40), (42, 62, 116), (190, 140, 50))[variant % 4]
    sheet = Sheet(2.8, 3.2, px_per_m=PX_PER_M)
    sheet.rect(0.2, 0, 2.6, 2.5, ink, 255)
    sheet.rect(0.5, 1.0, 2.3, 2.1, (226, 206, 160), 255)
    sheet.polygon([(0, 2.5), (0.5, 3.15), (2.3, 3.15), (2.8, 2.5)], shade(ink, 0.7), 255)
    sheet.text(1.4, 2.3, ("NEWS", "ICE", "COFFEE", "MAPS")[variant % 4], 0.35, (245, 240, 225), wide_m=2.2, fourth=255)
    return sheet


def _monument(variant: int) -> Sheet:
    sheet = Sheet(3.4, 7.5, px_per_m=PX_PER_M)
    stone: Ink = ((186, 178, 164), (146, 150, 156), (196, 170, 140))[variant % 3]
    for half, low, high in ((1.7, 0, 0.5), (1.4, 0.5, 1.0), (0.9, 1.0, 2.6)):
        sheet.rect(1.7 - half, low, 1.7 + half, high, shade(stone, 0.85 + 0.05 * half), 255)
    if variant % 3 == 0:
        sheet.polygon([(1.25, 2.6), (1.5, 7.0), (1.7, 7.5), (1.9, 7.0), (2.15, 2.6)], stone, 255)
    else:
        sheet.rect(1.35, 2.6, 2.05, 5.2, (72, 96, 84), 255)
        sheet.ellipse(1.45, 5.1, 1.95, 5.75, (72, 96, 84), 255)
        sheet.polygon([(2.0, 4.9), (2.9, 6.0), (3.0, 5.8), (2.05, 4.5)], (72, 96, 84), 255)
    return sheet


def _van(variant: int) -> Sheet:
    sheet = Sheet(5.2, 2.5, px_per_m=PX_PER_M)
    sheet.polygon([(0.05, 0.4), (0.05, 2.45), (3.9, 2.45), (4.9, 1.4), (5.15, 1.2), (5.15, 0.4)], (232, 232, 228), 255)
    sheet.polygon([(3.95, 1.45), (3.95, 2.2), (4.7, 1.45)], (62, 78, 90), 255)
    sheet.text(1.9, 1.8, "EXPRESS", 0.5, (200, 60, 40), wide_m=3.0, fourth=255)
    for x in (1.0, 4.1):
        sheet.ellipse(x - 0.4, 0, x + 0.4, 0.8, (24, 24, 26), 255)
    return sheet


PAINTERS: dict[str, Callable[[int], Sheet]] = {
    "tree": _tree, "car": _car, "lamp": _lamp, "person": _person, "bench": _bench, "bin": _bin,
    "signpost": _signpost, "planter": _planter, "kiosk": _kiosk, "monument": _monument, "van": _van,
}  # fmt: skip


def sprite(kind: str, variant: int) -> Sprite:
    """Paint one thing."""
    sheet = PAINTERS[kind](variant)
    return Sprite(sheet.finish(), sheet.width_m, sheet.height_m, shines=kind == "lamp")
