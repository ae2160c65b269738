"""Draw a table of distances: thumbnails along both edges, and a coloured cell with a number for every pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..blur import Blur, load_shown
from ..files import replacing

CELL_PX = 96
MARGIN_PX = 4
ALIKE, UNLIKE = np.array([22, 110, 86]), np.array([244, 240, 230])
"""Dark green for the same picture, paper for nothing in common: readable in greyscale and for the colour-blind."""

FAR = 1.4142
"""The distance of two descriptors that have nothing in common: cosine 0."""


def draw_matrix(files: Sequence[Path], distances: npt.NDArray[np.float32], blur: Blur | None = None) -> Image.Image:
    """Draw (N, N) distances of N pictures, with their thumbnails, as an RGB image of (N + 1) by (N + 1) cells."""
    side = (len(files) + 1) * CELL_PX
    sheet = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=20)
    for i, file in enumerate(files):
        thumbnail = _thumbnail(file, blur)
        inset = ((CELL_PX - thumbnail.width) // 2, (CELL_PX - thumbnail.height) // 2)
        sheet.paste(thumbnail, ((i + 1) * CELL_PX + inset[0], inset[1]))
        sheet.paste(thumbnail, (inset[0], (i + 1) * CELL_PX + inset[1]))
        for j in range(len(files)):
            left, top = (j + 1) * CELL_PX, (i + 1) * CELL_PX
            share = min(1.0, float(distances[i, j]) / FAR)
            colour = ALIKE + (UNLIKE - ALIKE) * share
            pen.rectangle((left, top, left + CELL_PX - 2, top + CELL_PX - 2), tuple(int(c) for c in colour))
            ink = "white" if share < 0.5 else "black"
            centre = (left + CELL_PX // 2, top + CELL_PX // 2)
            pen.text(centre, f"{distances[i, j]:.2f}", fill=ink, font=font, anchor="mm")
    return sheet


def write_matrix(
    target: Path, files: Sequence[Path], distances: npt.NDArray[np.float32], blur: Blur | None = None
) -> None:
    """Draw the table and write it to a picture file, whole or not at all."""
    sheet = draw_matrix(files, distances, blur)
    with replacing(target) as part:
        sheet.save(part, format=Image.registered_extensions()[target.suffix.lower()])


def _thumbnail(file: Path, blur: Blur | None) -> Image.Image:
    side = CELL_PX - 2 * MARGIN_PX
    picture = Image.fromarray(load_shown(file, None, side, blur))
    picture.thumbnail((side, side))
    return picture
