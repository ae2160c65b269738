"""The descriptors of a map are laid out in two dimensions and drawn, coloured by place or by position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..geo import Plane
from ..optional import optional
from ..store.store import Store
from ..types import Photo, Position

MOST = 5000
"""Points drawn: more take minutes to lay out and cover each other. A larger map is sampled, and the title says so."""

MOST_PLACES = 20
TSNE_FROM = 50


def lay_out(descriptors: npt.NDArray[np.float32], *, method: str = "tsne") -> npt.NDArray[np.float32]:
    """(N, dim) descriptors to (N, 2): "tsne" keeps neighbours together, "pca" keeps distances.

    Raises:
        BadInput: fewer than four photos.
        MissingExtra: t-SNE without scikit-learn.
    """
    if len(descriptors) < 4:
        raise BadInput(f"The map holds {len(descriptors)} photos; a plot needs four or more.")
    centred = descriptors - descriptors.mean(axis=0)
    if method == "pca":
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        return np.asarray(centred @ axes[:2].T)
    manifold = optional("sklearn.manifold")
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    slim = centred @ axes[:TSNE_FROM].T  # distances hardly change, and t-SNE looks for neighbours ten times faster
    perplexity = min(30.0, (len(descriptors) - 1) / 3)
    laid_out = manifold.TSNE(
        2, perplexity=perplexity, init="pca", random_state=0, max_iter=500, n_jobs=-1
    ).fit_transform(slim)
    return np.asarray(laid_out, dtype=np.float32)


def draw_map(store: Store, target: Path, *, method: str = "tsne", colour: str | None = None) -> None:
    """Draw the photos of a map by how they look.

    Args:
        store: the map.
        target: a .png, .svg or .pdf file.
        method: see `lay_out`.
        colour: "place" (the first folder of a photo's id), "position", or None for
            whichever tells more.
    """
    matplotlib = optional("matplotlib")
    matplotlib.use("agg")  # a file is wanted, never a window
    pyplot = optional("matplotlib.pyplot")
    rows, _, _ = store.positions()
    total = len(rows)
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST])
    rows, descriptors = store.present(rows)
    photos = store.photos(rows)
    if len(photos) != len(rows):
        raise BadInput(f"{store.address} is losing photos while it is drawn. Draw it again when that is done.")
    points = lay_out(descriptors, method=method)
    places = [photo.id.split("/")[0] if "/" in photo.id else "" for photo in photos]
    names = sorted(set(places))
    if colour is None:
        colour = "place" if 2 <= len(names) <= MOST_PLACES else "position"

    figure, axes = pyplot.subplots(figsize=(9, 8), layout="constrained")
    if colour == "place":
        for number, name in enumerate(names):
            members = np.array([place == name for place in places])
            shade = pyplot.get_cmap("tab20")(number % MOST_PLACES)
            axes.scatter(*points[members].T, s=14, color=shade, label=name or "(top folder)")
        axes.legend(title="place", loc="best", fontsize="small")
    else:
        axes.scatter(*points.T, s=14, color=_position_colours(photos))
        _key(axes)
    label = f"{store.address.name}: {len(points)} of {total} photos, {method}, by {colour}"
    axes.set(xticks=[], yticks=[], xlabel=label)
    figure.savefig(target, dpi=150)
    pyplot.close(figure)


def _position_colours(photos: list[Photo]) -> npt.NDArray[np.float64]:
    """(N, 3) RGB in [0, 1]: red grows eastward, blue northward; neighbours on the ground have like colours."""
    lats, lons = [p.position.lat for p in photos], [p.position.lon for p in photos]
    metres = Plane(Position(lats[0], lons[0])).to_xy_m(lats, lons)
    low, high = np.quantile(metres, [0.02, 0.98], axis=0)
    share = np.clip((metres - low) / np.maximum(high - low, 1e-9), 0, 1)
    return np.stack([0.9 * share[:, 0], np.full(len(share), 0.35), 0.9 * share[:, 1]], axis=1)


def _key(axes: Any) -> None:
    """A small square that shows which colour is where on the ground."""
    east, north = np.meshgrid(np.linspace(0, 1, 32), np.linspace(0, 1, 32))
    key = axes.inset_axes([0.86, 0.86, 0.12, 0.12])
    key.imshow(np.stack([0.9 * east, np.full_like(east, 0.35), 0.9 * north], axis=2), origin="lower")
    key.set(xticks=[], yticks=[])
    key.set_xlabel("east", fontsize="x-small")
    key.set_ylabel("north", fontsize="x-small")
