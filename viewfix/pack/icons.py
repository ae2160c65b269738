"""The app's icon, a pin with an eye, drawn at any size."""

from __future__ import annotations

import io
import math

GROUND, PIN, EYE = (15, 76, 69), (255, 255, 255), (240, 163, 60)
FINER = 4  # drawn this many times larger, then reduced, for smooth edges


def icon(side_px: int, *, whole: bool) -> bytes:
    """A square PNG; `whole` fills the corners, for systems that cut their own shape out of it."""
    from PIL import Image, ImageDraw

    side = side_px * FINER
    picture = Image.new("RGBA", (side, side), (*GROUND, 255) if whole else (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    if not whole:
        draw.rounded_rectangle((0, 0, side - 1, side - 1), radius=side * 0.22, fill=GROUND)
    size = side * (0.24 if whole else 0.29)  # radius of the pin's head; a mask may cut a fifth away on every side
    middle, top = side / 2, side * 0.44
    # The point of the pin lies where two tangents of the head meet.
    low = top + size * 2.05
    angle = math.acos(size / (low - top))
    for sign in (-1, 1):
        touch = (middle + sign * size * math.sin(angle), top + size * math.cos(angle))
        draw.polygon([(middle, top), touch, (middle, low)], fill=PIN)
    draw.ellipse((middle - size, top - size, middle + size, top + size), fill=PIN)
    draw.pieslice(
        (middle - size * 0.74, top - size * 0.74, middle + size * 0.74, top + size * 0.74), 0, 360, fill=GROUND
    )
    draw.pieslice((middle - size * 0.74, top - size * 0.5, middle + size * 0.74, top + size * 0.98), 232, 308, fill=EYE)
    draw.ellipse((middle - size * 0.2, top + size * 0.04, middle + size * 0.2, top + size * 0.44), fill=PIN)
    written = io.BytesIO()
    picture.resize((side_px, side_px), Image.Resampling.LANCZOS).save(written, "PNG", optimize=True)
    return written.getvalue()
