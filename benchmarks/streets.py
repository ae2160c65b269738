"""A generated country with any number of photos: cities, streets and places, with ten photos per place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewfix.store.store import Record
from viewfix.types import Photo, Position

DIM = 512
LATENT = 48  # as many directions as street-level descriptors really vary in, about
CITIES = 40
PHOTOS_PER_PLACE = 10
PLACES_PER_STREET = 50
SPREADS_M = (600.0, 2_000.0, 6_500.0)  # 1 km around the middle then holds everything, a fifth, a fiftieth
# How far apart two cities, streets, places and photos look. With these the true neighbours of a new photo of a place
# have cosines of 0.55 to 0.75, and those of other places reach 0.5, as street-level descriptors do.
SPREAD_CITY, SPREAD_STREET, SPREAD_PLACE, SPREAD_PHOTO, NOISE = 0.6, 0.6, 0.7, 0.55, 0.35

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class City:
    """One city: the latent appearance of its places, and their positions."""

    number: int
    spread_m: float
    looks: Floats  # (places, LATENT)
    lats: npt.NDArray[np.float64]
    lons: npt.NDArray[np.float64]


def projection() -> Floats:
    """The (LATENT, DIM) matrix that turns a latent appearance into a descriptor."""
    return np.random.default_rng(1).standard_normal((LATENT, DIM), dtype=np.float32) / np.float32(np.sqrt(LATENT))


def city(number: int, places: int) -> City:
    """Generate city `number`, the same every time."""
    rng = np.random.default_rng((2, number))
    streets = max(1, places // PLACES_PER_STREET)
    street = np.repeat(np.arange(streets), -(-places // streets))[:places]
    look = SPREAD_CITY * rng.standard_normal(LATENT)
    street_looks = look + SPREAD_STREET * rng.standard_normal((streets, LATENT))
    looks = street_looks[street] + SPREAD_PLACE * rng.standard_normal((places, LATENT))
    spread_m = SPREADS_M[number % len(SPREADS_M)]
    lat, lon = rng.uniform(-60, 60), rng.uniform(-180, 180)
    angle, far = rng.uniform(0, 2 * np.pi, streets), spread_m * np.sqrt(rng.uniform(0, 1, streets))
    way, along = rng.uniform(0, np.pi, streets), 10.0 * (np.arange(places) % PLACES_PER_STREET - PLACES_PER_STREET / 2)
    east = (far * np.cos(angle))[street] + along * np.cos(way)[street]
    north = (far * np.sin(angle))[street] + along * np.sin(way)[street]
    lats = lat + north / 111_000
    lons = (lon + east / (111_000 * np.cos(np.radians(lat))) + 180) % 360 - 180
    return City(number, spread_m, looks.astype(np.float32), lats, lons)


def seen(looks: Floats, rng: np.random.Generator) -> Floats:
    """Turn (N, LATENT) places into (N, DIM) descriptors of length 1: a new photo of each, in its own light."""
    latent = looks + SPREAD_PHOTO * rng.standard_normal(looks.shape, dtype=np.float32)
    pixels = latent @ projection() + NOISE * rng.standard_normal((len(looks), DIM), dtype=np.float32)
    return pixels / np.linalg.norm(pixels, axis=1, keepdims=True)


def photos(count: int, batch: int = 5_000) -> Iterator[tuple[list[Record], Floats]]:
    """Generate `count` photos. Each city is driven through ten times, which spreads the photos of a place."""
    places = count // (CITIES * PHOTOS_PER_PLACE)
    for number in range(CITIES):
        here = city(number, places)
        rng = np.random.default_rng((3, number))
        for drive in range(PHOTOS_PER_PLACE):
            for start in range(0, places, batch):
                at = np.arange(start, min(start + batch, places))
                jitter = rng.normal(0, 2e-5, (2, len(at)))
                yield _records(here, drive, at, jitter), seen(here.looks[at], rng)


def _records(here: City, drive: int, at: npt.NDArray[np.int64], jitter: npt.NDArray[np.float64]) -> list[Record]:
    lats, lons = here.lats[at] + jitter[0], (here.lons[at] + jitter[1] + 180) % 360 - 180
    names = [f"city-{here.number:02}/drive-{drive}/{place:05}.jpg" for place in at]
    return [
        Record(
            Photo(name, f"/photos/{name}", Position(lat, lon, 5.0), heading_deg=90.0, attribution="a made-up country"),
            content_hash=f"{hash((here.number, drive, int(place))) & (2**128 - 1):032x}",
            content_hint=f"{250_000 + int(place)}:1700000000000000000",
        )
        for name, place, lat, lon in zip(names, at, lats.tolist(), lons.tolist(), strict=True)
    ]


def queries(count: int, number_of_photos: int) -> Floats:
    """Generate (count, DIM) descriptors of new photos of places all over the map."""
    rng = np.random.default_rng(4)
    places = number_of_photos // (CITIES * PHOTOS_PER_PLACE)
    cities = rng.integers(CITIES, size=count)
    looks = np.empty((count, LATENT), np.float32)
    for number in np.unique(cities):
        asked = np.flatnonzero(cities == number)
        looks[asked] = city(int(number), places).looks[rng.integers(places, size=len(asked))]
    return seen(looks, rng)
