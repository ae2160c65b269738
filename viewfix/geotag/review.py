"""The review page: every photo with its proposed place on a plan, to accept, move by hand or reject."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..errors import UnreadablePhoto
from ..files import write_whole
from ..geo import Box, widened
from ..geojson import to_json
from ..locate.many import in_order
from ..photos import load
from ..reports.pictures import embed, thumbnail
from ..reports.render import render
from ..roads.network import Network
from ..roads.router import Router
from ..shell import shell_quoted
from ..store.store import Store
from ..types import Progress, silent
from .decisions import FORM
from .options import GeotagOptions
from .plan import Album, GeotagPlan
from .proposal import Proposal

PER_PAGE = 300
"""The most photos on one page; with their thumbnails it has some 10 MB."""

THUMBNAIL_PX = 240
MOST_DOTS, MOST_ROADS = 20_000, 20_000
MARGIN_M = 300.0
SHOWN_FROM = 0.2
"""Less likely proposals are listed without their place: it would only mislead."""


def write_review(plan: GeotagPlan, target: Path, progress: Progress = silent) -> list[Path]:
    """Write the review page, or several of PER_PAGE photos. Nothing is loaded from the network when it is open.

    Args:
        plan: where the photos were taken. Its map must be open, for the photos and the roads around.
        target: the .html file; further ones get a number.
        progress: called with the number of photos.

    Returns:
        The files written.
    """
    store = plan.store
    networks = Router(store).networks("walk") if store.roads.sources() else []
    written: list[Path] = []
    total = sum(plan.counts().values())
    done = 0
    for album in plan.albums:
        proposals = album.proposals(plan.options)
        while batch := list(islice(proposals, PER_PAGE)):
            name = target if not written else target.with_name(f"{target.stem}-{len(written) + 1}{target.suffix}")
            saved_as = f"{name.stem}-decisions.json"
            write_whole(name, page(album, batch, plan.options, store, networks, saved_as))
            written.append(name)
            done += len(batch)
            progress("writing the review page", done, total)
    return written


def page(  # noqa: PLR0913  the parts of one page
    album: Album,
    proposals: Sequence[Proposal],
    options: GeotagOptions,
    store: Store,
    networks: Sequence[Network],
    saved_as: str,
) -> str:
    """One review page as HTML that loads nothing."""
    best = {each.seen[0].id for each in proposals if each.seen and _is_shown(each)}
    sources = {photo_id: record.photo for photo_id, record in store.known(sorted(best)).items()}
    pictures = dict(in_order(_files(proposals), _thumbnail, silent))
    evidence = {photo.id: thumbnail(photo.source, photo.view) for photo in sources.values()}
    items = [_item(each, pictures.get(each.file), evidence) for each in proposals]
    box = _box(proposals)
    data = {
        "form": FORM,
        "root": str(album.root),
        "target": None if album.target == album.root else str(album.target),
        "least": options.least_confidence,
        "mend": options.mend,
        "savedAs": saved_as,
        "items": items,
        "dots": _dots(store, box),
        "roads": _roads(networks, box),
    }
    credits = [seen.attribution for each in proposals if _is_shown(each) for seen in each.seen[:1]]
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return render(
        "geotag/review.html",
        credits=[*credits, *(network.graph.credit for network in networks)],
        name=album.root.name,
        count=len(proposals),
        # Data of a page, not a script: only "<" could end the element.
        data=Markup(to_json(data).replace("<", "\\u003c")),
        script=Markup(script),
        digest=digest,
        command=f"viewfix geotag --decisions {shell_quoted(saved_as)}"
        + (" --write exif" if options.write == "exif" else ""),
    )


@cache
def _script() -> str:
    return files(__package__).joinpath("review.js").read_text(encoding="utf-8").strip()


def _is_shown(each: Proposal) -> bool:
    return each.tag is not None and (each.tag.confidence or 0.0) >= SHOWN_FROM


def _files(proposals: Sequence[Proposal]) -> Iterator[Path]:
    return (each.file for each in proposals if each.state != "skipped")


def _thumbnail(file: Path) -> str | None:
    try:
        return embed(load(file, least_side_px=THUMBNAIL_PX), THUMBNAIL_PX, THUMBNAIL_PX).uri
    except UnreadablePhoto:
        return None


def _item(each: Proposal, picture: str | None, evidence: dict[str, Any]) -> dict[str, Any]:
    tag = each.tag if _is_shown(each) else None
    like = evidence.get(each.seen[0].id) if each.seen and tag is not None and "photo" in (tag.by or "") else None
    return {
        "photo": each.id,
        "state": each.state,
        "picture": picture,
        "takenAt": None if each.taken_at is None else f"{each.taken_at:%Y-%m-%d %H:%M:%S}",
        "reason": each.reason,
        "tag": None if tag is None else tag.to_json(),
        "own": None if each.own is None else [each.own.lat, each.own.lon],
        "like": None if like is None else like.uri,
        "likeName": each.seen[0].id if like is not None else None,
    }


def _box(proposals: Sequence[Proposal]) -> Box | None:
    """The area of the proposals and of the positions that photos have, with a margin."""
    at = [each.tag.position for each in proposals if each.tag is not None and _is_shown(each)]
    at += [each.own for each in proposals if each.own is not None and each.state in ("wrong", "positioned")]
    if not at:
        return None
    lats, lons = np.array([p.lat for p in at]), np.array([p.lon for p in at])
    if lons.max() - lons.min() > 180:  # across the 180th meridian: west is the smallest eastern longitude
        west, east = float(lons[lons > 0].min()), float(lons[lons <= 0].max())
    else:
        west, east = float(lons.min()), float(lons.max())
    return widened(Box(float(lats.min()), west, float(lats.max()), east), MARGIN_M)


def _dots(store: Store, box: Box | None) -> list[list[float]]:
    """Where the photos of the map are, to draw them as dots; some of them if there are many."""
    _, lats, lons = store.positions()
    inside = np.ones(len(lats), bool) if box is None else np.asarray(box.contains(lats, lons))
    chosen = np.flatnonzero(inside)
    chosen = chosen[:: max(1, len(chosen) // MOST_DOTS)]
    pairs = zip(lats[chosen].tolist(), lons[chosen].tolist(), strict=True)
    return [[round(lat, 6), round(lon, 6)] for lat, lon in pairs]


def _roads(networks: Sequence[Network], box: Box | None) -> list[list[list[float]]]:
    lines: list[list[list[float]]] = []
    for network in networks if box is not None else ():
        for edge in range(len(network.graph.starts)):
            points = network.points_of(edge)
            if box is not None and box.contains([points[0][0]], [points[0][1]])[0]:
                lines.append([[round(lat, 6), round(lon, 6)] for lat, lon in points])
            if len(lines) == MOST_ROADS:
                return lines
    return lines
