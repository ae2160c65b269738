"""Maps with made descriptors, and frames that look like their places, for the tests of tracks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from viewfix.geo import moved
from viewfix.store.store import ModelIdentity, Record, Store
from viewfix.types import Photo, Position

DIM = 48
MODEL = ModelIdentity("toy", "toy48".ljust(64, "0"), DIM)
START = Position(50.0, 20.0)


def looks(n: int, seed: int = 0) -> np.ndarray:
    """(n, DIM) float32 of length 1: what n places look like, as different as random places."""
    rows = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def seen(look: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """A frame of a place: its look with noise, (DIM,) float32 of length 1."""
    row = look + noise * looks(1, 10_000 + seed)[0]
    return (row / np.linalg.norm(row)).astype(np.float32)


def street(n: int, spacing_m: float, start: Position = START, bearing_deg: float = 90.0) -> list[Position]:
    """n positions along a straight street."""
    return [moved(start, bearing_deg, spacing_m * i) for i in range(n)]


def made_map(
    path: Path, positions: Sequence[Position], rows: np.ndarray, headings: Sequence[float | None] | None = None
) -> Path:
    """A map file of photos at these positions, with these descriptors."""
    given = headings or [None] * len(positions)
    records = [
        Record(Photo(f"{i:04d}.jpg", f"{i:04d}.jpg", at, heading_deg=heading), f"{i:032x}")
        for i, (at, heading) in enumerate(zip(positions, given, strict=True))
    ]
    with Store.create(path, MODEL) as store:
        store.put(records, rows)
    return path
