"""Paint the fronts of houses: a texture, and the height of the wall at every point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .ground_floors import ground_floor
from .light import Floats
from .sheet import Ink, Sheet, courses, plaster, shade
from .styles import Style
from .windows import window_row

PROFILE = 64  # samples of a silhouette along a front


@dataclass(frozen=True)
class Facade:
    """`texture` (H, W, 4) uint8: colour, and light at night. `profile_m` (PROFILE,): heights of the wall."""

    texture: npt.NDArray[np.uint8]
    profile_m: Floats
    height_m: float  # of the texture


def silhouette(style: Style, width_m: float) -> Floats:
    """(PROFILE,) float32: height in metres of the top of the front, from left to right."""
    t = np.linspace(0, 1, PROFILE)
    mid = 1 - np.abs(2 * t - 1)  # 0 at both ends, 1 in the middle
    rise = {
        "gable": mid,
        "stepped": np.ceil(np.clip(mid * 1.15, 0.02, 1) * 5) / 5,
        "curved": np.clip(np.sin(mid * np.pi / 2) ** 1.5 * 0.8 + (mid > 0.75) * 0.2, 0.06, 1),
        "hip": np.clip(mid * width_m / 3.0, 0, 1),
        "shed": 0.2 + 0.8 * t,
    }.get(style.roof, np.ones(PROFILE))
    heights = style.eaves_m + rise * style.roof_m
    if style.roof in ("mansard", "hip"):  # chimneys
        rng = np.random.default_rng([style.floors, int(style.bay_m * 1000)])
        at = int(rng.integers(PROFILE // 5, PROFILE - PROFILE // 5))
        heights[at : at + max(2, int(PROFILE * 0.9 / width_m))] = style.top_m + 1.0
    return heights.astype(np.float32)


def _wall(sheet: Sheet, style: Style, rng: np.random.Generator) -> None:
    """The bare wall: brick, stone, plaster, timber frame, panels."""
    rows, columns = sheet.shape
    if style.material == "brick":
        sheet.texture(courses(rng, rows, columns, (sheet.sz * 0.14, sheet.sx * 0.42)))
    elif style.material == "stone":
        sheet.texture(courses(rng, rows, columns, (sheet.sz * 0.5, sheet.sx * 1.1)))
    elif style.material in ("concrete", "cladding"):
        size = (sheet.sz * 1.4, sheet.sx * 2.2) if style.material == "concrete" else (sheet.sz * 3.0, sheet.sx * 0.35)
        sheet.texture(courses(rng, rows, columns, size))
    else:
        sheet.texture(plaster(rng, rows, columns))
    if style.material == "timber":
        _timber(sheet, style)


def _timber(sheet: Sheet, style: Style) -> None:
    """Beams: one at every floor, posts, and braces in the outer fields."""
    ink: Ink = (74, 52, 40)
    for floor in range(style.floors + 1):
        z = style.ground_m + floor * style.floor_m
        sheet.rect(0, z - 0.14, sheet.width_m, z + 0.14, ink)
    count = max(3, round(sheet.width_m / 1.5))
    step = sheet.width_m / count
    for k in range(count + 1):
        sheet.rect(k * step - 0.1, style.ground_m, k * step + 0.1, style.eaves_m, ink)
    for floor in range(style.floors):
        z = style.ground_m + floor * style.floor_m
        for k, lean in ((0, 1), (count - 1, -1)):
            x0, x1 = (k * step, (k + 1) * step)[::lean]
            sheet.polygon(
                [(x0 - 0.1, z), (x0 + 0.1, z), (x1 + 0.1, z + style.floor_m), (x1 - 0.1, z + style.floor_m)], ink
            )


def _roof(sheet: Sheet, style: Style, rng: np.random.Generator) -> None:
    """The part above the eaves: tiles with dormers, a gable of the material of the wall, or a parapet."""
    w, eaves, top = sheet.width_m, style.eaves_m, style.top_m
    if style.roof in ("mansard", "hip"):
        sheet.rect(0, eaves, w, sheet.height_m, style.roof_ink)
        for z in np.arange(eaves, top, 0.28):
            sheet.rect(0, float(z), w, float(z) + 0.06, shade(style.roof_ink, 0.72))
        sheet.rect(0, top, w, sheet.height_m, (120, 70, 60))
        count = int(w / (2 * style.bay_m)) if style.roof == "mansard" else 0
        for k in range(count):
            x = w * (k + 0.5) / count
            sheet.polygon([(x - 0.9, eaves + 1.6), (x + 0.9, eaves + 1.6), (x, eaves + 2.4)], shade(style.trim, 0.85))
            sheet.rect(x - 0.75, eaves + 0.25, x + 0.75, eaves + 1.6, style.trim)
            lit = 220 if rng.random() < 0.4 else 0
            sheet.rect(x - 0.5, eaves + 0.4, x + 0.5, eaves + 1.5, (60, 70, 84), lit)
    elif style.roof == "flat":
        sheet.rect(0, eaves, w, top, shade(style.trim, 0.92))
        sheet.rect(0, top - 0.15, w, top, shade(style.trim, 0.7))
    else:
        x = w / 2
        sheet.ellipse(x - 0.55, eaves + 0.7, x + 0.55, eaves + 1.8, style.trim)
        sheet.ellipse(x - 0.42, eaves + 0.83, x + 0.42, eaves + 1.67, (50, 58, 70))
        edge = silhouette(style, w)
        for k in range(PROFILE - 1):  # a coping along the gable
            a, b = k * w / (PROFILE - 1), (k + 1) * w / (PROFILE - 1)
            za, zb = float(edge[k]), float(edge[k + 1])
            sheet.polygon([(a, za), (b, zb), (b, zb - 0.35), (a, za - 0.35)], shade(style.roof_ink, 1.0))
    if style.roof != "flat":
        sheet.rect(0, eaves - 0.3, w, eaves, shade(style.trim, 0.95))
        sheet.rect(0, eaves - 0.38, w, eaves - 0.3, shade(style.wall, 0.55))


def _extras(sheet: Sheet, style: Style, rng: np.random.Generator) -> None:
    """Bands between floors, corner stones, drainpipes, ivy."""
    w = sheet.width_m
    if "bands" in style.extras or style.ground in ("shop", "arcade"):
        z = style.ground_m
        sheet.rect(0, z - 0.12, w, z + 0.15, shade(style.trim, 0.9))
        sheet.rect(0, z - 0.2, w, z - 0.12, shade(style.wall, 0.6))
    if "quoins" in style.extras:
        for k, z in enumerate(np.arange(0.0, style.eaves_m - 0.5, 0.5)):
            wide = 0.7 if k % 2 else 0.45
            for x0, x1 in ((0.0, wide), (w - wide, w)):
                sheet.rect(x0, float(z), x1, float(z) + 0.44, shade(style.trim, 0.93))
    if "pipe" in style.extras:
        sheet.rect(w - 0.35, 0.2, w - 0.22, style.eaves_m - 0.3, shade(style.wall, 0.5))
    if "ivy" in style.extras:
        x0 = float(rng.uniform(0, max(0.5, w - 3)))
        for _ in range(int(60 * sheet.width_m / 4)):
            x, z = x0 + rng.normal(0, 0.9), abs(rng.normal(0, style.eaves_m * 0.35))
            size = float(rng.uniform(0.2, 0.5))
            ink = shade((62, 104, 50), float(rng.uniform(0.7, 1.3)))
            sheet.ellipse(x - size, z - size / 2, x + size, z + size / 2, ink)


def draw_facade(style: Style, width_m: float, seed: int, px_per_m: float) -> Facade:
    """Paint one front from the pavement to the ridge."""
    rng = np.random.default_rng([seed, 5])
    profile = silhouette(style, width_m)
    sheet = Sheet(width_m, float(profile.max()), px_per_m=px_per_m, ink=style.wall)
    _wall(sheet, style, rng)
    _extras(sheet, style, rng)
    for floor in range(style.floors):
        window_row(sheet, style, style.ground_m + floor * style.floor_m, rng)
    ground_floor(sheet, style, rng)
    _roof(sheet, style, rng)
    sheet.rect(0, 0, 0.06, style.eaves_m, shade(style.wall, 0.6))  # the joint between two houses
    return Facade(sheet.finish(), profile, sheet.height_m)


def draw_side(style: Style, depth_m: float, seed: int, px_per_m: float) -> Facade:
    """A side or back without windows, visible above a lower neighbour."""
    rng = np.random.default_rng([seed, 6])
    height = style.eaves_m + (0.7 if style.roof == "flat" else 0.0)
    sheet = Sheet(depth_m, height, px_per_m=px_per_m / 2, ink=shade(style.wall, 0.85))
    _wall(sheet, style, rng)
    return Facade(sheet.finish(), np.full(PROFILE, height, np.float32), height)
