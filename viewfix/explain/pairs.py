"""A pair becomes a figure: query and candidate side by side in one SVG, joined where they agree, and what was found."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..geo import distance_m
from ..types import Position
from .explanation import Pair, Pixels, Points
from .words import counted, escaped, heading, length, place

HIGH_PX = 480
"""Both pictures of a pair are drawn this high, and no stored picture is higher."""

WIDEST_PX = 4 * HIGH_PX
"""A panorama is stored no wider than this."""

GAP_PX = 12

MOST_LINES = 60
"""More lines than this hide the pictures that they explain."""

GEOMETRIES = {
    "fundamental": "a scene in depth seen from two points (fundamental matrix)",
    "homography": "one flat surface seen from two points (homography)",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture: its `uri` (a JPEG without any metadata), and the size of what it was made of."""

    uri: str
    width_px: int
    height_px: int

    @property
    def scale(self) -> float:
        """From pixels of the original to the units of a pair's drawing."""
        return HIGH_PX / self.height_px


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the distances on the page are measured from: the fix, or without one the best candidate."""

    position: Position
    name: str


def stored(pixels: Pixels) -> Picture:
    """(H, W, 3) uint8 RGB to a JPEG at most HIGH_PX high, made from the bare pixels: no EXIF comes along."""
    small = Image.fromarray(pixels)
    small.thumbnail((WIDEST_PX, HIGH_PX))
    packed = io.BytesIO()
    small.save(packed, "JPEG", quality=82, optimize=True)
    data = base64.b64encode(packed.getvalue()).decode("ascii")
    return Picture(f"data:image/jpeg;base64,{data}", pixels.shape[1], pixels.shape[0])


def img(picture: Picture, alt: str) -> str:
    """A stored picture alone, as HTML."""
    size = f'width="{picture.width_px}" height="{picture.height_px}"'
    return f'<img src="{picture.uri}" {size} alt="{escaped(alt)}">'


def absent(pair: Pair) -> str:
    """Stands where the candidate's picture would be, and says why it is not there, as HTML."""
    why = pair.missing or "nobody said why"
    return f'<p class="absent">The picture of {escaped(pair.candidate.photo.id)} cannot be shown: {escaped(why)}</p>'


def pair_html(number: int, query: Picture, pair: Pair, anchor: Anchor | None) -> str:
    """One numbered candidate: its heading, the two pictures with their lines, and the facts."""
    photo = pair.candidate.photo
    drawn = absent(pair) if pair.picture is None else _drawing(number, query, stored(pair.picture), pair)
    facts = "".join(f"<div><dt>{name}</dt><dd>{escaped(said)}</dd></div>" for name, said in _facts(pair, anchor))
    return (
        f'<section class="card" aria-labelledby="pair-{number}"><h3 id="pair-{number}"><b class="badge">{number}</b> '
        f"{escaped(photo.id)}</h3><figure>{drawn}<figcaption><dl>{facts}</dl></figcaption></figure></section>"
    )


def spread(points: Points, most: int) -> npt.NDArray[np.intp]:
    """Which `most` of (N, 2) points to draw so that they cover the picture evenly; all, where there are no more.

    Each next one is the farthest from those already taken.
    """
    if len(points) <= most:
        return np.arange(len(points))
    chosen, gaps = [], np.full(len(points), np.inf)
    for _ in range(most):
        farthest = int(np.argmax(gaps))
        chosen.append(farthest)
        gaps = np.minimum(gaps, ((points - points[farthest]) ** 2).sum(axis=1))
        gaps[farthest] = -1.0  # never twice, even where many points coincide
    return np.array(chosen)


def _drawing(number: int, query: Picture, candidate: Picture, pair: Pair) -> str:
    left_px, right_px = query.width_px * query.scale, candidate.width_px * candidate.scale
    start_px = left_px + GAP_PX
    from_xy = pair.query_points[pair.agree] * query.scale
    to_xy = pair.candidate_points[pair.agree] * candidate.scale + np.array([start_px, 0.0])
    shown = spread(from_xy, MOST_LINES)
    ends = [(*from_xy[i], *to_xy[i]) for i in shown]
    lines = "".join(f'<line x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}"/>' for a, b, c, d in ends)
    dots = "".join(f"M{a:.1f} {b:.1f}h0M{c:.1f} {d:.1f}h0" for a, b, c, d in ends)
    rims = "".join(f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for a, b, c, d in ends)
    joined = f'<path class="rims" d="{rims}"/><g class="lines">{lines}</g>'
    joined += f'<path class="ends rim" d="{dots}"/><path class="ends" d="{dots}"/>'
    photo = escaped(pair.candidate.photo.id)
    return (
        f'<svg class="pair" viewBox="0 0 {start_px + right_px:.1f} {HIGH_PX}" role="img" '
        f'aria-labelledby="pair-{number}-title" aria-describedby="pair-{number}-desc">'
        f'<title id="pair-{number}-title">The query, left, and {photo}, right</title>'
        f'<desc id="pair-{number}-desc">{escaped(_drawn(pair, len(shown)))}</desc>'
        f'<image href="{query.uri}" width="{left_px:.1f}" height="{HIGH_PX}" preserveAspectRatio="none"/>'
        f'<image href="{candidate.uri}" x="{start_px:.1f}" width="{right_px:.1f}" height="{HIGH_PX}" '
        f'preserveAspectRatio="none"/>{joined if ends else ""}</svg>'
    )


def _drawn(pair: Pair, lines: int) -> str:
    inliers, matches = int(pair.agree.sum()), len(pair.agree)
    if inliers == 0:
        return "No lines: no matched points agree with each other."
    some = f"{lines} of {inliers:,}" if lines < inliers else ("1" if inliers == 1 else f"all {inliers:,}")
    rest = matches - inliers
    others = f"; the {counted(rest, 'match', 'matches')} that do not agree are not drawn" if rest else ""
    return f"Lines join {some} of the matched points that agree{others}."


def _facts(pair: Pair, anchor: Anchor | None) -> list[tuple[str, str]]:
    """Names, which are ours, and what is said, which may come from outside."""
    photo, inliers, matches = pair.candidate.photo, int(pair.agree.sum()), len(pair.agree)
    geometry = "none" if pair.geometry is None else GEOMETRIES.get(pair.geometry, pair.geometry)
    facts = [
        ("Similarity", f"{pair.candidate.similarity:.2f}"),
        ("Inliers", f"{inliers:,} of {counted(matches, 'match', 'matches')}" if matches else "no matches"),
        ("Geometry", geometry),
        ("Taken at", place(photo.position)),
    ]
    if anchor is not None and anchor.position is not photo.position:
        facts.append((f"From {anchor.name}", length(distance_m(anchor.position, photo.position))))
    facts.append(("Heading", "unknown" if photo.heading_deg is None else heading(photo.heading_deg)))
    facts.append(("Photo by", photo.attribution or "not said"))
    facts.append(("Licence", photo.licence or "not said"))
    if pair.picture is not None and matches:
        lines = min(inliers, MOST_LINES)
        if lines < matches:
            facts.append(("Drawn", _drawn(pair, lines)))
    return facts
