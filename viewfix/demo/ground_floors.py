"""Paint the ground floors of houses: a shop, a home, an arcade, a lobby or a garage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .sheet import Ink, Sheet, shade
from .styles import Style

WARM: Ink = (212, 186, 140)


def _door(sheet: Sheet, style: Style, x: float, high: float = 2.3) -> None:
    sheet.rect(x - 0.65, 0, x + 0.65, high + 0.55, shade(style.trim, 0.9))
    sheet.rect(x - 0.5, 0, x + 0.5, high, style.accent)
    sheet.rect(x - 0.5, high + 0.05, x + 0.5, high + 0.42, (70, 80, 92), 190)
    for z in (0.3, 1.25):
        for side in (-1, 1):
            sheet.rect(x + side * 0.24 - 0.15, z, x + side * 0.24 + 0.15, z + 0.75, shade(style.accent, 0.75))
    sheet.rect(x + 0.36, 1.0, x + 0.43, 1.18, (220, 190, 110))
    sheet.rect(x - 0.8, 0, x + 0.8, 0.15, (150, 146, 140))


def _display(sheet: Sheet, x0: float, x1: float, top: float, rng: np.random.Generator) -> None:
    """A shop window with goods on shelves."""
    sheet.rect(x0, 0.5, x1, top, (62, 66, 70), 235)
    for z in np.arange(0.6, top - 0.6, 0.75):
        x = x0 + 0.15
        while x < x1 - 0.3:
            wide, high = float(rng.uniform(0.12, 0.45)), float(rng.uniform(0.15, 0.55))
            ink: Ink = tuple(int(c) for c in rng.integers(60, 235, 3))  # type: ignore[assignment]
            sheet.rect(x, float(z), min(x + wide, x1 - 0.1), float(z) + high, ink, 200)
            x += wide + float(rng.uniform(0.05, 0.3))
    sheet.polygon([(x0, top), (x0 + 0.6, top), (x0, top - 1.2)], (120, 132, 140), 235)


def _shop(sheet: Sheet, style: Style, rng: np.random.Generator) -> None:
    w, top = sheet.width_m, style.ground_m - 1.05
    sheet.rect(0.2, 0, w - 0.2, style.ground_m - 0.25, shade(style.sign, 0.85))
    door = float(rng.choice([0.22, 0.5, 0.78])) * w
    for x0, x1 in ((0.5, door - 0.8), (door + 0.8, w - 0.5)):
        count = max(1, round((x1 - x0) / 2.6))
        for k in range(count):
            a, b = x0 + (x1 - x0) * k / count, x0 + (x1 - x0) * (k + 1) / count
            if b - a > 0.6:
                _display(sheet, a + 0.06, b - 0.06, top, rng)
    _door(sheet, style, door, min(2.2, top - 0.5))
    sheet.rect(0.3, style.ground_m - 0.98, w - 0.3, style.ground_m - 0.3, style.sign)
    pale: Ink = (250, 240, 205)
    sheet.text(w / 2, style.ground_m - 0.64, style.shop, 0.5, pale, wide_m=w - 1.2, fourth=255)
    if rng.random() < 0.45:  # an awning
        step, low = 0.42, top - 0.55
        for k, x in enumerate(np.arange(0.4, w - 0.4, step)):
            ink = style.accent if k % 2 else (240, 236, 226)
            end = min(float(x) + step, w - 0.4)
            sheet.rect(float(x), low, end, top + 0.1, ink)
            sheet.ellipse(float(x), low - 0.16, end, low + 0.16, ink)


def _home(sheet: Sheet, style: Style, rng: np.random.Generator) -> None:
    w = sheet.width_m
    sheet.rect(0, 0, w, 0.75, shade(style.wall, 0.7))
    door = float(rng.choice([0.18, 0.5, 0.82])) * w
    count = max(2, int(w / style.bay_m))
    for k in range(count):
        x = (k + 0.5) * w / count
        if abs(x - door) > 1.5:
            lit = 210 if rng.random() < 0.5 else 0
            sheet.rect(x - 0.75, 1.0, x + 0.75, 2.75, shade(style.trim, 0.92))
            sheet.rect(x - 0.6, 1.1, x + 0.6, 2.65, (64, 76, 90), lit)
            sheet.rect(x - 0.03, 1.1, x + 0.03, 2.65, style.frame)
            sheet.rect(x - 0.6, 2.1, x + 0.6, 2.16, style.frame)
    _door(sheet, style, door)
    if "lantern" in style.extras:
        sheet.rect(door + 0.9, 2.1, door + 1.15, 2.5, (250, 220, 150), 255)
    sheet.text(door, 2.95, str(int(rng.integers(1, 120))), 0.3, (40, 50, 110), wide_m=1.0)


def _arcade(sheet: Sheet, style: Style, rng: np.random.Generator) -> None:
    w, spring = sheet.width_m, style.ground_m - 1.6
    count = max(2, round(w / 3.2))
    step = w / count
    for k in range(count):
        x0, x1 = k * step + 0.4, (k + 1) * step - 0.4
        rise = min((x1 - x0) / 2, 1.2)
        dark: Ink = (58, 52, 48)
        sheet.ellipse(x0 - 0.15, spring - rise - 0.15, x1 + 0.15, spring + rise + 0.15, shade(style.trim, 0.9))
        sheet.rect(x0 - 0.15, 0, x1 + 0.15, spring, shade(style.trim, 0.9))
        sheet.ellipse(x0, spring - rise, x1, spring + rise, dark, 70)
        sheet.rect(x0, 0, x1, spring, dark, 70)
        if rng.random() < 0.6:
            sheet.rect(x0 + 0.4, 0.4, x1 - 0.4, spring - 0.2, (96, 88, 76), 190)
    sheet.text(w / 2, style.ground_m - 0.02, style.shop, 0.4, style.accent, wide_m=w - 1, fourth=120)


def _lobby(sheet: Sheet, style: Style, rng: np.random.Generator) -> None:
    w, top = sheet.width_m, style.ground_m - 0.7
    count = max(3, round(w / 1.8))
    for k in range(count):
        a, b = 0.3 + (w - 0.6) * k / count, 0.3 + (w - 0.6) * (k + 1) / count
        sheet.rect(a + 0.06, 0.1, b - 0.06, top, shade((84, 106, 118), float(rng.uniform(0.8, 1.2))), 200)
    sheet.rect(0, top, w, top + 0.5, style.sign)
    sheet.text(w / 2, top + 0.25, style.shop, 0.36, (240, 240, 240), wide_m=w - 1, fourth=255)


def _garage(sheet: Sheet, style: Style, rng: np.random.Generator) -> None:
    w, top = sheet.width_m, style.ground_m - 0.8
    count = max(1, int(w / 4.2))
    for k in range(count):
        a, b = w * k / count + 0.5, w * (k + 1) / count - 0.5
        ink = shade(style.accent, float(rng.uniform(0.8, 1.15)))
        sheet.rect(a, 0, b, top, ink)
        for z in np.arange(0.2, top, 0.35):
            sheet.rect(a, float(z), b, float(z) + 0.06, shade(ink, 0.7))
    sheet.text(w / 2, style.ground_m - 0.4, style.shop, 0.55, shade(style.trim, 1.1), wide_m=w - 1, fourth=60)


PAINTERS: dict[str, Callable[[Sheet, Style, np.random.Generator], None]] = {
    "shop": _shop, "home": _home, "arcade": _arcade, "lobby": _lobby, "garage": _garage,
}  # fmt: skip


def ground_floor(sheet: Sheet, style: Style, rng: np.random.Generator) -> None:
    """Paint everything below the height `style.ground_m`."""
    PAINTERS[style.ground](sheet, style, rng)
