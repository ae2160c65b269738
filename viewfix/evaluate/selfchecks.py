"""Checks for everything that would make the figures of an evaluation wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput, UnreadablePhoto
from ..models.model import Model
from ..photos.views import load_view
from ..types import Position, Skipped
from .descriptors import EmbeddedPictures, PictureInfo
from .proximity import nearest_m, points_m
from .result import Check

BATCH, TRAINING, COUNT, READABLE, DUPLICATES = "batch", "training", "count", "readable", "duplicates"
NAMES = (BATCH, TRAINING, COUNT, READABLE, DUPLICATES)

SAME_DESCRIPTOR = 1e-3
"""The largest difference allowed between two unit-length descriptors of one picture: more than float32 sums in another
order cause (1e-6), less than a model causes that looks at its neighbours in the batch (0.01 and more)."""

APART_M = 100.0
"""Closer to a training place than this, a test place is partly the same place."""

SAME_SIMILARITY = 0.999
SAME_PIXELS = 0.98
"""Two small grey copies with this correlation or more are the same picture, saved twice."""

COPY_PX = 32
NAMED = 3


def require(checks: Sequence[Check]) -> None:
    """Stop if a check failed and was not allowed.

    Raises:
        BadInput: one line with every failure and the option that allows it.
    """
    failed = [check for check in checks if check.passed is False and not check.allowed]
    if failed:
        seen = "; ".join(f"{check.name}: {check.seen}" for check in failed)
        allow = " ".join(f"--allow {check.name}" for check in failed)
        raise BadInput(
            f"The figures would be wrong. {seen}. Fix that, or continue with a warning in the report: {allow}"
        )


def allowed(names: Sequence[str]) -> frozenset[str]:
    """The checks that may fail, by name; an unknown one is refused."""
    for name in names:
        if name not in NAMES:
            raise BadInput(f"There is no check called '{name}'. Choose one of: {', '.join(NAMES)}.")
    return frozenset(names)


def batch(model: Model, sample: Sequence[PictureInfo], allow: frozenset[str]) -> Check:
    """Whether a descriptor is the same alone, in a batch, in another order, and beside very different pictures.

    Args:
        sample: a few pictures of the dataset; unreadable ones are ignored.
    """
    pictures = []
    for each in sample:
        try:
            pictures.append(load_view(each.source, each.view, least_side_px=model.least_side_px))
        except UnreadablePhoto:
            continue
    if not pictures:
        return Check(BATCH, None, "no picture could be read for the test", BATCH in allow)
    blank = np.full_like(pictures[0], 127)
    batch_of_all = [*pictures, np.ascontiguousarray(pictures[0][:, ::-1]), blank]
    alone = np.concatenate([model.embed([picture]) for picture in batch_of_all])
    worst = 0.0
    for order in (range(len(batch_of_all)), range(len(batch_of_all))[::-1], (0, len(batch_of_all) - 1)):
        together = model.embed([batch_of_all[row] for row in order])
        worst = max(worst, float(np.linalg.norm(together - alone[list(order)], axis=1).max()))
    seen = f"a descriptor changes by {worst:.2g} with the rest of its batch (up to {SAME_DESCRIPTOR:g} is rounding)"
    return Check(BATCH, worst <= SAME_DESCRIPTOR, seen, BATCH in allow)


def count(expected: Mapping[str, int | None], found: Mapping[str, int], allow: frozenset[str]) -> Check:
    """Whether the number of pictures is that of the protocol; nothing to check if the protocol has none."""
    known = {what: number for what, number in expected.items() if number is not None}
    if not known:
        said = ", ".join(f"{number} {what}" for what, number in found.items())
        return Check(COUNT, None, f"{said}; the protocol does not say how many", COUNT in allow)
    seen = ", ".join(f"{found[what]} {what} (the protocol has {number})" for what, number in known.items())
    return Check(COUNT, all(found[what] == number for what, number in known.items()), seen, COUNT in allow)


def readable(skipped: Sequence[Skipped], allow: frozenset[str]) -> Check:
    """Whether every picture could be read: a query that is silently dropped changes the protocol."""
    if not skipped:
        return Check(READABLE, True, "every picture could be read", READABLE in allow)
    named = ", ".join(each.id for each in skipped[:NAMED])
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    reason = skipped[0].reason.rstrip(".")
    return Check(READABLE, False, f"{len(skipped)} could not be read: {named}{more} ({reason})", READABLE in allow)


def duplicates(map_photos: EmbeddedPictures, queries: EmbeddedPictures, allow: frozenset[str]) -> Check:
    """Whether a query is also a picture of the map: the same bytes, or nearly the same descriptor and pixels.

    Descriptors alone are not enough: with a model whose descriptors are all alike, everything would be a duplicate.
    """
    where: dict[str, int] = {content: row for row, content in enumerate(map_photos.hashes)}
    same = [(row, where[content]) for row, content in enumerate(queries.hashes) if content in where]
    certain = {row for row, _ in same}
    for row, descriptor in enumerate(queries.descriptors):
        if row in certain:
            continue
        similarities = map_photos.descriptors @ descriptor
        best = int(np.argmax(similarities))
        if similarities[best] > SAME_SIMILARITY and _same_pixels(queries.pictures[row], map_photos.pictures[best]):
            same.append((row, best))
    if not same:
        return Check(DUPLICATES, True, "no query is a picture of the map", DUPLICATES in allow)
    pairs = [f"{queries.pictures[q].id} is {map_photos.pictures[m].id}" for q, m in sorted(same)[:NAMED]]
    more = f" and {len(same) - NAMED} more" if len(same) > NAMED else ""
    seen = f"{len(same)} of {len(queries)} queries are pictures of the map: {', '.join(pairs)}{more}"
    return Check(DUPLICATES, False, seen, DUPLICATES in allow)


def _same_pixels(query: PictureInfo, map_photo: PictureInfo) -> bool:
    one, other = _small_grey_copy(query), _small_grey_copy(map_photo)
    if one.std() < 1 or other.std() < 1:  # a single colour: nothing to correlate
        return bool(np.abs(one - other).mean() < 2)
    return bool(np.corrcoef(one.ravel(), other.ravel())[0, 1] >= SAME_PIXELS)


def _small_grey_copy(picture: PictureInfo) -> npt.NDArray[np.float64]:
    from PIL import Image

    try:
        pixels = load_view(picture.source, picture.view, least_side_px=COPY_PX)
    except UnreadablePhoto:  # the photo may have been deleted since the map was built
        return np.random.default_rng(0).normal(size=(COPY_PX, COPY_PX)) * 255
    small = Image.fromarray(pixels).convert("L").resize((COPY_PX, COPY_PX), Image.Resampling.BOX)
    return np.asarray(small, np.float64)


def training(
    about: Mapping[str, Any], trained_on: Sequence[Position], places: Sequence[Position], allow: frozenset[str]
) -> Check:
    """Whether the test places are clear of the places where the model was trained.

    Args:
        about: the description of the model. It may have `training_places`, a list of [lat, lon], or `training_area`, a
            {"lat", "lon", "radius_m"} or a list of those.
        trained_on: further training positions.
        places: of the map and the queries.
    """
    points, circles = _training_places(about)
    points += trained_on
    if not points and not circles:
        return Check(TRAINING, None, "the model does not say where it was trained", TRAINING in allow)
    if not places:
        return Check(
            TRAINING, None, "the dataset has no positions to compare with the training places", TRAINING in allow
        )
    here = points_m(places)
    distances_m = nearest_m(here, points_m(points)) if points else np.full(len(here), np.inf)
    for centre, radius_m in circles:
        distances_m = np.minimum(distances_m, np.maximum(nearest_m(here, points_m([centre])) - radius_m, 0.0))
    least_m, near = float(distances_m.min()), int((distances_m < APART_M).sum())
    far = f"{least_m:.0f} m" if least_m < 10_000 else f"{least_m / 1000:.0f} km"
    seen = f"the nearest training place is {far} from a test place"
    if near:
        seen += f"; {near} of {len(places)} test photos lie within {APART_M:g} m of one"
    return Check(TRAINING, not near, seen, TRAINING in allow)


def _training_places(about: Mapping[str, Any]) -> tuple[list[Position], list[tuple[Position, float]]]:
    try:
        points = [Position(float(lat), float(lon)) for lat, lon in about.get("training_places") or ()]
        areas = about.get("training_area") or []
        circles = [
            (Position(float(area["lat"]), float(area["lon"])), float(area["radius_m"]))
            for area in ([areas] if isinstance(areas, dict) else areas)
        ]
    except (TypeError, ValueError, KeyError) as error:
        raise BadInput(
            f"The model's description of its training places cannot be read ({error!r}). Write training_places as "
            '[[lat, lon], ...], or training_area as {"lat": ..., "lon": ..., "radius_m": ...}.'
        ) from None
    return points, circles
