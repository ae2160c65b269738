"""The photos of a map in the form that a phone searches: descriptors, positions, headings, ids, credits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..locate.confidence import Calibration
from ..models.catalogue import DEFAULT
from ..store.address import Address
from ..store.basemap_file import BasemapFile
from ..store.roads import RoadSource
from ..track.context import META_KEY
from ..track.model import OTHER, SHIPPED, TrackModel
from ..types import Camera, Photo, PointOfInterest, View
from .bundle import bundled

DEGREE = 1e7  # one step is about a centimetre
NO_HEADING = 65535
MOST_PHOTOS = 1_000_000

Rows = npt.NDArray[np.int64]
Units = npt.NDArray[np.float32]


class Points(Protocol):
    """The points of interest of a map."""

    def all(self) -> Iterable[PointOfInterest]:
        """Every point, always in the same order."""


class Roads(Protocol):
    """The part of a map's roads that is packed."""

    def sources(self) -> list[RoadSource]: ...

    def load(self, source: RoadSource) -> bytes: ...


class PhotoStore(Protocol):
    """The part of a map's store that is packed; every `Store` has it."""

    @property
    def address(self) -> Address: ...

    @property
    def points(self) -> Points: ...

    @property
    def roads(self) -> Roads: ...

    @property
    def basemap_file(self) -> BasemapFile: ...

    def __len__(self) -> int: ...

    def meta(self, key: str) -> Any:
        """The JSON value that is stored under a key; None if there is none."""

    def rows(self) -> Rows:
        """The number of every photo, ascending."""

    def photos(self, rows: npt.ArrayLike) -> list[Photo]:
        """The photos of these rows, in the order of `rows`; rows that are gone are left out."""

    def present(self, rows: npt.ArrayLike) -> tuple[Rows, Units]:
        """The rows that still exist, and their (N, dim) float32 descriptors of length 1."""


@dataclass(frozen=True, slots=True)
class Content:
    """The photos of a map and their (N, dim) float32 descriptors of length 1, in the order of the map."""

    photos: Sequence[Photo]
    units: Units


def content_of(store: PhotoStore) -> Content:
    """Every photo with its descriptor, in one consistent state of the map.

    Raises:
        BadInput: the map is empty, has too many photos for a phone, or changed meanwhile.
    """
    if not 0 < len(store) <= MOST_PHOTOS:
        raise BadInput(
            f"{store.address} has {len(store)} photos, but a pack holds 1 to {MOST_PHOTOS}. "
            + (
                f"Add some: viewfix add {store.address.typed} PHOTOS"
                if not len(store)
                else "Build one map for each part, and pack those."
            )
        )
    rows = store.rows()
    photos, (present, units) = store.photos(rows), store.present(rows)
    if not len(photos) == len(present) == len(rows):
        raise BadInput(f"Another process is changing {store.address}. Pack it again when that process has finished.")
    return Content(photos, units)


def quantized(units: Units) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Quantise (N, dim) unit rows to eight bits a number. Returns them with the (N,) step size of each row."""
    scales = (np.abs(units).max(axis=1) / 127).astype(np.float32)
    return np.rint(units / scales[:, None]).astype(np.int8), scales


def calibration_of(calibration: Calibration) -> dict[str, Any]:
    """The numbers that the app needs to compute the same probability, without those of verification."""
    weights, expected = calibration.weights["off"], calibration.expectation
    names = ("bias", "similarity", "margin", "agreement", "density")
    return {
        **{name: getattr(weights, name) for name in names},
        "stranger": calibration.out_of_map["off"],
        "radius_m": calibration.radius_m,
        "photos": calibration.inside,
        **({} if expected is None else {"share_found": expected.share_found_by_similarity}),
    }


def track_model_of(store: PhotoStore, model_name: str) -> TrackModel:
    """The numbers of the filter that follows a moving camera: those fitted for this map, or the usual ones."""
    stored = store.meta(META_KEY)
    if stored:
        return TrackModel.from_json(stored)
    return SHIPPED if model_name == DEFAULT else OTHER


def photos_bundle(content: Content, about: dict[str, Any], thumbnails: npt.NDArray[np.uint32] | None) -> bytes:
    """The bytes of photos.bin.

    Args:
        content: the photos.
        about: the other facts that the app needs, for the header.
        thumbnails: (N + 1,) where the thumbnail of each photo begins and ends in thumbnails.bin; None without any.
    """
    photos = content.photos
    rows, scales = quantized(content.units)
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
    return bundled({**about, **_texts(photos), **_origins(photos)}, arrays)


def _texts(photos: Sequence[Photo]) -> dict[str, Any]:
    """Ids, times and credits; each credit once, because a map has many photos and few photographers."""
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


def _origins(photos: Sequence[Photo]) -> dict[str, Any]:
    """The part of its source that each photo shows, and the cameras; empty if no photo has either."""
    origins: dict[str, Any] = {}
    if any(p.view is not None for p in photos):
        origins["views"] = [_known(p.view) for p in photos]
    cameras = list(dict.fromkeys(p.camera for p in photos))
    if cameras != [None]:
        origins["cameras"] = [_known(camera) for camera in cameras]
        number = {camera: at for at, camera in enumerate(cameras)}
        origins["camera_of"] = [number[p.camera] for p in photos]
    return origins


def _known(part: View | Camera | None) -> dict[str, Any] | None:
    """The known fields of a view or camera; None without any."""
    return None if part is None else {name: value for name, value in asdict(part).items() if value is not None}
