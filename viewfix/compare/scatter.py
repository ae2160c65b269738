"""Draw the photos of a map in two dimensions by how they look, coloured by place or by position."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..blur import Blur, load_shown
from ..errors import BadInput, UnreadablePhoto
from ..files import replacing
from ..geo import Plane
from ..optional import optional
from ..photos import is_url
from ..store.store import Store
from ..types import Photo, Position, Progress, silent

MOST = 5000
"""Points drawn: more take minutes to lay out and cover each other. A larger map is sampled, and the label says so."""

MOST_PLACES = 20
TSNE_FROM = 50
CELLS = 10
"""Thumbnails are placed on a grid of this many columns and rows, at most one in each cell."""

CLEAR = 0.6
"""Centres of thumbnails are this far apart, in cells, so that no thumbnail covers another."""

THUMBNAIL_PX, THUMBNAIL_POINTS = 96, 34.0

Floats = npt.NDArray[np.float64]
Colour = Literal["place", "position"]


def lay_out(descriptors: npt.NDArray[np.float32], *, method: str = "tsne") -> npt.NDArray[np.float32]:
    """Project (N, dim) descriptors to (N, 2): "tsne" keeps neighbours together, "pca" keeps distances.

    Raises:
        BadInput: fewer than four photos.
        MissingExtra: t-SNE without scikit-learn.
    """
    if len(descriptors) < 4:
        raise BadInput(f"A plot needs at least four photos; the map has {len(descriptors)}.")
    centred = descriptors - descriptors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    if method == "pca":
        return np.asarray(centred @ axes[:2].T)
    manifold = optional("sklearn.manifold")
    reduced = centred @ axes[:TSNE_FROM].T  # distances hardly change, and t-SNE is ten times faster
    perplexity = min(30.0, (len(descriptors) - 1) / 3)
    tsne = manifold.TSNE(2, perplexity=perplexity, init="pca", random_state=0, max_iter=500, n_jobs=-1)
    return np.asarray(tsne.fit_transform(reduced), dtype=np.float32)


def draw_map(
    store: Store,
    target: Path,
    *,
    method: str = "tsne",
    colour: Colour | None = None,
    thumbnails: bool = True,
    blur: Blur | None = None,
    progress: Progress = silent,
) -> None:
    """Draw the photos of a map.

    Args:
        store: the map.
        target: a .png, .svg or .pdf file.
        method: see `lay_out`.
        colour: "place" (the first folder of a photo's id), "position", or None for whichever is more informative.
        thumbnails: draw some of the photos themselves, spread over the plot.
        blur: applied to these photos.
        progress: called with the progress.
    """
    matplotlib = optional("matplotlib")
    matplotlib.use("agg")  # writes files, never opens a window
    pyplot = optional("matplotlib.pyplot")
    rows, _, _ = store.positions()
    total = len(rows)
    progress("reading the photos", 0, None)
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST])
    rows, descriptors = store.present(rows)
    photos = store.photos(rows)
    if len(photos) != len(rows):
        raise BadInput(f"Photos of {store.address} were removed while it was being drawn. Run the command again.")
    progress(f"laying out {len(photos):,} photos", 0, None)
    points = lay_out(descriptors, method=method)
    names = [photo.id.split("/")[0] if "/" in photo.id else "" for photo in photos]
    if colour is None:
        colour = "place" if 2 <= len(set(names)) <= MOST_PLACES else "position"

    figure, axes = pyplot.subplots(figsize=(9, 8), layout="constrained")
    if colour == "place":
        colours = _draw_places(axes, points, names, pyplot.get_cmap("tab20"))
    else:
        colours = _position_colours(photos)
        axes.scatter(*points.T, s=14, color=colours)
        _draw_key(axes)
    if thumbnails:
        _draw_thumbnails(axes, points, photos, colours, blur, progress)
    label = f"{store.address.name}: {len(points)} of {total} photos, {method}, by {colour}"
    axes.set(xticks=[], yticks=[], xlabel=label)
    progress("writing the picture", 0, None)
    with replacing(target) as part:
        figure.savefig(part, dpi=150, format=target.suffix.lower().removeprefix("."))
    pyplot.close(figure)


def spread_over_grid(points: npt.NDArray[np.float32], cells: int = CELLS) -> npt.NDArray[np.int64]:
    """Choose from (N, 2) points at most one in each cell of a grid, near its centre and clear of the others."""
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.maximum(high - low, 1e-9) * cells
    cell = np.minimum(np.floor(scaled), cells - 1)
    off_centre = ((scaled - cell - 0.5) ** 2).sum(axis=1)
    order = np.argsort(off_centre, kind="stable")
    _, first = np.unique(cell[order], axis=0, return_index=True)
    chosen: list[int] = []
    for row in order[np.sort(first)].tolist():
        if not chosen or (np.abs(scaled[chosen] - scaled[row]).max(axis=1) >= CLEAR).all():
            chosen.append(row)
    return np.sort(np.array(chosen, np.int64))


def _draw_places(axes: Any, points: npt.NDArray[np.float32], names: Sequence[str], colour_map: Any) -> Floats:
    """Draw the points in a colour for each place; returns the (N, 3) colours."""
    colours = np.zeros((len(points), 3))
    for number, name in enumerate(sorted(set(names))):
        members = np.array([each == name for each in names])
        shade = colour_map(number % MOST_PLACES)
        colours[members] = shade[:3]
        axes.scatter(*points[members].T, s=14, color=shade, label=name or "(top folder)")
    axes.legend(title="place", loc="best", fontsize="small").set_zorder(10)
    return colours


def _draw_thumbnails(
    axes: Any,
    points: npt.NDArray[np.float32],
    photos: Sequence[Photo],
    colours: Floats,
    blur: Blur | None,
    progress: Progress,
) -> None:
    """Draw some photos, framed in the colour of their points. A photo without a readable local file stays a point."""
    boxes = optional("matplotlib.offsetbox")
    chosen = spread_over_grid(points)
    for done, row in enumerate(chosen, start=1):
        progress("drawing thumbnails", done, len(chosen))
        thumbnail = _thumbnail(photos[row], blur)
        if thumbnail is None:
            continue
        image = boxes.OffsetImage(np.asarray(thumbnail), zoom=THUMBNAIL_POINTS / max(thumbnail.size))
        frame = {"edgecolor": tuple(colours[row]), "linewidth": 1.5, "boxstyle": "square,pad=0"}
        axes.add_artist(boxes.AnnotationBbox(image, tuple(points[row]), pad=0, bboxprops=frame))


def _thumbnail(photo: Photo, blur: Blur | None) -> Image.Image | None:
    if is_url(photo.source):  # no photo is downloaded for a plot
        return None
    try:
        pixels = load_shown(photo.source, photo.view, THUMBNAIL_PX, blur)
    except UnreadablePhoto:
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return picture


def _position_colours(photos: Sequence[Photo]) -> Floats:
    """(N, 3) RGB in [0, 1]: red grows eastwards, blue northwards; neighbours on the ground have similar colours."""
    lats, lons = [p.position.lat for p in photos], [p.position.lon for p in photos]
    metres = Plane(Position(lats[0], lons[0])).to_xy_m(lats, lons)
    low, high = np.quantile(metres, [0.02, 0.98], axis=0)
    share = np.clip((metres - low) / np.maximum(high - low, 1e-9), 0, 1)
    return np.stack([0.9 * share[:, 0], np.full(len(share), 0.35), 0.9 * share[:, 1]], axis=1)


def _draw_key(axes: Any) -> None:
    """A small square that shows which colour is where on the ground."""
    east, north = np.meshgrid(np.linspace(0, 1, 32), np.linspace(0, 1, 32))
    key = axes.inset_axes([0.86, 0.86, 0.12, 0.12], zorder=10)
    key.imshow(np.stack([0.9 * east, np.full_like(east, 0.35), 0.9 * north], axis=2), origin="lower")
    key.set(xticks=[], yticks=[])
    key.set_xlabel("east", fontsize="x-small")
    key.set_ylabel("north", fontsize="x-small")
