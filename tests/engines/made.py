"""Made-up photos with descriptors, and exact search results, computed without any engine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from viewfix.geo import Region
from viewfix.store.store import ModelIdentity, Record
from viewfix.types import Photo, Position

DIM = 32
TOY = ModelIdentity("toy", "f" * 64, DIM)
Units = npt.NDArray[np.float32]


def record(number: int, *, content: str = "one", lat: float | None = None) -> Record:
    """Photo number n lies n x 11 m north of a point in Helsinki."""
    at = Position(60.0 + number * 1e-4 if lat is None else lat, 24.9, 5.0 if number % 2 else None)
    name = f"street/{number:05}.jpg"
    return Record(Photo(name, f"/photos/{name}", at, number % 360 or None), f"{content}-{number}", f"{number}:1")


def records(count: int, start: int = 0) -> list[Record]:
    return [record(number) for number in range(start, start + count)]


def descriptors(count: int, seed: int = 0) -> Units:
    vectors = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1)[:, None], np.float32)


def nearest_ids(known: dict[str, tuple[Record, Units]], query: Units, k: int, region: Region | None) -> list[str]:
    """The ids of the k photos most like a query, by comparing with each."""
    found = [
        (-float(unit.astype(np.float16).astype(np.float32) @ query), photo_id)
        for photo_id, (kept, unit) in known.items()
        if region is None or bool(region.contains(kept.photo.position.lat, kept.photo.position.lon))
    ]
    return [photo_id for _, photo_id in sorted(found)[:k]]
