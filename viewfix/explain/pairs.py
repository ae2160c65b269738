"""The drawing of one pair: query and candidate side by side, joined by lines where matched points agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..geo import distance_m
from ..reports.formatting import counted, heading, length, place
from ..reports.pictures import Picture, embed
from .parts import Anchor, Pair, Pixels, Points

HIGH_PX = 480
"""Both pictures of a pair are drawn at this height; stored pictures are at most this high."""

WIDEST_PX = 4 * HIGH_PX
"""The largest width of a stored picture, for panoramas."""

GAP_PX = 12

MOST_LINES = 60
"""More lines than this hide the pictures that they explain."""

GEOMETRIES = {
    "fundamental": "a scene in depth seen from two points (fundamental matrix)",
    "homography": "one flat surface seen from two points (homography)",
}

Line = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class PairView:
    """One pair, ready for the page. `lines` are x1, y1, x2, y2 in units of the drawing."""

    photo: str
    picture: Picture | None
    missing: str
    query_width: float
    candidate_start: float
    candidate_width: float
    lines: tuple[Line, ...]
    description: str
    facts: tuple[tuple[str, str], ...]


def stored(pixels: Pixels) -> Picture:
    """(H, W, 3) uint8 RGB to an embedded JPEG at most HIGH_PX high."""
    return embed(pixels, WIDEST_PX, HIGH_PX)


def pair_view(pair: Pair, query_shape: tuple[int, ...], anchor: Anchor | None) -> PairView:
    """Work out the lines and the facts of a pair; `query_shape` is (H, W, 3)."""
    query_scale = HIGH_PX / query_shape[0]
    start = query_shape[1] * query_scale + GAP_PX
    width, lines = 0.0, tuple[Line, ...]()
    if pair.picture is not None:
        candidate_scale = HIGH_PX / pair.picture.shape[0]
        width = pair.picture.shape[1] * candidate_scale
        from_xy = pair.query_points[pair.agree] * query_scale
        to_xy = pair.candidate_points[pair.agree] * candidate_scale + np.array([start, 0.0])
        lines = tuple(_line(from_xy[i], to_xy[i]) for i in spread(from_xy, MOST_LINES))
    return PairView(
        photo=pair.candidate.photo.id,
        picture=None if pair.picture is None else stored(pair.picture),
        missing=pair.missing or "the reason is unknown",
        query_width=start - GAP_PX,
        candidate_start=start,
        candidate_width=width,
        lines=lines,
        description=_description(pair, len(lines)),
        facts=tuple(_facts(pair, anchor, len(lines))),
    )


def _line(start: Points, end: Points) -> Line:
    return float(start[0]), float(start[1]), float(end[0]), float(end[1])


def spread(points: Points, most: int) -> npt.NDArray[np.intp]:
    """Choose at most `most` of (N, 2) points so that they cover the picture evenly.

    Each further one is the point farthest from those already chosen.
    """
    if len(points) <= most:
        return np.arange(len(points))
    chosen, gaps = [], np.full(len(points), np.inf)
    for _ in range(most):
        farthest = int(np.argmax(gaps))
        chosen.append(farthest)
        gaps = np.minimum(gaps, ((points - points[farthest]) ** 2).sum(axis=1))
        gaps[farthest] = -1.0  # never choose it twice, even where many points coincide
    return np.array(chosen)


def _description(pair: Pair, lines: int) -> str:
    inliers, matches = int(pair.agree.sum()), len(pair.agree)
    if inliers == 0:
        return "No lines: no matched points agree with each other."
    some = f"{lines} of {inliers:,}" if lines < inliers else ("1" if inliers == 1 else f"all {inliers:,}")
    rest = matches - inliers
    others = f"; the {counted(rest, 'match', 'matches')} that do not agree are not drawn" if rest else ""
    return f"Lines join {some} of the matched points that agree{others}."


def _inliers(pair: Pair) -> str:
    """The number of inliers that the answer uses, and of the matches behind them."""
    agree, matches = int(pair.agree.sum()), len(pair.agree)
    if not matches:
        return "no matches"
    of_matches = f"{agree:,} of {counted(matches, 'match', 'matches')}"
    inliers = pair.candidate.inliers
    if inliers is None or inliers == agree:
        return of_matches
    return f"{inliers:,} ({of_matches} agree, but those close together count less)"


def _facts(pair: Pair, anchor: Anchor | None, lines: int) -> list[tuple[str, str]]:
    photo, matches = pair.candidate.photo, len(pair.agree)
    geometry = "none" if pair.geometry is None else GEOMETRIES.get(pair.geometry, pair.geometry)
    facts = [
        ("Similarity", f"{pair.candidate.similarity:.2f}"),
        ("Inliers", _inliers(pair)),
        ("Geometry", geometry),
        ("Taken at", place(photo.position)),
    ]
    if anchor is not None and anchor.position is not photo.position:
        facts.append((f"From {anchor.name}", length(distance_m(anchor.position, photo.position))))
    facts.append(("Heading", "unknown" if photo.heading_deg is None else heading(photo.heading_deg)))
    facts.append(("Photo by", photo.attribution or "unknown"))
    facts.append(("Licence", photo.licence or "unknown"))
    if pair.picture is not None and lines < matches:
        facts.append(("Drawn", _description(pair, lines)))
    return facts
