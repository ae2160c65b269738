"""The photos of a map go in; the bytes that a phone searches come out: descriptors, places, headings, ids, credits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..locate.confidence import Calibration
from ..map import Map
from ..types import Photo
from .bundle import bundled

DEGREE = 1e7  # a centimetre
NO_HEADING = 65535
MOST_PHOTOS = 1_000_000

Rows = npt.NDArray[np.int8]
Units = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Content:
    """The photos of a map and their (N, dim) float32 descriptors of length 1, in the order of the map."""

    photos: Sequence[Photo]
    units: Units


def content_of(city: Map) -> Content:
    """Everything, as it is at one moment.

    Raises:
        BadInput: the map is empty, or has more photos than a phone can hold.
    """
    store = city.store
    if not 0 < len(store) <= MOST_PHOTOS:
        raise BadInput(
            f"{city.address} has {len(store)} photos; a pack holds 1 to {MOST_PHOTOS}. "
            + ("Add some: viewfix add MAP PHOTOS" if not len(store) else "Build a map of each part, and pack those.")
        )
    rows = store.rows()
    photos, (present, units) = store.photos(rows), store.present(rows)
    if not len(photos) == len(present) == len(rows):
        raise BadInput(f"{city.address} is being changed by another process. Pack it again when that is done.")
    return Content(photos, units)


def rows_of(units: Units) -> tuple[Rows, npt.NDArray[np.float32]]:
    """(N, dim) unit rows as eight bits a number, and what a one of each row stands for."""
    scales = (np.abs(units).max(axis=1) / 127).astype(np.float32)
    return np.rint(units / scales[:, None]).astype(np.int8), scales


def calibration_of(calibration: Calibration) -> dict[str, Any]:
    """What the app needs to give the same probability without verification."""
    weights = calibration.weights["off"]
    names = ("bias", "similarity", "margin", "agreement", "density")
    return {
        **{name: getattr(weights, name) for name in names},
        "stranger": calibration.out_of_map["off"],
        "radius_m": calibration.radius_m,
        "photos": calibration.inside,
    }


def photos_bundle(content: Content, about: dict[str, Any], thumbnails: npt.NDArray[np.uint32] | None) -> bytes:
    """The bytes of photos.bin.

    Args:
        content: what is packed.
        about: what else the app has to know.
        thumbnails: (N + 1,) where in thumbnails.bin that of each photo begins and ends; None where there are none.
    """
    photos = content.photos
    rows, scales = rows_of(content.units)
    headings = [NO_HEADING if p.heading_deg is None else round(p.heading_deg * 100) % 36000 for p in photos]
    arrays: dict[str, npt.NDArray[Any]] = {
        "rows": rows.reshape(-1),
        "scales": scales,
        "middle": content.units.mean(axis=0, dtype=np.float64).astype(np.float32),
        "lats": np.rint(np.array([p.position.lat for p in photos]) * DEGREE).astype(np.int32),
        "lons": np.rint(np.array([p.position.lon for p in photos]) * DEGREE).astype(np.int32),
        "headings": np.array(headings, np.uint16),
    }
    if any(p.position.radius_m is not None for p in photos):
        radii = [np.nan if p.position.radius_m is None else p.position.radius_m for p in photos]
        arrays["radii"] = np.array(radii, np.float32)
    if thumbnails is not None:
        arrays["thumbnails"] = thumbnails
    return bundled({**about, **_texts(photos)}, arrays)


def _texts(photos: Sequence[Photo]) -> dict[str, Any]:
    """Ids, times and whom to thank; the last once each, for a map has many photos and few photographers."""
    credits = list(dict.fromkeys((p.attribution, p.licence) for p in photos))
    number = {credit: at for at, credit in enumerate(credits)}
    texts: dict[str, Any] = {
        "photos": len(photos),
        "ids": [p.id for p in photos],
        "credits": [{"attribution": attribution, "licence": licence} for attribution, licence in credits],
    }
    if len(credits) > 1:
        texts["credit_of"] = [number[p.attribution, p.licence] for p in photos]
    if any(p.taken_at is not None for p in photos):
        texts["taken_at"] = [None if p.taken_at is None else p.taken_at.isoformat() for p in photos]
    return texts
