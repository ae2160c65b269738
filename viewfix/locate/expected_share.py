"""Estimate the share of new photos that a map would find, from photos that were left out of it.

A left-out photo is farther from the map than a new photo of the same street would be, because a whole place was left
out with it. So the share of left-out photos that are found is too low, by 3 to 20 points on the photos of the training
area. Whether a photo is found depends mostly on the distance to the nearest photo that looks the same way. That
dependence is fitted on the left-out photos, and applied to the distances that new photos have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import Circle, Plane, distances_m, metres_per_degree, wrap_lon_deg
from ..store.store import Store
from ..types import Photo
from .confidence import fit_logistic
from .expectation import Expectation

Floats = npt.NDArray[np.float64]

LEAST_LEFT_OUT = 8
"""The smallest number of left-out photos to estimate a share from."""

CURVE = np.array([7.6, -2.8])
"""log(p / (1 - p)) = CURVE[0] + CURVE[1] * log(1 + metres): how likely a photo is found at a distance, fitted on eight
maps of the training area, whole and thinned (benchmarks/expectation.py --choose)."""

PULL = 3.0
"""How strongly the curve of a map is pulled towards CURVE: as strongly as about three photos would."""

NEARER = 0.8
"""The distance of a new photo to the map as a share of that of a left-out photo. Chosen on the training area, where
0.75 and 0.85 are worse by half a point."""

FAR_M = 200.0
"""Photos farther away than this are counted as this far away."""

ALIKE_DEG = 45.0
RINGS_M = (25.0, 75.0, FAR_M)
MOST_NEARBY = 2000

WIDE_M = 10_000.0
"""The longest side of a box to fetch. Photos of an album are from several towns: the box is that of the densest one."""

EDGE_M = 30.0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A left-out photo: whether it was found, by similarity alone and with verification.

    `weight` is the number of left-out photos that it stands for in the share with verification, because only some of
    the doubtful ones are verified; 0 if it has no part in it.
    """

    photo: Photo
    found_by_similarity: bool
    found: bool
    weight: float


def expect(store: Store, left_out: Sequence[LeftOut], own_place_m: float) -> Expectation | None:
    """Estimate what a map can do.

    Args:
        store: the map.
        left_out: photos that were searched for without their own place.
        own_place_m: the radius, metres, that was left out with each of them.

    Returns:
        The expectation; None if there are too few left-out photos.
    """
    if len(left_out) < LEAST_LEFT_OUT:
        return None
    apart = [_distances_m(store, each.photo, own_place_m) for each in left_out]
    any_m, alike_m = (np.array(side) for side in zip(*apart, strict=True))
    weights = np.array([each.weight for each in left_out])
    found = np.array([each.found for each in left_out], np.float64)
    by_similarity = np.array([each.found_by_similarity for each in left_out], np.float64)
    spacing_m = float(np.median(any_m))
    return Expectation(
        share_found=share_of_new(found, alike_m, weights),
        share_found_by_similarity=share_of_new(by_similarity, alike_m, np.ones(len(left_out))),
        left_out=len(left_out),
        spacing_m=spacing_m if spacing_m < FAR_M else None,
        box=_box([each.photo for each in left_out]),
    )


def share_of_new(found: Floats, apart_m: Floats, weights: Floats) -> float:
    """The share of new photos that are found, [0, 1].

    Args:
        found: (N,) 1 for each left-out photo that was found, 0 for the others.
        apart_m: (N,) the distance from each to the nearest photo that looks the same way, metres.
        weights: (N,) how many left-out photos each stands for.
    """
    curve = fit_logistic(_numbers(apart_m), found, weights, CURVE, pull=PULL)
    return float(np.mean(0.5 * (1 + np.tanh(_numbers(NEARER * np.minimum(apart_m, FAR_M)) @ curve / 2))))


def _numbers(apart_m: Floats) -> Floats:
    return np.stack([np.ones(len(apart_m)), np.log1p(np.minimum(apart_m, FAR_M))], axis=1)


def _distances_m(store: Store, photo: Photo, own_place_m: float) -> tuple[float, float]:
    """The distances from a photo to the nearest of another place, and to the nearest of those that looks the same way.

    A photo without a heading may look any way. At most FAR_M.
    """
    at, nearest_m = photo.position, FAR_M
    for ring_m in RINGS_M:
        near = store.photos(store.rows_in(Circle(at.lat, at.lon, ring_m), MOST_NEARBY))
        if not near:
            continue
        apart_m = distances_m(at.lat, at.lon, [p.position.lat for p in near], [p.position.lon for p in near])
        others = apart_m > own_place_m
        if others.any():
            nearest_m = float(apart_m[others].min())
        alike = others & np.array([_alike(photo.heading_deg, each.heading_deg) for each in near])
        if alike.any():
            return nearest_m, float(apart_m[alike].min())
    return nearest_m, FAR_M


def _alike(a_deg: float | None, b_deg: float | None) -> bool:
    return a_deg is None or b_deg is None or abs((a_deg - b_deg + 180) % 360 - 180) <= ALIKE_DEG


def _box(photos: Sequence[Photo]) -> tuple[float, float, float, float]:
    """South, west, north and east of the photos within WIDE_M around the densest place, with an edge."""
    lats = np.array([each.position.lat for each in photos])
    lons = np.array([each.position.lon for each in photos])
    cells = np.stack([np.round(lats * 20), np.round(lons * 20)], axis=1)  # about 5 km
    _, which, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    centre = photos[int(np.argmax(counts[np.ravel(which)]))].position
    xy_m = Plane(centre).to_xy_m(lats, lons)
    near = np.abs(xy_m).max(axis=1) <= WIDE_M / 2
    north_m, east_m = (float(side[0]) for side in metres_per_degree([centre.lat]))
    lons = lons[near] - np.round((lons[near] - centre.lon) / 360) * 360  # beside the centre, also at the 180th meridian
    edge_lat, edge_lon = EDGE_M / north_m, EDGE_M / max(1.0, east_m)
    west, east = wrap_lon_deg([lons.min() - edge_lon, lons.max() + edge_lon]).tolist()
    south, north = max(-90.0, float(lats[near].min()) - edge_lat), min(90.0, float(lats[near].max()) + edge_lat)
    return round(south, 6), round(west, 6), round(north, 6), round(east, 6)
