"""Photos drawn for the tests, and where the real ones lie: pictures go out as arrays and as the bytes of files."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import piexif
import pytest
from PIL import Image, ImageDraw

SHARED = Path(os.environ.get("VIEWFIX_DATA", Path(__file__).parents[2] / "shared" / "data"))
INGEST = SHARED / "ingest"
real = pytest.mark.skipif(not INGEST.exists(), reason=f"the real photos are not at {INGEST}")

# How a picture that a camera marked with an orientation is stored: the inverse of what is done to see it upright.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


def scene(width: int = 96, height: int = 64) -> np.ndarray:
    """A picture that looks different whichever way it is turned or mirrored: red left above, a blue bar right."""
    picture = Image.new("RGB", (width, height), (200, 190, 170))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, width // 3, height // 4), (200, 30, 30))
    pen.rectangle((width * 5 // 6, height // 3, width, height), (30, 30, 200))
    return np.asarray(picture)


def saved(picture: np.ndarray | Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(picture)) if isinstance(picture, np.ndarray) else picture
    file = io.BytesIO()
    picture.save(file, form, **({"quality": 95, "subsampling": 0} if form == "JPEG" else {}) | options)
    return file.getvalue()


def with_exif(gps: dict[int, Any] | None = None, camera: dict[int, Any] | None = None, **tables: Any) -> bytes:
    """A JPEG with these tags; `camera` are those of the Exif table."""
    return saved(scene(), exif=piexif.dump({"GPS": gps or {}, "Exif": camera or {}, **tables}))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


GPS = {
    1: b"S",
    2: ((33, 1), (52, 1), (1044, 100)),
    3: b"E",
    4: ((151, 1), (12, 1), (3000, 100)),
}
