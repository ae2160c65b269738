"""Paint rows of windows: frames, glass, shutters and balconies."""

from __future__ import annotations

import numpy as np

from .sheet import Ink, Sheet, shade
from .styles import Style

GLASS: tuple[Ink, ...] = ((58, 70, 84), (74, 90, 104), (46, 54, 64), (92, 110, 124))


def _pane(sheet: Sheet, box: tuple[float, float, float, float], style: Style, rng: np.random.Generator) -> None:
    """Glass with a frame, a cross and sometimes a curtain, some lit at night. `box`: x0, z0, x1, z1 in metres."""
    x0, z0, x1, z1 = box
    glass = GLASS[int(rng.integers(len(GLASS)))]
    lit = int(rng.uniform(120, 255)) if rng.random() < 0.45 else 0
    sheet.rect(x0 - 0.08, z0 - 0.08, x1 + 0.08, z1 + 0.08, style.frame)
    sheet.rect(x0, z0, x1, z1, glass, lit)
    sheet.polygon([(x0, z1), (x0 + (x1 - x0) * 0.6, z1), (x0, z0 + (z1 - z0) * 0.4)], shade(glass, 1.35), lit)
    if rng.random() < 0.4:
        cloth = ((232, 226, 214), (200, 180, 150), (216, 222, 226))[int(rng.integers(3))]
        wide = (x1 - x0) * float(rng.uniform(0.15, 0.4))
        sheet.rect(x0, z0, x0 + wide, z1, cloth, lit)
        sheet.rect(x1 - wide, z0, x1, z1, cloth, lit)
    x, z = (x0 + x1) / 2, z0 + (z1 - z0) * 0.66
    sheet.rect(x - 0.035, z0, x + 0.035, z1, style.frame)
    sheet.rect(x0, z - 0.03, x1, z + 0.03, style.frame)


def _window(sheet: Sheet, style: Style, x: float, z: float, rng: np.random.Generator) -> None:
    """One window with its sill, arch, pediment, shutters or railing. (x, z): the middle of its lower edge."""
    wide, high = style.window_m
    half = wide / 2
    if style.window == "french":
        z, high = z - 0.55, high + 0.55
    sheet.rect(x - half - 0.2, z - 0.08, x + half + 0.2, z + high + 0.2, shade(style.trim, 0.95))
    if style.window == "arched":
        sheet.ellipse(x - half - 0.2, z + high - half, x + half + 0.2, z + high + half + 0.2, shade(style.trim, 0.95))
        sheet.ellipse(x - half, z + high - half, x + half, z + high + half, (60, 72, 86))
    if style.window == "pediment":
        top = z + high + 0.2
        sheet.polygon([(x - half - 0.35, top), (x + half + 0.35, top), (x, top + 0.45)], shade(style.trim, 0.86))
    if style.window == "paired":
        for side in (-1, 1):
            middle = x + side * half * 0.55
            _pane(sheet, (middle - half * 0.42, z, middle + half * 0.42, z + high), style, rng)
    else:
        _pane(sheet, (x - half, z, x + half, z + high), style, rng)
    sheet.rect(x - half - 0.25, z - 0.18, x + half + 0.25, z - 0.05, shade(style.trim, 0.8))
    if style.window == "shutters":
        for x0, x1 in ((x - half - 0.62, x - half - 0.1), (x + half + 0.1, x + half + 0.62)):
            sheet.rect(x0, z - 0.05, x1, z + high + 0.05, style.accent)
            for slat in np.arange(z + 0.05, z + high, 0.16):
                sheet.rect(x0 + 0.06, float(slat), x1 - 0.06, float(slat) + 0.05, shade(style.accent, 0.7))
    if style.window == "french":
        _railing(sheet, x - half - 0.2, x + half + 0.2, z)
    if "boxes" in style.extras:
        for dx in np.arange(-half, half, 0.14):
            ink = ((196, 50, 60), (230, 190, 60), (80, 130, 60))[int(rng.integers(3))]
            sheet.ellipse(x + dx, z - 0.1, x + dx + 0.2, z + 0.15, ink)


def _railing(sheet: Sheet, x0: float, x1: float, z: float) -> None:
    iron: Ink = (36, 38, 42)
    sheet.rect(x0, z + 0.85, x1, z + 0.93, iron)
    sheet.rect(x0, z - 0.1, x1, z + 0.02, iron)
    for x in np.arange(x0, x1, 0.16):
        sheet.rect(float(x), z, float(x) + 0.045, z + 0.9, iron)


def _glass_wall(sheet: Sheet, style: Style, z: float, rng: np.random.Generator) -> None:
    """A band or a curtain of glass across the whole floor."""
    low = z + (0.1 if style.window == "curtain" else 0.9)
    high = z + style.floor_m - (0.1 if style.window == "curtain" else 0.5)
    count = max(3, round(sheet.width_m / (style.bay_m * 0.55)))
    step = (sheet.width_m - 0.4) / count
    for k in range(count):
        x0 = 0.2 + k * step
        glass = shade(
            ((66, 92, 110), (80, 110, 122), (58, 78, 96))[int(rng.integers(3))], float(rng.uniform(0.85, 1.2))
        )
        lit = int(rng.uniform(120, 240)) if rng.random() < 0.5 else 0
        sheet.rect(x0, low, x0 + step - 0.1, high, glass, lit)
        sheet.polygon([(x0, high), (x0 + step * 0.5, high), (x0, low)], shade(glass, 1.25), lit)


def window_row(sheet: Sheet, style: Style, z: float, rng: np.random.Generator) -> None:
    """The windows of one storey; `z` is the height of its floor, metres."""
    if style.window in ("strip", "curtain"):
        _glass_wall(sheet, style, z, rng)
        return
    count = max(1, int((sheet.width_m - 0.6) / style.bay_m))
    step = sheet.width_m / count
    foot = z + (style.floor_m - style.window_m[1]) * 0.5
    for k in range(count):
        _window(sheet, style, (k + 0.5) * step, foot, rng)
    if "balcony" in style.extras and count > 1:
        k = count // 2
        x = (k + 0.5) * step
        sheet.rect(x - step * 0.48, foot - 0.75, x + step * 0.48, foot - 0.55, shade(style.trim, 0.75))
        sheet.rect(x - step * 0.48, foot - 1.0, x + step * 0.48, foot - 0.75, shade(style.wall, 0.55))
        _railing(sheet, x - step * 0.48, x + step * 0.48, foot - 0.5)
