"""The HTML report on coverage: figures, a plan, lists and pictures, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..basemap import Basemap
from ..blur import Blur
from ..reports.formatting import counted, place
from ..reports.pictures import Picture, thumbnail
from ..reports.render import render
from . import summary
from .plan import LETTERS, plan_view
from .result import Coverage, LookAlike, LookAlikePhoto

ROWS = 50
"""Rows of a table; the GeoJSON holds all of them."""

TITLES = {
    "gap": "A gap",
    "not found": "Not found",
    "alone": "Alone",
    "directions": "A direction is missing",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table as texts; `caption` says how many rows there are."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A look-alike with its two pictures, None for one that cannot be shown."""

    name: str
    pair: LookAlike
    pictures: tuple[Picture | None, Picture | None]


def page(coverage: Coverage, basemap: Basemap | None = None, blur: Blur | None = None) -> str:
    """The report as one HTML page. Pictures are blurred, and embedded without EXIF, so it can be mailed as it is."""
    cards = [_card(name, pair, blur) for name, pair in zip(LETTERS, coverage.look_alikes, strict=False)]
    ends = [end for card in cards for end in zip((card.pair.asked, card.pair.rival), card.pictures, strict=True)]
    return render(
        "coverage/page.html",
        credits=[photo.credit for photo, picture in ends if picture is not None],
        coverage=coverage,
        name=Path(coverage.map).name,
        summary=summary,
        titles=TITLES,
        states={spot.state for spot in coverage.spots},
        plan=plan_view(coverage, basemap),
        cards=cards,
        more_pairs=_more_pairs(coverage.look_alikes[len(cards) :]),
        doubtful=_doubtful(coverage),
        gaps=_gaps(coverage),
        directions=_directions(coverage),
    )


def _card(name: str, pair: LookAlike, blur: Blur | None) -> Card:
    return Card(name, pair, (_picture(pair.asked, blur), _picture(pair.rival, blur)))


def _picture(photo: LookAlikePhoto, blur: Blur | None) -> Picture | None:
    return thumbnail(photo.source, photo.view, blur)


def _caption(noun: str, shown: int, total: int) -> str:
    return counted(total, noun) + ("" if shown == total else f", the first {shown}")


def _more_pairs(pairs: Sequence[LookAlike]) -> Table | None:
    rows = tuple(
        (
            pair.asked.photo,
            pair.rival.photo,
            f"{pair.apart_m:.0f} m",
            f"{pair.similarity:.2f}",
            "not among the candidates" if pair.right is None else f"{pair.right:.2f}",
        )
        for pair in pairs[:ROWS]
    )
    columns = ("photo", "looks like", "distance", "similarity", "similarity of its own place")
    return Table(_caption("more pair", len(rows), len(pairs)), columns, rows) if rows else None


def _doubtful(coverage: Coverage) -> Table | None:
    doubtful = [spot for spot in coverage.spots if spot.state == "doubtful"]
    doubtful.sort(key=lambda spot: (spot.share_found or 0.0, spot.probability or 0.0))
    rows = tuple(
        (
            spot.photo,
            place(spot.position),
            f"{spot.found} of {spot.asked - spot.alone}",
            f"{spot.misled}",
            "" if spot.probability is None else f"{spot.probability:.2f}",
            "" if spot.nearest_m is None else f"{spot.nearest_m:.0f} m",
        )
        for spot in doubtful[:ROWS]
    )
    columns = ("first photo", "position", "found", "placed elsewhere", "mean probability", "next spot")
    return Table(_caption("spot", len(rows), len(doubtful)), columns, rows) if rows else None


def _gaps(coverage: Coverage) -> Table | None:
    rows = tuple(
        (f"{gap.length_m:.0f} m", place(gap.start), place(gap.end), f"{gap.missing}") for gap in coverage.gaps[:ROWS]
    )
    columns = ("length", "from", "to", "spots missing")
    return Table(_caption("gap", len(rows), len(coverage.gaps)), columns, rows) if rows else None


def _directions(coverage: Coverage) -> Table | None:
    lacking = sorted((spot for spot in coverage.spots if spot.missing), key=lambda spot: -len(spot.missing or ()))
    rows = tuple(
        (spot.photo, place(spot.position), ", ".join(spot.missing or ()), f"{spot.headless}") for spot in lacking[:ROWS]
    )
    columns = ("first photo", "position", "not faced by any photo within 15 m", "photos without a heading")
    return Table(_caption("spot", len(rows), len(lacking)), columns, rows) if rows else None
